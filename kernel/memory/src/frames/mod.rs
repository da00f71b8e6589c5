//! The physical memory manager: which 4 KiB frames are free, and what the
//! others are for.
//!
//! ```text
//! ranges from the memory map -> Layout -> storage, taken out of the ranges
//!                            -> Frames::new -> allocate, free, counts
//! ```
//!
//! What must always hold: every managed frame is exactly one of free, reserved
//! (never handed out, or not yet) and in use as one [`Use`]; the counters say
//! how many, exactly, at every moment; a refused call has changed nothing.
//!
//! No call's cost grows with the memory, but for the search for a run or a
//! 1 GiB frame. Inside: `ranges` (which frames exist), `blocks` (the bitmap,
//! with its `hand`, `tally`, `summary` and `search`), `layout` (the storage),
//! `owned` (frames as values), `give_back`, `run`, `promise`, `count`, `inspect`.
//! In the book: chapter 3, `docs/03-frames-and-the-bitmap.md`.

mod bits;
mod blocks;
mod count;
mod error;
mod give_back;
mod hand;
mod inspect;
mod layout;
mod owned;
mod promise;
mod ranges;
mod run;
mod search;
mod summary;
mod tally;
#[cfg(test)]
mod tests;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, Size1GiB, Size2MiB, Size4KiB};

use self::blocks::{BLOCK_FRAMES, Blocks};
use self::ranges::Ranges;
use crate::memory_map::{FRAME_SHIFT, FrameRange, MapEntry};

pub use self::count::{Counts, State, States};
pub use self::error::{FreeError, NewError, OutOfFrames, ReclaimError, RunError};
pub(crate) use self::hand::AtHand;
pub(crate) use self::inspect::Stretch;
pub use self::layout::Layout;
pub use self::owned::{Frame, Pieces, Run, Use};
pub use self::owned::Use as FrameKind;

/// All physical memory that is handed out, in units of 4 KiB frames.
pub struct Frames<'m> {
    blocks: Blocks<'m>,
    /// Frames in use, by [`Use`].
    used: [u64; Use::COUNT],
    ranges: Ranges<'m>,
    total: u64,
    reserved: u64,
    /// Free frames that the limit keeps back. The hand never holds more than may
    /// be handed out, so that the way of every day has no limit to look at.
    withheld: u64,
    /// Free frames that are kept back for pages to come: see `promise`.
    promised: u64,
    /// Owned frames that could not be given back.
    refused: u64,
}

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
    pub fn new<R: Into<MapEntry>>(
        ranges: impl Iterator<Item = R> + Clone,
        storage: &'m mut [u64],
        held: FrameRange,
    ) -> Result<Self, NewError> {
        let (blocks, ranges, total, reserved) = layout::build(ranges, storage, held)?;
        Ok(Self {
            blocks,
            used: [0; Use::COUNT],
            ranges,
            total,
            reserved,
            withheld: 0,
            promised: 0,
            refused: 0,
        })
    }

    /// Hands out one frame of 4 KiB, 2 MiB or 1 GiB, with whatever it holds.
    ///
    /// # Errors
    /// [`OutOfFrames`] if no frame of this size is free or the limit forbids it.
    #[inline]
    pub fn allocate<S: PageSize>(&mut self, usage: Use) -> Result<Frame<S>, OutOfFrames> {
        let number = match S::SIZE {
            Size4KiB::SIZE => match self.blocks.take_from_hand() {
                Some(number) => number,
                None => self.take_beyond_hand().ok_or(OutOfFrames)?,
            },
            Size2MiB::SIZE => self.take_2m().ok_or(OutOfFrames)?,
            _ => self.take_1g().ok_or(OutOfFrames)?,
        };
        self.used[usage as usize] += S::SIZE >> FRAME_SHIFT;
        Ok(Frame::numbered(number, usage))
    }

    /// Sees to it that a frame is in the hand, if one is free and a whole word
    /// of them may be handed out: the hand never holds what is kept back. True
    /// if it was empty and is not now.
    pub(crate) fn fill_hand(&mut self) -> bool {
        if self.blocks.hand.bits == 0
            && (self.kept_back() == 0 || self.can_allocate(u64::from(u64::BITS)))
            && let Some(lowest) = self.blocks.fill_hand()
        {
            self.blocks.name_hand(self.ranges.number_of(lowest));
            return true;
        }
        false
    }

    /// The number of a 4 KiB frame when the hand has none.
    #[inline(never)]
    fn take_beyond_hand(&mut self) -> Option<u64> {
        self.fill_hand();
        self.blocks.take_from_hand().or_else(|| {
            let index = self.can_allocate(1).then(|| self.blocks.take_one())??;
            Some(self.ranges.number_of(index))
        })
    }

    #[inline]
    fn take_2m(&mut self) -> Option<u64> {
        if self.kept_back() > 0 {
            if !self.can_allocate(BLOCK_FRAMES) {
                return None;
            }
            // With a block less, what the hand holds may not be handed out any more.
            self.blocks.empty_hand();
        }
        let index = self.blocks.take_block()?;
        Some(self.ranges.number_of(index))
    }

    fn take_1g(&mut self) -> Option<u64> {
        let frames = Size1GiB::SIZE >> FRAME_SHIFT;
        self.can_allocate(frames)
            .then(|| self.take_run(frames, frames, u64::MAX))?
    }

    /// Whether `count` more 4 KiB frames may be handed out: they are free and
    /// not promised, and the limit allows it. They need not lie in a row.
    #[must_use]
    #[inline]
    pub fn can_allocate(&self, count: u64) -> bool {
        count <= self.free_frames() - self.kept_back()
    }

    /// Lets at most `limit` more 4 KiB frames be handed out, or all with `None`.
    ///
    /// Handing out lowers what is left of the limit and giving back raises it.
    /// So it amounts to keeping some free frames back, and a limit above what
    /// is free is none. Promised frames are outside of any limit: a promise
    /// was counted when it was given, or is older than the limit.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        let free = self.free_frames() - self.promised;
        self.withheld = limit.map_or(0, |limit| free.saturating_sub(limit));
        self.blocks.empty_hand();
    }

    /// Hands the reserved frames of `range` to the allocator: the boot loader's
    /// leftovers, once nothing uses them any more. Returns how many they are.
    ///
    /// # Errors
    /// [`ReclaimError::NotReclaimable`] if one of them was not given to
    /// [`new`](Self::new) as reclaimable, holds the bitmap, or was reclaimed before.
    pub fn reclaim(&mut self, range: FrameRange) -> Result<u64, ReclaimError> {
        let (first, end) = (range.first(), range.last_end());
        let mut number = first;
        while number < end {
            let reserved = self
                .ranges
                .find(number)
                .filter(|found| !found.is_held() && !found.is_open());
            let stop = reserved.map_or(number, |found| {
                self.ranges
                    .next_reserved(&found, number, end.min(found.end), false)
            });
            if stop == number {
                return Err(ReclaimError::NotReclaimable {
                    frame: PhysAddr::new(number << FRAME_SHIFT),
                });
            }
            number = stop;
        }
        self.blocks.empty_hand();
        let mut number = first;
        while let Some(found) = self.ranges.find(number).filter(|_| number < end) {
            let stop = found.end.min(end);
            self.blocks
                .put_span(number - found.offset, stop - found.offset);
            number = stop;
        }
        self.ranges.reclaim(first, end);
        self.reserved -= end - first;
        Ok(end - first)
    }
}
