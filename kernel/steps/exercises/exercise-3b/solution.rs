//! Solution of exercise 3b: several frames in a row.

/// The frames 0 to 255: bit `i` of word `w` is frame `64 * w + i`, 1 for used.
pub struct Frames {
    pub bitmap: [u64; 4],
}

impl Frames {
    fn is_free(&self, frame: u64) -> bool {
        self.bitmap[frame as usize / 64] & (1 << (frame % 64)) == 0
    }

    fn set_used(&mut self, frame: u64) {
        self.bitmap[frame as usize / 64] |= 1 << (frame % 64);
    }

    /// Takes `count` free frames in a row (1 or more), and returns the first of them.
    pub fn allocate_row(&mut self, count: u64) -> Option<u64> {
        let mut length = 0; // of the row that ends at `frame`
        let last = (0..256).find(|frame| {
            length = if self.is_free(*frame) { length + 1 } else { 0 };
            length == count
        })?;
        // Only now that the row is known to be long enough: a request that fails takes nothing.
        let first = last + 1 - count;
        (first..=last).for_each(|frame| self.set_used(frame));
        Some(first)
    }
}
