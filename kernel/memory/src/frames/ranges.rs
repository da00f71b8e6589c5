//! The table of managed ranges: which frames exist, and where their bits are.
//!
//! Memory lies in far-apart ranges, and a bitmap from the lowest to the highest
//! frame would mostly describe nothing. So the 2 MiB blocks that a range
//! touches are numbered densely, and inside a run of neighbouring blocks (a
//! segment) a frame's index is its number minus one constant:
//!
//! ```text
//! number   0x100 ... 0x7ffff | hole | 0x100000 ... | hole | 0x3fffffff ..
//! index    0x100 ... 0x7ffff |        0x80000  ... |        ...
//! ```
//!
//! What must always hold: ranges are sorted and do not overlap; a frame that is
//! in none of them is foreign; frames that were reserved at first and not yet
//! reclaimed have their bit in `pending` set, all others do not.

use super::bits;

/// One row of the table: `[first, end, offset, mark]`.
type Row = [u64; ROW_WORDS];

/// Words of storage per range.
pub(super) const ROW_WORDS: usize = 4;

/// A mark: all frames of the range are the allocator's.
pub(super) const OPEN: u64 = u64::MAX;

/// A mark: none ever is.
pub(super) const HELD: u64 = u64::MAX - 1;

/// A range of managed frames.
#[derive(Clone, Copy, Default)]
pub(super) struct Range {
    /// The number of its first frame.
    pub(super) first: u64,
    /// One past the number of its last frame.
    pub(super) end: u64,
    /// Number minus index, the same for all ranges of a segment and for no others.
    pub(super) offset: u64,
    /// [`OPEN`], [`HELD`], or the place of its first bit in `pending`.
    pub(super) mark: u64,
}

impl Range {
    fn of_row(&[first, end, offset, mark]: &Row) -> Self {
        Self {
            first,
            end,
            offset,
            mark,
        }
    }

    #[inline]
    fn contains(&self, number: u64) -> bool {
        number.wrapping_sub(self.first) < self.end - self.first
    }

    /// How many frames it holds.
    pub(super) fn frames(&self) -> u64 {
        self.end - self.first
    }

    /// Its indices.
    pub(super) fn indices(&self) -> core::ops::Range<u64> {
        self.first - self.offset..self.end - self.offset
    }

    /// The place in `pending` of the frame `number`, for a range that has one.
    fn pending_place(&self, number: u64) -> u64 {
        self.mark + (number - self.first)
    }
}

pub(super) struct Ranges<'m> {
    /// As many rows as there is room for; those in use come first.
    table: &'m mut [Row],
    rows: usize,
    pending: &'m mut [u64],
    /// The last range that was looked up by number, or the part of it from there on
    /// that is the allocator's.
    recent: Range,
    /// The last range that was looked up by index.
    recent_by_index: Range,
}

impl<'m> Ranges<'m> {
    /// No range yet; `table` and `pending` have room for all that will be pushed.
    pub(super) fn new(table: &'m mut [u64], pending: &'m mut [u64]) -> Self {
        Self {
            table: table.as_chunks_mut().0,
            rows: 0,
            pending,
            recent: Range::default(),
            recent_by_index: Range::default(),
        }
    }

    /// Adds the range after all others.
    pub(super) fn push(&mut self, range: Range) {
        if !matches!(range.mark, OPEN | HELD) {
            let place = range.pending_place(range.end);
            bits::set(self.pending, range.mark, place, true);
        }
        self.table[self.rows] = [range.first, range.end, range.offset, range.mark];
        self.rows += 1;
    }

    /// The ranges that end after the frame `number`.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = Range> + Clone + '_ {
        let before = self.table[..self.rows].partition_point(|row| row[1] <= number);
        self.table[before..self.rows].iter().map(Range::of_row)
    }

    /// The range that holds the frame `number`.
    fn find(&self, number: u64) -> Option<Range> {
        self.from(number)
            .next()
            .filter(|range| range.first <= number)
    }

    /// The indices of `frames`, all of them managed: one span per range.
    pub(super) fn spans(
        &self,
        frames: core::ops::Range<u64>,
    ) -> impl Iterator<Item = core::ops::Range<u64>> + '_ {
        self.from(frames.start)
            .take_while(move |range| range.first < frames.end)
            .map(move |range| {
                range.first.max(frames.start) - range.offset
                    ..range.end.min(frames.end) - range.offset
            })
    }

    /// The index of the first of `count` frames from `number` on, which are all
    /// in one range and not reserved.
    #[inline]
    pub(super) fn index_of(&mut self, number: u64, count: u64) -> Option<u64> {
        let Range { first, end, .. } = self.recent;
        if first <= number && number + count <= end {
            return Some(number - self.recent.offset);
        }
        self.look_up(number, count)
    }

    /// The same, where the last range found does not help.
    #[cold]
    fn look_up(&mut self, number: u64, count: u64) -> Option<u64> {
        let range = self.find(number)?;
        let (is_reserved, until) = self.reserved_until(&range, number);
        if is_reserved || until < number + count {
            return None;
        }
        // What is the allocator's stays so.
        self.recent = match range.mark {
            OPEN => range,
            _ => Range {
                first: number,
                end: until,
                ..range
            },
        };
        Some(number - range.offset)
    }

    /// The number of the frame with `index`, which is in some range.
    #[inline]
    pub(super) fn number_of(&mut self, index: u64) -> u64 {
        let number = index.wrapping_add(self.recent_by_index.offset);
        if self.recent_by_index.contains(number) {
            return number;
        }
        self.look_up_index(index)
    }

    /// The same, where the last range found does not help.
    #[cold]
    fn look_up_index(&mut self, index: u64) -> u64 {
        let after = self.table[..self.rows].partition_point(|row| row[0] - row[2] <= index);
        self.recent_by_index = Range::of_row(&self.table[after.saturating_sub(1)]);
        index + self.recent_by_index.offset
    }

    /// Whether the frame `number` of `range` is reserved, and up to which number
    /// the frames after it are the same.
    pub(super) fn reserved_until(&self, range: &Range, number: u64) -> (bool, u64) {
        match range.mark {
            OPEN => (false, range.end),
            HELD => (true, range.end),
            _ => {
                let places = [number, range.end].map(|number| range.pending_place(number));
                let next = |wanted| {
                    let place = bits::next(self.pending, places[0], places[1], wanted);
                    number + (place - places[0])
                };
                let free = next(false);
                let is_reserved = free > number;
                (is_reserved, if is_reserved { free } else { next(true) })
            }
        }
    }

    /// Makes `frames`, all pending, the allocator's. Otherwise the number of the
    /// first that is not pending is the error, and nothing has changed.
    pub(super) fn reclaim(&mut self, frames: core::ops::Range<u64>) -> Result<(), u64> {
        let mut number = frames.start;
        while number < frames.end {
            let range = self.find(number).filter(|range| range.mark != HELD);
            let range = range.ok_or(number)?;
            match self.reserved_until(&range, number) {
                (true, until) => number = until,
                (false, _) => return Err(number),
            }
        }
        for row in &mut self.table[..self.rows] {
            let range = Range::of_row(row);
            let (first, end) = (range.first.max(frames.start), range.end.min(frames.end));
            if first < end {
                let place = |number| range.pending_place(number);
                bits::set(self.pending, place(first), place(end), false);
                let (all, all_end) = (range.mark, place(range.end));
                if bits::next(self.pending, all, all_end, true) == all_end {
                    // Nothing to look up any more: the range is as good as any.
                    row[3] = OPEN;
                }
            }
        }
        Ok(())
    }
}
