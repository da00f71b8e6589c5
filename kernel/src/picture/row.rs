//! A row of blocks, and how it differs from another.

use super::state::{FrameState, StateCounts};

/// Blocks in a row.
pub const COLUMNS: usize = 64;

/// The frames of a block.
pub type Block = StateCounts;

/// 64 blocks in a row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The physical address of the first block.
    pub start: u64,
    /// Whether managed memory lies in it.
    pub(super) is_managed: bool,
    /// The frames of each block, by state; one without memory has no frame at all.
    pub(super) counts: [[u32; FrameState::COUNT]; COLUMNS],
}

impl Row {
    /// A row without a frame.
    pub(super) const fn empty(start: u64, is_managed: bool) -> Self {
        Self {
            start,
            is_managed,
            counts: [[0; FrameState::COUNT]; COLUMNS],
        }
    }

    /// The blocks, by address.
    pub fn blocks(&self) -> impl Iterator<Item = Block> + '_ {
        self.counts.iter().map(|counts| StateCounts(*counts))
    }

    /// Tells `tell` of each block that differs from the one in `shown`, and
    /// makes them alike.
    pub fn update(&self, shown: &mut Self, mut tell: impl FnMut(usize, Block)) {
        shown.start = self.start;
        // Compared as one run of numbers, which is far faster than block by block.
        if self.counts.as_flattened() == shown.counts.as_flattened() {
            return;
        }
        for (column, (counts, shown)) in self.counts.iter().zip(&mut shown.counts).enumerate() {
            if counts != shown {
                *shown = *counts;
                tell(column, StateCounts(*counts));
            }
        }
    }
}
