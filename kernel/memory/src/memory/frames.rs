//! Frames for everybody: what [`Frames`] offers, through the shared handle.
//!
//! What must always hold: whoever holds the lock calls nobody but the allocator.
#![allow(unsafe_code)]

use x86_64::structures::paging::{PageSize, PhysFrame};

use super::{Memory, Owners, Shared, Slots};
use crate::frames::{
    AllocateAtError, Counts, Frame, FrameKind, Frames, FreeError, OutOfFrames, ReclaimError, Run,
    RunError,
};
use crate::memory_map::FrameRange;
use crate::object::Objects;

impl Memory {
    /// Hands out one frame of 4 KiB, 2 MiB or 1 GiB, with whatever it holds.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame of this size is free, or the limit forbids it.
    #[inline]
    pub fn allocate_frame<S: PageSize>(&self, kind: FrameKind) -> Result<Frame<S>, OutOfFrames> {
        self.lock().frames.allocate(kind)
    }

    /// Takes a frame back.
    pub fn free_frame<S: PageSize>(&self, frame: Frame<S>) {
        self.lock().frames.free(frame);
    }

    /// Hands out frames in a row; see [`Frames::allocate_run`].
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    pub fn allocate_run(
        &self,
        count: u64,
        align: u64,
        below: u64,
        kind: FrameKind,
    ) -> Result<Run, RunError> {
        self.lock().frames.allocate_run(count, align, below, kind)
    }

    /// Hands out the frames of a chosen range; see [`Frames::allocate_at`].
    ///
    /// # Errors
    ///
    /// See [`AllocateAtError`].
    pub fn allocate_at(&self, range: FrameRange, kind: FrameKind) -> Result<Run, AllocateAtError> {
        self.lock().frames.allocate_at(range, kind)
    }

    /// Takes a frame back of which only the address is left; see
    /// [`Frames::free_raw`].
    ///
    /// # Errors
    ///
    /// See [`FreeError`].
    ///
    /// # Safety
    ///
    /// As for [`Frames::free_raw`].
    pub unsafe fn free_raw<S: PageSize>(
        &self,
        frame: PhysFrame<S>,
        kind: FrameKind,
    ) -> Result<(), FreeError> {
        // SAFETY: as the caller vouches.
        unsafe { self.lock().frames.free_raw(frame, kind) }
    }

    /// Takes all frames of a run back.
    pub fn free_run(&self, run: Run) {
        self.lock().frames.free_run(run);
    }

    /// How many frames the largest request lacked that was refused since this was last
    /// called; 0 if none was. Whoever can make frames free asks, frees as many, and
    /// lets the request be made again.
    #[must_use]
    pub fn take_missing(&self) -> u64 {
        self.lock().frames.take_missing()
    }

    /// Lets at most `limit` more 4 KiB frames be handed out, or all with `None`.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.lock().frames.set_limit(limit);
    }

    /// Hands frames of reclaimable regions to the allocator; see [`Frames::reclaim`].
    ///
    /// # Errors
    ///
    /// See [`ReclaimError`].
    ///
    /// # Safety
    ///
    /// Nobody uses these frames any more: no reference, no page table, no stack
    /// lies in them.
    pub unsafe fn reclaim(&self, range: FrameRange) -> Result<u64, ReclaimError> {
        // SAFETY: as the caller vouches.
        unsafe { self.lock().frames.reclaim(range) }
    }

    /// How many frames are what, at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().frames.counts()
    }

    /// Frames (4 KiB) outside the allocator that device leaves map now.
    #[must_use]
    pub fn borrowed(&self) -> u64 {
        self.lock().borrowed
    }

    /// How often a smaller page stood in for a large one, because no large
    /// frame was free or the processor lacks the size.
    #[must_use]
    pub fn fallbacks(&self) -> u64 {
        self.lock().fallbacks
    }

    /// Leaves and tables whose frames were lost, since the start, because the
    /// batch that took them out was not finished. Anything but 0 is a defect in
    /// this crate.
    #[must_use]
    pub fn leaked(&self) -> u64 {
        self.lock().leaked
    }

    /// Lets an audit see the frame allocator, the counts of owners, the objects and
    /// the slots, under the lock.
    pub(crate) fn audited<R>(
        &self,
        look: impl FnOnce(&Frames<'static>, &Owners, &Objects, &Slots) -> R,
    ) -> R {
        let shared = self.lock();
        let Shared {
            frames,
            owners,
            objects,
            slots,
            ..
        } = &*shared;
        look(frames, owners, objects, slots)
    }

    /// Lets `look` see the frame allocator, under the lock: it must be quick,
    /// and touch nothing that could fault.
    pub fn frames<R>(&self, look: impl FnOnce(&Frames<'static>) -> R) -> R {
        look(&self.lock().frames)
    }
}
