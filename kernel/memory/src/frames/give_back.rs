//! Taking frames back: owned ones, which cannot be wrong as long as they come
//! from this allocator, and raw ones, of which everything is checked.

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size2MiB, Size4KiB};

use super::blocks::BLOCK_FRAMES;
use super::{Frame, Frames, FreeError, Run, Use};
use crate::memory_map::FRAME_SHIFT;

impl Frames<'_> {
    /// Takes a frame back. It may be handed out again at once.
    ///
    /// A frame of another allocator, or one that a table entry gave back wrong,
    /// changes nothing here but is counted in [`Counts::refused`](super::Counts::refused).
    #[inline]
    pub fn free<S: PageSize>(&mut self, frame: Frame<S>) {
        let usage = frame.usage();
        if self.give_back(frame.into_entry(), usage).is_err() {
            self.refused += S::SIZE >> FRAME_SHIFT;
        }
    }

    /// Takes all frames of a run back, as [`free`](Self::free) does with one.
    pub fn free_run(&mut self, run: Run) {
        let first = run.start().as_u64() >> FRAME_SHIFT;
        if self
            .give_back_span(first, run.frames(), run.usage())
            .is_err()
        {
            self.refused += run.frames();
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
    /// - [`FreeError::WrongUse`]: not so many frames are in use as `usage`.
    ///
    /// # Safety
    /// - The frame was handed out for `usage`, and its [`Frame`] no longer
    ///   exists, nor does a table entry that took it over.
    /// - Nothing reads or writes its memory any more, through no mapping that
    ///   any processor still knows of.
    #[allow(
        unsafe_code,
        reason = "the caller vouches for the ownership that the type cannot show"
    )]
    pub unsafe fn free_raw<S: PageSize>(
        &mut self,
        frame: PhysFrame<S>,
        usage: Use,
    ) -> Result<(), FreeError> {
        let start = frame.start_address();
        if !start.is_aligned(S::SIZE) {
            return Err(FreeError::Misaligned { start });
        }
        self.give_back(frame, usage)
    }

    /// Counts a frame as in use for something else from now on.
    pub fn reclassify<S: PageSize>(&mut self, frame: Frame<S>, usage: Use) -> Frame<S> {
        let frames = S::SIZE >> FRAME_SHIFT;
        let before = frame.usage();
        if self.used[before as usize] < frames {
            return frame;
        }
        self.used[before as usize] -= frames;
        self.used[usage as usize] += frames;
        Frame::from_entry(frame.into_entry(), usage)
    }

    #[inline]
    fn give_back<S: PageSize>(&mut self, frame: PhysFrame<S>, usage: Use) -> Result<(), FreeError> {
        let number = frame.start_address().as_u64() >> FRAME_SHIFT;
        match S::SIZE {
            Size4KiB::SIZE => self.give_back_4k(number, usage),
            Size2MiB::SIZE => self.give_back_2m(number, usage),
            _ => self.give_back_span(number, S::SIZE >> FRAME_SHIFT, usage),
        }
    }

    #[inline]
    fn give_back_4k(&mut self, number: u64, usage: Use) -> Result<(), FreeError> {
        let frame = address(number);
        let index = self
            .ranges
            .index_of(number, 1)
            .ok_or(FreeError::Foreign { frame })?;
        if self.used[usage as usize] == 0 {
            return Err(self.why_not(number, 1, usage));
        }
        if !self.blocks.put_one(index, number) {
            return Err(FreeError::NotAllocated { frame });
        }
        self.used[usage as usize] -= 1;
        Ok(())
    }

    #[inline]
    fn give_back_2m(&mut self, number: u64, usage: Use) -> Result<(), FreeError> {
        let Some(index) = self.ranges.index_of(number, BLOCK_FRAMES) else {
            return self.give_back_span(number, BLOCK_FRAMES, usage);
        };
        if self.used[usage as usize] < BLOCK_FRAMES || !self.blocks.put_block(index) {
            return Err(self.why_not(number, BLOCK_FRAMES, usage));
        }
        self.used[usage as usize] -= BLOCK_FRAMES;
        Ok(())
    }

    /// Takes back `count` frames in a row, which may lie in several ranges.
    fn give_back_span(&mut self, first: u64, count: u64, usage: Use) -> Result<(), FreeError> {
        let end = first + count;
        self.check_in_use(first, end)?;
        self.used[usage as usize] = self.used[usage as usize]
            .checked_sub(count)
            .ok_or(FreeError::WrongUse { usage })?;
        self.blocks.empty_hand();
        let mut number = first;
        while let Some(range) = self.ranges.find(number).filter(|_| number < end) {
            let stop = range.end.min(end);
            self.blocks
                .put_span(number - range.offset, stop - range.offset);
            number = stop;
        }
        Ok(())
    }

    /// Whether all frames `first..end` are handed out.
    fn check_in_use(&self, first: u64, end: u64) -> Result<(), FreeError> {
        let mut number = first;
        while number < end {
            let frame = address(number);
            let range = self
                .ranges
                .find(number)
                .ok_or(FreeError::Foreign { frame })?;
            let stop = range.end.min(end);
            if let Some(reserved) =
                (number..stop).find(|&number| self.ranges.is_reserved(&range, number))
            {
                return Err(FreeError::Foreign {
                    frame: address(reserved),
                });
            }
            if let Some(free) = self
                .blocks
                .next_free(number - range.offset, stop - range.offset)
            {
                return Err(FreeError::NotAllocated {
                    frame: address(free + range.offset),
                });
            }
            number = stop;
        }
        Ok(())
    }

    /// The error for `count` frames that cannot be given back.
    #[cold]
    fn why_not(&self, first: u64, count: u64, usage: Use) -> FreeError {
        self.check_in_use(first, first + count)
            .err()
            .unwrap_or(FreeError::WrongUse { usage })
    }
}

fn address(number: u64) -> PhysAddr {
    PhysAddr::new_truncate(number << FRAME_SHIFT)
}
