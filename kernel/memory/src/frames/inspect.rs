//! What an audit asks of the frame allocator: what each frame is, a dense
//! numbering of all managed frames for its notes, and whether bitmap, counts
//! and summaries say the same.

use x86_64::PhysAddr;

use super::blocks::{BLOCK_FRAMES, BLOCK_SHIFT};
use super::count::State;
use super::{Counts, Frames};
use crate::memory_map::FRAME_SHIFT;

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

impl Frames<'_> {
    /// One past the highest dense index of a frame. At most 511 of them at
    /// each end of a range stand for no frame.
    pub(crate) fn indices(&self) -> u64 {
        let past = |block: u64| (block + 1) << BLOCK_SHIFT;
        self.ranges.iter().last().map_or(0, |range| {
            past((range.end - 1 - range.offset) >> BLOCK_SHIFT)
        })
    }

    /// The frames with numbers `first..end`, cut where they differ.
    pub(crate) fn stretches(&self, first: u64, end: u64) -> impl Iterator<Item = Stretch> + '_ {
        let mut next = first;
        core::iter::from_fn(move || {
            let first = next;
            let range = self.ranges.from(first).next();
            let (stop, managed) = match range {
                _ if first >= end => return None,
                Some(range) if range.first <= first => {
                    let (state, stop) = self.state_from(&range, first);
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

    /// Counts the frames anew, from the bitmap.
    ///
    /// # Errors
    /// The address of the first 2 MiB block of which bitmap, count and
    /// summaries do not say the same.
    pub(crate) fn recount(&self) -> Result<Counts, PhysAddr> {
        let mut counts = Counts::default();
        for range in self.ranges.iter() {
            let last = range.end - 1 - range.offset;
            for block in (range.first - range.offset) >> BLOCK_SHIFT..=last >> BLOCK_SHIFT {
                if !self.blocks.agrees(block as usize) {
                    let number = block * BLOCK_FRAMES + range.offset;
                    return Err(PhysAddr::new_truncate(number << FRAME_SHIFT));
                }
            }
        }
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
        let offset = self.ranges.find(number).map_or(0, |range| range.offset);
        self.blocks.empty_hand();
        let index = number - offset;
        let bits = &mut self.blocks.bits[(index >> BLOCK_SHIFT) as usize];
        bits[(index % BLOCK_FRAMES / 64) as usize] ^= 1 << (index % 64);
    }

    /// Frees a frame without a word to the counters by use.
    pub(crate) fn free_uncounted(&mut self, frame: PhysAddr) {
        let number = frame.as_u64() >> FRAME_SHIFT;
        let offset = self.ranges.find(number).map_or(0, |range| range.offset);
        self.blocks.empty_hand();
        self.blocks.put_span(number - offset, number - offset + 1);
    }
}
