//! The heap: a list of free blocks, kept in a region on demand.
//!
//! Nothing here knows of frames. The allocator hands out addresses of its region,
//! and whoever touches one of them first, be it the allocator itself, causes a page
//! fault that puts a frame behind it.

use alloc::alloc::{GlobalAlloc, Layout};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::{self, NonNull};

use linked_list_allocator::Heap;
use spin::Mutex;

use super::{Write, counts, serial};

/// The heap's region: 64 MiB of addresses.
pub(crate) const ADDRESSES: Range<u64> = 0x80_4000_0000..0x80_4400_0000;

#[global_allocator]
static ALLOCATOR: KernelHeap = KernelHeap(Mutex::new(Heap::empty()));

/// What Rust's collections ask for memory.
struct KernelHeap(Mutex<Heap>);

/// Gives the allocator its region. Until then, every request is refused.
pub(crate) fn init() {
    let size = (ADDRESSES.end - ADDRESSES.start) as usize;
    // SAFETY: the region is the heap's alone, and what is touched of it becomes memory.
    unsafe { ALLOCATOR.0.lock().init(ADDRESSES.start as *mut u8, size) };
}

// SAFETY: the list never hands out the same bytes twice, and keeps to the layout.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Searching the list reads and writes it: a page fault here, while the
        // lock is held, is nothing unusual. The handler takes another lock.
        let block = self.0.lock().allocate_first_fit(layout);
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let block = NonNull::new(block).expect("a block is not at address 0");
        // SAFETY: the caller has the block from `alloc`, with this layout.
        unsafe { self.0.lock().deallocate(block, layout) }
    }
}

/// Uses the heap, and says what that takes.
pub(crate) fn example() {
    say("the heap is set up");
    let boxed = Box::new(41);
    say("a number in a box");
    let mut numbers = Vec::with_capacity(1_000_000);
    say("room for a million numbers of 8 bytes");
    numbers.extend(0..1_000_000_u64);
    say("the numbers are written");
    let squares: BTreeMap<u64, u64> = numbers.iter().take(1000).map(|n| (*n, n * n)).collect();
    say("a tree of 1000 squares");
    println!("{} + 1 = {}, 30 * 30 = {}", boxed, *boxed + 1, squares[&30]);

    let mut too_large = Vec::<u8>::new();
    println!("a vector of 1 GiB: {:?}", too_large.try_reserve(1 << 30).is_ok());
    drop((numbers, squares));
    too_large.try_reserve(32 << 20).expect("room for 32 MiB once the numbers are dropped");
    println!("a vector of 32 MiB: {}", too_large.capacity() == 32 << 20);
    say("room for 32 MiB");
}

/// Says what was counted so far.
fn say(what: &str) {
    let [faults, pages, tables] = counts();
    println!("{what}: page faults: {faults}, pages: {pages}, tables: {tables}");
}
