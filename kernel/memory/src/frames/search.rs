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
        let mut at = from;
        while at < end {
            let block = (at >> BLOCK_SHIFT) as usize;
            if self.free_in(block) == 0 {
                at = (self.next_block(block + 1)? as u64) << BLOCK_SHIFT;
                continue;
            }
            let free = self.word(at) >> (at % 64);
            if free != 0 {
                let found = at + u64::from(free.trailing_zeros());
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
