//! Physical memory as rows of blocks, each a power of two of frames, small
//! enough to tell places apart and large enough that all memory fits.
//!
//! ```text
//! bitmap: free, reserved, used ─> owner counts: which of the used ones are shared
//!         (the rows are made)     ─> the halves' tables and leaves: which of them
//!                                    are tables, private; what is borrowed
//! ```
//!
//! A row spans 64 blocks of physical addresses and there is one wherever memory
//! is; holes between rows are left out. What must always hold: all blocks
//! together have as many frames of each state as the counters say. Borrowed
//! memory lies outside of managed memory; it gets two rows, and what does not
//! fit in is only counted.

#[cfg(test)]
mod tests;

use memory::frames::{Frames, State};
use memory::space::{Content, Half};
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
/// memory is held meanwhile. What a space holds that is neither loaded nor parked is in
/// use for something else.
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
        let memory = spaces::memory();
        memory.frames(|frames| self.gather_managed(frames));
        let zero = memory.zero_frame().start_address().as_u64();
        self.tell_apart(zero, 1, FrameState::Zero);
        memory.shared_frames(|frame, _| {
            self.tell_apart(frame.start_address().as_u64(), 1, FrameState::Shared);
        });
        memory.counter_tables(|table| {
            self.tell_apart(table.start_address().as_u64(), 1, FrameState::Table);
        });
        spaces::kernel_half(|half, _| self.gather_held(half));
        spaces::current(|space, _| self.gather_held(space));
        spaces::each_parked(|space| self.gather_held(space));
    }

    fn gather_managed(&mut self, frames: &Frames) {
        let runs = || {
            let states = frames.states();
            states.map(|(run, state)| (run.start().as_u64(), run.end(), state))
        };
        if self.used == 0 {
            let total = frames.counts().total * FRAME;
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
                State::Used => FrameState::Kernel,
            };
            self.add(start, end, state);
        }
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
    fn gather_held(&mut self, half: &Half) {
        half.tables(|table| self.tell_apart(table.start_address().as_u64(), 1, FrameState::Table));
        let (start, end) = half.window();
        for leaf in half.leaves(start, end) {
            let frames = leaf.size.frames();
            match leaf.content {
                Content::Private(start) => {
                    self.tell_apart(start.as_u64(), frames, FrameState::Private);
                }
                Content::Borrowed(start) => {
                    self.borrow(start.as_u64(), start.as_u64() + frames * FRAME);
                }
                // A shared frame was told apart already, whoever owns it.
                Content::Shared(_) | Content::Object(_) | Content::Zero(_) | Content::Fixed(_) => {}
            }
        }
    }

    /// Of frames that are not in use nothing else is said, whatever a table,
    /// that may be broken, makes of them.
    fn tell_apart(&mut self, start: u64, frames: u64, state: FrameState) {
        let mut told = 0;
        self.each(start, start + frames * FRAME, |block, frames| {
            let frames = frames.min(block[FrameState::Kernel as usize]);
            block[FrameState::Kernel as usize] -= frames;
            block[state as usize] += frames;
            told += u64::from(frames);
        });
        self.totals[FrameState::Kernel as usize] -= told;
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
        let shift = self.size.trailing_zeros();
        let mut at = start;
        while at < end
            && let Some(row) = self.find(at)
        {
            let row_start = self.rows[row].start;
            let row_end = end.min(row_start + self.span());
            let first = (at - row_start) >> shift;
            for counts in &mut self.rows[row].counts[first as usize..] {
                let stop = row_end.min((at | (self.size - 1)) + 1);
                change(counts, ((stop - at) / FRAME) as u32);
                at = stop;
                if at == row_end {
                    break;
                }
            }
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
