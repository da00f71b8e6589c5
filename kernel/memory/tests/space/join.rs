//! Joining neighbours: what is alike becomes one allocation, and nothing else does.

use faultline_memory::object::{ObjectKind, Sharing};
use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Request, Rights};
use x86_64::PhysAddr;

use super::objects::{BASE, backing, map};
use crate::common::machine::{Machine, PHYSICAL_END};
use crate::common::operations::{LOW, PAGE, at};

/// Two pages on demand from page `first` on, but for what `change` makes of that.
fn two_pages(machine: &mut Machine, first: u64, change: impl FnOnce(Request) -> Request) {
    let request = Request::new(2 * PAGE, Backing::Demand);
    let request = request.placement(at(BASE + first * PAGE));
    machine.allocate(LOW, change(request));
}

/// The first page and the pages of each region.
fn regions(machine: &mut Machine) -> Vec<(u64, u64)> {
    let regions = machine.space(0).regions();
    regions
        .map(|region| ((region.base.as_u64() - BASE) / PAGE, region.size / PAGE))
        .collect()
}

#[test]
fn allocations_alike_that_meet_in_a_range_or_at_its_ends_are_one() {
    let mut machine = Machine::new();
    for first in [4, 0, 2, 6, 10] {
        two_pages(&mut machine, first, |request| request);
    }
    machine.write(BASE + 5 * PAGE, 7).expect("writable");
    machine.limit(0);
    machine.join(0, BASE + 2 * PAGE, 2 * PAGE);
    assert_eq!(regions(&mut machine), [(0, 6), (6, 2), (10, 2)]);
    machine.join(0, BASE, 12 * PAGE);
    assert_eq!(regions(&mut machine), [(0, 8), (10, 2)]);
    assert_eq!(machine.read(BASE + 5 * PAGE), Ok(7));
    assert_eq!(machine.free(LOW, BASE), 1);
}

#[test]
fn what_has_parts_is_joined_with_all_of_them() {
    let mut machine = Machine::new();
    for first in [0, 2] {
        two_pages(&mut machine, first, |request| request);
    }
    machine.protect(LOW, BASE + 3 * PAGE, PAGE, Rights::Read);
    machine.join(0, BASE, 4 * PAGE);
    assert_eq!(regions(&mut machine), [(0, 3), (3, 1)]);
    machine.protect(LOW, BASE + 3 * PAGE, PAGE, Rights::ReadWrite);
    assert_eq!(regions(&mut machine), [(0, 4)]);
    machine.grow(0, BASE, PAGE);
    assert_eq!(machine.free(LOW, BASE), 0);
}

#[test]
fn neighbours_that_differ_stay_two() {
    let changes: [fn(Request) -> Request; 6] = [
        |request| request.rights(Rights::Read),
        |request| {
            request
                .page_size(LeafSize::Size2MiB)
                .placement(at(BASE + (2 << 20)))
        },
        |request| request.fault_around(2),
        |request| request.label("other"),
        Request::user,
        Request::grows_down,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut machine = Machine::new();
        two_pages(&mut machine, 510, |request| request);
        two_pages(&mut machine, 512, change);
        machine.join(0, BASE, 514 * PAGE);
        assert_eq!(machine.space(0).region_count(), 2, "change {number}");
    }
}

#[test]
fn mappings_of_an_object_are_one_if_its_pages_follow_each_other() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 8);
    let object = object.expect("frames");
    let shared = |machine: &mut Machine, base| {
        map(
            machine,
            base,
            object.id(),
            Sharing::Shared,
            Rights::ReadWrite,
        );
    };
    shared(&mut machine, BASE);
    shared(&mut machine, BASE + 4 * PAGE);
    let next = Backing::Object {
        object: object.id(),
        offset_in_pages: 4,
        sharing: Sharing::Shared,
    };
    assert_ne!(next, backing(object.id(), Sharing::Shared));
    machine.allocate(LOW, Request::new(PAGE, next).placement(at(BASE + 8 * PAGE)));
    machine.join(0, BASE, 9 * PAGE);
    assert_eq!(regions(&mut machine), [(0, 4), (4, 5)]);
    let status = machine.memory.object(object.id()).expect("it is held");
    assert_eq!(status.regions, 2);
    machine.free(LOW, BASE);
    machine.free(LOW, BASE + 4 * PAGE);
    machine.memory.release_object(object);
}

#[test]
fn a_device_at_the_top_of_physical_memory_joins_nothing() {
    let mut machine = Machine::new();
    let start = PhysAddr::new(PHYSICAL_END - 2 * PAGE);
    let device = Backing::Device(start, Cache::Uncached);
    machine.allocate(LOW, Request::new(2 * PAGE, device).placement(at(BASE)));
    two_pages(&mut machine, 2, |request| request);
    machine.join(0, BASE, 4 * PAGE);
    assert_eq!(regions(&mut machine), [(0, 2), (2, 2)]);
}
