//! How much storage the frame allocator needs, and where it goes.
//!
//! The allocator has no memory of its own before it runs, so the kernel asks
//! [`Layout`] how many frames the bitmap takes, picks a place among the usable
//! ranges, and hands it over as words. In this order they hold:
//!
//! ```text
//! | bitmap, tallies, summaries | table of ranges | pending bits |
//! ```
//!
//! The first part takes less than 1/30,000 of the memory that is managed. Only
//! reclaimable memory, of which there is little, costs a second bit per frame.

use x86_64::structures::paging::{PageSize, Size4KiB};

use super::blocks::{self, BLOCK_FRAMES, Blocks};
use super::error::NewError;
use super::ranges::{ROW_WORDS, RangeKind, Ranges};
use crate::memory_map::{FrameRange, Kind, MapEntry};

/// The storage that a [`Frames`](super::Frames) over some ranges needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    blocks: usize,
    rows: usize,
    pending_words: usize,
}

impl Layout {
    /// What the allocator needs for `ranges`, wherever its storage lies.
    pub fn of<R: Into<MapEntry>>(ranges: impl Iterator<Item = R>) -> Self {
        let exact = Self::exact(pieces(ranges, FrameRange::empty()));
        // The storage's own frames may lie in the middle of a range and split it.
        Self {
            rows: exact.rows + 2,
            pending_words: exact.pending_words + 1,
            ..exact
        }
    }

    fn exact(pieces: impl Iterator<Item = Piece>) -> Self {
        let mut numbering = Numbering::default();
        let mut layout = Self {
            blocks: 0,
            rows: 0,
            pending_words: 0,
        };
        for piece in pieces {
            numbering.offset_of(&piece);
            layout.rows += 1;
            if piece.kind == RangeKind::Pending {
                layout.pending_words += (piece.end - piece.first).div_ceil(64) as usize;
            }
        }
        Self {
            blocks: numbering.blocks as usize,
            ..layout
        }
    }

    /// How many words of 64 bits.
    #[must_use]
    pub fn words(&self) -> usize {
        blocks::words_for(self.blocks) + self.rows * ROW_WORDS + self.pending_words
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
        Some(FrameRange::of_numbers(
            range.last_end() - self.frames(),
            range.last_end(),
        ))
    }
}

/// Makes the bitmap and the table of ranges in `storage`, with the usable
/// frames free. Returns them with the number of frames in all, and of reserved ones.
pub(super) fn build<'m, R: Into<MapEntry>>(
    ranges: impl Iterator<Item = R> + Clone,
    storage: &'m mut [u64],
    held: FrameRange,
) -> Result<(Blocks<'m>, Ranges<'m>, u64, u64), NewError> {
    let layout = Layout::exact(pieces(ranges.clone(), held));
    let (needed, given) = (layout.words(), storage.len());
    let storage = storage
        .get_mut(..needed)
        .ok_or(NewError::StorageTooShort { needed, given })?;
    storage.fill(0);
    let (for_blocks, rest) = storage.split_at_mut(blocks::words_for(layout.blocks));
    let (for_table, for_pending) = rest.split_at_mut(layout.rows * ROW_WORDS);
    let mut blocks = Blocks::new(layout.blocks, for_blocks);
    let mut table = Ranges::new(for_table, for_pending);

    let mut numbering = Numbering::default();
    let (mut total, mut reserved, mut sorted_until) = (0, 0, 0);
    for piece in pieces(ranges, held) {
        if piece.first < sorted_until {
            return Err(NewError::NotSorted {
                start: FrameRange::of_numbers(piece.first, piece.end).start,
            });
        }
        sorted_until = piece.end;
        let offset = numbering.offset_of(&piece);
        table.push(piece.first, piece.end, offset, piece.kind);
        total += piece.end - piece.first;
        if piece.kind == RangeKind::Open {
            blocks.put_span(piece.first - offset, piece.end - offset);
        } else {
            reserved += piece.end - piece.first;
        }
    }
    Ok((blocks, table, total, reserved))
}

/// Frames that all start in the same state.
struct Piece {
    first: u64,
    end: u64,
    kind: RangeKind,
}

/// The managed ranges, cut where `held` starts and ends.
fn pieces<R: Into<MapEntry>>(
    ranges: impl Iterator<Item = R>,
    held: FrameRange,
) -> impl Iterator<Item = Piece> {
    ranges
        .map(Into::into)
        .flat_map(move |MapEntry { range, kind }| {
            let kind = match kind {
                Kind::Usable => Some(RangeKind::Open),
                Kind::Reclaimable => Some(RangeKind::Pending),
                Kind::Reserved => None,
            };
            let (first, end) = (range.first(), range.last_end());
            let held_first = held.first().clamp(first, end);
            let held_end = held.last_end().clamp(held_first, end);
            let cut = [
                (first, held_first, kind),
                (held_first, held_end, kind.map(|_| RangeKind::Held)),
                (held_end, end, kind),
            ];
            cut.into_iter().filter_map(|(first, end, kind)| {
                Some(Piece {
                    first,
                    end,
                    kind: kind?,
                })
                .filter(|_| first < end)
            })
        })
}

/// Numbers the 2 MiB blocks that ranges touch, leaving out those that none does.
#[derive(Default)]
struct Numbering {
    /// How many blocks have a number.
    blocks: u64,
    /// One past the last of them, counted from physical address 0.
    end: u64,
}

impl Numbering {
    /// The frame numbers of `piece`, which lies after all others, minus its indices.
    fn offset_of(&mut self, piece: &Piece) -> u64 {
        let (first, end) = (piece.first / BLOCK_FRAMES, piece.end.div_ceil(BLOCK_FRAMES));
        self.blocks += end.saturating_sub(first.max(self.end));
        self.end = self.end.max(end);
        (self.end - self.blocks) * BLOCK_FRAMES
    }
}
