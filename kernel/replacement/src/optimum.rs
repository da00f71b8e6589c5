//! The fewest faults that are possible: the page goes whose next access is the
//! furthest away (L. A. Belady, *A study of replacement algorithms for a
//! virtual-storage computer*, IBM Systems Journal 5(2), 1966).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use crate::paper::{Rule, play};
use crate::{Access, Counts};

/// Never again.
const NEVER: usize = usize::MAX;

/// The rule that knows the whole trace.
#[derive(Debug)]
pub struct Optimum {
    /// By the number of an access, when its page is accessed next.
    next: Vec<usize>,
    /// When each page in a frame is accessed next.
    of_page: BTreeMap<u32, usize>,
    by_next: BTreeSet<(usize, u32)>,
}

impl Optimum {
    /// The rule for this trace.
    #[must_use]
    pub fn of(trace: &[Access]) -> Self {
        let mut next = vec![NEVER; trace.len()];
        let mut seen = BTreeMap::new();
        for (at, access) in trace.iter().enumerate().rev() {
            next[at] = seen.insert(access.page, at).unwrap_or(NEVER);
        }
        Self {
            next,
            of_page: BTreeMap::new(),
            by_next: BTreeSet::new(),
        }
    }
}

impl Rule for Optimum {
    fn access(&mut self, page: u32, at: usize) {
        let next = self.next[at];
        if let Some(before) = self.of_page.insert(page, next) {
            self.by_next.remove(&(before, page));
        }
        self.by_next.insert((next, page));
    }

    fn choose(&mut self) -> u32 {
        let (_, page) = self.by_next.pop_last().unwrap_or_default();
        self.of_page.remove(&page);
        page
    }
}

/// What a trace costs at the least with so many frames. Of rules with as few faults,
/// another may write less.
#[must_use]
pub fn optimum(trace: &[Access], frames: usize) -> Counts {
    play(trace, frames, &mut Optimum::of(trace))
}
