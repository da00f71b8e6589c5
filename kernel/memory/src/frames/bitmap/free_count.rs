//! How many frames of each 2 MiB block are free, and in which words of its
//! bitmap, so that neither a word nor a whole block is searched for bit by bit.
//!
//! A count has 32 bits, two counts are in a word of storage:
//!
//! ```text
//! 31      24 23          16 15                      0
//! |    0    | words with    | free frames, 0 to 512  |
//! |         | a free frame  |                        |
//! ```

use super::{BLOCK_FRAMES, BLOCK_WORDS};

/// Counts in a word of storage.
const PER_WORD: usize = 2;

/// Returns how many words the counts of `blocks` need.
pub(super) fn words_for(blocks: usize) -> usize {
    blocks.div_ceil(PER_WORD)
}

/// What the bitmap says about one block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeCount(u64);

impl FreeCount {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(0xff * Self::FIRST_WORD + BLOCK_FRAMES);

    /// The mask's bit for the first word of a block.
    const FIRST_WORD: u64 = 1 << 16;

    /// Counts the bits of a block.
    pub(super) fn of(words: &[u64; BLOCK_WORDS]) -> Self {
        words
            .iter()
            .enumerate()
            .fold(Self::NONE, |count, (at, &word)| {
                let has_any = u64::from(word != 0) * Self::FIRST_WORD;
                Self(count.0 + u64::from(word.count_ones()) + (has_any << at))
            })
    }

    /// How many frames are free.
    #[inline]
    pub(super) fn free(self) -> u64 {
        self.0 & 0xffff
    }

    /// Whether all frames are.
    #[inline]
    pub(super) fn is_whole(self) -> bool {
        self.free() == BLOCK_FRAMES
    }

    /// The first word with a free frame, of a block that has one.
    #[inline]
    pub(super) fn first_word(self) -> usize {
        (self.0 / Self::FIRST_WORD).trailing_zeros() as usize % BLOCK_WORDS
    }

    /// The same with one more free frame in word `at`.
    #[inline]
    pub(super) fn with_one(self, at: usize) -> Self {
        Self((self.0 + 1) | Self::FIRST_WORD << at)
    }

    /// The same without word `at`, which has `free` frames of it.
    #[inline]
    pub(super) fn without_word(self, at: usize, free: u32) -> Self {
        Self((self.0 - u64::from(free)) & !(Self::FIRST_WORD << at))
    }
}

/// The counts of all blocks.
pub(super) struct FreeCounts<'m>(&'m mut [u64]);

impl<'m> FreeCounts<'m> {
    /// Nothing free, over `storage`, which is zero and [`words_for`] all blocks.
    pub(super) fn new(storage: &'m mut [u64]) -> Self {
        Self(storage)
    }

    #[inline]
    pub(super) fn get(&self, block: usize) -> FreeCount {
        FreeCount(self.0[block / PER_WORD] >> shift(block) & 0xffff_ffff)
    }

    #[inline]
    pub(super) fn set(&mut self, block: usize, count: FreeCount) {
        self.update(block, |_| count);
    }

    /// Replaces a count by what `change` makes of it, and returns that.
    #[inline]
    pub(super) fn update(
        &mut self,
        block: usize,
        change: impl FnOnce(FreeCount) -> FreeCount,
    ) -> FreeCount {
        let (word, shift) = (&mut self.0[block / PER_WORD], shift(block));
        let count = change(FreeCount(*word >> shift & 0xffff_ffff));
        *word = *word & !(0xffff_ffff << shift) | count.0 << shift;
        count
    }
}

/// Where in its word of storage a block's count starts.
#[inline]
fn shift(block: usize) -> u32 {
    (block % PER_WORD) as u32 * 32
}
