//! What a heap holds, for people and for tests.
//!
//! What must always hold: small and medium bytes are counted anew from the notes
//! of their spans, which the heap works by; large ones as they come and go.
#![allow(unsafe_code)]

use super::blocks::Blocks;
use super::chunk::{MEDIUM, spans_of};
use super::class::{CLASSES, SIZES, STEP};
use super::source::Source;

/// What a heap holds. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// In extents: addresses, most of them with nothing behind them.
    pub size: usize,
    /// In blocks that are handed out, rounded up to their class, to 16 or to pages.
    pub in_use: usize,
    /// Blocks that are handed out.
    pub blocks: usize,
    /// The largest block that needs no growth (if all of it can be reserved).
    pub largest_free: usize,
    /// Extents that were added.
    pub growths: u64,
    /// Times that idle pages were given back.
    pub trims: u64,
    /// What the size classes hold.
    pub classes: [ClassUsage; CLASSES],
    /// What medium blocks hold.
    pub medium: MediumUsage,
}

/// What a size class holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassUsage {
    /// Bytes of a block.
    pub size: usize,
    /// Blocks that are handed out.
    pub blocks: usize,
    /// Spans of 32 KiB that hold its blocks.
    pub spans: usize,
}

/// What blocks between the largest class and 8 KiB hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediumUsage {
    /// Bytes of the blocks that are handed out.
    pub in_use: usize,
    /// Blocks that are handed out.
    pub blocks: usize,
    /// Spans of 32 KiB that hold them.
    pub spans: usize,
}

impl Usage {
    pub(super) fn of(blocks: &Blocks<dyn Source + '_>) -> Self {
        let large = &blocks.large;
        let mut classes = SIZES.map(|size| ClassUsage {
            size: size.into(),
            ..ClassUsage::default()
        });
        let mut medium = MediumUsage {
            blocks: blocks.medium.blocks,
            ..MediumUsage::default()
        };
        for span in large.chunks().flat_map(spans_of) {
            // SAFETY: the note of a span, in the header of a chunk of the heap's.
            let (class, used) = unsafe { ((*span).class, (*span).used as usize) };
            if let Some(class) = classes.get_mut(usize::from(class)) {
                class.blocks += used;
                class.spans += 1;
            } else if class == MEDIUM {
                medium.in_use += used * STEP;
                medium.spans += 1;
            }
        }
        let small: usize = classes.iter().map(|class| class.size * class.blocks).sum();
        let small_blocks: usize = classes.iter().map(|class| class.blocks).sum();
        Self {
            size: large.size(),
            in_use: small + medium.in_use + large.in_use(),
            blocks: small_blocks + medium.blocks + large.blocks,
            largest_free: large.largest_hole(),
            growths: large.growths,
            trims: large.trims + blocks.sweeps,
            classes,
            medium,
        }
    }
}
