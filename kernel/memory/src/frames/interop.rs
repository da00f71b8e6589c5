//! `Frames` as the frame allocator of the `x86_64` crate, for its mappers
//! (`OffsetPageTable` and others). What they take is counted as
//! [`FrameKind::Table`], whatever they use it for.

#![allow(unsafe_code, reason = "both traits have contracts")]

use x86_64::structures::paging::{FrameAllocator, FrameDeallocator, PageSize, PhysFrame};

use super::{Frame, FrameKind, Frames};
use crate::memory_map::FRAME_SHIFT;

// SAFETY: a frame that was handed out is not handed out again until it comes
// back, and whoever made the allocator answers for memory that it never had.
unsafe impl<S: PageSize> FrameAllocator<S> for Frames<'_> {
    /// Hands out a frame as [`FrameKind::Table`].
    fn allocate_frame(&mut self) -> Option<PhysFrame<S>> {
        self.allocate(FrameKind::Table).ok().map(Frame::into_entry)
    }
}

impl<S: PageSize> FrameDeallocator<S> for Frames<'_> {
    /// Takes a frame back that is [`FrameKind::Table`]. One that is refused is
    /// counted in [`Counts::refused`](super::Counts::refused).
    unsafe fn deallocate_frame(&mut self, frame: PhysFrame<S>) {
        // SAFETY: the caller says that the frame is unused, which is to say that
        // no `Frame` and no table entry owns it and nothing uses its memory.
        if unsafe { self.free_raw(frame, FrameKind::Table) }.is_err() {
            self.ledger.refuse(S::SIZE >> FRAME_SHIFT);
        }
    }
}
