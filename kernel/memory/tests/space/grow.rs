//! Growing in place: what may grow, as far as what, and that it costs nothing.

use faultline_memory::space::{Backing, GrowError, HALF, Request, Rights};
use faultline_memory::{Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn machine_with(pages: u64, backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn a_lazy_region_grows_without_a_frame() {
    for backing in [Backing::Demand, Backing::Zero, Backing::Guard] {
        let mut machine = machine_with(1, backing);
        machine.limit(0);
        let counts = machine.counts();
        let grown = machine.grow(0, BASE, 3 * PAGE);
        assert_eq!((grown.base.as_u64(), grown.size), (BASE, 4 * PAGE));
        assert_eq!(machine.space(0).region_count(), 1);
        assert_eq!(machine.counts(), counts);
    }
}

#[test]
fn what_came_to_it_faults_as_the_rest_does() {
    let mut machine = machine_with(1, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.write(BASE + PAGE, 2), Err(Refusal::NoRegion));
    machine.grow(0, BASE, PAGE);
    assert_eq!(machine.write(BASE + PAGE, 2), Ok(()));
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    let region = machine.space(0).regions().next().expect("the one");
    assert_eq!(region.faults, 2);
    assert_eq!(machine.free(LOW, BASE), 2);
}

#[test]
fn the_last_region_of_the_allocation_grows() {
    let mut machine = machine_with(4, Backing::Demand);
    machine.protect(LOW, BASE + 3 * PAGE, PAGE, Rights::Read);
    let grown = machine.grow(0, BASE, PAGE);
    assert_eq!(grown.base.as_u64(), BASE + 3 * PAGE);
    assert_eq!((grown.size, grown.rights), (2 * PAGE, Rights::Read));
    machine.protect(LOW, BASE, 5 * PAGE, Rights::ReadWrite);
    assert_eq!(machine.space(0).region_count(), 1, "still one allocation");
}

#[test]
fn a_heap_shrinks_and_grows_again_and_its_bytes_are_gone() {
    let mut machine = machine_with(4, Backing::Demand);
    machine.write(BASE + 3 * PAGE, 7).expect("writable");
    assert_eq!(machine.free_range(0, BASE + 2 * PAGE, 2 * PAGE), 1);
    machine.grow(0, BASE, 2 * PAGE);
    assert_eq!(machine.read(BASE + 3 * PAGE), Ok(0));
    assert_eq!(machine.space(0).region_count(), 1);
}

#[test]
fn it_grows_up_to_the_next_region_and_to_the_end_of_the_half() {
    let mut machine = machine_with(1, Backing::Demand);
    let next = Request::new(PAGE, Backing::Guard);
    machine.allocate(LOW, next.placement(at(BASE + 3 * PAGE)));
    let base = VirtAddr::new(BASE + 3 * PAGE);
    let before = Snapshot::of(&machine);
    for pages in [3, 4, 1000] {
        let refused = machine.try_grow(0, BASE, pages * PAGE);
        assert_eq!(refused, Err(GrowError::InTheWay { base }));
    }
    let limit = HALF;
    for by in [HALF, u64::MAX - 4095] {
        let refused = machine.try_grow(0, BASE, by);
        assert_eq!(refused, Err(GrowError::OutsideHalf { limit }));
    }
    before.assert_unchanged(&Snapshot::of(&machine), "refused");
    assert_eq!(machine.grow(0, BASE, 2 * PAGE).size, 3 * PAGE);
    let top = Request::new(PAGE, Backing::Demand);
    machine.allocate(LOW, top.placement(at(HALF - 2 * PAGE)));
    let refused = machine.try_grow(0, HALF - 2 * PAGE, 2 * PAGE);
    assert_eq!(refused, Err(GrowError::OutsideHalf { limit }));
    assert_eq!(machine.grow(0, HALF - 2 * PAGE, PAGE).end(), HALF);
}

#[test]
fn what_is_refused_changes_nothing() {
    for backing in [Backing::Immediate, Backing::Fixed] {
        let mut machine = machine_with(1, backing);
        let base = VirtAddr::new(BASE);
        let refused = machine.try_grow(0, BASE, PAGE);
        assert_eq!(refused, Err(GrowError::NotLazy { base, backing }));
    }
    let mut machine = machine_with(4, Backing::Demand);
    machine.protect(LOW, BASE + 2 * PAGE, PAGE, Rights::Read);
    let before = Snapshot::of(&machine);
    for by in [0, 1, PAGE + 1] {
        let refused = machine.try_grow(0, BASE, by);
        assert_eq!(refused, Err(GrowError::Unaligned { by }));
    }
    for inside in [BASE + 1, BASE + 2 * PAGE, BASE + 3 * PAGE] {
        let base = VirtAddr::new(BASE);
        let refused = machine.try_grow(0, inside, PAGE);
        assert_eq!(refused, Err(GrowError::NotTheBase { base }));
    }
    let address = VirtAddr::new(BASE - 1);
    let refused = machine.try_grow(0, BASE - 1, PAGE);
    assert_eq!(refused, Err(GrowError::NoRegion { address }));
    before.assert_unchanged(&Snapshot::of(&machine), "refused");
}
