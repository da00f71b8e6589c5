//! Free and used frames in a row, found in the bitmap. The frames in the cache
//! count as what they are, free.

use super::free_count::FreeCount;
use super::{BLOCK_FRAMES, BLOCK_SHIFT, BLOCK_WORDS, Bitmap, place};

impl Bitmap<'_> {
    /// How many blocks are free as a whole.
    pub(in crate::frames) fn whole_blocks(&self) -> u64 {
        let by_cache = self
            .cached_block()
            .is_some_and(|block| self.free_in(block) == BLOCK_FRAMES);
        self.whole_count + u64::from(by_cache)
    }

    /// The first free frame of `from..end`.
    pub(in crate::frames) fn next_free(&self, from: u64, end: u64) -> Option<u64> {
        self.next_start(from, end, 1)
    }

    /// The first frame of `from..end` at which `count` free ones in a row may
    /// begin. They do, unless the row leaves the word of its first frame.
    pub(in crate::frames) fn next_start(&self, from: u64, end: u64, count: u64) -> Option<u64> {
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
    pub(in crate::frames) fn next_used(&self, from: u64, end: u64) -> u64 {
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

    /// Whether the bitmap, the free count and both summaries say the same of `block`.
    pub(in crate::frames) fn agrees(&self, block: usize) -> bool {
        let count = FreeCount::of(&self.words[block]);
        let is_whole = count.is_whole();
        let is_partial = count.free() > 0 && !is_whole;
        count == self.counts.get(block)
            && self.whole.contains(block) == is_whole
            && self.partial.contains(block) == is_partial
    }

    /// The word with the bit of the frame `index`.
    fn word(&self, index: u64) -> u64 {
        let (block, at) = place(index);
        let is_cached = self.cache.word == index / 64;
        self.words[block][at] | if is_cached { self.cache.bits } else { 0 }
    }

    /// How many frames of `block` are free.
    fn free_in(&self, block: usize) -> u64 {
        let in_map = self.counts.get(block).free();
        if self.cached_block() == Some(block) {
            in_map + u64::from(self.cache.bits.count_ones())
        } else {
            in_map
        }
    }

    /// The block of the frames in the cache.
    fn cached_block(&self) -> Option<usize> {
        (self.cache.bits != 0).then_some(self.cache.word as usize / BLOCK_WORDS)
    }

    /// The first block, `from` or later, with a free frame.
    fn next_block(&self, from: usize) -> Option<usize> {
        let by_cache = self.cached_block().filter(|&block| block >= from);
        [self.partial.next(from), self.whole.next(from), by_cache]
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
pub(super) fn start_in(free: u64, count: u64) -> Option<u32> {
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
