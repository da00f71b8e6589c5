//! The kernel heap: `linked_list_allocator` over a demand-backed region.
//!
//! The region is reserved whole and holds no frame but those that were
//! touched. The list keeps its nodes inside free memory, so the allocator
//! itself touches a page now and then: one when it starts, and at most two for
//! a block that is carved out or given back. Such a fault arrives while the
//! heap's lock is held, which is the normal case and why the heap comes first
//! in the order of locks. In the book: chapter 7, `docs/07-the-heap.md`.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use linked_list_allocator::Heap;
use memory::space::{AllocateError, Backing, Region, Request};
use x86_64::instructions::interrupts::without_interrupts;

use crate::lock::{Lock, Rank};
use crate::spaces;

/// The most that is reserved for the heap, in bytes.
const LARGEST: u64 = 1 << 30;

struct KernelHeap(Lock<Heap>);

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Lock::new(Rank::Heap, Heap::empty()));

/// What the heap holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes reserved: virtual memory, most of it with nothing behind it.
    pub size: usize,
    /// Bytes in allocated blocks, rounded up as the list rounds them.
    pub in_use: usize,
}

/// Reserves the heap's region (an eighth of memory, at most 1 GiB) and starts
/// the heap in it; from then on `Box`, `Vec` and the like work.
///
/// # Errors
///
/// [`AllocateError`]: there was no room or no frame for the region's record.
///
/// # Safety
///
/// Called once, after [`spaces::init`] and with page faults resolved.
pub unsafe fn init() -> Result<Region, AllocateError> {
    let region = spaces::kernel_half(|space, physical, tlb| {
        let total = physical.frames().counts().total * 4096;
        let size = (total / 8).clamp(1 << 20, LARGEST);
        let request = Request::new(size, Backing::Demand).label("heap");
        space.allocate(request, physical, tlb)
    })?;
    // SAFETY: the region is ours alone and is never freed; its first touch,
    // the list's first node, is a fault that is resolved.
    unsafe {
        HEAP.0
            .lock()
            .init(region.base.as_mut_ptr(), region.size as usize);
    }
    Ok(region)
}

/// What the heap holds now.
#[must_use]
pub fn usage() -> Usage {
    without_interrupts(|| {
        let heap = HEAP.0.lock();
        Usage {
            size: heap.size(),
            in_use: heap.used(),
        }
    })
}

// SAFETY:
// - Blocks are those of one `Heap` behind one lock: aligned, large enough, and
//   handed out once until they are given back.
// - It does not unwind, and a block that cannot be had is a null pointer.
// - It does not allocate itself; the faults it may cause take frames only.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        without_interrupts(|| {
            let block = self.0.lock().allocate_first_fit(layout);
            block.map_or(null_mut(), NonNull::as_ptr)
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        // SAFETY: the caller got `block` from `alloc` with this layout.
        without_interrupts(|| unsafe { self.0.lock().deallocate(block, layout) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::access;
    use crate::tour::meter::measure;
    use memory::Outcome;
    use x86_64::VirtAddr;

    #[test_case]
    fn a_fault_while_the_heap_is_locked_is_resolved() {
        let (untouched, measured) = without_interrupts(|| {
            let heap = HEAP.0.lock();
            let untouched = VirtAddr::from_ptr(heap.top()) - 4096;
            // SAFETY: the last page of the heap is free, and is only read.
            let (byte, measured) = measure(|| unsafe { access::read_byte(untouched) });
            assert_eq!(byte, 0);
            assert!(HEAP.0.try_lock().is_none(), "it was locked all the time");
            (untouched, measured)
        });
        assert_eq!((measured.cost.faults, measured.cost.frames), (1, 1));
        let event = measured.faults()[0];
        assert_eq!(event.fault.address, untouched);
        assert_eq!(event.outcome, Outcome::Demand);
    }
}
