//! The heap of a program: zero-backed memory behind its segments, with an end
//! that it moves (the program break).

use memory::Memory;
use memory::Space;
use memory::space::{Backing, Placement, Request};
use x86_64::VirtAddr;

use super::super::Process;
use super::Errno;
use super::range::{LIMIT, PAGE, is_free};
use crate::spaces;

/// Where the heap of a process lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heap {
    start: u64,
    /// Where the program has its end; the last page is whole nevertheless.
    end: u64,
}

impl Heap {
    /// An empty heap, from the first page boundary behind a program's segments on.
    #[must_use]
    pub fn behind(segments: VirtAddr) -> Self {
        let start = segments.align_up(PAGE).as_u64();
        Self { start, end: start }
    }

    /// The same heap with another end.
    fn with_end(self, end: u64, space: &mut Space, memory: &Memory) -> Option<Self> {
        if end < self.start || end > LIMIT - PAGE {
            return None;
        }
        let [old, new] = [self.end, end].map(|end| end.next_multiple_of(PAGE));
        let at = |address| VirtAddr::new_truncate(address);
        if new < old {
            space.free_range(at(new), old - new, memory).ok()?;
        }
        if new > old {
            // A page stays free behind it, as on Linux.
            if !is_free(space, old, new + PAGE) {
                return None;
            }
            let request = Request::new(new - old, Backing::Zero)
                .placement(Placement::At(at(old)))
                .label("heap")
                .user();
            space.allocate(request, memory).ok()?;
            space.join(at(old), new - old, memory);
        }
        Some(Self { end, ..self })
    }
}

/// `brk(end)`: moves the end of the heap, and returns it. Where that cannot be, it
/// stays, and the call does not fail.
#[inline(never)]
pub(super) fn brk(process: &mut Process) -> Result<u64, Errno> {
    let [end, ..] = process.arguments();
    let heap = &mut process.heap;
    if let Some(moved) = spaces::current(|space, memory| heap.with_end(end, space, memory)) {
        *heap = moved;
    }
    Ok(heap.end)
}
