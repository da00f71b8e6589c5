//! `Frames` as the frame allocator of `x86_64`'s mappers.

#![allow(unsafe_code)]

use faultline_memory::frames::Frames;
use x86_64::structures::paging::{
    FrameAllocator, FrameDeallocator, PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB,
};

use crate::MIB;
use crate::simulated::{frames_over, range};

fn take<S: PageSize>(frames: &mut impl FrameAllocator<S>) -> Option<PhysFrame<S>> {
    frames.allocate_frame()
}

fn give<S: PageSize>(frames: &mut impl FrameDeallocator<S>, frame: PhysFrame<S>) {
    // SAFETY: no memory is behind the frames.
    unsafe { frames.deallocate_frame(frame) }
}

/// The frames that are tables, and those that were refused.
fn tables(frames: &Frames<'_>) -> (u64, u64) {
    (frames.counts().tables, frames.counts().refused)
}

#[test]
fn a_mapper_gets_frames_of_each_size_and_they_are_tables() {
    let mut frames = frames_over(&[range(2 * MIB, 2100 * MIB)]);
    let small = take::<Size4KiB>(&mut frames).expect("a frame");
    let large = take::<Size2MiB>(&mut frames).expect("2 MiB");
    let huge = take::<Size1GiB>(&mut frames).expect("1 GiB");
    assert_eq!(tables(&frames), (1 + 512 + 512 * 512, 0));
    assert_eq!(take::<Size1GiB>(&mut frames), None);
    give(&mut frames, large);
    give(&mut frames, huge);
    give(&mut frames, small);
    assert_eq!((tables(&frames), frames.counts().used), ((0, 0), 0));
}

#[test]
fn what_a_mapper_gives_back_wrong_is_counted_and_changes_nothing() {
    let mut frames = frames_over(&[range(2 * MIB, 8 * MIB)]);
    let small = take::<Size4KiB>(&mut frames).expect("a frame");
    give(&mut frames, small);
    give(&mut frames, small);
    assert_eq!(tables(&frames), (0, 1));
    let large = take::<Size2MiB>(&mut frames).expect("2 MiB");
    give(&mut frames, large + 64);
    assert_eq!(tables(&frames), (512, 513));
}
