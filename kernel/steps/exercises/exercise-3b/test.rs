//! Checks of exercise 3b: several frames in a row. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};

use exercise::Frames;

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &the_first_row_that_is_long_enough_is_taken,
        &a_request_that_fails_takes_nothing,
        &a_row_may_cross_from_one_word_into_the_next,
        &all_frames_can_be_one_row,
    ])
}

fn the_first_row_that_is_long_enough_is_taken() {
    // Free: the frames 1, 2, 3, and from 6.
    let mut frames = Frames { bitmap: [0b11_0001, 0, 0, 0] };
    assert_eq!(frames.allocate_row(4), Some(6), "the frames 1 to 3 are a row of 3");
    assert_eq!(frames.allocate_row(3), Some(1));
    assert_eq!(frames.allocate_row(1), Some(10));
    assert_eq!(frames.bitmap, [0b111_1111_1111, 0, 0, 0]);
}

fn a_request_that_fails_takes_nothing() {
    let bitmap = [!0b1_1010, u64::MAX, u64::MAX, u64::MAX];
    let mut frames = Frames { bitmap };
    assert_eq!(frames.allocate_row(3), None, "free are the frames 1, 3 and 4");
    assert_eq!(frames.bitmap, bitmap, "no row was found, and frames were taken");
    assert_eq!(frames.allocate_row(2), Some(3));
}

fn a_row_may_cross_from_one_word_into_the_next() {
    let mut frames = Frames { bitmap: [u64::MAX >> 2, !0b11, u64::MAX, u64::MAX] };
    let row = frames.allocate_row(4);
    assert_eq!(row, Some(62), "the frames 62 to 65 are free: two of word 0, two of word 1");
    assert_eq!(frames.bitmap, [u64::MAX; 4]);
}

fn all_frames_can_be_one_row() {
    let mut frames = Frames { bitmap: [0; 4] };
    assert_eq!(frames.allocate_row(257), None, "there are 256 frames");
    assert_eq!(frames.allocate_row(256), Some(0));
    assert_eq!(frames.allocate_row(1), None);
}
