//! The bitmap: one bit per 4 KiB frame, a count per 2 MiB block, two summaries.
//!
//! Frames are addressed by index here: a dense numbering of the blocks that
//! exist, 512 to a block (`ranges` translates). A set bit is a free frame. One
//! word at a time is taken out of the bitmap into the `Hand`, so that taking a
//! frame is: find the lowest bit of one word, clear it.
//!
//! What must always hold:
//! - a block's count is the number of bits set in its eight words; the frames
//!   in the hand are free, but not in the bitmap and not in the count;
//! - `whole` holds the blocks with 512 free frames, `partial` those with fewer
//!   but some. Single frames come from partial blocks as long as there are
//!   any, the lowest first, so that whole ones stay whole.

use super::bits;
use super::summary::{self, BlockSet};

/// Frames in a block: what a 2 MiB page holds.
pub(super) const BLOCK_FRAMES: u64 = 512;

/// log2 of [`BLOCK_FRAMES`].
pub(super) const BLOCK_SHIFT: u32 = BLOCK_FRAMES.trailing_zeros();

/// Bitmap words of a block.
const BLOCK_WORDS: usize = (BLOCK_FRAMES / 64) as usize;

/// Counts (0 to 512, so 16 bits) in a word.
const COUNTS_PER_WORD: usize = 4;

/// How many words of storage `blocks` need: bitmap, counts and both summaries.
pub(super) fn words_for(blocks: usize) -> usize {
    blocks * BLOCK_WORDS + blocks.div_ceil(COUNTS_PER_WORD) + 2 * summary::words_for(blocks)
}

/// The free frames of one word, taken out of the bitmap.
struct Hand {
    /// Bit n: frame `word * 64 + n` is free.
    bits: u64,
    /// The number of the frame that bit 0 stands for.
    first: u64,
    /// Which word of the bitmap it was, or `NO_WORD`.
    word: u64,
}

/// No bitmap is that long.
const NO_WORD: u64 = u64::MAX;

pub(super) struct Blocks<'m> {
    hand: Hand,
    bits: &'m mut [[u64; BLOCK_WORDS]],
    counts: &'m mut [u64],
    partial: BlockSet<'m>,
    whole: BlockSet<'m>,
}

impl<'m> Blocks<'m> {
    /// Nothing free, over `storage`, which is zero and [`words_for`]`(blocks)` long.
    pub(super) fn new(blocks: usize, storage: &'m mut [u64]) -> Self {
        let (bits, rest) = storage.split_at_mut(blocks * BLOCK_WORDS);
        let (counts, rest) = rest.split_at_mut(blocks.div_ceil(COUNTS_PER_WORD));
        let (partial, whole) = rest.split_at_mut(summary::words_for(blocks));
        Self {
            hand: Hand {
                bits: 0,
                first: 0,
                word: NO_WORD,
            },
            bits: bits.as_chunks_mut().0,
            counts,
            partial: BlockSet::new(blocks, partial),
            whole: BlockSet::new(blocks, whole),
        }
    }

    // --- the hand ----------------------------------------------------------

    /// The number of the lowest frame in the hand, which is taken.
    #[inline]
    pub(super) fn take_from_hand(&mut self) -> Option<u64> {
        let bits = self.hand.bits;
        if bits == 0 {
            return None;
        }
        self.hand.bits = bits & (bits - 1);
        Some(self.hand.first + u64::from(bits.trailing_zeros()))
    }

    /// Whether the frame `index` belongs to the word in the hand.
    #[inline]
    pub(super) fn hand_holds(&self, index: u64) -> bool {
        index / 64 == self.hand.word
    }

    /// Puts a frame into the hand, which holds its word; `false` if it is there.
    #[inline]
    pub(super) fn put_in_hand(&mut self, index: u64) -> bool {
        let bit = 1 << (index % 64);
        let missing = self.hand.bits & bit == 0;
        self.hand.bits |= bit;
        missing
    }

    /// Fills the used-up hand with the lowest word that has free frames, and
    /// returns the index of the lowest of them; `name_hand` must follow.
    pub(super) fn fill_hand(&mut self) -> Option<u64> {
        let (block, at) = self.lowest_word()?;
        let bits = core::mem::take(&mut self.bits[block][at]);
        self.lower_count(block, u64::from(bits.count_ones()));
        let word = (block * BLOCK_WORDS + at) as u64;
        self.hand = Hand {
            bits,
            first: 0,
            word,
        };
        Some(word * 64 + u64::from(bits.trailing_zeros()))
    }

    /// Says which number the lowest frame in the hand has.
    pub(super) fn name_hand(&mut self, lowest: u64) {
        self.hand.first = lowest - u64::from(self.hand.bits.trailing_zeros());
    }

    /// Puts what is in the hand back into the bitmap.
    pub(super) fn empty_hand(&mut self) {
        let Hand { bits, word, .. } = core::mem::replace(
            &mut self.hand,
            Hand {
                bits: 0,
                first: 0,
                word: NO_WORD,
            },
        );
        if bits != 0 {
            let (block, at) = (word as usize / BLOCK_WORDS, word as usize % BLOCK_WORDS);
            self.bits[block][at] |= bits;
            self.raise_count(block, u64::from(bits.count_ones()));
        }
    }

    // --- single frames and blocks ------------------------------------------

    /// The index of the lowest free frame of the lowest partial block, which
    /// is taken. The hand is empty and stays so.
    pub(super) fn take_one(&mut self) -> Option<u64> {
        let (block, at) = self.lowest_word()?;
        let word = &mut self.bits[block][at];
        let bit = u64::from(word.trailing_zeros());
        *word &= *word - 1;
        self.lower_count(block, 1);
        Some((block * BLOCK_WORDS + at) as u64 * 64 + bit)
    }

    /// Sets a bit of the bitmap that is not in the hand's word; `false` if it was set.
    #[inline]
    pub(super) fn put_one(&mut self, index: u64) -> bool {
        let (block, at) = place(index);
        let word = &mut self.bits[block][at];
        let bit = 1 << (index % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.raise_count(block, 1);
        true
    }

    /// The lowest whole block, which is taken; it has `BLOCK_FRAMES` times its number as index.
    #[inline]
    pub(super) fn take_block(&mut self) -> Option<u64> {
        let block = match self.whole.first() {
            Some(block) => block,
            None => {
                // The last frame that a block lacks may be in the hand.
                self.empty_hand();
                self.whole.first()?
            }
        };
        self.bits[block] = [0; BLOCK_WORDS];
        self.write_count(block, 0);
        self.whole.remove(block);
        Some((block as u64) << BLOCK_SHIFT)
    }

    /// Frees a whole block; `false`, and nothing done, if a frame of it is free.
    #[inline]
    pub(super) fn put_block(&mut self, index: u64) -> bool {
        let block = (index >> BLOCK_SHIFT) as usize;
        let hand_is_here = self.hand.bits != 0 && self.hand.word >> 3 == block as u64;
        if self.read_count(block) != 0 || hand_is_here {
            return false;
        }
        if self.hand.word >> 3 == block as u64 {
            self.empty_hand();
        }
        self.bits[block] = [u64::MAX; BLOCK_WORDS];
        self.write_count(block, BLOCK_FRAMES);
        self.whole.insert(block);
        true
    }

    // --- spans -------------------------------------------------------------

    /// Takes the frames `from..end`, all of them free; the hand is empty.
    pub(super) fn take_span(&mut self, from: u64, end: u64) {
        for (block, from, end) in blocks(from, end) {
            bits::clear(&mut self.bits[block], from, end);
            self.lower_count(block, end - from);
        }
    }

    /// Frees the frames `from..end`, none of them free; the hand is empty.
    pub(super) fn put_span(&mut self, from: u64, end: u64) {
        for (block, from, end) in blocks(from, end) {
            bits::set(&mut self.bits[block], from, end);
            self.raise_count(block, end - from);
        }
    }

    // --- looking -----------------------------------------------------------

    /// How many blocks are free as a whole.
    pub(super) fn whole_blocks(&self) -> u64 {
        let by_hand = self.hand.bits != 0
            && self.count(self.hand.word as usize / BLOCK_WORDS) == BLOCK_FRAMES;
        self.whole.len() + u64::from(by_hand)
    }

    /// The first free frame of `from..end`.
    pub(super) fn next_free(&self, from: u64, end: u64) -> Option<u64> {
        let mut at = from;
        while at < end {
            let block = (at >> BLOCK_SHIFT) as usize;
            if self.count(block) == 0 {
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
            if at.is_multiple_of(BLOCK_FRAMES)
                && self.count((at >> BLOCK_SHIFT) as usize) == BLOCK_FRAMES
            {
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

    /// Whether the bitmap, the count and both summaries say the same of `block`.
    pub(super) fn agrees(&self, block: usize) -> bool {
        let in_map: u32 = self.bits[block].iter().map(|word| word.count_ones()).sum();
        let free = u64::from(in_map);
        free == self.read_count(block)
            && self.whole.contains(block) == (free == BLOCK_FRAMES)
            && self.partial.contains(block) == (free > 0 && free < BLOCK_FRAMES)
    }

    /// The word of the frame `index` as if there were no hand.
    fn word(&self, index: u64) -> u64 {
        let (block, at) = place(index);
        let by_hand = if self.hand_holds(index) {
            self.hand.bits
        } else {
            0
        };
        self.bits[block][at] | by_hand
    }

    /// The free frames of `block` as if there were no hand.
    fn count(&self, block: usize) -> u64 {
        let by_hand = if self.hand.word >> 3 == block as u64 {
            self.hand.bits.count_ones()
        } else {
            0
        };
        self.read_count(block) + u64::from(by_hand)
    }

    /// The first block, `from` or later, with a free frame.
    fn next_block(&self, from: usize) -> Option<usize> {
        let hand = self.hand.word as usize / BLOCK_WORDS;
        let by_hand = (self.hand.bits != 0 && hand >= from).then_some(hand);
        [self.partial.next(from), self.whole.next(from), by_hand]
            .into_iter()
            .flatten()
            .min()
    }

    /// Block and place in the block of the word that single frames come from.
    #[inline]
    fn lowest_word(&mut self) -> Option<(usize, usize)> {
        let block = match self.partial.first() {
            Some(block) => block,
            None => self.whole.first()?,
        };
        let at = self.bits[block].iter().position(|&word| word != 0)?;
        Some((block, at))
    }

    // --- counts and summaries ----------------------------------------------

    #[inline]
    fn read_count(&self, block: usize) -> u64 {
        self.counts[block / COUNTS_PER_WORD] >> count_shift(block) & 0xffff
    }

    #[inline]
    fn write_count(&mut self, block: usize, count: u64) {
        let shift = count_shift(block);
        let word = &mut self.counts[block / COUNTS_PER_WORD];
        *word = *word & !(0xffff << shift) | count << shift;
    }

    /// `by` more frames of `block` are free.
    #[inline]
    fn raise_count(&mut self, block: usize, by: u64) {
        let before = self.read_count(block);
        let after = before + by;
        self.write_count(block, after);
        if after == BLOCK_FRAMES {
            if before != 0 {
                self.partial.remove(block);
            }
            self.whole.insert(block);
        } else if before == 0 {
            self.partial.insert(block);
        }
    }

    /// `by` frames of `block` are no longer free.
    #[inline]
    fn lower_count(&mut self, block: usize, by: u64) {
        let before = self.read_count(block);
        let after = before - by;
        self.write_count(block, after);
        if before == BLOCK_FRAMES {
            self.whole.remove(block);
            if after != 0 {
                self.partial.insert(block);
            }
        } else if after == 0 {
            self.partial.remove(block);
        }
    }
}

/// Where in its word of counts a block's count starts.
fn count_shift(block: usize) -> u32 {
    (block % COUNTS_PER_WORD) as u32 * 16
}

/// The block of a frame, and which of the block's words holds its bit.
#[inline]
fn place(index: u64) -> (usize, usize) {
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
