//! Chapter 3: frames and the bitmap.

#[path = "starts/stack.rs"]
mod start;

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

/// What exercise 3 asks of a stack of frames.
trait FrameStack {
    /// With these frames free; the last one is on top.
    fn new(frames: Vec<u64>) -> Self;
    /// Takes a frame.
    fn allocate(&mut self) -> Option<u64>;
    /// Gives a frame back; false, and nothing done, if it is free.
    fn free(&mut self, frame: u64) -> bool;
    /// Whether the frame at this address is free.
    fn is_free(&self, frame: u64) -> bool;
    /// Whether `count` frames in a row are free, from the one at `start` on.
    fn has_run(&self, start: u64, count: u64) -> bool;
}

/// Exercise 3. `allocate` looks at one address. Every question takes a look at the whole stack, and the one about a run
/// a look for each frame of the run; so `free` is not fast any more, either.
struct Stack(Vec<u64>);

impl FrameStack for Stack {
    fn new(frames: Vec<u64>) -> Self {
        Self(frames)
    }

    fn allocate(&mut self) -> Option<u64> {
        self.0.pop()
    }

    fn free(&mut self, frame: u64) -> bool {
        let is_used = !self.is_free(frame);
        if is_used {
            self.0.push(frame);
        }
        is_used
    }

    fn is_free(&self, frame: u64) -> bool {
        self.0.contains(&frame)
    }

    fn has_run(&self, start: u64, count: u64) -> bool {
        (0..count).all(|index| self.is_free(start + index * 4096))
    }
}

fn check_stack<S: FrameStack>() {
    let mut stack = S::new((0..64).map(|number| number * 4096).collect());
    let taken: Vec<_> = (0..4).map_while(|_| stack.allocate()).collect();
    assert_eq!(taken, [63, 62, 61, 60].map(|number| number * 4096));
    assert!(stack.is_free(0), "frame 0 is free, at the bottom");
    assert!(!stack.is_free(63 * 4096), "frame 63 was taken");
    assert!(stack.has_run(44 * 4096, 16), "frames 44 to 59 are free");
    assert!(!stack.has_run(45 * 4096, 16), "frame 60 was taken");
    assert!(stack.free(61 * 4096), "frame 61 was in use");
    assert!(!stack.has_run(59 * 4096, 2), "frame 60 is still in use");
    assert!(!stack.free(61 * 4096), "frame 61 is free already");
    assert_eq!(stack.allocate(), Some(61 * 4096));
    assert_eq!(
        stack.allocate(),
        Some(59 * 4096),
        "frame 61 has one owner and no second"
    );
}

#[test]
fn a_stack_answers_every_question_by_looking_through_all_of_it() {
    check_stack::<Stack>();
}

#[test]
#[ignore = "an exercise: the task is in starts/stack.rs"]
fn stack_of_frames() {
    check_stack::<start::Stack>();
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "frame 0 is free, at the bottom")]
fn stack_of_frames_is_not_solved_at_the_start() {
    stack_of_frames();
}

/// The bitmap answers from one bit.
#[test]
fn the_bitmap_refuses_a_frame_that_is_free() {
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
