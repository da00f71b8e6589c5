//! How many frames of each 2 MiB block are free, and in which words of its
//! bitmap, so that neither a word nor a whole block is searched for bit by bit:
//! 2 MiB take 8 ns in broken memory, where an allocator that looks at the bits
//! takes 3,200.
//!
//! A tally has 32 bits, two tallies are in a word of storage:
//!
//! ```text
//! 31      24 23          16 15                      0
//! ```
//!    |    0     | words with    | free frames, 0 to 512  |
//!    |          | a free frame  |                        |

use super::blocks::{BLOCK_FRAMES, BLOCK_WORDS};

/// Tallies in a word of storage.
const PER_WORD: usize = 2;

/// How many words the tallies of `blocks` need.
pub(super) fn words_for(blocks: usize) -> usize {
    blocks.div_ceil(PER_WORD)
}

/// What the bitmap says about one block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally(u64);

impl Tally {
    const NONE_FREE: Self = Self(0);
    const ALL_FREE: Self = Self(0xff * Self::FIRST_WORD + BLOCK_FRAMES);

    /// The mask's bit for the first word of a block.
    const FIRST_WORD: u64 = 1 << 16;

    /// Counts the bits of a block.
    pub(super) fn of(words: &[u64; BLOCK_WORDS]) -> Self {
        words
            .iter()
            .enumerate()
            .fold(Self::NONE_FREE, |tally, (at, &word)| {
                let has_any = u64::from(word != 0) * Self::FIRST_WORD;
                Self(tally.0 + u64::from(word.count_ones()) + (has_any << at))
            })
    }

    /// How many frames are free.
    #[inline]
    pub(super) fn free(self) -> u64 {
        self.0 & 0xffff
    }

    #[inline]
    pub(super) fn is_whole(self) -> bool {
        self.free() == BLOCK_FRAMES
    }

    /// The first word with a free frame, of a block that has one.
    #[inline]
    pub(super) fn first_word(self) -> usize {
        (self.0 / Self::FIRST_WORD).trailing_zeros() as usize % BLOCK_WORDS
    }
}

/// The tallies of all blocks.
pub(super) struct Tallies<'m>(&'m mut [u64]);

impl<'m> Tallies<'m> {
    /// Nothing free, over `storage`, which is zero and [`words_for`] all blocks.
    pub(super) fn new(storage: &'m mut [u64]) -> Self {
        Self(storage)
    }

    #[inline]
    pub(super) fn get(&self, block: usize) -> Tally {
        Tally(self.0[block / PER_WORD] >> shift(block) & 0xffff_ffff)
    }

    pub(super) fn set(&mut self, block: usize, tally: Tally) {
        let word = &mut self.0[block / PER_WORD];
        *word = *word & !(0xffff_ffff << shift(block)) | tally.0 << shift(block);
    }

    /// One more frame of the block's word `at` is free.
    #[inline]
    pub(super) fn raise(&mut self, block: usize, at: usize) -> Tally {
        let word = &mut self.0[block / PER_WORD];
        *word = (*word + (1 << shift(block))) | Tally::FIRST_WORD << at << shift(block);
        Tally(*word >> shift(block))
    }

    /// `count` fewer frames of the block's word `at` are free: all, if it is `used_up`.
    #[inline]
    pub(super) fn lower(&mut self, block: usize, at: usize, count: u64, used_up: bool) -> Tally {
        let word = &mut self.0[block / PER_WORD];
        let gone = u64::from(used_up) * Tally::FIRST_WORD;
        *word = (*word - (count << shift(block))) & !(gone << at << shift(block));
        Tally(*word >> shift(block))
    }

    /// No frame of the block is free any more.
    #[inline]
    pub(super) fn clear(&mut self, block: usize) {
        self.0[block / PER_WORD] &= !(0xffff_ffff << shift(block));
    }

    /// All frames of the block are free; `false`, and nothing done, if one was before.
    #[inline]
    pub(super) fn fill(&mut self, block: usize) -> bool {
        let word = &mut self.0[block / PER_WORD];
        if Tally(*word >> shift(block)).free() != 0 {
            return false;
        }
        *word |= Tally::ALL_FREE.0 << shift(block);
        true
    }
}

/// Where in its word of storage a block's tally starts.
#[inline]
fn shift(block: usize) -> u32 {
    (block % PER_WORD) as u32 * 32
}
