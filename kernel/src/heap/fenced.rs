//! Blocks on pages of their own, to find who writes past the end of one.
//!
//! ```text
//! nothing | page ......... | page ....[ block ]| nothing | page ...
//! ```
//!
//! A block ends where its last page ends (up to its alignment), and behind that
//! page there is no region: the first access past the end is refused there and
//! then, and the report names the block's region and the distance. Addresses
//! are not used again before all have been, so an access to a block that was
//! freed is refused as well. It costs a region and whole frames for each block:
//! an option (`heap-guard`), for the search.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use memory::heap::Fenced;
use memory::space::{AllocateError, Backing, Placement, Request};
use memory::words::Count;
use x86_64::VirtAddr;

use crate::layout::{FENCED_BLOCKS, SLOT_SIZE};
use crate::spaces::kernel_half;

/// What the region of a block is called in reports.
pub const LABEL: &str = "a heap block";

const PAGE: u64 = 4096;

static ON: AtomicBool = AtomicBool::new(false);

/// Where the next block is looked for.
static NEXT: AtomicU64 = AtomicU64::new(FENCED_BLOCKS.as_u64());

/// Whether new blocks are kept fenced.
#[inline]
pub(super) fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Fences blocks from now on, or not any more. Those that are handed out
/// stay where they are.
pub fn fence_blocks(on: bool) {
    ON.store(on, Relaxed);
}

/// Whether this is a block that was kept fenced.
#[inline]
pub(super) fn owns(block: NonNull<u8>) -> bool {
    (block.addr().get() as u64).wrapping_sub(FENCED_BLOCKS.as_u64()) < SLOT_SIZE
}

/// A block of zeroes on pages of its own.
pub(super) fn allocate(layout: Layout) -> Option<NonNull<u8>> {
    let fenced = Fenced::of(layout)?;
    let end = FENCED_BLOCKS + SLOT_SIZE;
    let request = Request::new(fenced.size as u64, Backing::Immediate).label(LABEL);
    let place = |from: u64| {
        let place = Placement::Within {
            from: VirtAddr::new_truncate(from),
            below: end.as_u64(),
            align: fenced.align as u64,
        };
        let request = request.placement(place);
        kernel_half(|space, memory| space.allocate(request, memory))
    };
    let region = match place(NEXT.load(Relaxed)) {
        // From the start again: between blocks there is room where some were freed.
        Err(AllocateError::NoRoom) => place(FENCED_BLOCKS.as_u64()),
        found => found,
    }
    .ok()?;
    NEXT.store(region.end() + PAGE, Relaxed);
    NonNull::new((region.base + fenced.offset as u64).as_mut_ptr())
}

/// Takes a block back: its pages are gone with it.
pub(super) fn deallocate(block: NonNull<u8>, layout: Layout) {
    let Some(fenced) = Fenced::of(layout) else {
        return;
    };
    let base = VirtAddr::from_ptr(block.as_ptr()) - fenced.offset as u64;
    // SAFETY: the block is its owner's to give back, as `dealloc` demands.
    let freed = kernel_half(|space, memory| unsafe { space.free(base, memory) });
    if let Err(error) = freed {
        panic!(
            "heap: {block:p} is freed as a block of {} and is none: {error}",
            Count(layout.size() as u64, "byte")
        );
    }
}
