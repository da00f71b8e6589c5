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
const OPEN: u64 = u64::MAX;

/// A mark: none ever is. Any other mark is the place of the range's first bit in `pending`.
const HELD: u64 = u64::MAX - 1;

/// A range of managed frames.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// The number of its first frame.
    pub(super) first: u64,
    /// One past the number of its last frame.
    pub(super) end: u64,
    /// Number minus index, the same for all ranges of a segment and for no others.
    pub(super) offset: u64,
    mark: u64,
}

/// What the frames of a range are when the table is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeKind {
    /// Free.
    Open,
    /// Reserved, and perhaps reclaimed later.
    Pending,
    /// Reserved for ever.
    Held,
}

impl Range {
    fn of_row([first, end, offset, mark]: Row) -> Self {
        Self {
            first,
            end,
            offset,
            mark,
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        number.wrapping_sub(self.first) < self.end - self.first
    }

    /// Whether every frame is the allocator's.
    pub(super) fn is_open(&self) -> bool {
        self.mark == OPEN
    }

    pub(super) fn is_held(&self) -> bool {
        self.mark == HELD
    }

    /// The place in `pending` of the frame `number`, for a range that has one.
    fn pending_place(&self, number: u64) -> u64 {
        self.mark + (number - self.first)
    }
}

/// A range that was looked up before, in the form that is quick to try again.
#[derive(Default)]
struct Recent {
    first: u64,
    frames: u64,
    first_index: u64,
}

impl Recent {
    fn of(range: &Range) -> Self {
        Self {
            first: range.first,
            frames: range.end - range.first,
            first_index: range.first - range.offset,
        }
    }
}

pub(super) struct Ranges<'m> {
    table: &'m mut [Row],
    pending: &'m mut [u64],
    /// How many bits of `pending` belong to ranges.
    pending_used: u64,
    /// How many rows are in use.
    rows: usize,
    /// The last range that was looked up by number, if all of it is the allocator's.
    recent: Recent,
    /// The last range that was looked up by index.
    recent_by_index: Recent,
}

impl<'m> Ranges<'m> {
    /// No range yet; `table` has room for as many as will be pushed.
    pub(super) fn new(table: &'m mut [u64], pending: &'m mut [u64]) -> Self {
        let table = table.as_chunks_mut().0;
        Self {
            table,
            pending,
            pending_used: 0,
            rows: 0,
            recent: Recent::default(),
            recent_by_index: Recent::default(),
        }
    }

    /// Adds the range after all others. There must be room for it.
    pub(super) fn push(&mut self, first: u64, end: u64, offset: u64, kind: RangeKind) {
        let mark = match kind {
            RangeKind::Open => OPEN,
            RangeKind::Held => HELD,
            RangeKind::Pending => self.pending_used,
        };
        if kind == RangeKind::Pending {
            self.pending_used = (self.pending_used + (end - first)).next_multiple_of(64);
            bits::set(self.pending, mark, mark + (end - first));
        }
        self.table[self.rows] = [first, end, offset, mark];
        self.rows += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range> + Clone + '_ {
        self.table[..self.rows]
            .iter()
            .map(|&row| Range::of_row(row))
    }

    /// The ranges that end after the frame `number`.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = Range> + Clone + '_ {
        let before = self.table[..self.rows].partition_point(|row| row[1] <= number);
        self.table[before..self.rows]
            .iter()
            .map(|&row| Range::of_row(row))
    }

    /// The range that holds the frame `number`.
    pub(super) fn find(&self, number: u64) -> Option<Range> {
        let after = self.table[..self.rows].partition_point(|row| row[0] <= number);
        let range = Range::of_row(self.table[after.checked_sub(1)?]);
        range.contains(number).then_some(range)
    }

    /// The index of the first of `count` frames from `number` on, which are all
    /// in one range and not reserved.
    #[inline]
    pub(super) fn index_of(&mut self, number: u64, count: u64) -> Option<u64> {
        let place = number.wrapping_sub(self.recent.first);
        if place < self.recent.frames.saturating_sub(count - 1) {
            return Some(place + self.recent.first_index);
        }
        self.look_up(number, count)
    }

    /// The same, where the last range found does not help.
    #[cold]
    fn look_up(&mut self, number: u64, count: u64) -> Option<u64> {
        let range = self
            .find(number)
            .filter(|range| number + count <= range.end)?;
        if range.is_open() {
            self.recent = Recent::of(&range);
        } else if (number..number + count).any(|number| self.is_reserved(&range, number)) {
            return None;
        }
        Some(number - range.offset)
    }

    /// The number of the frame with `index`, which is in some range.
    #[inline]
    pub(super) fn number_of(&mut self, index: u64) -> u64 {
        let place = index.wrapping_sub(self.recent_by_index.first_index);
        if place >= self.recent_by_index.frames {
            return self.look_up_index(index);
        }
        place + self.recent_by_index.first
    }

    /// The same, where the last range found does not help.
    #[cold]
    fn look_up_index(&mut self, index: u64) -> u64 {
        let after = self.table[..self.rows].partition_point(|row| row[0] - row[2] <= index);
        let range = Range::of_row(self.table[after.saturating_sub(1)]);
        self.recent_by_index = Recent::of(&range);
        index + range.offset
    }

    /// Whether the frame `number` of `range` is reserved.
    pub(super) fn is_reserved(&self, range: &Range, number: u64) -> bool {
        match range.mark {
            OPEN => false,
            HELD => true,
            _ => self.next_reserved(range, number, number + 1, true) == number,
        }
    }

    /// The first frame of `from..end` in the pending `range` that is reserved
    /// (or, not `wanted`, that is not), or `end`.
    pub(super) fn next_reserved(&self, range: &Range, from: u64, end: u64, wanted: bool) -> u64 {
        let (place, place_end) = (range.pending_place(from), range.pending_place(end));
        from + (bits::next(self.pending, place, place_end, wanted) - place)
    }

    /// Makes the frames `first..end`, all pending, the allocator's.
    pub(super) fn reclaim(&mut self, first: u64, end: u64) {
        let mut number = first;
        while let Some(range) = self.find(number).filter(|_| number < end) {
            let stop = range.end.min(end);
            bits::clear(
                self.pending,
                range.pending_place(number),
                range.pending_place(stop),
            );
            if self.next_reserved(&range, range.first, range.end, true) == range.end {
                // Nothing to look up any more: the range is as good as any.
                let row = self.table[..self.rows].partition_point(|row| row[0] < range.first);
                self.table[row][3] = OPEN;
            }
            number = stop;
        }
    }
}
