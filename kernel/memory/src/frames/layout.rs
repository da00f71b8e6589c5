//! How much storage the frame allocator needs, and where it goes.
//!
//! The allocator has no memory of its own before it runs, so the kernel asks
//! [`Layout`] how many frames the bitmap takes, picks a place among the usable
//! ranges, and hands it over as words. In this order they hold:
//!
//! ```text
//! | bitmap, free counts, summaries | table of ranges | pending bits |
//! ```
//!
//! The first part takes less than 1/30,000 of the memory that is managed. Only
//! reclaimable memory, of which there is little, costs a second bit per frame.

use x86_64::structures::paging::{PageSize, Size4KiB};

use super::address;
use super::bitmap::{self, BLOCK_FRAMES, Bitmap};
use super::counts::Ledger;
use super::error::NewError;
use super::ranges::{HELD, OPEN, ROW_WORDS, Range, Ranges};
use crate::memory_map::{FrameRange, Kind, MapEntry};

/// The storage that a [`Frames`](super::Frames) over some ranges needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    blocks: usize,
    rows: usize,
    pending_words: usize,
}

impl Layout {
    /// What the allocator needs for `ranges`, wherever its storage lies.
    pub fn of<R: Into<MapEntry>>(ranges: impl Iterator<Item = R>) -> Self {
        let exact = Self::exact(ranges, FrameRange::empty());
        // The storage's own frames may lie in the middle of a range and split it.
        Self {
            rows: exact.rows + 2,
            pending_words: exact.pending_words + 1,
            ..exact
        }
    }

    fn exact<R: Into<MapEntry>>(ranges: impl Iterator<Item = R>, held: FrameRange) -> Self {
        let mut numbering = Numbering::default();
        let rows = pieces(ranges, held)
            .map(|piece| numbering.row(piece))
            .count();
        Self {
            blocks: numbering.blocks as usize,
            rows,
            pending_words: (numbering.pending / 64) as usize,
        }
    }

    /// How many words of 64 bits.
    #[must_use]
    pub fn words(&self) -> usize {
        bitmap::words_for(self.blocks) + self.rows * ROW_WORDS + self.pending_words
    }

    /// How many 4 KiB frames those words fill.
    #[must_use]
    pub fn frames(&self) -> u64 {
        (self.words() as u64 * 8).div_ceil(Size4KiB::SIZE)
    }

    /// A place for the storage: the end of the highest usable range that has
    /// room, so that low memory and whole 2 MiB blocks are left alone.
    pub fn place<R: Into<MapEntry>>(&self, ranges: impl Iterator<Item = R>) -> Option<FrameRange> {
        let usable = ranges
            .map(Into::into)
            .filter(|entry| entry.kind == Kind::Usable);
        let range = usable
            .map(|entry| entry.range)
            .filter(|range| range.frames() >= self.frames())
            .last()?;
        let end = range.numbers().end;
        Some(FrameRange::of_numbers(end - self.frames()..end))
    }
}

/// Makes the bitmap and the table of ranges in `storage`, with the usable
/// frames free, and counts them.
pub(super) fn build<'m, R: Into<MapEntry>>(
    ranges: impl Iterator<Item = R> + Clone,
    storage: &'m mut [u64],
    held: FrameRange,
) -> Result<(Bitmap<'m>, Ranges<'m>, Ledger), NewError> {
    let layout = Layout::exact(ranges.clone(), held);
    let (needed, given) = (layout.words(), storage.len());
    let storage = storage
        .get_mut(..needed)
        .ok_or(NewError::StorageTooShort { needed, given })?;
    storage.fill(0);
    let (for_bitmap, rest) = storage.split_at_mut(bitmap::words_for(layout.blocks));
    let (for_table, for_pending) = rest.split_at_mut(layout.rows * ROW_WORDS);
    let mut bitmap = Bitmap::new(layout.blocks, for_bitmap);
    let mut table = Ranges::new(for_table, for_pending);

    let mut numbering = Numbering::default();
    let (mut free, mut reserved, mut sorted_until) = (0, 0, 0);
    for piece in pieces(ranges, held) {
        if piece.first < sorted_until {
            let start = address(piece.first);
            return Err(NewError::NotSorted { start });
        }
        sorted_until = piece.end;
        let range = numbering.row(piece);
        table.push(range);
        if range.mark == OPEN {
            let indices = range.indices();
            bitmap.set_span(indices.start, indices.end, true);
            free += range.frames();
        } else {
            reserved += range.frames();
        }
    }
    Ok((bitmap, table, Ledger::new(free, reserved)))
}

/// The managed ranges, cut where `held` starts and ends, without offset and
/// with 0 as the mark of what is pending.
fn pieces<R: Into<MapEntry>>(
    ranges: impl Iterator<Item = R>,
    held: FrameRange,
) -> impl Iterator<Item = Range> {
    ranges
        .map(Into::into)
        .flat_map(move |MapEntry { range, kind }| {
            let (is_managed, mark) = match kind {
                Kind::Usable => (true, OPEN),
                Kind::Reclaimable => (true, 0),
                Kind::Reserved => (false, HELD),
            };
            let (frames, held) = (range.numbers(), held.numbers());
            let from = held.start.clamp(frames.start, frames.end);
            let until = held.end.clamp(from, frames.end);
            let cut = [
                (frames.start, from, mark),
                (from, until, HELD),
                (until, frames.end, mark),
            ];
            cut.into_iter()
                .filter(move |(first, end, _)| is_managed && first < end)
                .map(|(first, end, mark)| Range {
                    first,
                    end,
                    offset: 0,
                    mark,
                })
        })
}

/// Numbers the 2 MiB blocks that ranges touch, leaving out those that none
/// does, and the bits of those that are pending.
#[derive(Default)]
struct Numbering {
    /// How many blocks have a number.
    blocks: u64,
    /// One past the last of them, counted from physical address 0.
    end: u64,
    /// How many bits of `pending` are taken, in whole words.
    pending: u64,
}

impl Numbering {
    /// The row of `piece`, which lies after all others.
    fn row(&mut self, piece: Range) -> Range {
        let (first, end) = (piece.first / BLOCK_FRAMES, piece.end.div_ceil(BLOCK_FRAMES));
        self.blocks += end.saturating_sub(first.max(self.end));
        self.end = self.end.max(end);
        let mut mark = piece.mark;
        if !matches!(mark, OPEN | HELD) {
            mark = self.pending;
            self.pending += piece.frames().next_multiple_of(64);
        }
        Range {
            offset: (self.end - self.blocks) * BLOCK_FRAMES,
            mark,
            ..piece
        }
    }
}
