//! Resolving a fault allocates nothing from a heap, whatever the fault.

#[path = "common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::machine::FEATURES;
use common::operations::{PAGE, at};
use common::simulated_memory::SimulatedMemory;
use faultline_memory::memory_map::{Kind, Region};
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Fault, Flush, KernelHalf, Memory, Outcome, Scope, Space, Tlb};
use x86_64::VirtAddr;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of what this thread asked of it.
struct Counted;

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// On a machine without a cache of translations there is nothing to forget.
struct NoCache;

impl Tlb for NoCache {
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

const BASE: u64 = 0x4000_0000;

/// 8 MiB of memory from 1 MiB on.
fn memory_of(bytes: &SimulatedMemory) -> Memory {
    let region = Region {
        start: 0x10_0000,
        end: 0x90_0000,
        kind: Kind::Usable,
    };
    // SAFETY: the simulated memory is mapped there, nobody else uses it, and it
    // is dropped after the result. Nothing here is cached or translated.
    unsafe { Memory::new([region], bytes.offset(), FEATURES, &NoCache) }.expect("room")
}

#[test]
fn no_fault_of_any_kind_touches_a_heap() {
    let bytes = SimulatedMemory::new();
    let memory = memory_of(&bytes);
    // SAFETY: it is the machine's one kernel half.
    let kernel = unsafe { KernelHalf::new(320..321, &[], &memory) }.expect("frames");
    let mut space = Space::new(&kernel, &memory).expect("frames");
    let regions = [
        Request::new(1000 * PAGE, Backing::Demand),
        Request::new(1000 * PAGE, Backing::Zero).fault_around(16),
        Request::new(2 << 21, Backing::Demand).page_size(LeafSize::Size2MiB),
        Request::new(2 << 21, Backing::Zero).page_size(LeafSize::Size2MiB),
        Request::new(PAGE, Backing::Demand).rights(Rights::Read),
        Request::new(PAGE, Backing::Guard),
    ];
    for (request, base) in regions.into_iter().zip((BASE..).step_by(1 << 24)) {
        let request = request.placement(at(base));
        space.allocate(request, &memory).expect("a free place");
    }
    let before = ALLOCATIONS.get();
    let mut outcomes = [0_u64; Outcome::ALL.len()];
    for left in [u64::MAX, 40, 0] {
        memory.set_limit(Some(left));
        for region in 0..7 {
            for page in (0..600).step_by(7) {
                for access in [Access::Read, Access::Write, Access::Execute] {
                    let address = VirtAddr::new(BASE + (region << 24) + page * PAGE);
                    let fault = Fault::supervisor(address, access);
                    let outcome = space.resolve(&fault, &memory);
                    let known = Outcome::ALL.iter().position(|&known| known == outcome);
                    outcomes[known.expect("all are listed")] += 1;
                }
            }
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let met = outcomes.iter().filter(|&&count| count > 0).count();
    assert!(met >= 8, "only {met} outcomes in {outcomes:?}");
}
