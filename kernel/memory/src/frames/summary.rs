//! A set of 2 MiB blocks, as a tree of bits that is 64 wide.
//!
//!     level 2                [1]                      one bit per word of level 1
//!     level 1        [1 0 1 ...]   [0 ...] ...        one bit per word of level 0
//!     level 0    [0 1 0 ..] [0 ..] [1 ..] ...         one bit per block
//!
//! What must always hold: a bit of a higher level is set exactly when the word
//! under it is not zero, and no block below word `lowest` of level 0 is in the
//! set. So the lowest block is found without scanning, whatever the size: one
//! look at word `lowest`, and only when that is used up a climb, two words per
//! level. 1 TiB of memory has four levels.

/// Bits in a word, and how many words one bit of the next level stands for.
const WIDTH: usize = u64::BITS as usize;

/// 64^6 blocks of 2 MiB are more than the 2^52 bytes a processor can address.
const MAX_LEVELS: usize = 6;

/// How many words a set of `blocks` needs.
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
    /// The lowest level first; unused levels are empty.
    levels: [&'m mut [u64]; MAX_LEVELS],
    /// Every word of level 0 before this one is zero.
    lowest: usize,
    /// How many blocks are in the set.
    len: u64,
}

impl<'m> BlockSet<'m> {
    /// An empty set over `storage`, which is zero and [`words_for`]`(blocks)` long.
    pub(super) fn new(blocks: usize, storage: &'m mut [u64]) -> Self {
        let mut levels: [&'m mut [u64]; MAX_LEVELS] = Default::default();
        let mut rest = storage;
        let mut words = blocks.div_ceil(WIDTH);
        for level in &mut levels {
            let (mine, others) = rest.split_at_mut(words);
            *level = mine;
            rest = others;
            words = if words > 1 { words.div_ceil(WIDTH) } else { 0 };
        }
        Self {
            levels,
            lowest: 0,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds `block`, which is not in the set.
    #[inline]
    pub(super) fn insert(&mut self, block: usize) {
        self.len += 1;
        self.lowest = self.lowest.min(block / WIDTH);
        let mut position = block;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(position / WIDTH) else {
                return;
            };
            let before = *word;
            *word = before | 1 << (position % WIDTH);
            if before != 0 {
                return;
            }
            position /= WIDTH;
        }
    }

    /// Takes out `block`, which is in the set.
    #[inline]
    pub(super) fn remove(&mut self, block: usize) {
        self.len -= 1;
        let mut position = block;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(position / WIDTH) else {
                return;
            };
            *word &= !(1 << (position % WIDTH));
            if *word != 0 {
                return;
            }
            position /= WIDTH;
        }
    }

    /// The lowest block of the set.
    #[inline]
    pub(super) fn first(&mut self) -> Option<usize> {
        let word = *self.levels[0].get(self.lowest)?;
        if word != 0 {
            return Some(self.lowest * WIDTH + word.trailing_zeros() as usize);
        }
        let block = self.next(self.lowest * WIDTH)?;
        self.lowest = block / WIDTH;
        Some(block)
    }

    /// Whether `block` is in the set and can be found from every level.
    pub(super) fn contains(&self, block: usize) -> bool {
        let mut position = block;
        let mut levels = self.levels.iter();
        let bit_is_set = |level: &&mut [u64]| {
            let (word, bit) = (position / WIDTH, position % WIDTH);
            position = word;
            level.get(word).is_none_or(|word| word >> bit & 1 == 1)
        };
        levels.all(bit_is_set) && block / WIDTH >= self.lowest
    }

    /// The lowest block of the set that is at least `from`.
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let mut position = from;
        for height in 0..MAX_LEVELS {
            let word = *self.levels[height].get(position / WIDTH)? >> (position % WIDTH);
            if word != 0 {
                return Some(self.descend(height, position + word.trailing_zeros() as usize));
            }
            position = position / WIDTH + 1;
        }
        None
    }

    /// The lowest block under the bit `position` of level `height`.
    fn descend(&self, height: usize, mut position: usize) -> usize {
        for level in self.levels[..height].iter().rev() {
            position = position * WIDTH + level[position].trailing_zeros() as usize;
        }
        position
    }
}
