//! Backing one page with a frame that the caller chose.
//!
//! What must always hold: a page that is refused leaves the frame with the caller,
//! and everything as it was.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::Size4KiB;

use super::map::make_tables;
use super::region::Backing;
use super::{Content, Half};
use crate::frames::{Frame, FrameKind, OutOfFrames, Shortage};
use crate::memory::Memory;
use crate::paging::{EntryKind, LeafSize};

/// Why [`Space::back_with`](super::Space::back_with) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackError {
    /// The address is not a multiple of 4 KiB.
    Unaligned {
        /// The address.
        address: VirtAddr,
    },
    /// No demand region holds the page.
    NotOnDemand {
        /// The page.
        page: VirtAddr,
    },
    /// The page is backed, or reserved, already.
    InUse {
        /// The page.
        page: VirtAddr,
    },
    /// Not enough frames for the tables.
    OutOfFrames(Shortage),
}

impl fmt::Display for BackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { address } => {
                write!(f, "{:#x} is not a multiple of 0x1000", address.as_u64())
            }
            Self::NotOnDemand { page } => {
                write!(f, "no demand region holds {:#x}", page.as_u64())
            }
            Self::InUse { page } => {
                write!(f, "the page at {:#x} is backed already", page.as_u64())
            }
            Self::OutOfFrames(shortage) => write!(f, "the way to the page {shortage}"),
        }
    }
}

impl Error for BackError {}

impl Half {
    /// Backs an untouched page of a demand region with a frame of the caller's.
    pub(super) fn back_with(
        &mut self,
        page: VirtAddr,
        frame: Frame<Size4KiB>,
        memory: &Memory,
    ) -> Result<(), (BackError, Frame<Size4KiB>)> {
        self.check(memory);
        let size = LeafSize::Size4KiB;
        if !page.is_aligned(size.bytes()) {
            return Err((BackError::Unaligned { address: page }, frame));
        }
        let record = self.regions.find(page.as_u64()).copied();
        let Some(record) = record.filter(|record| record.region.backing == Backing::Demand) else {
            return Err((BackError::NotOnDemand { page }, frame));
        };
        self.cursor.seek(page.as_u64());
        if self.cursor.kind() != EntryKind::Unused {
            return Err((BackError::InUse { page }, frame));
        }
        if let Err(OutOfFrames) = make_tables(&mut self.cursor, size, memory) {
            let needed = u64::from(self.cursor.level() - size.level());
            return Err((BackError::OutOfFrames(memory.shortage(needed)), frame));
        }
        let frame = memory.with_frames(|frames| frames.reclassify(frame, FrameKind::Private));
        let content = Content::Private(frame.into_entry().start_address());
        self.cursor.replace(content.leaf(size, record.rights, true));
        self.resident += 1;
        Ok(())
    }
}
