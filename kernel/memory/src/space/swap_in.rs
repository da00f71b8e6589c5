//! Bringing a page back from its slot.
//!
//! ```text
//!   a frame taken ──> slot read into it ──> entry: a leaf of the region's rights
//!                        └─> fails: the frame goes back, the slot stays
//! ```
//!
//! What must always hold: nothing changes before the slot is read, and no lock is
//! held meanwhile; rights come from the region. The page still has its slot, so
//! that it can go again without being written. Absent to present needs no flush.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::{Content, Half};
use crate::frames::{Frame, FrameKind, OutOfFrames, Shortage};
use crate::memory::Memory;
use crate::paging::{EntryKind, LeafSize};
use crate::slot::Slot;

/// Why a page did not come back. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapInError<E> {
    /// The page of this address is in no slot.
    NotSwapped {
        /// The address.
        address: VirtAddr,
    },
    /// No frame for the page.
    OutOfFrames(Shortage),
    /// The slot could not be read. It still holds the page.
    Read {
        /// The slot.
        slot: Slot,
        /// What the one who was to read it said.
        error: E,
    },
}

impl<E: fmt::Display> fmt::Display for SwapInError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSwapped { address } => {
                write!(f, "the page of {:#x} is in no slot", address.as_u64())
            }
            Self::OutOfFrames(shortage) => write!(f, "the page {shortage}"),
            Self::Read { slot, error } => write!(f, "{slot} could not be read: {error}"),
        }
    }
}

impl<E: Error> Error for SwapInError<E> {}

impl Half {
    /// Brings the page of an address back from its slot.
    pub(super) fn swap_in<E>(
        &mut self,
        address: VirtAddr,
        memory: &Memory,
        read: impl FnOnce(Slot, &mut [u8; 4096]) -> Result<(), E>,
    ) -> Result<Slot, SwapInError<E>> {
        self.check(memory);
        let found = self.seek_slot(address);
        let (slot, rights) = found.ok_or(SwapInError::NotSwapped { address })?;
        let frame = memory.allocate_frame(FrameKind::Private);
        let mut frame =
            frame.map_err(|OutOfFrames| SwapInError::OutOfFrames(memory.shortage(1)))?;
        if let Err(error) = read(slot, memory.direct_map().bytes_mut(&mut frame)) {
            memory.free_frame(frame);
            return Err(SwapInError::Read { slot, error });
        }
        self.put_back(frame, slot, rights, memory);
        Ok(slot)
    }

    /// Puts the page of an address back, whose slot was read into a frame.
    pub(super) fn swap_in_with(
        &mut self,
        address: VirtAddr,
        slot: Slot,
        frame: Frame,
        memory: &Memory,
    ) -> Result<(), Frame> {
        self.check(memory);
        let Some((found, rights)) = self.seek_slot(address) else {
            return Err(frame);
        };
        if found != slot {
            return Err(frame);
        }
        let frame = memory.with_frames(|frames| frames.reclassify(frame, FrameKind::Private));
        self.put_back(frame, slot, rights, memory);
        Ok(())
    }

    /// Stands on the entry of an address. The slot that the page is in, and the flags
    /// that its region gives; `None` if it is in no slot.
    fn seek_slot(&mut self, address: VirtAddr) -> Option<(Slot, PageTableFlags)> {
        let rights = self.regions.lookup(address.as_u64())?.rights;
        self.cursor.seek(address.as_u64());
        match self.cursor.kind() {
            EntryKind::Swapped(slot) => Some((slot, rights)),
            _ => None,
        }
    }

    /// Makes a frame the page stood on, whose entry names this slot.
    fn put_back(&mut self, frame: Frame, slot: Slot, rights: PageTableFlags, memory: &Memory) {
        let content = Content::Private(frame.into_entry().start_address());
        memory.note(content.start(), slot);
        // What is not DIRTY goes without a write, as long as it has the slot.
        let leaf = content.leaf(LeafSize::Size4KiB, rights, false);
        self.cursor.overwrite_small(leaf);
        if let Some(record) = self.regions.lookup(self.cursor.address()) {
            record.region.faults += 1;
        }
        self.resident += 1;
    }
}
