//! Replacing a range: what lies there goes, whatever regions it is in, and a new
//! region is there instead; or nothing has changed.

use faultline_memory::object::{ObjectKind, Sharing};
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{AllocateError, Backing, HALF, Request, Rights};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

/// Regions that there are, those that there are afterwards, and the private frames.
type Case<'a> = (&'a [(u64, u64)], &'a [(u64, u64, Backing)], u64);

/// First page, pages and backing of each region.
fn regions(machine: &mut Machine) -> Vec<(u64, u64, Backing)> {
    let regions = machine.space(0).regions();
    let place = |base: VirtAddr| (base.as_u64() - BASE) / PAGE;
    regions
        .map(|region| (place(region.base), region.size / PAGE, region.backing))
        .collect()
}

/// A machine with demand regions, whose pages are all written.
fn machine_with(parts: &[(u64, u64)]) -> Machine {
    let mut machine = Machine::new();
    for (first, pages) in parts {
        let request = Request::new(pages * PAGE, Backing::Demand);
        machine.allocate(LOW, request.placement(at(BASE + first * PAGE)));
        for page in *first..first + pages {
            machine.write(BASE + page * PAGE, 9).expect("writable");
        }
    }
    machine
}

#[test]
fn what_lies_in_the_range_goes_and_what_lies_around_it_stays() {
    use Backing::{Demand, Zero};
    let cases: [Case<'_>; 8] = [
        (&[], &[(4, 4, Zero)], 0),
        (
            &[(0, 10)],
            &[(0, 4, Demand), (4, 4, Zero), (8, 2, Demand)],
            6,
        ),
        (&[(4, 4)], &[(4, 4, Zero)], 0),
        (&[(4, 6)], &[(4, 4, Zero), (8, 2, Demand)], 2),
        (&[(2, 6)], &[(2, 2, Demand), (4, 4, Zero)], 2),
        (&[(5, 1), (6, 4)], &[(4, 4, Zero), (8, 2, Demand)], 2),
        (&[(5, 4)], &[(4, 4, Zero), (8, 1, Demand)], 1),
        (
            &[(0, 5), (5, 1), (7, 1), (8, 1)],
            &[(0, 4, Demand), (4, 4, Zero), (8, 1, Demand)],
            5,
        ),
    ];
    for (before, after, private) in cases {
        let mut machine = machine_with(before);
        let region = machine.replace(0, BASE + 4 * PAGE, Request::new(4 * PAGE, Zero));
        assert_eq!(
            (region.base.as_u64(), region.size),
            (BASE + 4 * PAGE, 4 * PAGE)
        );
        assert_eq!(regions(&mut machine), after, "{before:?}");
        assert_eq!(machine.counts().private, private, "{before:?}");
        assert_eq!(machine.read(BASE + 4 * PAGE), Ok(0));
    }
}

#[test]
fn what_lies_behind_the_range_is_an_allocation_of_its_own() {
    let mut machine = machine_with(&[(0, 10)]);
    machine.protect(LOW, BASE + 6 * PAGE, 4 * PAGE, Rights::Read);
    machine.replace(0, BASE + 2 * PAGE, Request::new(6 * PAGE, Backing::Zero));
    assert_eq!(machine.free(LOW, BASE + 8 * PAGE), 2);
    assert_eq!(machine.free(LOW, BASE + 2 * PAGE), 0);
    assert_eq!(machine.free(LOW, BASE), 2);
    assert_eq!(machine.space(0).regions().count(), 0);
}

#[test]
fn an_object_goes_with_the_last_region_that_is_replaced() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 8);
    let object = object.expect("a frame");
    let id = object.id();
    let backing = Backing::Object {
        object: id,
        offset_in_pages: 0,
        sharing: Sharing::Shared,
    };
    let request = Request::new(8 * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.memory.release_object(object);
    let held = |machine: &Machine| machine.memory.object(id).map(|status| status.regions);
    let zero = |pages| Request::new(pages * PAGE, Backing::Zero);
    machine.replace(0, BASE + 2 * PAGE, zero(2));
    assert_eq!(held(&machine), Some(2));
    machine.replace(0, BASE + 4 * PAGE, zero(1));
    assert_eq!(held(&machine), Some(2));
    // By itself, and it is still there.
    machine.replace(0, BASE + 5 * PAGE, Request::new(3 * PAGE, backing));
    assert_eq!(held(&machine), Some(2));
    machine.replace(0, BASE, zero(8));
    assert_eq!(held(&machine), None);
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut machine = machine_with(&[(0, 4)]);
    let fixed = Request::new(PAGE, Backing::Fixed);
    machine.allocate(LOW, fixed.placement(at(BASE + 6 * PAGE)));
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 1);
    let object = object.expect("a frame");
    let backing = Backing::Object {
        object: object.id(),
        offset_in_pages: 0,
        sharing: Sharing::Shared,
    };
    let shared = Request::new(PAGE, backing);
    machine.allocate(LOW, shared.placement(at(BASE + 9 * PAGE)));
    let zero = |pages| Request::new(pages * PAGE, Backing::Zero);
    let executed = shared.rights(Rights::ReadExecute);
    let (id, before) = (object.id(), Snapshot::of(&machine));
    let address = VirtAddr::new;
    let cases = [
        (BASE, zero(0), AllocateError::ZeroSize),
        (
            BASE + 2 * PAGE,
            zero(5),
            AllocateError::Overlap {
                base: address(BASE + 6 * PAGE),
            },
        ),
        (
            HALF - PAGE,
            zero(2),
            AllocateError::OutsideHalf {
                address: address(HALF - PAGE),
            },
        ),
        (
            BASE,
            Request::new(PAGE, Backing::Immediate),
            AllocateError::NotLazy {
                backing: Backing::Immediate,
            },
        ),
        (
            BASE + PAGE,
            zero(512).page_size(LeafSize::Size2MiB),
            AllocateError::Unaligned {
                address: address(BASE + PAGE),
                size: 512 * PAGE,
            },
        ),
        (
            BASE,
            executed,
            AllocateError::Object(faultline_memory::object::UseError::Written { object: id }),
        ),
    ];
    for (base, request, expected) in cases {
        assert_eq!(machine.try_replace(0, base, request), Err(expected));
        before.assert_unchanged(&Snapshot::of(&machine), &expected.to_string());
    }
    machine.memory.release_object(object);
}
