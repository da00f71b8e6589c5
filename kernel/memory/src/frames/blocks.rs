//! The bitmap: one bit per 4 KiB frame, a tally per 2 MiB block, two summaries.
//!
//! Frames are addressed by index here: a dense numbering of the blocks that
//! exist, 512 to a block (`ranges` translates). A set bit is a free frame. One
//! word at a time is taken out of the bitmap into the `hand`, where single frames
//! come from.
//!
//! What must always hold:
//! - a block's tally tells how many bits are set in its eight words, and in
//!   which; the frames in the hand are free, but in neither;
//! - `whole` holds the blocks with 512 free frames, `partial` those with fewer
//!   but some. Single frames come from partial blocks as long as there are
//!   any, the lowest first, so that whole ones stay whole.
//!
//! `search` looks through the bitmap without changing it.

use super::bits;
use super::hand::Hand;
use super::summary::{self, BlockSet};
use super::tally::{self, Tallies, Tally};

/// Frames in a block: what a 2 MiB page holds.
pub(super) const BLOCK_FRAMES: u64 = 512;

/// log2 of [`BLOCK_FRAMES`].
pub(super) const BLOCK_SHIFT: u32 = BLOCK_FRAMES.trailing_zeros();

/// Bitmap words of a block.
pub(super) const BLOCK_WORDS: usize = (BLOCK_FRAMES / 64) as usize;

/// How many words of storage `blocks` need: bitmap, tallies and both summaries.
pub(super) fn words_for(blocks: usize) -> usize {
    blocks * BLOCK_WORDS + tally::words_for(blocks) + 2 * summary::words_for(blocks)
}

pub(super) struct Blocks<'m> {
    pub(super) hand: Hand,
    pub(super) bits: &'m mut [[u64; BLOCK_WORDS]],
    pub(super) tallies: Tallies<'m>,
    pub(super) partial: BlockSet<'m>,
    pub(super) whole: BlockSet<'m>,
    /// How many blocks are in `whole`.
    pub(super) whole_count: u64,
}

impl<'m> Blocks<'m> {
    /// Nothing free, over `storage`, which is zero and [`words_for`]`(blocks)` long.
    pub(super) fn new(blocks: usize, storage: &'m mut [u64]) -> Self {
        let (bits, rest) = storage.split_at_mut(blocks * BLOCK_WORDS);
        let (tallies, rest) = rest.split_at_mut(tally::words_for(blocks));
        let (partial, whole) = rest.split_at_mut(summary::words_for(blocks));
        Self {
            hand: Hand::EMPTY,
            bits: bits.as_chunks_mut().0,
            tallies: Tallies::new(tallies),
            partial: BlockSet::new(blocks, partial),
            whole: BlockSet::new(blocks, whole),
            whole_count: 0,
        }
    }

    // --- single frames and blocks ------------------------------------------

    /// Takes the lowest free frame of the lowest partial block and returns its
    /// index. What is in the hand stays there.
    pub(super) fn take_one(&mut self) -> Option<u64> {
        let block = self.lowest_block()?;
        let at = self.tallies.get(block).first_word();
        let word = &mut self.bits[block][at];
        let bit = u64::from(word.trailing_zeros());
        *word &= *word - 1;
        let used_up = *word == 0;
        self.lower_tally(block, at, 1, used_up);
        Some((block * BLOCK_WORDS + at) as u64 * 64 + bit)
    }

    /// Frees the frame `number`, which has this `index`; `false`, and nothing
    /// done, if it is free.
    #[inline]
    pub(super) fn put_one(&mut self, index: u64, number: u64) -> bool {
        let bit = 1 << (index % 64);
        if self.hand.word == index / 64 {
            let is_new = self.hand.bits & bit == 0;
            self.hand.bits |= bit;
            return is_new;
        }
        self.put_in_map(index, number)
    }

    /// The same for a frame whose word is not in the hand.
    #[inline(never)]
    fn put_in_map(&mut self, index: u64, number: u64) -> bool {
        let bit = 1 << (index % 64);
        let (block, at) = place(index);
        let word = &mut self.bits[block][at];
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 && self.hand.is_used_up() {
            // The bitmap need not know: what is freed last is handed out next.
            // Freeing and allocating in turn would otherwise wait for all of
            // the summary to be written and read again.
            self.hand = Hand {
                bits: bit,
                word: index / 64,
                first: number - index % 64,
            };
            return true;
        }
        *word |= bit;
        if self.tallies.raise(block, at).is_whole() {
            self.make_whole(block);
        } else {
            self.partial.insert(block);
        }
        true
    }

    /// Takes a whole block and returns the index of its first frame.
    #[inline]
    pub(super) fn take_block(&mut self) -> Option<u64> {
        let block = match self.whole.take_any() {
            Some(block) => block,
            None => {
                // The last frame that a block lacks may be in the hand.
                self.empty_hand();
                self.whole.take_any()?
            }
        };
        self.bits[block] = [0; BLOCK_WORDS];
        self.tallies.clear(block);
        self.whole_count -= 1;
        Some((block as u64) << BLOCK_SHIFT)
    }

    /// Frees the block whose first frame has `index`; `false`, and nothing
    /// done, if a frame of it is free.
    #[inline]
    pub(super) fn put_block(&mut self, index: u64) -> bool {
        let (block, _) = place(index);
        if self.hand.word >> 3 == block as u64 {
            // Frames that come back to this word must find the bitmap's word.
            self.empty_hand();
        }
        if !self.tallies.fill(block) {
            return false;
        }
        self.bits[block] = [u64::MAX; BLOCK_WORDS];
        self.whole.insert(block);
        self.whole_count += 1;
        true
    }

    // --- spans -------------------------------------------------------------

    /// Takes the frames `from..end`, all of them free; the hand is empty.
    pub(super) fn take_span(&mut self, from: u64, end: u64) {
        for (block, from, end) in blocks(from, end) {
            bits::clear(&mut self.bits[block], from, end);
            self.settle(block);
        }
    }

    /// Frees the frames `from..end`, none of them free; the hand is empty.
    pub(super) fn put_span(&mut self, from: u64, end: u64) {
        for (block, from, end) in blocks(from, end) {
            bits::set(&mut self.bits[block], from, end);
            self.settle(block);
        }
    }

    // --- tallies and summaries ---------------------------------------------

    /// `count` frames of word `at` are taken, all that it has if it is `used_up`.
    #[inline]
    pub(super) fn lower_tally(&mut self, block: usize, at: usize, count: u64, used_up: bool) {
        let tally = self.tallies.lower(block, at, count, used_up);
        self.partial.remove_if(block, tally.free() == 0);
    }

    /// The block that single frames come from, which is partial (or made so).
    #[inline]
    pub(super) fn lowest_block(&mut self) -> Option<usize> {
        match self.partial.first() {
            Some(block) => Some(block),
            None => self.break_whole_block(),
        }
    }

    /// Makes a whole block a partial one, about to lose a frame.
    #[cold]
    fn break_whole_block(&mut self) -> Option<usize> {
        let block = self.whole.take_any()?;
        self.whole_count -= 1;
        self.partial.insert(block);
        Some(block)
    }

    /// The last frame of a block was freed.
    #[cold]
    fn make_whole(&mut self, block: usize) {
        self.partial.remove_if(block, true);
        self.whole.insert(block);
        self.whole_count += 1;
    }

    /// Tallies a block whose bits have changed, and puts it into the right set.
    pub(super) fn settle(&mut self, block: usize) {
        let was_whole = self.tallies.get(block).is_whole();
        let tally = Tally::of(&self.bits[block]);
        self.tallies.set(block, tally);
        let is_whole = tally.is_whole();
        self.whole_count = self.whole_count + u64::from(is_whole) - u64::from(was_whole);
        self.whole.put_if(block, is_whole);
        self.partial.put_if(block, tally.free() != 0 && !is_whole);
    }
}

/// The block of a frame, and which of the block's words holds its bit.
#[inline]
pub(super) fn place(index: u64) -> (usize, usize) {
    (
        (index >> BLOCK_SHIFT) as usize,
        (index / 64) as usize % BLOCK_WORDS,
    )
}

/// The blocks that hold the frames `from..end`, each with the bits in it that are meant.
fn blocks(from: u64, end: u64) -> impl Iterator<Item = (usize, u64, u64)> {
    (from >> BLOCK_SHIFT..end.div_ceil(BLOCK_FRAMES)).map(move |block| {
        let start = block << BLOCK_SHIFT;
        (
            block as usize,
            from.max(start) - start,
            end.min(start + BLOCK_FRAMES) - start,
        )
    })
}
