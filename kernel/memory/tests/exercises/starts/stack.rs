//! Exercise 3 of chapter 3 (medium): frames as a stack of addresses.
//!
//! `allocate` takes the address on top, `free` puts one there: both are short, and take
//! the same time however much memory there is. What else can such an allocator tell?
//! Make `is_free` and `has_run` right, whatever was allocated and freed before, and let
//! `free` refuse a frame that is free already. Then say how long each takes.
//!
//! Test: `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored stack_of_frames`
//!
//! Hint: nothing but the stack knows which frames are free, and it is in no order.

use super::FrameStack;

/// The addresses of the free frames.
pub(crate) struct Stack(Vec<u64>);

impl FrameStack for Stack {
    fn new(frames: Vec<u64>) -> Self {
        Self(frames)
    }

    fn allocate(&mut self) -> Option<u64> {
        self.0.pop()
    }

    fn free(&mut self, frame: u64) -> bool {
        self.0.push(frame);
        true
    }

    fn is_free(&self, frame: u64) -> bool {
        self.0.last() == Some(&frame)
    }

    fn has_run(&self, start: u64, count: u64) -> bool {
        self.is_free(start) && self.0.len() as u64 >= count
    }
}
