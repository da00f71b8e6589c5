//! Frame allocators over memory that does not exist: only the bitmap does.

use faultline_memory::frames::{Frames, Layout, State};
use faultline_memory::memory_map::{FrameRange, MapEntry};
use x86_64::PhysAddr;

/// The bytes `start..end`, as frames.
pub(crate) fn range(start: u64, end: u64) -> FrameRange {
    FrameRange::new(PhysAddr::new(start), end)
}

/// An allocator over `ranges` whose storage lies in none of them.
#[allow(unsafe_code)]
pub(crate) fn frames_over<R: Into<MapEntry> + Copy>(ranges: &[R]) -> Frames<'static> {
    let words = Layout::of(ranges.iter().copied()).words();
    // What was in the storage before must not matter.
    let storage = vec![0xdead_beef_dead_beef; words].leak();
    // SAFETY: no memory is behind the frames.
    let frames = unsafe { Frames::new(ranges.iter().copied(), storage, FrameRange::empty()) };
    frames.expect("sorted ranges and enough storage")
}

/// Every managed frame with its state: what may not change when a call is refused.
#[allow(dead_code, reason = "not every test file looks at the whole map")]
pub(crate) fn picture(frames: &Frames<'_>) -> Vec<(FrameRange, State)> {
    frames.states().collect()
}
