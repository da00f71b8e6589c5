//! Workloads as traces, the same each time: what a kernel does under memory pressure
//! is compared on these.

use alloc::vec::Vec;

use crate::trace::Access;

/// A way to use memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// All pages in order, again and again; each is written the first time.
    Sequential,
    /// Any page, but mostly one of a few.
    HotSet,
    /// A matrix with a row in each page, row by row.
    ByRows,
    /// The same matrix, column by column: the next number is in the next page.
    ByColumns,
}

/// How often all pages are gone over.
const ROUNDS: u32 = 4;
/// Accesses to a hot set, per page.
const PER_PAGE: u32 = 16;

impl Workload {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Sequential,
        Self::HotSet,
        Self::ByRows,
        Self::ByColumns,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::HotSet => "hot-set",
            Self::ByRows => "by-rows",
            Self::ByColumns => "by-columns",
        }
    }

    /// Its accesses to so many pages.
    #[must_use]
    pub fn trace(self, pages: u32) -> Vec<Access> {
        let each = |is_write| (0..pages).map(move |page| Access { page, is_write });
        match self {
            Self::Sequential => each(true)
                .chain((1..ROUNDS).flat_map(|_| each(false)))
                .collect(),
            Self::HotSet => each(true).chain(hot_set(pages)).collect(),
            Self::ByRows => each(true)
                .chain((0..pages).flat_map(|page| (0..ROUNDS).map(move |_| Access::read(page))))
                .collect(),
            Self::ByColumns => each(true)
                .chain((0..ROUNDS).flat_map(|_| each(false)))
                .collect(),
        }
    }
}

/// Nine of ten accesses go to a quarter of the pages, and one of three is a write.
fn hot_set(pages: u32) -> impl Iterator<Item = Access> {
    let mut state = 1_u64;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % u64::from(below.max(1))) as u32
    };
    (0..pages * PER_PAGE).map(move |_| {
        let among = if random(10) > 0 {
            pages.div_ceil(4)
        } else {
            pages
        };
        let page = random(among);
        Access {
            page,
            is_write: random(3) == 0,
        }
    })
}
