//! The frame allocator, behaviour by behaviour, with numbers: single frames of
//! every size, runs, frames that are kept back, and calls that are refused.

#[path = "../simulated/mod.rs"]
mod simulated;

mod order;
mod refused;
mod runs;
mod sizes;
mod withheld;
mod words;

use memory::frames::{Frame, Frames, Use};
use x86_64::structures::paging::Size2MiB;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn small(frames: &mut Frames<'_>) -> Frame {
    frames.allocate(Use::Private).expect("a free frame")
}

fn large(frames: &mut Frames<'_>) -> Frame<Size2MiB> {
    frames.allocate(Use::Private).expect("a free 2 MiB frame")
}
