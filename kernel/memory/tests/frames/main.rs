//! The frame allocator, behaviour by behaviour, with numbers: single frames of
//! every size, runs, frames that are kept back, and calls that are refused.

#[path = "../simulated/mod.rs"]
mod simulated;

mod chosen;
mod mapper;
mod order;
mod refused;
mod runs;
mod sizes;
mod top;
mod withheld;
mod words;

use faultline_memory::frames::{Frame, FrameKind, Frames, ReclaimError};
use faultline_memory::memory_map::FrameRange;
use x86_64::structures::paging::Size2MiB;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn small(frames: &mut Frames<'_>) -> Frame {
    frames.allocate(FrameKind::Private).expect("a free frame")
}

fn large(frames: &mut Frames<'_>) -> Frame<Size2MiB> {
    frames
        .allocate(FrameKind::Private)
        .expect("a free 2 MiB frame")
}

#[allow(unsafe_code)]
fn reclaim(frames: &mut Frames<'_>, range: FrameRange) -> Result<u64, ReclaimError> {
    // SAFETY: no memory is behind the frames.
    unsafe { frames.reclaim(range) }
}
