//! The bitmap spoiled on purpose, and rows of bits.

extern crate std;

use std::vec;

use super::search::start_in;
use super::{BLOCK_FRAMES, Bitmap, FreeCount, words_for};

impl Bitmap<'_> {
    /// Flips the bit of a frame, and nothing else.
    pub(in crate::frames) fn flip_bit(&mut self, index: u64) {
        self.empty_cache();
        let (block, at) = super::place(index);
        self.words[block][at] ^= 1 << (index % 64);
    }
}

#[test]
fn a_count_or_a_set_that_alone_is_wrong_is_found() {
    type Spoil = fn(&mut Bitmap<'_>);
    let cases: [Spoil; 3] = [
        |bitmap| bitmap.counts.set(1, FreeCount::of(&[1; 8])),
        |bitmap| bitmap.whole.set(1, false),
        |bitmap| bitmap.partial.set(1, true),
    ];
    for spoil in cases {
        let mut storage = vec![0; words_for(3)];
        let mut bitmap = Bitmap::new(3, &mut storage);
        bitmap.set_span(0, 3 * BLOCK_FRAMES, true);
        assert!([0, 1, 2].into_iter().all(|block| bitmap.agrees(block)));
        spoil(&mut bitmap);
        assert_eq!(
            [0, 1, 2].map(|block| bitmap.agrees(block)),
            [true, false, true]
        );
    }
}

#[test]
fn a_row_begins_where_enough_bits_are_set() {
    let free = 0b0111_0110_1100_0010;
    assert_eq!(start_in(free, 1), Some(1));
    assert_eq!(start_in(free, 2), Some(6));
    assert_eq!(start_in(free, 3), Some(12));
    assert_eq!(start_in(free, 4), None);
    assert_eq!(start_in(0, 1), None);
    assert_eq!(start_in(u64::MAX, 64), Some(0));
}

#[test]
fn a_row_at_the_upper_end_may_go_on_in_the_next_word() {
    assert_eq!(start_in(1 << 63, 2), Some(63));
    assert_eq!(start_in(0x7 << 61 | 0x1f, 5), Some(0));
    assert_eq!(start_in(0x7 << 61 | 0xf, 5), Some(61));
    assert_eq!(start_in(u64::MAX << 1, 1 << 40), Some(1));
}
