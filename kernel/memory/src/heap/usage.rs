//! What a heap holds, for people and for tests.
//!
//! What must always hold: small blocks are counted anew from the notes of their
//! spans, which the heap works by; large ones as they come and go.

use super::class::CLASSES;
use super::source::Source;
use super::{ClassUsage, Heap};

/// What a heap holds. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Reserved: address space, most of it with nothing behind it.
    pub size: usize,
    /// In blocks that are handed out, rounded up to their class or to pages.
    pub in_use: usize,
    /// Blocks that are handed out.
    pub blocks: usize,
    /// The largest block that needs no growth (if all of it can be committed).
    pub largest_free: usize,
    /// Extents that were reserved.
    pub growths: u64,
    /// Times that idle pages were given back.
    pub trims: u64,
    /// What the size classes hold.
    pub classes: [ClassUsage; CLASSES],
}

impl<S: Source> Heap<S> {
    /// What the heap holds. Costs a look at every span and at every page's bit.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let classes = self.small.usage();
        let large = self.large.usage();
        let small: usize = classes.iter().map(|class| class.size * class.blocks).sum();
        Usage {
            size: large.size,
            in_use: small + large.used,
            blocks: classes.iter().map(|class| class.blocks).sum::<usize>() + large.blocks,
            largest_free: large.largest_hole,
            growths: large.growths,
            trims: large.trims + self.small.sweeps(),
            classes,
        }
    }
}
