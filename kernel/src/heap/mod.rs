//! The kernel heap: [`memory::heap`] behind a lock, over demand regions of the
//! kernel half.
//!
//! Its regions hold no frame but those that were touched, and it hands out
//! nothing that a frame is not promised to. It touches pages itself while its
//! lock is held (links of free blocks, nodes of its list). Such a fault is the
//! normal case, and why the heap comes first in the order of locks. The other
//! way round cannot be: the fault path is the crate `memory`, which has no
//! allocator; and where memory's lock is held, taking the heap's is a panic in
//! debug builds ([`lock`](crate::lock)). In the book: chapter 7,
//! `docs/07-the-heap.md`.

mod apart;
mod source;

pub use apart::{LABEL as APART_LABEL, keep_blocks_apart};
pub use source::LABEL;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use memory::heap::{Heap, Pages, Usage};
use x86_64::instructions::interrupts::without_interrupts;

use crate::lock::{Lock, Rank};
use crate::{command_line, spaces};
use source::DemandRegions;

/// The most that is reserved at once, in bytes.
const LARGEST: u64 = 1 << 30;

struct KernelHeap(Lock<Heap<DemandRegions>>);

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Lock::new(Rank::Heap, Heap::new(DemandRegions)));

/// Reserves the heap's first region (an eighth of memory, at most 1 GiB); it
/// grows by as much when it has to. Returns where it lies; `None` if there is
/// no room or no frame for it. With the word `heap-guard` on the command line
/// blocks are [kept apart](keep_blocks_apart).
pub fn init() -> Option<Pages> {
    keep_blocks_apart(command_line::get().has("heap-guard"));
    let total = spaces::memory().counts().total * 4096;
    with_heap(|heap| heap.reserve((total / 8).min(LARGEST) as usize))
}

/// What the heap holds now.
#[must_use]
pub fn usage() -> Usage {
    with_heap(|heap| heap.usage())
}

/// Gives back every page of the heap that nothing lies in. Returns how many
/// frames (4 KiB) that were.
pub fn trim() -> usize {
    with_heap(Heap::trim)
}

#[inline(always)]
fn with_heap<R>(work: impl FnOnce(&mut Heap<DemandRegions>) -> R) -> R {
    without_interrupts(|| work(&mut HEAP.0.lock()))
}

fn or_null(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(null_mut(), NonNull::as_ptr)
}

// SAFETY:
// - Blocks are those of one `Heap` behind one lock, or have pages of their own:
//   aligned, large enough, and handed out once until they are given back.
// - It does not unwind, and a block that cannot be had is a null pointer.
// - It does not allocate itself; the faults it may cause take frames only.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_null(if apart::is_on() {
            apart::allocate(layout)
        } else {
            with_heap(|heap| heap.allocate(layout))
        })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_null(if apart::is_on() {
            apart::allocate(layout)
        } else {
            with_heap(|heap| heap.allocate_zeroed(layout))
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        if apart::owns(block) {
            apart::deallocate(block, layout);
        } else {
            // SAFETY: the caller got `block` from `alloc` with this layout.
            with_heap(|heap| unsafe { heap.deallocate(block, layout) });
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(old) = NonNull::new(block) else {
            return null_mut();
        };
        if !apart::owns(old) && !apart::is_on() {
            // SAFETY: the caller got `block` from `alloc` with this layout.
            return or_null(with_heap(|heap| unsafe {
                heap.reallocate(old, layout, size)
            }));
        }
        // SAFETY: the caller vouches that the size, with this alignment, is a
        // layout's; the blocks do not overlap, and the old one goes once.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            let new = self.alloc(wanted);
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::meter::measure;
    use crate::cpu::access;
    use memory::Outcome;
    use x86_64::VirtAddr;

    #[test_case]
    fn a_fault_while_the_heap_is_locked_is_resolved() {
        let regions = spaces::kernel_half(|space, _| {
            let last = space
                .regions()
                .filter(|region| region.label == LABEL)
                .last();
            last.map(|region| VirtAddr::new(region.end() - 4096))
        });
        let untouched = regions.expect("the heap has a region of that name");
        let measured = without_interrupts(|| {
            let _heap = HEAP.0.lock();
            // SAFETY: the last page of the heap is free, and is only read.
            let (byte, measured) = measure(|| unsafe { access::read_byte(untouched) });
            assert_eq!(byte, 0);
            assert!(HEAP.0.try_lock().is_none(), "it was locked all the time");
            measured
        });
        assert_eq!((measured.cost.faults, measured.cost.frames), (1, 1));
        let event = measured.faults()[0];
        assert_eq!(event.fault.address, untouched);
        assert_eq!(event.outcome, Outcome::Demand);
        assert!(trim() >= 1, "a page of a hole goes back");
    }
}
