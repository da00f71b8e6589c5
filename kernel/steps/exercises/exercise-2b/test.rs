//! Checks of exercise 2b: frame 0 is never handed out. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};

use exercise::{Frames, FreeError};

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &the_first_frame_that_is_handed_out_is_frame_1,
        &as_many_frames_are_handed_out_as_are_called_free,
        &frame_0_cannot_be_freed,
        &usable_memory_that_begins_elsewhere_is_handed_out_from_there,
    ])
}

fn the_first_frame_that_is_handed_out_is_frame_1() {
    assert_eq!(Frames::new(0..8).allocate(), Some(1), "frame 0 must not be handed out");
}

fn as_many_frames_are_handed_out_as_are_called_free() {
    let mut frames = Frames::new(0..8);
    let called_free = frames.free;
    let mut handed_out = 0;
    while let Some(frame) = frames.allocate() {
        assert_ne!(frame, 0, "frame 0 must not be handed out");
        handed_out += 1;
    }
    assert_eq!(handed_out, 7, "usable are the frames 1 to 7");
    assert_eq!(called_free, handed_out, "frame 0 is counted as free, and is never handed out");
    assert_eq!(frames.free, 0, "all frames are handed out, and one is still counted as free");
}

fn frame_0_cannot_be_freed() {
    let mut frames = Frames::new(0..8);
    assert_eq!(frames.free(0), Err(FreeError::NotManaged), "nobody can have got frame 0");
    assert_eq!(frames.free, 7);
    let frame = frames.allocate().expect("a free frame");
    assert_eq!((frames.free(frame), frames.free), (Ok(()), 7));
    assert_eq!(frames.free(frame), Err(FreeError::AlreadyFree));
}

fn usable_memory_that_begins_elsewhere_is_handed_out_from_there() {
    let mut frames = Frames::new(5..8);
    assert_eq!((frames.free, frames.allocate()), (3, Some(5)));
    assert_eq!(Frames::new(0..1).allocate(), None, "frame 0 is all there is, so there is none");
}
