//! Runs: frames in a row, for devices that cannot gather, and 1 GiB frames.
//!
//! The search is exact and takes the lowest run there is. It looks at every
//! word of the bitmap between the start of memory and the run, skipping blocks
//! that are used up or whole, so it is linear in fragmented memory.

use x86_64::PhysAddr;

use super::{Frames, Run, RunError, Use};
use crate::memory_map::FRAME_SHIFT;

/// Neighbouring blocks: the indices of their frames, and number minus index.
struct Segment {
    first: u64,
    end: u64,
    offset: u64,
}

impl Frames<'_> {
    /// Hands out `count` 4 KiB frames in a row: the lowest such run that starts
    /// at a multiple of `align` bytes and ends at or below the address `below`.
    /// An alignment under 4 KiB is one of 4 KiB.
    ///
    /// # Errors
    /// - [`RunError::Empty`]: `count` is 0.
    /// - [`RunError::Alignment`]: `align` is not a power of two.
    /// - [`RunError::OutOfFrames`]: fewer frames are free, or the limit allows.
    /// - [`RunError::NoRun`]: no such row is free.
    pub fn allocate_run(
        &mut self,
        count: u64,
        align: u64,
        below: PhysAddr,
        usage: Use,
    ) -> Result<Run, RunError> {
        if count == 0 {
            return Err(RunError::Empty);
        }
        if !align.is_power_of_two() {
            return Err(RunError::Alignment { align });
        }
        if !self.can_allocate(count) {
            return Err(RunError::OutOfFrames);
        }
        let align = (align >> FRAME_SHIFT).max(1);
        let first = self
            .take_run(count, align, below.as_u64() >> FRAME_SHIFT)
            .ok_or(RunError::NoRun { count })?;
        self.used[usage as usize] += count;
        Ok(Run::new(PhysAddr::new(first << FRAME_SHIFT), count, usage))
    }

    /// Takes the lowest `count` free frames that end at or below the frame
    /// number `below`, and returns the first's, a multiple of `align`.
    pub(super) fn take_run(&mut self, count: u64, align: u64, below: u64) -> Option<u64> {
        let (first, offset) = self.segments().find_map(|segment| {
            let first = self.find_run(&segment, count, align, below)?;
            Some((first, segment.offset))
        })?;
        self.blocks.empty_hand();
        self.blocks.take_span(first, first + count);
        Some(first + offset)
    }

    /// The index at which the run starts, if there is one in `segment`.
    fn find_run(&self, segment: &Segment, count: u64, align: u64, below: u64) -> Option<u64> {
        let end = segment.end.min(below.saturating_sub(segment.offset));
        let mut from = segment.first;
        loop {
            let free = self.blocks.next_start(from, end, count)? + segment.offset;
            let first = free
                .checked_next_multiple_of(align)?
                .checked_sub(segment.offset)?;
            let run_end = first.checked_add(count).filter(|&run_end| run_end <= end)?;
            let used = self.blocks.next_used(first, run_end);
            if used == run_end {
                return Some(first);
            }
            from = used + 1;
        }
    }

    /// How many free frames the longest row of them has.
    #[must_use]
    pub fn largest_run(&self) -> u64 {
        let mut longest = 0;
        for Segment { first, end, .. } in self.segments() {
            let mut from = first;
            while let Some(free) = self.blocks.next_free(from, end) {
                from = self.blocks.next_used(free, end);
                longest = longest.max(from - free);
            }
        }
        longest
    }

    /// Runs of neighbouring blocks; no frame of one adjoins a frame of another.
    fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let mut ranges = self.ranges.iter().peekable();
        core::iter::from_fn(move || {
            let head = ranges.next()?;
            let mut end = head.end;
            while let Some(next) = ranges.next_if(|next| next.offset == head.offset) {
                end = next.end;
            }
            Some(Segment {
                first: head.first - head.offset,
                end: end - head.offset,
                offset: head.offset,
            })
        })
    }
}
