//! A set of 2 MiB blocks, as a tree of bits that is 64 wide.
//!
//! ```text
//! level 2                [1]                      one bit per word of level 1
//! level 1        [1 0 1 ...]   [0 ...] ...        one bit per word of level 0
//! level 0    [0 1 0 ..] [0 ..] [1 ..] ...         one bit per block
//! ```
//!
//! What must always hold: a bit of a higher level is set exactly when the word
//! under it is not zero. So the lowest block is found from the top with one
//! look per level, whatever is in the set: 1 GiB of memory has two levels,
//! 1 TiB has four. Where any block will do, the word that was used last comes
//! first, and the levels above are left alone.

/// Bits in a word, and how many words one bit of the next level stands for.
const WIDTH: usize = u64::BITS as usize;

/// 64^6 blocks of 2 MiB are more than the 2^52 bytes a processor can address.
const MAX_LEVELS: usize = 6;

/// Returns how many words a set of `blocks` needs.
pub(super) fn words_for(blocks: usize) -> usize {
    let mut words = blocks.div_ceil(WIDTH);
    let mut sum = words;
    while words > 1 {
        words = words.div_ceil(WIDTH);
        sum += words;
    }
    sum
}

/// A set of block numbers below a bound that was fixed when it was made.
pub(super) struct BlockSet<'m> {
    /// All levels, the lowest first.
    words: &'m mut [u64],
    /// Where in `words` each level starts.
    starts: [usize; MAX_LEVELS],
    /// How many levels there are: the last is one word, or there is none.
    levels: usize,
    /// The word of level 0 that blocks were last taken from.
    near: usize,
}

impl<'m> BlockSet<'m> {
    /// An empty set over `storage`, which is zero and [`words_for`]`(blocks)` long.
    pub(super) fn new(blocks: usize, storage: &'m mut [u64]) -> Self {
        let mut starts = [0; MAX_LEVELS];
        let (mut levels, mut next, mut words) = (0, 0, blocks.div_ceil(WIDTH));
        while next < storage.len() {
            starts[levels] = next;
            levels += 1;
            next += words;
            words = words.div_ceil(WIDTH);
        }
        Self {
            words: storage,
            starts,
            levels,
            near: 0,
        }
    }

    /// Puts `block` into the set or takes it out, whether or not it is in there.
    #[inline]
    pub(super) fn set(&mut self, block: usize, is_in: bool) {
        if self.set_bit(block, is_in) {
            self.tell_above(block / WIDTH, is_in);
        }
    }

    /// Sets or clears a bit of `words`; whether the level above must know.
    #[inline]
    fn set_bit(&mut self, at: usize, is_set: bool) -> bool {
        let word = &mut self.words[at / WIDTH];
        let before = *word;
        *word = before & !(1 << (at % WIDTH)) | u64::from(is_set) << (at % WIDTH);
        (before == 0) != (*word == 0)
    }

    /// Tells the higher levels that the word `place` of level 0 is zero, or is not.
    #[inline(never)]
    fn tell_above(&mut self, mut place: usize, is_set: bool) {
        for level in 1..self.levels {
            if !self.set_bit(self.starts[level] * WIDTH + place, is_set) {
                return;
            }
            place /= WIDTH;
        }
    }

    /// Takes out a block: the lowest of the word that one was last taken from,
    /// or of all if that word has no more.
    #[inline]
    pub(super) fn take_any(&mut self) -> Option<usize> {
        if self.words.get(self.near).is_none_or(|&word| word == 0) {
            self.near = self.first()? / WIDTH;
        }
        let word = &mut self.words[self.near];
        let block = self.near * WIDTH + word.trailing_zeros() as usize;
        *word &= word.wrapping_sub(1);
        if *word == 0 {
            self.tell_above(self.near, false);
        }
        Some(block)
    }

    /// The lowest block of the set.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        let is_empty = self.words.last().is_none_or(|&top| top == 0);
        (!is_empty).then(|| self.descend(self.levels, 0))
    }

    /// The lowest block of the set that is at least `from`.
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let mut position = from;
        for level in 0..self.levels {
            let end = self.starts[1..self.levels].get(level);
            let words = &self.words[self.starts[level]..*end.unwrap_or(&self.words.len())];
            let word = words.get(position / WIDTH)? >> (position % WIDTH);
            if word != 0 {
                return Some(self.descend(level, position + word.trailing_zeros() as usize));
            }
            position = position / WIDTH + 1;
        }
        None
    }

    /// Whether `block` is in the set and can be found from every level.
    pub(super) fn contains(&self, block: usize) -> bool {
        let mut position = block;
        self.starts[..self.levels].iter().all(|start| {
            let word = self.words[start + position / WIDTH];
            let bit = position % WIDTH;
            position /= WIDTH;
            word >> bit & 1 == 1
        })
    }

    /// The lowest block under `position` of the level `upper`.
    #[inline]
    fn descend(&self, upper: usize, mut position: usize) -> usize {
        for start in self.starts[..upper].iter().rev() {
            let word = self.words[start + position];
            position = position * WIDTH + word.trailing_zeros() as usize;
        }
        position
    }
}
