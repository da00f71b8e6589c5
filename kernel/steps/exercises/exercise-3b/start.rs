//! Exercise 3b ★★: several frames in a row.
//!
//! A device that reads memory by itself knows no page tables: its buffer must be
//! frames in a row. `allocate_row` takes the first `count` free frames in a row, all
//! or none of them.
//!
//! The function below looks at each word of the bitmap by itself, and so it misses
//! every row that crosses from one word into the next. Mend it.
//!
//! Hint: a loop over the frames that counts how many free ones came in a row, and
//! begins again at 0 after a used one, needs no word at all.

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
        let first = (0..256).find(|first| {
            let mut row = *first..first + count;
            first % 64 + count <= 64 && row.all(|frame| self.is_free(frame))
        })?;
        (first..first + count).for_each(|frame| self.set_used(frame));
        Some(first)
    }
}
