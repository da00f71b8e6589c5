//! What the frame allocator tells about itself: counters and a map of states.

use core::fmt;

use super::ranges::Range;
use super::{Frames, Use};
use crate::memory_map::{FRAME_SHIFT, FrameRange};
use x86_64::PhysAddr;

/// How many 4 KiB frames are what. `total` is `free + used`, and `used` is the
/// sum of `reserved`, `tables`, `kernel`, `private`, `shared` and `zero`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All frames of usable and reclaimable memory.
    pub total: u64,
    /// Not in use, whether or not the limit lets them be handed out.
    pub free: u64,
    /// In use for anything.
    pub used: u64,
    /// Not handed out: the bitmap, and what was not reclaimed yet.
    pub reserved: u64,
    /// In use as [`Use::Table`].
    pub tables: u64,
    /// In use as [`Use::Kernel`].
    pub kernel: u64,
    /// In use as [`Use::Private`].
    pub private: u64,
    /// In use as [`Use::Shared`].
    pub shared: u64,
    /// In use as [`Use::Zero`].
    pub zero: u64,
    /// Free frames that are kept back for pages to come (see
    /// [`Space::promise`](crate::Space::promise)); part of `free`.
    pub promised: u64,
    /// How many more may be handed out, if that is fewer than are free and not
    /// promised.
    pub limit: Option<u64>,
    /// Frames that were freed here but are not this allocator's to take back;
    /// not part of any other number. Anything but 0 is an error in the caller.
    pub refused: u64,
}

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

impl Frames<'_> {
    /// All counters, each exact at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let free = self.free_frames();
        Counts {
            total: self.total,
            free,
            used: self.total - free,
            reserved: self.reserved,
            tables: self.used[Use::Table as usize],
            kernel: self.used[Use::Kernel as usize],
            private: self.used[Use::Private as usize],
            shared: self.used[Use::Shared as usize],
            zero: self.used[Use::Zero as usize],
            promised: self.promised,
            limit: (self.withheld > 0).then(|| free - self.kept_back()),
            refused: self.refused,
        }
    }

    pub(super) fn free_frames(&self) -> u64 {
        self.total - self.reserved - self.used.iter().sum::<u64>()
    }

    /// How many frames of 2 MiB are free.
    #[must_use]
    pub fn free_2m_blocks(&self) -> u64 {
        self.blocks.whole_blocks()
    }

    /// What the frame that holds the byte at `address` is; `None` if it is not managed.
    #[must_use]
    pub fn state_of(&self, address: PhysAddr) -> Option<State> {
        let number = address.as_u64() >> FRAME_SHIFT;
        let range = self.ranges.find(number)?;
        Some(self.state_from(&range, number).0)
    }

    /// Whether any byte of `start..end` (physical addresses) lies in a managed frame.
    #[must_use]
    pub fn manages_any(&self, start: u64, end: u64) -> bool {
        let mut ranges = self.ranges.from(start >> FRAME_SHIFT);
        ranges
            .next()
            .is_some_and(|range| range.first << FRAME_SHIFT < end)
    }

    /// All managed frames in rising order, as ranges of one state each.
    pub fn states(&self) -> States<'_> {
        States {
            frames: self,
            position: 0,
        }
    }

    /// The state of the frame `number` in `range`, and the number up to which it is the same.
    pub(super) fn state_from(&self, range: &Range, number: u64) -> (State, u64) {
        if range.is_held() {
            return (State::Reserved, range.end);
        }
        let mut end = range.end;
        if !range.is_open() {
            let open = self.ranges.next_reserved(range, number, end, false);
            if open > number {
                return (State::Reserved, open);
            }
            end = self.ranges.next_reserved(range, number, end, true);
        }
        let (index, index_end) = (number - range.offset, end - range.offset);
        let used = self.blocks.next_used(index, index_end);
        if used > index {
            return (State::Free, used + range.offset);
        }
        (
            State::Used,
            self.blocks.next_free(index, index_end).unwrap_or(index_end) + range.offset,
        )
    }
}

impl fmt::Debug for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frames").field(&self.counts()).finish()
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
        let mut run: Option<(u64, State)> = None;
        for range in self.frames.ranges.from(self.position) {
            let mut number = range.first.max(self.position);
            if run.is_some() && number != self.position {
                break;
            }
            while number < range.end {
                let (state, end) = self.frames.state_from(&range, number);
                match run {
                    None => run = Some((number, state)),
                    Some((first, before)) if before != state => {
                        return Some((FrameRange::of_numbers(first, number), before));
                    }
                    Some(_) => {}
                }
                number = end;
                self.position = end;
            }
        }
        run.map(|(first, state)| (FrameRange::of_numbers(first, self.position), state))
    }
}
