//! The kernel heap: [`memory::heap`] behind a lock, over demand regions of the
//! kernel half.
//!
//! Its regions hold no frame but those that were touched, and it hands out no
//! page that a frame is not kept back for. It touches pages itself while its
//! lock is held (links of free blocks, its notes). Such a fault is the normal
//! case, and why the heap comes first in the order of locks. The other way
//! round does not happen: the fault path is the crate `memory`, which has no
//! allocator; and where the kernel half's lock is held, taking the heap's is a
//! panic in debug builds ([`lock`](crate::lock)). In the book: chapter 7,
//! `docs/07-the-heap.md`.

mod fenced;

pub use fenced::{LABEL as FENCED_LABEL, fence_blocks};

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use memory::demand::{DemandPages, Reach};
use memory::heap::{Heap, Pages, Usage};
use memory::{KernelHalf, Memory};
use x86_64::instructions::interrupts::without_interrupts;

use crate::layout::{HEAP as HEAP_START, SLOT_SIZE};
use crate::lock::{Lock, Rank};
use crate::{command_line, spaces};

/// The most that is reserved at once, in bytes.
const LARGEST: u64 = 1 << 30;

/// What the heap's regions are called in reports.
pub const LABEL: &str = "heap";

/// The way to the kernel half, for the heap's memory.
#[derive(Debug)]
struct Kernel;

// SAFETY: the kernel half behind the lock is the machine's one, and its fault
// handler is `fault::page_fault`.
unsafe impl Reach for Kernel {
    fn reach<R>(&self, work: impl FnOnce(&mut KernelHalf, &Memory) -> R) -> R {
        spaces::kernel_half(work)
    }
}

/// Demand regions in the slot of the heap.
const PAGES: DemandPages<Kernel> =
    DemandPages::new(Kernel, HEAP_START, HEAP_START.as_u64() + SLOT_SIZE, LABEL);

struct KernelHeap(Lock<Heap<DemandPages<Kernel>>>);

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Lock::new(Rank::Heap, Heap::new(PAGES)));

/// Reserves the heap's first region (an eighth of memory, at most 1 GiB); it
/// grows by as much when it has to. Returns where it lies; `None` if there is
/// no room or no frame for it. With the word `heap-guard` on the command line
/// blocks are [fenced](fence_blocks).
pub fn init() -> Option<Pages> {
    fence_blocks(command_line::get().has("heap-guard"));
    let total = spaces::memory().counts().total * 4096;
    with_heap(|heap| heap.grow((total / 8).min(LARGEST) as usize))
}

/// What the heap holds now.
#[must_use]
pub fn usage() -> Usage {
    with_heap(|heap| heap.usage())
}

/// The frames (4 KiB) that the heap holds.
#[must_use]
pub fn resident() -> u64 {
    spaces::kernel_half(|kernel, _| {
        let regions = kernel.regions();
        let heap = regions.filter(|region| region.label == LABEL);
        heap.map(|region| kernel.resident(&region).private).sum()
    })
}

/// Gives back every page of the heap that nothing lies in. Returns how many
/// frames (4 KiB) that were.
pub fn trim() -> usize {
    with_heap(Heap::trim)
}

#[inline(always)]
fn with_heap<R>(work: impl FnOnce(&mut Heap<DemandPages<Kernel>>) -> R) -> R {
    without_interrupts(|| work(&mut HEAP.0.lock()))
}

/// A block, as a pointer. If there is none since frames were short, and some come
/// free, `again` is another try.
#[inline(always)]
fn or_relieved(
    block: Option<NonNull<u8>>,
    again: impl FnOnce(&mut Heap<DemandPages<Kernel>>) -> Option<NonNull<u8>>,
) -> *mut u8 {
    match block {
        Some(block) => block.as_ptr(),
        None => short_of_frames(again),
    }
}

#[cold]
#[inline(never)]
fn short_of_frames(
    again: impl FnOnce(&mut Heap<DemandPages<Kernel>>) -> Option<NonNull<u8>>,
) -> *mut u8 {
    or_null(spaces::relieve().then(|| with_heap(again)).flatten())
}

fn or_null(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(null_mut(), NonNull::as_ptr)
}

// SAFETY:
// - Blocks are those of one `Heap` behind one lock, or have pages of their own:
//   aligned, large enough, and handed out once until they are given back.
// - It does not unwind, and a block that there is no memory for is a null pointer.
// - It does not allocate itself; the faults it may cause take frames only.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fenced::is_on() {
            return or_null(fenced::allocate(layout));
        }
        let block = with_heap(|heap| heap.allocate(layout));
        or_relieved(block, |heap| heap.allocate(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if fenced::is_on() {
            return or_null(fenced::allocate(layout));
        }
        let block = with_heap(|heap| heap.allocate_zeroed(layout));
        or_relieved(block, |heap| heap.allocate_zeroed(layout))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        if fenced::owns(block) {
            fenced::deallocate(block, layout);
        } else {
            // SAFETY: the caller got `block` from `alloc` with this layout.
            with_heap(|heap| unsafe { heap.deallocate(block, layout) });
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(old) = NonNull::new(block) else {
            return null_mut();
        };
        if !fenced::owns(old) && !fenced::is_on() {
            // SAFETY: the caller got `block` from `alloc` with this layout, and keeps it
            // if there is no other.
            let again = |heap: &mut Heap<_>| unsafe { heap.reallocate(old, layout, size) };
            return or_relieved(with_heap(again), again);
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
