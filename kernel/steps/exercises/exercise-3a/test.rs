//! Checks of exercise 3a: a frame freed twice. The task is in `start.rs`.
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
        &a_frame_that_was_freed_is_handed_out_again,
        &a_second_free_is_refused,
        &a_refusal_changes_nothing,
        &a_frame_that_is_not_managed_is_refused_as_that,
    ])
}

/// The frames 2 to 5 can be handed out.
fn frames() -> Frames {
    Frames::new(0b11_1100)
}

fn a_frame_that_was_freed_is_handed_out_again() {
    let mut frames = frames();
    let [a, b] = [(); 2].map(|()| frames.allocate().expect("a free frame"));
    assert_eq!(frames.free(a), Ok(()));
    assert_eq!((a, b, frames.allocate()), (2, 3, Some(2)));
}

fn a_second_free_is_refused() {
    let mut frames = frames();
    let frame = frames.allocate().expect("a free frame");
    assert_eq!(frames.free(frame), Ok(()));
    assert_eq!(
        frames.free(frame),
        Err(FreeError::AlreadyFree),
        "frame {frame} was free already, and `free` has not noticed"
    );
}

fn a_refusal_changes_nothing() {
    let mut frames = frames();
    let frame = frames.allocate().expect("a free frame");
    frames.free(frame).expect("a frame that is used");
    let _ = frames.free(frame);
    assert_eq!(frames.free, 4, "there are 4 frames, and the count of the free ones is another");
    let mut handed_out = 0;
    while frames.allocate().is_some() {
        handed_out += 1;
    }
    assert_eq!((handed_out, frames.free), (4, 0));
}

fn a_frame_that_is_not_managed_is_refused_as_that() {
    for frame in [0, 1, 6, 63] {
        assert_eq!(frames().free(frame), Err(FreeError::NotManaged), "frame {frame}");
    }
}
