//! Physical memory as rows of blocks, each a power of two of frames, small
//! enough to tell places apart and large enough that all memory fits.
//!
//! ```text
//! bitmap: free, reserved, used ─> the halves' holdings: which of the used ones
//!         (the rows are made)        are tables, private; what is borrowed
//! ```
//!
//! A row spans 64 blocks of physical addresses and there is one wherever memory
//! is; holes between rows are left out. What must always hold: all blocks
//! together have as many frames of each state as the counters say. Borrowed
//! memory lies outside of managed memory; it gets two rows, and what does not
//! fit in is only counted.

use memory::frames::State;
use memory::space::Holding;
use memory::{Physical, Space};
use spin::Mutex;

use super::row::{COLUMNS, Row};
use super::state::FrameState;
use crate::spaces;

/// Rows of managed memory, at most.
const MANAGED_ROWS: usize = 16;
/// Rows that there are at most.
pub const MOST_ROWS: usize = MANAGED_ROWS + 2;

const FRAME: u64 = 4096;

/// All of physical memory.
#[derive(Debug)]
pub struct Blocks {
    rows: [Row; MOST_ROWS],
    used: usize,
    /// The row that was found last.
    last: usize,
    /// Bytes of a block, a power of two.
    size: u64,
    /// Frames of each state, borrowed ones that no row has room for included.
    totals: [u64; FrameState::COUNT],
}

/// The blocks are large, and gathered in one place for whoever shows them.
static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks::new());

/// Gathers the blocks as they are now, and lets `look` see them. No lock of
/// memory is held meanwhile.
///
/// # Panics
///
/// Before [`spaces::init`].
pub fn with<R>(look: impl FnOnce(&Blocks) -> R) -> R {
    let mut blocks = BLOCKS.lock();
    blocks.gather();
    look(&blocks)
}

impl Blocks {
    const fn new() -> Self {
        Self {
            rows: [Row::empty(0, true); MOST_ROWS],
            used: 0,
            last: 0,
            size: FRAME,
            totals: [0; FrameState::COUNT],
        }
    }

    /// The rows, by address.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows[..self.used]
    }

    /// Bytes of a block: a power of two, 4096 or more.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        self.size
    }

    /// Frames (4 KiB) of the whole machine in this state.
    #[must_use]
    pub fn total(&self, state: FrameState) -> u64 {
        self.totals[state as usize]
    }

    fn gather(&mut self) {
        spaces::physical(|physical| self.gather_managed(physical));
        spaces::kernel_half(|space, physical, _| self.gather_held(space, physical));
        spaces::current(|space, physical, _| self.gather_held(space, physical));
    }

    fn gather_managed(&mut self, physical: &Physical) {
        let runs = || {
            let states = physical.frames().states();
            states.map(|(run, state)| (run.start.as_u64(), run.end.as_u64(), state))
        };
        if self.used == 0 {
            let total = physical.frames().counts().total * FRAME;
            self.size = total
                .div_ceil((MANAGED_ROWS * COLUMNS) as u64)
                .next_power_of_two()
                .max(FRAME);
            while !self.begin(runs().map(|(start, end, _)| (start, end))) {
                self.size *= 2;
            }
        }
        self.clear();
        for (start, end, state) in runs() {
            let state = match state {
                State::Free => FrameState::Free,
                State::Reserved => FrameState::Reserved,
                State::Used => FrameState::Other,
            };
            self.add(start, end, state);
        }
        let zero = physical.zero_frame().start_address().as_u64();
        self.tell_apart(zero, 1, FrameState::Zero);
    }

    /// Forgets all but where managed memory is, which never changes.
    fn clear(&mut self) {
        let mut kept = 0;
        for index in 0..self.used {
            if self.rows[index].is_managed {
                self.rows[kept] = Row::empty(self.rows[index].start, true);
                kept += 1;
            }
        }
        (self.used, self.last) = (kept, 0);
        self.totals = [0; FrameState::COUNT];
    }

    /// Makes empty rows for memory in these ranges, in rising order; false if
    /// there are too many.
    fn begin(&mut self, ranges: impl Iterator<Item = (u64, u64)>) -> bool {
        (self.used, self.last) = (0, 0);
        let span = self.span();
        let mut next = 0;
        for (start, end) in ranges {
            next = next.max(start - start % span);
            while next < end {
                if self.used == MANAGED_ROWS {
                    return false;
                }
                self.insert(self.used, next, true);
                next += span;
            }
        }
        true
    }

    /// Says of frames in use what the half holds them as.
    fn gather_held(&mut self, space: &Space, physical: &Physical) {
        space.holdings(physical, |held| {
            let start = held.start.as_u64();
            match held.holding {
                Holding::Table => self.tell_apart(start, held.frames, FrameState::Table),
                Holding::Private => self.tell_apart(start, held.frames, FrameState::Private),
                Holding::Borrowed => self.borrow(start, start + held.frames * FRAME),
            }
        });
    }

    /// Of frames that are not in use nothing else is said, whatever a table,
    /// that may be broken, makes of them.
    fn tell_apart(&mut self, start: u64, frames: u64, state: FrameState) {
        let mut told = 0;
        self.each(start, start + frames * FRAME, |block, frames| {
            let frames = frames.min(block[FrameState::Other as usize]);
            block[FrameState::Other as usize] -= frames;
            block[state as usize] += frames;
            told += u64::from(frames);
        });
        self.totals[FrameState::Other as usize] -= told;
        self.totals[state as usize] += told;
    }

    /// Adds frames to blocks that there are.
    fn add(&mut self, start: u64, end: u64, state: FrameState) {
        self.each(start, end, |block, frames| {
            block[state as usize] += frames;
        });
        self.totals[state as usize] += (end - start) / FRAME;
    }

    fn borrow(&mut self, start: u64, end: u64) {
        let mut at = start;
        while at < end {
            let row = at - at % self.span();
            let stop = end.min(row + self.span());
            if self.find(at).is_none() && self.used < MOST_ROWS {
                let index = self.rows().partition_point(|other| other.start < row);
                self.insert(index, row, false);
            }
            self.add(at, stop, FrameState::Borrowed);
            at = stop;
        }
    }

    /// Hands each block that has part in `start..end` to `change`, with the
    /// number of frames, as far as there are rows.
    fn each(
        &mut self,
        start: u64,
        end: u64,
        mut change: impl FnMut(&mut [u32; FrameState::COUNT], u32),
    ) {
        let mut at = start;
        while at < end
            && let Some(row) = self.find(at)
        {
            let index = (at - self.rows[row].start) / self.size;
            let stop = end.min((at | (self.size - 1)) + 1);
            let frames = ((stop - at) / FRAME) as u32;
            change(&mut self.rows[row].counts[index as usize], frames);
            at = stop;
        }
    }

    /// The row that holds an address.
    fn find(&mut self, address: u64) -> Option<usize> {
        let span = self.span();
        let holds = |row: &Row| address.wrapping_sub(row.start) < span;
        if !self.rows().get(self.last).is_some_and(holds) {
            let above = self.rows().partition_point(|row| row.start <= address);
            self.last = above.checked_sub(1)?;
        }
        self.rows()
            .get(self.last)
            .is_some_and(holds)
            .then_some(self.last)
    }

    fn insert(&mut self, index: usize, start: u64, is_managed: bool) {
        self.rows.copy_within(index..self.used, index + 1);
        self.rows[index] = Row::empty(start, is_managed);
        self.used += 1;
    }

    /// Bytes of a row.
    fn span(&self) -> u64 {
        self.size * COLUMNS as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_blocks_have_as_many_frames_of_each_state_as_the_counters_say() {
        let (counts, borrowed) =
            spaces::physical(|physical| (physical.frames().counts(), physical.borrowed()));
        with(|blocks| {
            let expected = [
                (FrameState::Free, counts.free),
                (FrameState::Reserved, counts.reserved),
                (FrameState::Table, counts.tables),
                (FrameState::Zero, 1),
                (FrameState::Private, counts.private),
                (FrameState::Other, counts.kernel + counts.shared),
                (FrameState::Borrowed, borrowed),
            ];
            for (state, count) in expected {
                assert_eq!(blocks.total(state), count, "{}", state.name());
                let blocks = blocks.rows().iter().flat_map(Row::blocks);
                let sum: u64 = blocks.map(|block| u64::from(block.of(state))).sum();
                assert_eq!(sum, count, "{}", state.name());
            }
        });
    }

    #[test_case]
    fn blocks_are_as_small_as_their_number_allows() {
        let total = spaces::physical(|physical| physical.frames().counts().total) * FRAME;
        with(|blocks| {
            let most = (MANAGED_ROWS * COLUMNS) as u64;
            assert!(blocks.block_size().is_power_of_two());
            assert!(blocks.block_size() * most >= total);
            assert!(blocks.rows().len() <= MOST_ROWS);
            assert!(blocks.rows().is_sorted_by_key(|row| row.start));
        });
    }

    #[test_case]
    fn holes_take_no_rows_and_too_many_rows_are_refused() {
        let mut blocks = alloc::boxed::Box::new(Blocks::new());
        let gib = 1 << 30;
        let ranges = [(FRAME, 3 * FRAME), (gib, gib + 65 * FRAME)];
        assert!(blocks.begin(ranges.into_iter()));
        let starts: alloc::vec::Vec<u64> = blocks.rows().iter().map(|row| row.start).collect();
        assert_eq!(starts, [0, gib, gib + 64 * FRAME]);
        assert!(!blocks.begin((0..17).map(|n| (n * gib, n * gib + FRAME))));
    }

    #[test_case]
    fn borrowed_memory_gets_two_rows_and_is_counted_beyond() {
        let mut blocks = alloc::boxed::Box::new(Blocks::new());
        assert!(blocks.begin((0..16).map(|n| (n << 30, (n << 30) + FRAME))));
        for gib in [20_u64, 30, 40] {
            blocks.borrow(gib << 30, (gib << 30) + 5 * FRAME);
        }
        assert_eq!(blocks.rows().len(), MOST_ROWS);
        let blocks_of = |row| Row::blocks(row).map(|block| block.of(FrameState::Borrowed));
        let shown: u32 = blocks.rows().iter().flat_map(blocks_of).sum();
        assert_eq!((shown, blocks.total(FrameState::Borrowed)), (10, 15));
    }
}
