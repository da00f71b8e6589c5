//! What each frame is, read off the bitmap and the table of ranges, and whether
//! bitmap, free counts and summaries agree.

use core::ops::Range;

use x86_64::PhysAddr;

use super::bitmap::{BLOCK_FRAMES, BLOCK_SHIFT};
use super::{Counts, Frames, address};
use crate::memory_map::{FRAME_SHIFT, FRAMES, FrameRange};

/// What a managed frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It can be handed out.
    Free,
    /// It is handed out.
    Used,
    /// It is not handed out, or not yet.
    Reserved,
}

/// Frames in a row that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The number of the first frame.
    pub(crate) first: u64,
    /// One past the number of the last frame.
    pub(crate) end: u64,
    /// The dense index of the first frame, and the state of all of them; `None`
    /// if they are not managed.
    pub(crate) managed: Option<(u64, State)>,
}

impl Stretch {
    /// The address of the first frame, and the state of all of them.
    pub(super) fn first_state(&self) -> (PhysAddr, Option<State>) {
        (address(self.first), self.managed.map(|(_, state)| state))
    }
}

impl Frames<'_> {
    /// What the frame that holds the byte at `address` is; `None` if it is not managed.
    #[must_use]
    pub fn state_of(&self, address: PhysAddr) -> Option<State> {
        let number = address.as_u64() >> FRAME_SHIFT;
        let stretch = self.stretches(number, number + 1).next()?;
        stretch.first_state().1
    }

    /// Whether any byte of `start..end` (physical addresses) lies in a managed frame.
    #[must_use]
    pub fn manages_any(&self, start: u64, end: u64) -> bool {
        let range = self.ranges.from(start >> FRAME_SHIFT).next();
        start < end && range.is_some_and(|range| range.first << FRAME_SHIFT < end)
    }

    /// All managed frames in rising order, as ranges of one state each.
    pub fn states(&self) -> States<'_> {
        States {
            frames: self,
            position: 0,
        }
    }

    /// The frames with numbers `first..end`, cut where they differ.
    pub(crate) fn stretches(&self, first: u64, end: u64) -> impl Iterator<Item = Stretch> + '_ {
        let mut next = first;
        core::iter::from_fn(move || {
            let first = next;
            if first >= end {
                return None;
            }
            let (stop, managed) = match self.ranges.from(first).next() {
                Some(range) if range.first <= first => {
                    let (state, stop) = match self.ranges.reserved_until(&range, first) {
                        (true, stop) => (State::Reserved, stop),
                        (false, stop) => self.state_until(first, stop, range.offset),
                    };
                    (stop, Some((first - range.offset, state)))
                }
                Some(range) => (range.first, None),
                None => (end, None),
            };
            next = stop.min(end);
            Some(Stretch {
                first,
                end: next,
                managed,
            })
        })
    }

    /// Whether the frame `first` of `first..end`, none reserved, is free, and up
    /// to where the others are the same.
    fn state_until(&self, first: u64, end: u64, offset: u64) -> (State, u64) {
        let (index, index_end) = (first - offset, end - offset);
        let used = self.bitmap.next_used(index, index_end);
        if used > index {
            return (State::Free, used + offset);
        }
        let free = self.bitmap.next_free(index, index_end);
        (State::Used, free.unwrap_or(index_end) + offset)
    }

    /// One past the highest dense index of a frame. At most 511 of them at
    /// each end of a range stand for no frame.
    pub(crate) fn indices(&self) -> u64 {
        let last = self.ranges.from(0).last();
        last.map_or(0, |range| {
            (range.end - range.offset).next_multiple_of(BLOCK_FRAMES)
        })
    }

    /// Counts the frames anew, from the bitmap.
    ///
    /// # Errors
    /// The address of the first 2 MiB block of which bitmap, free count and
    /// summaries do not say the same.
    pub(crate) fn recount(&self) -> Result<Counts, PhysAddr> {
        for range in self.ranges.from(0) {
            let last = range.end - 1 - range.offset;
            for block in (range.first - range.offset) >> BLOCK_SHIFT..=last >> BLOCK_SHIFT {
                if !self.bitmap.agrees(block as usize) {
                    return Err(address((block << BLOCK_SHIFT) + range.offset));
                }
            }
        }
        let mut counts = Counts::default();
        for (range, state) in self.states() {
            counts.total += range.frames();
            match state {
                State::Free => counts.free += range.frames(),
                State::Reserved => counts.reserved += range.frames(),
                State::Used => counts.used += range.frames(),
            }
        }
        counts.used += counts.reserved;
        Ok(counts)
    }
}

/// What a test does to break the books on purpose.
#[cfg(test)]
impl Frames<'_> {
    /// Flips the bit of a frame, and nothing else.
    pub(crate) fn flip_bit(&mut self, frame: PhysAddr) {
        let number = frame.as_u64() >> FRAME_SHIFT;
        let span = self.ranges.spans(number..number + 1).next();
        self.bitmap.flip_bit(span.map_or(0, |span| span.start));
    }

    /// Frees a frame without telling the counters by kind.
    #[allow(unsafe_code, reason = "broken on purpose")]
    pub(crate) fn free_uncounted(&mut self, frame: PhysAddr) {
        let number = frame.as_u64() >> FRAME_SHIFT;
        // SAFETY: the test that breaks the books hands nothing out after.
        unsafe { self.set_free(number..number + 1, true) };
    }
}

/// The iterator that [`Frames::states`] returns.
#[derive(Clone, Debug)]
pub struct States<'f> {
    frames: &'f Frames<'f>,
    /// The first frame number that was not looked at.
    position: u64,
}

impl Iterator for States<'_> {
    type Item = (FrameRange, State);

    fn next(&mut self) -> Option<Self::Item> {
        let mut found: Option<(Range<u64>, State)> = None;
        for Stretch {
            first,
            end,
            managed,
        } in self.frames.stretches(self.position, FRAMES)
        {
            match (managed, &mut found) {
                (Some((_, state)), None) => found = Some((first..end, state)),
                (Some((_, state)), Some((run, before))) if state == *before => run.end = end,
                (None, None) => {}
                (Some(_) | None, Some(_)) => break,
            }
        }
        let (run, state) = found?;
        self.position = run.end;
        Some((FrameRange::of_numbers(run), state))
    }
}
