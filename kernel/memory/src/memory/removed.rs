//! What halves give back: frames, shares, slots, tables.
//!
//! What must always hold: a frame or table goes back only when no entry leads to it and
//! the processor has forgotten it. What is given back together goes back under one lock.
#![allow(unsafe_code)]

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, Size4KiB};

use super::sharing::frames_from;
use super::{Memory, Shared};
use crate::frames::FrameKind;
use crate::object::Mapping;
use crate::paging::Table;
use crate::slot::Slot;

/// Something that goes back after the flush.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Removed {
    /// So many private frames (4 KiB) from here on.
    Private(PhysAddr, u64),
    /// A share in each of so many frames (4 KiB) from here on.
    Shared(PhysAddr, u64),
    /// So many frames (4 KiB) that belong to somebody else.
    Borrowed(u64),
    /// A share in each of so many slots from here on.
    Slots(Slot, u64),
    /// A table with no entry in use.
    Table(Table),
    /// A region of an object.
    Mapping(Mapping),
}

impl Removed {
    /// Takes in what goes back as well, if that continues it. Returns false if it
    /// does not.
    #[inline]
    pub(crate) fn extend(&mut self, next: Self) -> bool {
        let (frames, more) = match (self, next) {
            (Self::Private(start, frames), Self::Private(next, more))
            | (Self::Shared(start, frames), Self::Shared(next, more))
                if next.as_u64() == start.as_u64() + *frames * Size4KiB::SIZE =>
            {
                (frames, more)
            }
            (Self::Slots(first, count), Self::Slots(next, more)) if next.0 == first.0 + *count => {
                (count, more)
            }
            (Self::Borrowed(frames), Self::Borrowed(more)) => (frames, more),
            _ => return false,
        };
        *frames += more;
        true
    }
}

impl Memory {
    /// Gives back what no translation leads to any more. Returns how many
    /// private frames (4 KiB) went back, those of an object that ends left out.
    ///
    /// # Safety
    ///
    /// Each was taken out of the tables, by its one owner or one that shared it,
    /// and the processor has been made to forget it since.
    pub(crate) unsafe fn give_back(&self, removed: impl Iterator<Item = Removed>) -> u64 {
        let mut shared = self.lock();
        let mut private = 0;
        for removed in removed {
            // SAFETY: as the caller vouches.
            private += unsafe { shared.give_back(removed) };
        }
        private
    }

    /// The same for one that is not many.
    ///
    /// # Safety
    ///
    /// As for [`Self::give_back`].
    #[inline]
    pub(crate) unsafe fn give_one_back(&self, removed: Removed) {
        // SAFETY: as the caller vouches.
        unsafe { self.lock().give_back(removed) };
    }
}

impl Shared {
    /// Gives back what no translation leads to any more. Returns how many private
    /// frames (4 KiB) that were.
    ///
    /// # Safety
    ///
    /// As for [`Memory::give_back`].
    #[inline(always)]
    unsafe fn give_back(&mut self, removed: Removed) -> u64 {
        let mut private = 0;
        match removed {
            Removed::Private(start, frames) => {
                self.forget_notes(start, frames);
                // SAFETY: as the caller vouches.
                unsafe { self.frames.free_mapped(start, frames, FrameKind::Private) };
                private = frames;
            }
            Removed::Shared(start, frames) => {
                for frame in frames_from(start, frames) {
                    // SAFETY: as the caller vouches.
                    private += u64::from(unsafe { self.drop_owner(frame) });
                }
            }
            Removed::Borrowed(frames) => self.borrowed -= frames,
            Removed::Slots(first, count) => {
                (0..count).for_each(|more| self.drop_slot(Slot(first.0 + more)));
            }
            Removed::Mapping(mapping) => self.let_object_go(mapping),
            // SAFETY: as the caller vouches.
            Removed::Table(table) => self.frames.free(unsafe { table.into_frame() }),
        }
        private
    }
}
