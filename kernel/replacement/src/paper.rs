//! What so many frames hold while a trace goes by, and what it costs.
//!
//! ```text
//!   access ─> in a frame: a hit
//!          └> not: a fault; a page goes if no frame is free, and is written first
//!             if the disk does not hold what it holds
//! ```

use alloc::collections::BTreeMap;

use crate::trace::Access;

/// What a trace came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accesses whose page was in no frame.
    pub faults: u64,
    /// Pages that were written to the disk when they went.
    pub writes: u64,
    /// Pages that were read from it. A page that comes for the first time is zeroes.
    pub reads: u64,
}

/// Which page goes.
pub trait Rule {
    /// Hears of an access; `at` is its number in the trace, from 0 on.
    fn access(&mut self, page: u32, at: usize);

    /// Chooses one of the pages that were accessed and have not gone since, and forgets it.
    fn choose(&mut self) -> u32;
}

/// A page that was accessed before.
#[derive(Clone, Copy, Default)]
struct Page {
    is_in_frame: bool,
    /// The disk holds what it holds.
    is_saved: bool,
}

/// Lets a trace go by with so many frames, at least one.
pub fn play(trace: &[Access], frames: usize, rule: &mut dyn Rule) -> Counts {
    let mut pages: BTreeMap<u32, Page> = BTreeMap::new();
    let mut counts = Counts::default();
    let mut free = frames.max(1);
    for (at, &Access { page, is_write }) in trace.iter().enumerate() {
        let known = pages.get(&page).copied();
        if !known.is_some_and(|page| page.is_in_frame) {
            counts.faults += 1;
            counts.reads += u64::from(known.is_some());
            match free.checked_sub(1) {
                Some(left) => free = left,
                None => {
                    let gone = pages.entry(rule.choose()).or_default();
                    gone.is_in_frame = false;
                    counts.writes += u64::from(!gone.is_saved);
                    gone.is_saved = true;
                }
            }
        }
        let here = pages.entry(page).or_default();
        here.is_in_frame = true;
        here.is_saved &= !is_write;
        rule.access(page, at);
    }
    counts
}
