//! The bitmap: one bit per 4 KiB frame, a free count per 2 MiB block, two summaries.
//!
//! Frames are addressed by index here: a dense numbering of the blocks that
//! exist, 512 to a block (`ranges` translates). A set bit is a free frame. One
//! word at a time is moved into the frame cache, where single frames come from:
//! counts and summaries change once per word, not once per frame.
//!
//! What must always hold:
//! - a block's count says how many bits are set in its eight words, and in
//!   which; the frames in the cache are free, but in neither bitmap nor count,
//!   and the bitmap's word that they came from is zero;
//! - `whole` holds the blocks with 512 free frames, `partial` those with fewer
//!   but some. Single frames come from the lowest partial block as long as there
//!   is one, so that whole blocks stay whole.
//!
//! Nothing here knows an owner: [`Frames`](super::Frames) frees what has none.
//! `search` reads the bitmap without changing it.

mod free_count;
mod search;
mod summary;
#[cfg(test)]
mod tests;

use self::free_count::{FreeCount, FreeCounts};
use self::summary::BlockSet;
use super::bits;

/// Frames in a block: what a 2 MiB page holds.
pub(super) const BLOCK_FRAMES: u64 = 512;

/// log2 of [`BLOCK_FRAMES`].
pub(super) const BLOCK_SHIFT: u32 = BLOCK_FRAMES.trailing_zeros();

/// Bitmap words of a block.
const BLOCK_WORDS: usize = (BLOCK_FRAMES / 64) as usize;

/// Returns how many words of storage `blocks` need: bitmap, counts and summaries.
pub(super) fn words_for(blocks: usize) -> usize {
    blocks * BLOCK_WORDS + free_count::words_for(blocks) + 2 * summary::words_for(blocks)
}

/// The free frames of one word, taken out of the bitmap.
struct Cache {
    /// Bit n: frame `word * 64 + n` is free.
    bits: u64,
    /// Which word of the bitmap it was, or [`NO_WORD`](Self::NO_WORD).
    word: u64,
    /// The number of the frame that bit 0 stands for.
    first: u64,
}

impl Cache {
    /// No bitmap is that long.
    const NO_WORD: u64 = u64::MAX;
    const EMPTY: Self = Self {
        bits: 0,
        word: Self::NO_WORD,
        first: 0,
    };
}

pub(super) struct Bitmap<'m> {
    cache: Cache,
    words: &'m mut [[u64; BLOCK_WORDS]],
    counts: FreeCounts<'m>,
    partial: BlockSet<'m>,
    whole: BlockSet<'m>,
    /// How many blocks are in `whole`.
    whole_count: u64,
}

impl<'m> Bitmap<'m> {
    /// Nothing free, over `storage`, which is zero and [`words_for`]`(blocks)` long.
    pub(super) fn new(blocks: usize, storage: &'m mut [u64]) -> Self {
        let (words, rest) = storage.split_at_mut(blocks * BLOCK_WORDS);
        let (counts, rest) = rest.split_at_mut(free_count::words_for(blocks));
        let (partial, whole) = rest.split_at_mut(summary::words_for(blocks));
        Self {
            cache: Cache::EMPTY,
            words: words.as_chunks_mut().0,
            counts: FreeCounts::new(counts),
            partial: BlockSet::new(blocks, partial),
            whole: BlockSet::new(blocks, whole),
            whole_count: 0,
        }
    }

    /// Takes the lowest frame in the cache and returns its number.
    #[inline]
    pub(super) fn take_cached(&mut self) -> Option<u64> {
        let bits = self.cache.bits;
        if bits == 0 {
            return None;
        }
        self.cache.bits = bits & (bits - 1);
        Some(self.cache.first + u64::from(bits.trailing_zeros()))
    }

    /// True if a frame is in the cache.
    pub(super) fn has_cached(&self) -> bool {
        self.cache.bits != 0
    }

    /// Fills the empty cache with the lowest word that has free frames; `None`
    /// if no word has. `number_of` a frame is asked for by its index.
    #[inline]
    pub(super) fn refill(&mut self, number_of: impl FnOnce(u64) -> u64) -> Option<()> {
        let block = match self.partial.first() {
            Some(block) => block,
            None => self.break_whole_block()?,
        };
        let at = self.counts.get(block).first_word();
        let bits = core::mem::take(&mut self.words[block][at]);
        let lose_word = |count: FreeCount| count.without_word(at, bits.count_ones());
        let count = self.counts.update(block, lose_word);
        self.partial.set(block, count.free() != 0);
        let word = (block * BLOCK_WORDS + at) as u64;
        let lowest = u64::from(bits.trailing_zeros());
        let first = number_of(word * 64 + lowest) - lowest;
        self.cache = Cache { bits, word, first };
        Some(())
    }

    /// Frees the frame `number`, which has this `index`; `false`, and nothing
    /// done, if it is free.
    #[inline]
    pub(super) fn put_one(&mut self, index: u64, number: u64) -> bool {
        let bit = 1 << (index % 64);
        if self.cache.word == index / 64 {
            let is_new = self.cache.bits & bit == 0;
            self.cache.bits |= bit;
            return is_new;
        }
        self.put_uncached(index, number)
    }

    /// The same for a frame whose word is not in the cache.
    #[inline(never)]
    fn put_uncached(&mut self, index: u64, number: u64) -> bool {
        let (block, at) = place(index);
        let bit = 1 << (index % 64);
        let word = &mut self.words[block][at];
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 && self.cache.bits == 0 {
            // What is freed last is handed out next, and the bitmap need not know.
            self.cache = Cache {
                bits: bit,
                word: index / 64,
                first: number - index % 64,
            };
            return true;
        }
        *word |= bit;
        let count = self.counts.update(block, |count| count.with_one(at));
        if count.is_whole() {
            self.partial.set(block, false);
            self.whole.set(block, true);
            self.whole_count += 1;
        } else {
            self.partial.set(block, true);
        }
        true
    }

    /// Takes a whole block and returns the index of its first frame.
    #[inline]
    pub(super) fn take_block(&mut self) -> Option<u64> {
        let block = match self.whole.take_any() {
            Some(block) => block,
            None => {
                // The last frame that a block lacks may be in the cache.
                self.empty_cache();
                self.whole.take_any()?
            }
        };
        self.words[block] = [0; BLOCK_WORDS];
        self.counts.set(block, FreeCount::NONE);
        self.whole_count -= 1;
        Some((block as u64) << BLOCK_SHIFT)
    }

    /// Frees the block whose first frame has `index`; `false`, and nothing
    /// done, if a frame of it is free.
    #[inline]
    pub(super) fn put_block(&mut self, index: u64) -> bool {
        let (block, _) = place(index);
        if self.cache.word / BLOCK_WORDS as u64 == block as u64 {
            self.empty_cache();
        }
        if self.counts.get(block) != FreeCount::NONE {
            return false;
        }
        self.words[block] = [u64::MAX; BLOCK_WORDS];
        self.counts.set(block, FreeCount::ALL);
        self.whole.set(block, true);
        self.whole_count += 1;
        true
    }

    /// Makes the frames `from..end` free, or not.
    pub(super) fn set_span(&mut self, from: u64, end: u64, is_free: bool) {
        self.empty_cache();
        for block in from >> BLOCK_SHIFT..end.div_ceil(BLOCK_FRAMES) {
            let start = block << BLOCK_SHIFT;
            let (from, end) = (from.max(start), end.min(start + BLOCK_FRAMES));
            let words = &mut self.words[block as usize];
            bits::set(words, from - start, end - start, is_free);
            self.settle(block as usize);
        }
    }

    /// Makes a whole block a partial one, about to lose a frame.
    #[cold]
    fn break_whole_block(&mut self) -> Option<usize> {
        let block = self.whole.take_any()?;
        self.whole_count -= 1;
        self.partial.set(block, true);
        Some(block)
    }

    /// Puts what is in the cache back into the bitmap.
    #[inline(never)]
    fn empty_cache(&mut self) {
        let Cache { bits, word, .. } = core::mem::replace(&mut self.cache, Cache::EMPTY);
        if bits != 0 {
            let (block, at) = place(word * 64);
            self.words[block][at] = bits;
            self.settle(block);
        }
    }

    /// Counts a block whose bits have changed, and puts it into the right set.
    fn settle(&mut self, block: usize) {
        let was_whole = self.counts.get(block).is_whole();
        let count = FreeCount::of(&self.words[block]);
        self.counts.set(block, count);
        let is_whole = count.is_whole();
        self.whole_count = self.whole_count + u64::from(is_whole) - u64::from(was_whole);
        self.whole.set(block, is_whole);
        self.partial.set(block, count.free() != 0 && !is_whole);
    }
}

/// The block of a frame, and which of the block's words holds its bit.
#[inline]
fn place(index: u64) -> (usize, usize) {
    (
        (index >> BLOCK_SHIFT) as usize,
        (index / 64) as usize % BLOCK_WORDS,
    )
}
