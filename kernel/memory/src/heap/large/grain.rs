//! Which pages of 2 MiB are handed out: one bit for each, and a summary of the
//! runs of free ones, by which a search passes without a look at the bits.
//!
//! ```text
//! page  0                                                          511
//!       . . . . X X X . . X X . . . . . . X X X X . X X X X X . . . .
//!       [ head ]               [   inner  ]                 [  tail  ]
//! ```
//!
//! What must always hold: the summary is that of the bits. A grain whose pages
//! are all free is all head.

use core::ops::Range;

use super::super::source::{GRAIN, PAGE};

/// Pages of a grain.
pub(super) const PAGES: usize = GRAIN / PAGE;

/// What is noted about the pages of 2 MiB.
pub(super) struct Grain {
    /// Bit n of all words: page n is handed out.
    words: [u64; PAGES / 64],
    /// Free pages at the start.
    head: u16,
    /// The longest run of free pages that is neither head nor tail.
    inner: u16,
    /// Free pages at the end.
    tail: u16,
    /// Whether it is handed out as a chunk.
    pub(super) is_chunk: bool,
}

impl Grain {
    /// All pages are free.
    pub(super) const FREE: Self = Self {
        words: [0; PAGES / 64],
        head: PAGES as u16,
        inner: 0,
        tail: 0,
        is_chunk: false,
    };

    pub(super) fn is_free(&self) -> bool {
        self.head() == PAGES
    }

    pub(super) fn head(&self) -> usize {
        self.head.into()
    }

    pub(super) fn inner(&self) -> usize {
        self.inner.into()
    }

    pub(super) fn tail(&self) -> usize {
        self.tail.into()
    }

    /// Notes that pages are handed out, or free.
    pub(super) fn set(&mut self, pages: Range<usize>, handed_out: bool) {
        for (word, mask) in masks(pages) {
            if handed_out {
                self.words[word] |= mask;
            } else {
                self.words[word] &= !mask;
            }
        }
        let (mut head, mut inner, mut tail) = (0, 0, 0);
        for run in self.free_runs() {
            if run.start == 0 {
                head = run.len();
            } else if run.end == PAGES {
                tail = run.len();
            } else {
                inner = inner.max(run.len());
            }
        }
        (self.head, self.inner, self.tail) = (head as u16, inner as u16, tail as u16);
    }

    /// How many of these pages are handed out.
    pub(super) fn handed_out(&self, pages: Range<usize>) -> usize {
        let ones = masks(pages).map(|(word, mask)| (self.words[word] & mask).count_ones());
        ones.sum::<u32>() as usize
    }

    /// The runs of free pages.
    fn free_runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut from = 0;
        core::iter::from_fn(move || {
            let start = self.next(from, false);
            from = self.next(start, true);
            (start < PAGES).then_some(start..from)
        })
    }

    /// Those of them that are neither head nor tail.
    pub(super) fn inner_runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.free_runs()
            .filter(|run| run.start > 0 && run.end < PAGES)
    }

    /// The first page from number `from` on that is handed out, or free; the
    /// number of all pages if there is none.
    fn next(&self, from: usize, handed_out: bool) -> usize {
        let mut mask = u64::MAX << (from % 64);
        for (index, &word) in self.words.iter().enumerate().skip(from / 64) {
            let found = if handed_out { word } else { !word } & mask;
            if found != 0 {
                return index * 64 + found.trailing_zeros() as usize;
            }
            mask = u64::MAX;
        }
        PAGES
    }
}

/// The words that these pages have bits in, and which bits.
fn masks(pages: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    (pages.start / 64..pages.end.div_ceil(64)).map(move |word| {
        let low = pages.start.saturating_sub(word * 64);
        let high = (pages.end - word * 64).min(64);
        (word, (u64::MAX >> (64 - (high - low))) << low)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(grain: &Grain) -> (usize, usize, usize) {
        (grain.head(), grain.inner(), grain.tail())
    }

    #[test]
    fn the_summary_follows_the_bits() {
        let mut grain = Grain::FREE;
        assert_eq!(summary(&grain), (512, 0, 0));
        grain.set(100..200, true);
        assert_eq!(summary(&grain), (100, 0, 312));
        grain.set(300..301, true);
        grain.set(500..512, true);
        assert_eq!(summary(&grain), (100, 199, 0));
        grain.set(0..64, true);
        assert_eq!(summary(&grain), (0, 199, 0));
        grain.set(0..512, true);
        assert_eq!(summary(&grain), (0, 0, 0));
        grain.set(63..65, false);
        assert_eq!(summary(&grain), (0, 2, 0));
        grain.set(0..512, false);
        assert!(grain.is_free());
    }

    #[test]
    fn pages_are_counted_across_words() {
        let mut grain = Grain::FREE;
        grain.set(60..130, true);
        assert_eq!(grain.handed_out(0..512), 70);
        assert_eq!(grain.handed_out(60..130), 70);
        assert_eq!(grain.handed_out(64..128), 64);
        assert_eq!(grain.handed_out(59..61), 1);
        assert_eq!(grain.handed_out(130..512), 0);
        let free: [_; 2] = core::array::from_fn(|index| grain.free_runs().nth(index));
        assert_eq!(free, [Some(0..60), Some(130..512)]);
    }
}
