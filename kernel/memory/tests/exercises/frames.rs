//! Chapter 3: frames and the bitmap.

use faultline_memory::frames::{Frame, FrameKind, Frames, Layout};
use faultline_memory::memory_map::FrameRange;
use x86_64::PhysAddr;
use x86_64::structures::paging::{Size2MiB, Size4KiB};

const BLOCK: usize = 512;

/// An allocator over `blocks` blocks of 2 MiB, its bitmap elsewhere.
#[allow(unsafe_code)]
fn frames_of(blocks: u64) -> Frames<'static> {
    let start = PhysAddr::new(0x100_0000);
    let range = FrameRange::new(start, start.as_u64() + (blocks << 21));
    let layout = Layout::of([range].into_iter());
    let storage = vec![0; layout.words()].leak();
    // SAFETY: no memory is behind the frames.
    let frames = unsafe { Frames::new([range].into_iter(), storage, FrameRange::empty()) };
    frames.expect("sorted, and long enough")
}

fn take_all(frames: &mut Frames) -> Vec<Frame> {
    core::iter::from_fn(|| frames.allocate::<Size4KiB>(FrameKind::Private).ok()).collect()
}

/// Exercise 1. Half of memory is free, and in every block every second frame is in use. What is least to give back is the
/// rest of one block: 256 frames.
#[test]
fn half_of_memory_free_and_no_large_frame_in_it() {
    let mut frames = frames_of(4);
    let mut taken = take_all(&mut frames);
    assert_eq!(taken.len(), 4 * BLOCK);
    taken.sort_by_key(Frame::start);
    let mut kept = Vec::new();
    for (index, frame) in taken.into_iter().enumerate() {
        if index % 2 == 0 {
            frames.free(frame);
        } else {
            kept.push(frame);
        }
    }
    assert_eq!(frames.counts().free, 2 * BLOCK as u64);
    assert!(frames.allocate::<Size2MiB>(FrameKind::Private).is_err());
    for frame in kept.drain(..BLOCK / 2 - 1) {
        frames.free(frame);
    }
    assert!(
        frames.allocate::<Size2MiB>(FrameKind::Private).is_err(),
        "255"
    );
    frames.free(kept.remove(0));
    assert!(
        frames.allocate::<Size2MiB>(FrameKind::Private).is_ok(),
        "256"
    );
}

/// Exercise 3: frames as a stack of addresses. Both calls are short and fast.
struct Stack(Vec<u64>);

impl Stack {
    fn allocate(&mut self) -> Option<u64> {
        self.0.pop()
    }

    /// Nothing here can notice that a frame comes back twice.
    fn free(&mut self, frame: u64) {
        self.0.push(frame);
    }

    /// The whole stack is looked through.
    fn is_free(&self, frame: u64) -> bool {
        self.0.contains(&frame)
    }

    /// And here for each frame of the run again.
    fn has_run(&self, start: u64, count: u64) -> bool {
        (0..count).all(|index| self.is_free(start + index * 4096))
    }
}

#[test]
fn a_stack_hands_out_twice_what_came_back_twice() {
    let mut stack = Stack((0..64).map(|number| number * 4096).collect());
    let frame = stack.allocate().expect("one of 64");
    assert!(!stack.is_free(frame));
    assert!(stack.has_run(0, 16) && !stack.has_run(48 * 4096, 16));
    stack.free(frame);
    stack.free(frame);
    assert_eq!(stack.allocate(), stack.allocate(), "two owners");
    // The bitmap answers the same questions from one bit, and a second time back is refused.
    let mut frames = frames_of(1);
    let frame = frames
        .allocate::<Size4KiB>(FrameKind::Private)
        .expect("one of 512");
    let address = frame.as_phys_frame();
    frames.free(frame);
    // SAFETY: the frame is free, and nobody uses its memory; the call is expected to refuse.
    let again = unsafe { frames.free_raw(address, FrameKind::Private) };
    assert!(again.is_err());
}
