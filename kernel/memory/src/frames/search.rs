//! Looking through the bitmap: free and used frames in a row. The frames in the
//! hand count as what they are, free.

use super::blocks::{BLOCK_FRAMES, BLOCK_SHIFT, BLOCK_WORDS, Blocks, place};
use super::tally::Tally;

impl Blocks<'_> {
    /// How many blocks are free as a whole.
    pub(super) fn whole_blocks(&self) -> u64 {
        let by_hand = self
            .block_in_hand()
            .is_some_and(|block| self.free_in(block) == BLOCK_FRAMES);
        self.whole_count + u64::from(by_hand)
    }

    /// The first free frame of `from..end`.
    pub(super) fn next_free(&self, from: u64, end: u64) -> Option<u64> {
        self.next_start(from, end, 1)
    }

    /// The first frame of `from..end` at which `count` free ones in a row may
    /// begin. They do, unless the row leaves the word of its first frame.
    pub(super) fn next_start(&self, from: u64, end: u64, count: u64) -> Option<u64> {
        let mut at = from;
        while at < end {
            let block = (at >> BLOCK_SHIFT) as usize;
            if self.free_in(block) == 0 {
                at = (self.next_block(block + 1)? as u64) << BLOCK_SHIFT;
                continue;
            }
            let free = self.word(at) & (u64::MAX << (at % 64));
            if let Some(bit) = start_in(free, count) {
                let found = (at & !63) + u64::from(bit);
                return (found < end).then_some(found);
            }
            at = (at | 63) + 1;
        }
        None
    }

    /// The first frame of `from..end` that is not free, or `end`.
    pub(super) fn next_used(&self, from: u64, end: u64) -> u64 {
        let mut at = from;
        while at < end {
            let block = (at >> BLOCK_SHIFT) as usize;
            if at.is_multiple_of(BLOCK_FRAMES) && self.free_in(block) == BLOCK_FRAMES {
                at += BLOCK_FRAMES;
                continue;
            }
            let used = !self.word(at) >> (at % 64);
            if used != 0 {
                return (at + u64::from(used.trailing_zeros())).min(end);
            }
            at = (at | 63) + 1;
        }
        end
    }

    /// Whether the bitmap, the tally and both summaries say the same of `block`.
    pub(super) fn agrees(&self, block: usize) -> bool {
        let tally = Tally::of(&self.bits[block]);
        let is_whole = tally.is_whole();
        let is_partial = tally.free() > 0 && !is_whole;
        tally == self.tallies.get(block)
            && self.whole.contains(block) == is_whole
            && self.partial.contains(block) == is_partial
    }

    /// The word with the bit of the frame `index`.
    fn word(&self, index: u64) -> u64 {
        let (block, at) = place(index);
        let is_in_hand = self.hand.word == index / 64;
        self.bits[block][at] | if is_in_hand { self.hand.bits } else { 0 }
    }

    /// How many frames of `block` are free.
    fn free_in(&self, block: usize) -> u64 {
        let in_map = self.tallies.get(block).free();
        if self.block_in_hand() == Some(block) {
            in_map + u64::from(self.hand.bits.count_ones())
        } else {
            in_map
        }
    }

    /// The block of the frames in the hand.
    fn block_in_hand(&self) -> Option<usize> {
        (self.hand.bits != 0).then_some(self.hand.word as usize / BLOCK_WORDS)
    }

    /// The first block, `from` or later, with a free frame.
    fn next_block(&self, from: usize) -> Option<usize> {
        let by_hand = self.block_in_hand().filter(|&block| block >= from);
        [self.partial.next(from), self.whole.next(from), by_hand]
            .into_iter()
            .flatten()
            .min()
    }
}

/// The lowest bit of `free` from which on `count` bits are set, or the first of
/// those at the upper end, which may go on in the next word.
///
/// Shifting the word against itself keeps the bits that begin a long enough
/// row, in six steps at most, where rows one after the other would be up to 32.
fn start_in(free: u64, count: u64) -> Option<u32> {
    let count = count.min(64);
    let (mut starts, mut length) = (free, 1);
    while length < count && starts != 0 {
        let step = length.min(count - length);
        starts &= starts >> step;
        length += step;
    }
    let upper = 64 - free.leading_ones();
    let start = starts.trailing_zeros().min(upper);
    (start < 64).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::start_in;

    #[test]
    fn a_row_begins_where_enough_bits_are_set() {
        let free = 0b0111_0110_1100_0010;
        assert_eq!(start_in(free, 1), Some(1));
        assert_eq!(start_in(free, 2), Some(6));
        assert_eq!(start_in(free, 3), Some(12));
        assert_eq!(start_in(free, 4), None);
        assert_eq!(start_in(0, 1), None);
        assert_eq!(start_in(u64::MAX, 64), Some(0));
    }

    #[test]
    fn a_row_at_the_upper_end_may_go_on_in_the_next_word() {
        assert_eq!(start_in(1 << 63, 2), Some(63));
        assert_eq!(start_in(0x7 << 61 | 0x1f, 5), Some(0));
        assert_eq!(start_in(0x7 << 61 | 0xf, 5), Some(61));
        assert_eq!(start_in(u64::MAX << 1, 1 << 40), Some(1));
    }
}
