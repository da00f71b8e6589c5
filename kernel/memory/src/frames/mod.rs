//! The physical memory manager: which 4 KiB frames are free, and what the
//! others are for.
//!
//! ```text
//! ranges from the memory map -> Layout -> storage, taken out of the ranges
//!                            -> Frames::new -> allocate, free, counts
//! ```
//!
//! What must always hold: every managed frame is exactly one of free, reserved
//! (never handed out, or not yet) and in use as one [`FrameKind`]; the counters
//! say how many, exactly, at every moment; a refused call has changed nothing.
//!
//! No call's cost grows with the memory, but for the search for a run or a
//! 1 GiB frame. Inside: `ranges` (which frames exist), `bitmap` (which are free),
//! `counts`, `layout` (the storage), `owned` (frames as values), `rows`,
//! `withheld`, `states`. In the book: chapter 3, `docs/03-frames-and-the-bitmap.md`.

mod bitmap;
mod bits;
mod counts;
mod error;
mod interop;
mod layout;
mod owned;
mod ranges;
mod rows;
mod states;
#[cfg(test)]
mod tests;
mod withheld;

use core::fmt;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size2MiB, Size4KiB};

use self::bitmap::{BLOCK_FRAMES, Bitmap};
use self::counts::Ledger;
use self::ranges::Ranges;
use crate::memory_map::{FRAME_SHIFT, FrameRange, MapEntry};

pub use self::counts::Counts;
pub use self::error::{
    AllocateAtError, FreeError, NewError, OutOfFrames, ReclaimError, RunError, Shortage,
};
pub use self::layout::Layout;
pub use self::owned::{Frame, FrameKind, Pieces, Run};
pub(crate) use self::states::Stretch;
pub use self::states::{State, States};

/// All physical memory that is handed out, in units of 4 KiB frames.
pub struct Frames<'m> {
    bitmap: Bitmap<'m>,
    ranges: Ranges<'m>,
    ledger: Ledger,
}

#[allow(unsafe_code, reason = "frames get their owners here, and lose them")]
impl<'m> Frames<'m> {
    /// Manages `ranges` (usable ones at once, reclaimable ones once they are
    /// [reclaimed](Self::reclaim)), which are sorted and do not overlap, as
    /// [`MemoryMap::managed`](crate::memory_map::MemoryMap::managed) yields them.
    ///
    /// `storage` is at least [`Layout::words`] long. `held` are the frames that
    /// it lies in; those of them that are in `ranges` are reserved for ever.
    ///
    /// # Errors
    /// - [`NewError::StorageTooShort`]: `storage` does not hold what these ranges need.
    /// - [`NewError::NotSorted`]: the ranges overlap or are out of order.
    ///
    /// # Safety
    /// Whoever gets a [`Frame`] may use its memory as its only owner. So:
    /// - nothing else uses the usable memory of `ranges` outside of `held`, and no
    ///   other allocator hands it out;
    /// - if `storage` lies in `ranges`, it lies in `held`.
    pub unsafe fn new<R: Into<MapEntry>>(
        ranges: impl Iterator<Item = R> + Clone,
        storage: &'m mut [u64],
        held: FrameRange,
    ) -> Result<Self, NewError> {
        let (bitmap, ranges, ledger) = layout::build(ranges, storage, held)?;
        Ok(Self {
            bitmap,
            ranges,
            ledger,
        })
    }

    /// Hands out one frame of 4 KiB, 2 MiB or 1 GiB, with whatever it holds.
    ///
    /// # Errors
    /// [`OutOfFrames`] if no frame of this size is free or the limit forbids it.
    #[inline]
    pub fn allocate<S: PageSize>(&mut self, kind: FrameKind) -> Result<Frame<S>, OutOfFrames> {
        let count = S::SIZE >> FRAME_SHIFT;
        if !self.can_allocate(count) {
            // Smaller frames stand in for a large one.
            if count == 1 {
                self.ledger.miss(count);
            }
            return Err(OutOfFrames);
        }
        let number = match S::SIZE {
            Size4KiB::SIZE => self.take_small(),
            Size2MiB::SIZE => self.take_block(),
            _ => self.take_large(count),
        };
        let number = number.ok_or(OutOfFrames)?;
        self.ledger.hand_out(count, kind);
        // SAFETY: the frame was free until now, so nobody owns it, and the
        // ledger counts it as this kind.
        Ok(unsafe { Frame::numbered(number, kind) })
    }

    /// Hands out one frame of 4 KiB of those in the frame cache. `None` says
    /// nothing of other frames: [`Self::fetch`] brings some there.
    #[inline(always)]
    pub(crate) fn take_at_hand(&mut self, kind: FrameKind) -> Option<Frame> {
        if !self.can_allocate(1) {
            return None;
        }
        let number = self.bitmap.take_cached()?;
        self.ledger.hand_out(1, kind);
        // SAFETY: as in `allocate`.
        Some(unsafe { Frame::numbered(number, kind) })
    }

    /// Sees to it that a frame is in the frame cache.
    ///
    /// # Errors
    /// [`OutOfFrames`]: none may be handed out.
    pub(crate) fn fetch(&mut self) -> Result<(), OutOfFrames> {
        if !self.can_allocate(1) {
            self.ledger.miss(1);
            return Err(OutOfFrames);
        }
        if self.bitmap.has_cached() {
            return Ok(());
        }
        let refilled = self.bitmap.refill(|index| self.ranges.number_of(index));
        refilled.ok_or(OutOfFrames)
    }

    /// Takes a frame back. It may be handed out again at once.
    ///
    /// A frame of another allocator whose number is not managed here, or not in
    /// use as that kind, changes nothing here but is counted in
    /// [`Counts::refused`].
    #[inline]
    pub fn free<S: PageSize>(&mut self, frame: Frame<S>) {
        let kind = frame.kind();
        // SAFETY: the frame was owned by this value, which ends here.
        if unsafe { self.give_back(frame.into_entry(), kind) }.is_err() {
            self.ledger.refuse(S::SIZE >> FRAME_SHIFT);
        }
    }

    /// Takes back `count` frames of 4 KiB that begin at `start`, which table entries
    /// owned.
    ///
    /// # Safety
    /// They were handed out for `kind`, and have no owner any more.
    #[inline]
    pub(crate) unsafe fn free_mapped(&mut self, start: PhysAddr, count: u64, kind: FrameKind) {
        let number = start.as_u64() >> FRAME_SHIFT;
        // SAFETY: as the caller vouches.
        let freed = unsafe {
            match count {
                1 => self.give_back::<Size4KiB>(PhysFrame::containing_address(start), kind),
                BLOCK_FRAMES if start.is_aligned(Size2MiB::SIZE) => {
                    self.give_back::<Size2MiB>(PhysFrame::containing_address(start), kind)
                }
                _ => self.give_back_row(number..number + count, kind),
            }
        };
        if freed.is_err() {
            self.ledger.refuse(count);
        }
    }

    /// Takes a frame back of which only the address is left.
    ///
    /// # Errors
    /// Nothing has changed when there is one.
    /// - [`FreeError::Misaligned`]: no frame of size `S` starts there.
    /// - [`FreeError::Foreign`]: the frame, or part of it, is not handed out by
    ///   this allocator, or is reserved.
    /// - [`FreeError::NotAllocated`]: it, or part of it, is free: a double free.
    /// - [`FreeError::WrongKind`]: not so many frames are in use as `kind`.
    ///
    /// # Safety
    /// - The frame was handed out for `kind`, and its [`Frame`] no longer
    ///   exists, nor does a table entry that took it over.
    /// - Nothing reads or writes its memory any more, through no mapping that
    ///   any processor still knows of.
    pub unsafe fn free_raw<S: PageSize>(
        &mut self,
        frame: PhysFrame<S>,
        kind: FrameKind,
    ) -> Result<(), FreeError> {
        let start = frame.start_address();
        if !start.is_aligned(S::SIZE) {
            return Err(FreeError::Misaligned { start });
        }
        // SAFETY: the caller says that nobody owns it any more.
        unsafe { self.give_back(frame, kind) }
    }

    /// Counts a frame as in use for something else from now on.
    pub fn reclassify<S: PageSize>(&mut self, frame: Frame<S>, kind: FrameKind) -> Frame<S> {
        let (count, before) = (S::SIZE >> FRAME_SHIFT, frame.kind());
        if self.ledger.used(before) < count {
            return frame;
        }
        self.ledger.reclassify(count, before, kind);
        frame.with_kind(kind)
    }

    /// Counts `count` frames, whose owners are table entries, as in use for
    /// `after` instead of `before`.
    pub(crate) fn reclassify_mapped(&mut self, count: u64, before: FrameKind, after: FrameKind) {
        self.ledger.reclassify(count, before, after);
    }

    /// The dense index of the frame that begins at `start`, unless it is not
    /// managed, or reserved.
    #[inline]
    pub(crate) fn index_of(&mut self, start: PhysAddr) -> Option<u64> {
        self.ranges.index_of(start.as_u64() >> FRAME_SHIFT, 1)
    }

    /// The address of the frame with this dense index.
    pub(crate) fn start_of(&mut self, index: u64) -> PhysAddr {
        address(self.ranges.number_of(index))
    }

    /// All counters, each exact at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.ledger.counts()
    }

    /// How many frames of 2 MiB are free.
    #[must_use]
    pub fn free_2m_blocks(&self) -> u64 {
        self.bitmap.whole_blocks()
    }

    /// The number of a free 4 KiB frame, which is taken.
    #[inline]
    fn take_small(&mut self) -> Option<u64> {
        match self.bitmap.take_cached() {
            Some(number) => Some(number),
            None => self.take_uncached(),
        }
    }

    /// The same when the cache is empty.
    #[cold]
    #[inline(never)]
    fn take_uncached(&mut self) -> Option<u64> {
        self.bitmap.refill(|index| self.ranges.number_of(index))?;
        self.bitmap.take_cached()
    }

    /// The number of the first frame of a free block, which is taken.
    #[inline]
    fn take_block(&mut self) -> Option<u64> {
        let index = self.bitmap.take_block()?;
        Some(self.ranges.number_of(index))
    }

    /// The same for `count` frames at a multiple of `count`.
    fn take_large(&mut self, count: u64) -> Option<u64> {
        let first = self.find_run(count, count, u64::MAX)?;
        // SAFETY: none becomes free.
        unsafe { self.set_free(first..first + count, false) };
        Some(first)
    }

    /// Takes a frame back, if it is in use.
    ///
    /// # Safety
    /// It has no owner any more.
    #[inline]
    unsafe fn give_back<S: PageSize>(
        &mut self,
        frame: PhysFrame<S>,
        kind: FrameKind,
    ) -> Result<(), FreeError> {
        let (number, count) = (
            frame.start_address().as_u64() >> FRAME_SHIFT,
            S::SIZE >> FRAME_SHIFT,
        );
        let is_free = match S::SIZE {
            _ if self.ledger.used(kind) < count => false,
            Size4KiB::SIZE => self
                .ranges
                .index_of(number, 1)
                .is_some_and(|index| self.bitmap.put_one(index, number)),
            Size2MiB::SIZE => self
                .ranges
                .index_of(number, BLOCK_FRAMES)
                .is_some_and(|index| self.bitmap.put_block(index)),
            _ => false,
        };
        if !is_free {
            // SAFETY: the caller says so.
            return unsafe { self.give_back_row(number..number + count, kind) };
        }
        self.ledger.take_back(count, kind);
        Ok(())
    }
}

impl fmt::Debug for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frames").field(&self.counts()).finish()
    }
}

/// The address of the frame `number`.
#[inline]
fn address(number: u64) -> PhysAddr {
    PhysAddr::new_truncate(number << FRAME_SHIFT)
}
