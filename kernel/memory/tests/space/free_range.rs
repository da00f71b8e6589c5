//! Freeing a range: regions are cut at its ends, what lies behind it is an
//! allocation of its own, and gaps do not matter.

use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, FreeRangeError, HALF, Request, Rights};
use faultline_memory::{Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, LOW, PAGE, at};
use crate::common::processors::Flushed;
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn machine_with(pages: u64, backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

/// First page and pages of each region.
fn regions(machine: &mut Machine) -> Vec<(u64, u64)> {
    let regions = machine.space(0).regions();
    regions
        .map(|region| ((region.base.as_u64() - BASE) / PAGE, region.size / PAGE))
        .collect()
}

#[test]
fn a_hole_in_a_region_leaves_two_allocations() {
    let mut machine = machine_with(10, Backing::Demand);
    for page in 0..10 {
        machine.write(BASE + page * PAGE, 9).expect("writable");
    }
    assert_eq!(machine.free_range(0, BASE + 3 * PAGE, 2 * PAGE), 2);
    assert_eq!(regions(&mut machine), [(0, 3), (5, 5)]);
    assert_eq!(machine.counts().private, 8);
    assert_eq!(machine.read(BASE + 3 * PAGE), Err(Refusal::NoRegion));
    assert_eq!(machine.read(BASE + 5 * PAGE), Ok(9));
    assert_eq!(machine.free(LOW, BASE + 5 * PAGE), 5);
    assert_eq!(machine.free(LOW, BASE), 3);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn both_parts_merge_with_their_own_alone() {
    let mut machine = machine_with(10, Backing::Demand);
    machine.protect(LOW, BASE + 6 * PAGE, 2 * PAGE, Rights::Read);
    machine.free_range(0, BASE + 2 * PAGE, PAGE);
    assert_eq!(regions(&mut machine), [(0, 2), (3, 3), (6, 2), (8, 2)]);
    machine.protect(LOW, BASE + 3 * PAGE, 7 * PAGE, Rights::Read);
    assert_eq!(regions(&mut machine), [(0, 2), (3, 7)]);
    assert_eq!(machine.free(LOW, BASE + 3 * PAGE), 0);
    assert_eq!(regions(&mut machine), [(0, 2)]);
}

#[test]
fn without_its_lower_part_an_allocation_begins_where_the_rest_does() {
    let mut machine = machine_with(6, Backing::Immediate);
    machine.protect(LOW, BASE + 4 * PAGE, PAGE, Rights::Read);
    assert_eq!(machine.free_range(0, BASE, 2 * PAGE), 2);
    assert_eq!(regions(&mut machine), [(2, 2), (4, 1), (5, 1)]);
    assert_eq!(machine.free(LOW, BASE + 2 * PAGE), 4);
    assert_eq!(regions(&mut machine), []);
}

#[test]
fn a_range_over_several_regions_and_gaps_takes_all_of_them() {
    let mut machine = machine_with(4, Backing::Immediate);
    let guard = Request::new(PAGE, Backing::Guard);
    machine.allocate(LOW, guard.placement(at(BASE + 5 * PAGE)));
    let device = Backing::Device(machine.device(), Cache::Uncached);
    let device = Request::new(3 * PAGE, device);
    machine.allocate(LOW, device.placement(at(BASE + 7 * PAGE)));
    assert_eq!(machine.memory.borrowed(), 3);
    assert_eq!(machine.free_range(0, BASE + 2 * PAGE, 6 * PAGE), 2);
    assert_eq!(regions(&mut machine), [(0, 2), (8, 2)]);
    assert_eq!(machine.memory.borrowed(), 2);
    let physical = machine.physical_of(0, BASE + 8 * PAGE);
    let device = machine.device().as_u64();
    assert_eq!(physical, Some(device + PAGE), "the device's next page");
}

#[test]
fn a_range_without_a_region_is_free_already() {
    let mut machine = machine_with(1, Backing::Demand);
    let before = Snapshot::of(&machine);
    assert_eq!(machine.free_range(0, BASE + PAGE, BIG), 0);
    assert_eq!(machine.free_range(0, 0, BASE), 0);
    before.assert_unchanged(&Snapshot::of(&machine), "nothing to free");
    assert_eq!(machine.free_range(0, 0, HALF), 0);
    assert_eq!(regions(&mut machine), []);
}

#[test]
fn no_memory_is_needed_but_for_one_record_more() {
    let mut machine = machine_with(512, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    machine.write(BASE + 511 * PAGE, 1).expect("writable");
    machine.limit(0);
    assert_eq!(machine.free_range(0, BASE + 508 * PAGE, 4 * PAGE), 1);
    assert_eq!(machine.free_range(0, BASE, 8 * PAGE), 1);
    // There is room in the frame that holds the records.
    assert_eq!(machine.free_range(0, BASE + 100 * PAGE, 8 * PAGE), 0);
    assert_eq!(regions(&mut machine), [(8, 92), (108, 400)]);
}

#[test]
fn a_large_page_across_an_end_is_split() {
    let mut machine = Machine::new();
    let request = Request::new(2 * BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE, 7).expect("writable");
    machine.write(BASE + BIG, 8).expect("writable");
    let tables = machine.counts().tables;
    assert_eq!(machine.free_range(0, BASE + PAGE, BIG), 512);
    assert_eq!(machine.counts().tables, tables + 2);
    assert_eq!(machine.read(BASE), Ok(7));
    assert_eq!(machine.read(BASE + BIG + PAGE), Ok(0));
    assert_eq!(machine.outcome(), None, "what is left of the second");
    let refused = Err(Refusal::NoRegion);
    assert_eq!(machine.read(BASE + BIG), refused);
}

#[test]
fn pages_that_a_child_shares_stay_with_the_child() {
    let mut machine = machine_with(3, Backing::Demand);
    for page in 0..3 {
        machine.write(BASE + page * PAGE, 5).expect("writable");
    }
    let child = machine.fork(0);
    machine.load(1, Some(child));
    assert_eq!(machine.free_range(0, BASE + PAGE, PAGE), 0);
    assert_eq!(machine.read_on(1, BASE + PAGE), Ok(5));
    machine.write_on(1, BASE + PAGE, 6).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
}

#[test]
fn reservations_of_the_range_are_let_go() {
    let mut machine = machine_with(8, Backing::Demand);
    let start = VirtAddr::new(BASE);
    let size = 8 * PAGE;
    let kept = machine.with(LOW, |space, memory| space.reserve(start, size, memory));
    assert_eq!(kept, Ok(8));
    assert_eq!(machine.free_range(0, BASE + 2 * PAGE, 3 * PAGE), 0);
    assert_eq!(machine.counts().kept_back, 5);
}

#[test]
fn one_flush_is_enough_for_several_regions() {
    let mut machine = machine_with(2, Backing::Immediate);
    let next = Request::new(2 * PAGE, Backing::Immediate);
    machine.allocate(LOW, next.placement(at(BASE + 4 * PAGE)));
    machine.processors().flushed.clear();
    assert_eq!(machine.free_range(0, BASE + PAGE, 4 * PAGE), 2);
    let scope = faultline_memory::Scope::Space(machine.space(0).root());
    let pages = vec![BASE + PAGE, BASE + 4 * PAGE];
    assert_eq!(machine.processors().flushed, [Flushed::Pages(scope, pages)]);
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut machine = machine_with(4, Backing::Immediate);
    let fixed = Request::new(PAGE, Backing::Fixed);
    machine.allocate(LOW, fixed.placement(at(BASE + 6 * PAGE)));
    let before = Snapshot::of(&machine);
    for (start, size) in [(BASE + 1, PAGE), (BASE, PAGE + 1), (BASE, 0)] {
        let start = VirtAddr::new(start);
        let refused = machine.try_free_range(0, start.as_u64(), size);
        assert_eq!(refused, Err(FreeRangeError::Unaligned { start, size }));
    }
    let base = VirtAddr::new(BASE + 6 * PAGE);
    for pages in [7, 100] {
        let refused = machine.try_free_range(0, BASE, pages * PAGE);
        assert_eq!(refused, Err(FreeRangeError::Fixed { base }));
    }
    for (start, size, end) in [
        (HALF - PAGE, 2 * PAGE, HALF + PAGE),
        (KERNEL_BASE, PAGE, KERNEL_BASE + PAGE),
        (BASE, u64::MAX - 4095, u64::MAX),
    ] {
        let refused = machine.try_free_range(0, start, size);
        assert_eq!(refused, Err(FreeRangeError::OutsideHalf { end }));
    }
    before.assert_unchanged(&Snapshot::of(&machine), "refused");
}
