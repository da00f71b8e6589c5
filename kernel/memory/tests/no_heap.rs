//! Resolving a fault allocates nothing from a heap, whatever the fault.

#[path = "common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::machine::Machine;
use common::operations::{LOW, PAGE, at};
use memory::paging::LeafSize;
use memory::space::{Backing, Request, Rights};
use memory::{Access, Fault, Flush, Outcome, Scope, Tlb};
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

struct NoCache;

impl Tlb for NoCache {
    fn flush(&mut self, _: Scope, _: Flush<'_>) {}
}

const BASE: u64 = 0x4000_0000;

#[test]
fn no_fault_of_any_kind_touches_a_heap() {
    let mut machine = Machine::new();
    let regions = [
        Request::new(1000 * PAGE, Backing::Demand),
        Request::new(1000 * PAGE, Backing::Zero).fault_around(16),
        Request::new(2 << 21, Backing::Demand).page_size(LeafSize::Size2MiB),
        Request::new(2 << 21, Backing::Zero).page_size(LeafSize::Size2MiB),
        Request::new(PAGE, Backing::Demand).rights(Rights::Read),
        Request::new(PAGE, Backing::Guard),
    ];
    for (request, base) in regions.into_iter().zip((BASE..).step_by(1 << 24)) {
        machine.allocate(LOW, request.placement(at(base)));
    }
    let before = ALLOCATIONS.get();
    let mut outcomes = [0_u64; Outcome::ALL.len()];
    for left in [u64::MAX, 40, 0] {
        machine.limit(left);
        let space = machine.spaces[0].as_mut().expect("the first space");
        for region in 0..7 {
            for page in (0..600).step_by(7) {
                for access in [Access::Read, Access::Write, Access::Execute] {
                    let address = VirtAddr::new(BASE + (region << 24) + page * PAGE);
                    let fault = Fault::supervisor(address, access);
                    let outcome = space.resolve(fault, &mut machine.memory, &mut NoCache);
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
