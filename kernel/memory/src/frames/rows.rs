//! Frames in a row: runs for devices that want them so, 1 GiB frames, and a
//! range of frames that the caller chooses.
//!
//! The search for a run is exact and takes the lowest there is. It looks at every
//! word of the bitmap between the start of memory and the run, skipping blocks
//! that are used up or whole, so it is linear in fragmented memory.

#![allow(unsafe_code, reason = "frames get their owners here, and lose them")]

use core::ops::Range;

use super::{AllocateAtError, FrameKind, Frames, FreeError, Run, RunError, State};
use crate::memory_map::{FRAME_SHIFT, FrameRange};

impl Frames<'_> {
    /// Hands out `count` 4 KiB frames in a row: the lowest such run that starts
    /// at a multiple of `align` bytes and ends at or below the address `below`.
    /// An alignment under 4 KiB is one of 4 KiB.
    ///
    /// # Errors
    /// - [`RunError::Empty`]: `count` is 0.
    /// - [`RunError::Alignment`]: `align` is not a power of two.
    /// - [`RunError::OutOfFrames`]: fewer frames may be handed out.
    /// - [`RunError::NoRun`]: no such row is free.
    pub fn allocate_run(
        &mut self,
        count: u64,
        align: u64,
        below: u64,
        kind: FrameKind,
    ) -> Result<Run, RunError> {
        if count == 0 {
            return Err(RunError::Empty);
        }
        if !align.is_power_of_two() {
            return Err(RunError::Alignment { align });
        }
        if !self.can_allocate(count) {
            return Err(RunError::OutOfFrames(self.shortage(count)));
        }
        let align = (align >> FRAME_SHIFT).max(1);
        let first = self
            .find_run(count, align, below >> FRAME_SHIFT)
            .ok_or(RunError::NoRun { count })?;
        // SAFETY: the run was found to be free.
        Ok(unsafe { self.take_row(first..first + count, kind) })
    }

    /// Hands out the frames of `range`, all or none.
    ///
    /// # Errors
    /// - [`AllocateAtError::Empty`]: `range` holds no frame.
    /// - [`AllocateAtError::NotManaged`], [`InUse`](AllocateAtError::InUse),
    ///   [`Reserved`](AllocateAtError::Reserved): what the first frame is that is
    ///   not free.
    /// - [`AllocateAtError::OutOfFrames`]: all are free, but the limit or frames
    ///   kept back forbid it.
    pub fn allocate_at(
        &mut self,
        range: FrameRange,
        kind: FrameKind,
    ) -> Result<Run, AllocateAtError> {
        let Range { start, end } = range.numbers();
        if start == end {
            return Err(AllocateAtError::Empty);
        }
        for stretch in self.stretches(start, end) {
            match stretch.first_state() {
                (_, Some(State::Free)) => {}
                (frame, Some(State::Used)) => return Err(AllocateAtError::InUse { frame }),
                (frame, Some(State::Reserved)) => return Err(AllocateAtError::Reserved { frame }),
                (frame, None) => return Err(AllocateAtError::NotManaged { frame }),
            }
        }
        let available = self.ledger.available();
        if range.frames() > available {
            return Err(AllocateAtError::OutOfFrames { available });
        }
        // SAFETY: each of the frames was found to be free.
        Ok(unsafe { self.take_row(start..end, kind) })
    }

    /// Takes all frames of a run back, as [`free`](Self::free) does with one.
    pub fn free_run(&mut self, run: Run) {
        let range = run.range();
        // SAFETY: the run owned the frames and ends here.
        if unsafe { self.give_back_row(range.numbers(), run.kind()) }.is_err() {
            self.ledger.refuse(range.frames());
        }
    }

    /// How many free frames the longest row of them has.
    #[must_use]
    pub fn largest_run(&self) -> u64 {
        let mut longest = 0;
        for (frames, _) in self.segments() {
            let mut from = frames.start;
            while let Some(free) = self.bitmap.next_free(from, frames.end) {
                from = self.bitmap.next_used(free, frames.end);
                longest = longest.max(from - free);
            }
        }
        longest
    }

    /// Takes frames, which are available.
    ///
    /// # Safety
    /// All of them are free.
    unsafe fn take_row(&mut self, frames: Range<u64>, kind: FrameKind) -> Run {
        self.ledger.hand_out(frames.end - frames.start, kind);
        // SAFETY: none becomes free. They were free until now, so nobody owns
        // one, and the ledger counts them as this kind.
        unsafe {
            self.set_free(frames.clone(), false);
            Run::new(FrameRange::of_numbers(frames), kind)
        }
    }

    /// Takes frames back, if all of them are in use.
    ///
    /// # Safety
    /// Those that are in use have no owner any more.
    pub(super) unsafe fn give_back_row(
        &mut self,
        frames: Range<u64>,
        kind: FrameKind,
    ) -> Result<(), FreeError> {
        for stretch in self.stretches(frames.start, frames.end) {
            match stretch.first_state() {
                (_, Some(State::Used)) => {}
                (frame, Some(State::Free)) => return Err(FreeError::NotAllocated { frame }),
                (frame, Some(State::Reserved) | None) => return Err(FreeError::Foreign { frame }),
            }
        }
        let count = frames.end - frames.start;
        if self.ledger.used(kind) < count {
            return Err(FreeError::WrongKind { kind });
        }
        // SAFETY: the caller says so.
        unsafe { self.set_free(frames, true) };
        self.ledger.take_back(count, kind);
        Ok(())
    }

    /// Makes managed frames free in the bitmap, or not.
    ///
    /// # Safety
    /// Those that become free have no owner.
    pub(super) unsafe fn set_free(&mut self, frames: Range<u64>, is_free: bool) {
        for span in self.ranges.spans(frames) {
            self.bitmap.set_span(span.start, span.end, is_free);
        }
    }

    /// The number of the first of the lowest `count` free frames that end at or
    /// below the frame number `below`; a multiple of `align`.
    pub(super) fn find_run(&self, count: u64, align: u64, below: u64) -> Option<u64> {
        self.segments().find_map(|(frames, offset)| {
            let end = frames.end.min(below.saturating_sub(offset));
            let mut from = frames.start;
            loop {
                let free = self.bitmap.next_start(from, end, count)? + offset;
                let first = free.checked_next_multiple_of(align)?.checked_sub(offset)?;
                let run_end = first.checked_add(count).filter(|&run_end| run_end <= end)?;
                let used = self.bitmap.next_used(first, run_end);
                if used == run_end {
                    return Some(first + offset);
                }
                from = used + 1;
            }
        })
    }

    /// Runs of neighbouring blocks, as the indices of their frames and number
    /// minus index; no frame of one adjoins a frame of another.
    fn segments(&self) -> impl Iterator<Item = (Range<u64>, u64)> + '_ {
        let mut ranges = self.ranges.from(0).peekable();
        core::iter::from_fn(move || {
            let head = ranges.next()?;
            let (offset, mut end) = (head.offset, head.end);
            while let Some(next) = ranges.next_if(|next| next.offset == offset) {
                end = next.end;
            }
            Some((head.first - offset..end - offset, offset))
        })
    }
}
