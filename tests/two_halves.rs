//! The two halves: what safe code cannot do in the kernel's, and faults in one
//! of them while the other is locked.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use common::block::Block;
use common::{NOTHING, PAGE, allocate, audit, cost, counts, free, pages_at, physical, read, write};
use kernel::account::meter::measure;
use kernel::cpu::access::{Refused, try_read};
use kernel::fault::{Reason, reason_of};
use kernel::heap::{self, usage};
use kernel::layout::FENCED_BLOCKS;
use kernel::{spaces, stack};
use memory::paging::Cache;
use memory::space::{AllocateError, Backing, FreeError, Placement, Request};
use memory::{Outcome, Refusal};
use x86_64::{PhysAddr, VirtAddr};

kernel::test_kernel!(test_main);

/// Why the byte at `address`, which is nobody's, could not be read.
fn refused(address: VirtAddr) -> Option<Reason> {
    // SAFETY: the address lies in a region of the test's own.
    match unsafe { try_read(address.as_u64()) } {
        Err(Refused::PageFault(fault)) => reason_of(&fault),
        other => panic!("a page fault was expected, not {other:?}"),
    }
}

/// How many regions the kernel half has.
fn regions() -> u64 {
    spaces::kernel_half(|half, _| half.region_count())
}

#[test_case]
fn safe_code_maps_no_memory_by_its_physical_address_into_the_kernel_half() {
    let code = VirtAddr::new(regions as fn() -> _ as usize as u64);
    let code = physical(code).expect("code is mapped").align_down(PAGE);
    let before = (counts(), regions(), spaces::memory().borrowed());
    // A device, and memory in which Rust values live.
    for start in [PhysAddr::new(0xfec0_0000), code] {
        for cache in [Cache::Uncached, Cache::WriteBack] {
            let request = Request::new(PAGE, Backing::Device(start, cache));
            let refused = spaces::kernel_half(|half, memory| half.allocate(request, memory));
            assert_eq!(refused, Err(AllocateError::GivenMemory { start }));
        }
    }
    assert_eq!((counts(), regions(), spaces::memory().borrowed()), before);
}

#[test_case]
fn safe_code_allocates_nothing_over_a_region_that_is_there() {
    let stack = stack::current().expect("known since boot");
    let (base, before) = (
        VirtAddr::new(stack.bottom().as_u64()),
        (counts(), regions()),
    );
    for backing in [
        Backing::Immediate,
        Backing::Demand,
        Backing::Zero,
        Backing::Fixed,
    ] {
        let request = Request::new(PAGE, backing).placement(Placement::At(base));
        let refused = spaces::kernel_half(|half, memory| half.allocate(request, memory));
        assert_eq!(refused, Err(AllocateError::Overlap { base }), "{backing}");
    }
    assert_eq!((counts(), regions()), before);
}

#[test_case]
fn a_fixed_region_that_safe_code_reserves_in_the_kernel_half_shows_nothing() {
    let request = Request::new(PAGE, Backing::Fixed).placement(Placement::At(FENCED_BLOCKS));
    let region = spaces::kernel_half(|half, memory| half.allocate(request, memory))
        .expect("the kernel half has room");
    let not_backed = Some(Reason::Space(Refusal::NotBacked));
    assert_eq!(refused(region.base), not_backed);
    assert_eq!(physical(region.base), None);
    // SAFETY: nobody uses the region, which shows nothing.
    let freed = spaces::kernel_half(|half, memory| unsafe { half.free(region.base, memory) });
    let base = region.base;
    assert_eq!(freed, Err(FreeError::Fixed { base }));
}

#[test_case]
fn a_fault_of_the_heap_is_resolved_while_the_loaded_space_is_locked() {
    heap::trim();
    let block = Block::new(64 * PAGE, PAGE);
    let (frames, free) = (counts().private, counts().free);
    let ((), measured) = measure(|| {
        spaces::current(|_, _| {
            (10..20).for_each(|page| block.write(page * PAGE, page as u8));
        });
    });
    assert_eq!(measured.cost, cost(10, 10, 0));
    assert_eq!((counts().private, counts().free), (frames + 10, free - 10));
    for (event, page) in measured.faults().iter().zip(10..) {
        assert_eq!(
            event.fault.address.as_u64(),
            block.range().start + page * PAGE
        );
        assert_eq!(event.outcome, Outcome::Demand);
        assert_eq!(physical(event.fault.address), Some(event.frame));
    }
    let (same, measured) = measure(|| {
        spaces::current(|_, _| (10..20).all(|page| block.read(page * PAGE) == page as u8))
    });
    assert_eq!((same, measured.cost), (true, NOTHING));
    audit();
    drop(block);
    assert_eq!(usage().in_use, 0);
}

#[test_case]
fn a_fault_in_the_low_half_is_resolved_while_the_kernel_half_is_locked() {
    let region = allocate(pages_at(0x10000, 4, Backing::Demand));
    let ((), measured) = measure(|| {
        spaces::kernel_half(|_, _| (0..4).for_each(|page| write(&region, page * PAGE, 7)));
    });
    assert_eq!(measured.cost, cost(4, 4, 3));
    assert_eq!(read(&region, 3 * PAGE), 7);
    assert_eq!(free(&region), 4);
}

#[test_case]
fn a_fault_in_a_half_that_is_locked_is_refused_and_changes_nothing() {
    let low = allocate(pages_at(0x10000, 1, Backing::Demand));
    let request = Request::new(PAGE, Backing::Demand);
    let high = spaces::kernel_half(|half, memory| half.allocate(request, memory))
        .expect("the kernel half has room");
    let (reasons, measured) = measure(|| {
        let low = spaces::current(|_, _| refused(low.base));
        let high = spaces::kernel_half(|_, _| refused(high.base));
        [low, high]
    });
    assert_eq!(reasons, [Some(Reason::Locked); 2]);
    assert_eq!(measured.cost, NOTHING);
    assert_eq!((physical(low.base), physical(high.base)), (None, None));

    // And once it is not locked, both are resolved.
    let ((), measured) = measure(|| {
        write(&low, 0, 1);
        write(&high, 0, 1);
    });
    assert_eq!(measured.cost.faults, 2);
    assert_eq!(free(&low), 1);
    // SAFETY: the region is the test's own, and nothing refers to it.
    let freed = spaces::kernel_half(|half, memory| unsafe { half.free(high.base, memory) });
    assert_eq!(freed, Ok(1));
}
