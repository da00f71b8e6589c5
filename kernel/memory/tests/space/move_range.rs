//! Moving pages: what they hold comes along, nothing is left behind, and no
//! processor finds them at their old addresses.

use faultline_memory::paging::Cache;
use faultline_memory::space::{Backing, HALF, MoveError, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};
use x86_64::structures::paging::PageTableFlags as Flags;
use x86_64::{PhysAddr, VirtAddr};

use crate::common::machine::{FIRST_TABLES, Machine};
use crate::common::operations::{BIG, LOW, PAGE, at};
use crate::common::processors::Flushed;
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;
const TO: u64 = 0x80_0000_0000;

fn machine_with(pages: u64, backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

/// Base and pages of each region.
fn regions(machine: &mut Machine) -> Vec<(u64, u64)> {
    let regions = machine.space(0).regions();
    regions
        .map(|region| (region.base.as_u64(), region.size / PAGE))
        .collect()
}

/// The flags of the leaf of an address.
fn flags(machine: &mut Machine, address: u64) -> Flags {
    let walk = machine.space(0).walk(VirtAddr::new(address));
    walk.end().entry.flags()
}

#[test]
fn pages_keep_their_frames_and_bytes_and_leave_nothing_behind() {
    let mut machine = machine_with(4, Backing::Demand);
    for page in 0..3 {
        let byte = page as u8 + 1;
        machine.write(BASE + page * PAGE, byte).expect("writable");
    }
    let frame = machine.physical_of(0, BASE + PAGE);
    let counts = machine.counts();
    let moved = machine.move_range(0, BASE, 4 * PAGE, TO);
    assert_eq!((moved.base.as_u64(), moved.size), (TO, 4 * PAGE));
    assert_eq!(regions(&mut machine), [(TO, 4)]);
    assert_eq!(machine.counts(), counts, "three tables for three");
    assert_eq!(machine.physical_of(0, TO + PAGE), frame);
    for page in 0..3 {
        assert_eq!(machine.read(TO + page * PAGE), Ok(page as u8 + 1));
        assert_eq!(machine.outcome(), None);
    }
    assert_eq!(machine.read(TO + 3 * PAGE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::Demand), "never touched");
    assert_eq!(machine.read(BASE), Err(Refusal::NoRegion));
    assert_eq!(machine.free(LOW, TO), 4);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn the_middle_of_a_region_moves_and_three_allocations_are_left() {
    let mut machine = machine_with(8, Backing::Immediate);
    machine.protect(LOW, BASE + 7 * PAGE, PAGE, Rights::Read);
    let moved = machine.move_range(0, BASE + 2 * PAGE, 3 * PAGE, TO);
    assert_eq!((moved.backing, moved.size), (Backing::Immediate, 3 * PAGE));
    let left = [
        (BASE, 2),
        (BASE + 5 * PAGE, 2),
        (BASE + 7 * PAGE, 1),
        (TO, 3),
    ];
    assert_eq!(regions(&mut machine), left);
    assert_eq!(machine.free(LOW, BASE + 5 * PAGE), 3);
    assert_eq!(machine.free(LOW, BASE), 2);
    assert_eq!(machine.free(LOW, TO), 3);
}

#[test]
fn rights_label_and_user_come_along() {
    let mut machine = Machine::new();
    let request = Request::new(2 * PAGE, Backing::Demand)
        .rights(Rights::ReadExecute)
        .label("code")
        .user();
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.fetch(BASE + PAGE).expect("executable");
    let moved = machine.move_range(0, BASE + PAGE, PAGE, TO);
    assert_eq!((moved.label, moved.rights), ("code", Rights::ReadExecute));
    assert!(moved.user);
    assert!(machine.access(0, TO, Access::Execute, true).is_ok());
    assert_eq!(machine.outcome(), None);
}

#[test]
fn accessed_and_dirty_are_kept() {
    let mut machine = machine_with(2, Backing::Immediate);
    machine.write(BASE, 1).expect("writable");
    machine.move_range(0, BASE, 2 * PAGE, TO);
    let both = Flags::ACCESSED | Flags::DIRTY;
    assert_eq!(flags(&mut machine, TO) & both, both);
    assert_eq!(flags(&mut machine, TO + PAGE) & both, Flags::ACCESSED);
}

#[test]
fn shared_zero_and_reserved_pages_move_as_what_they_are() {
    let mut machine = machine_with(2, Backing::Demand);
    machine.write(BASE, 5).expect("writable");
    let page = VirtAddr::new(BASE + PAGE);
    let kept = machine.with(LOW, |space, memory| space.reserve(page, PAGE, memory));
    assert_eq!(kept, Ok(1));
    let zero = Request::new(PAGE, Backing::Zero);
    machine.allocate(LOW, zero.placement(at(BASE + BIG)));
    machine.read(BASE + BIG).expect("readable");
    let child = machine.fork(0);
    machine.load(1, Some(child));
    machine.move_range(0, BASE, 2 * PAGE, TO);
    machine.move_range(0, BASE + BIG, PAGE, TO + BIG);
    let counts = machine.counts();
    assert_eq!((counts.shared, counts.private, counts.kept_back), (1, 0, 2));
    let frame = machine.physical_of(0, TO).expect("mapped");
    assert_eq!(machine.memory.owners(PhysAddr::new(frame)), 2);
    assert_eq!(machine.read(TO), Ok(5));
    machine.write(TO, 6).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.read_on(1, BASE), Ok(5), "the child's stays");
    machine.write(TO + PAGE, 1).expect("reserved");
    assert_eq!(machine.counts().kept_back, 1);
    assert_eq!(machine.read(TO + BIG), Ok(0));
    assert_eq!(machine.outcome(), None);
}

#[test]
fn a_devices_pages_show_the_same_memory_and_stay_borrowed() {
    let mut machine = Machine::new();
    let device = machine.device();
    let request = Request::new(4 * PAGE, Backing::Device(device, Cache::Uncached));
    machine.allocate(LOW, request.placement(at(BASE)));
    let moved = machine.move_range(0, BASE + PAGE, 2 * PAGE, TO);
    let advanced = Backing::Device(device + PAGE, Cache::Uncached);
    assert_eq!(moved.backing, advanced);
    let physical = machine.physical_of(0, TO + PAGE);
    assert_eq!(physical, Some((device + 2 * PAGE).as_u64()));
    assert_eq!(machine.memory.borrowed(), 4);
}

#[test]
fn a_large_page_stays_whole_if_its_new_address_is_a_multiple_of_its_size() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Immediate);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE + 100 * PAGE, 7).expect("writable");
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    machine.move_range(0, BASE, BIG, TO);
    assert_eq!(machine.leaf_size(LOW, TO), BIG);
    let counts = machine.counts();
    assert_eq!((counts.tables, counts.private), (FIRST_TABLES + 3, 512));
    machine.move_range(0, TO, BIG, BASE + 3 * PAGE);
    assert_eq!(machine.leaf_size(LOW, BASE + 3 * PAGE), PAGE);
    let counts = machine.counts();
    assert_eq!((counts.tables, counts.private), (FIRST_TABLES + 5, 512));
    assert_eq!(machine.read(BASE + 103 * PAGE), Ok(7));
    assert!(flags(&mut machine, BASE + 4 * PAGE).contains(Flags::DIRTY));
    assert_eq!(machine.free(LOW, BASE + 3 * PAGE), 512);
}

#[test]
fn part_of_a_gigabyte_moves_in_the_largest_pages_that_fit() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), Cache::Uncached);
    let request = Request::new(512 * BIG, device);
    machine.allocate(LOW, request.placement(at(BASE)));
    assert_eq!(machine.leaf_size(LOW, BASE), 512 * BIG);
    machine.move_range(0, BASE + PAGE, 2 * BIG, TO + PAGE);
    let sizes = [PAGE, BIG, 2 * BIG].map(|offset| machine.leaf_size(LOW, TO + offset));
    assert_eq!(sizes, [PAGE, BIG, PAGE]);
    assert_eq!(machine.memory.borrowed(), 512 * 512);
}

#[test]
fn a_range_moves_by_one_page_and_back_through_the_same_table() {
    let mut machine = machine_with(1, Backing::Demand);
    machine.write(BASE, 3).expect("writable");
    let counts = machine.counts();
    for (from, to) in [(BASE, BASE + PAGE), (BASE + PAGE, BASE)] {
        machine.move_range(0, from, PAGE, to);
        assert_eq!(machine.read(to), Ok(3));
        assert_eq!(machine.counts(), counts);
    }
}

#[test]
fn a_table_that_loses_its_pages_and_gets_others_stays() {
    // The first pages move out of a table that the last ones move into.
    for (from, to) in [
        (BASE, BASE - 1024 * PAGE),
        (BASE + 512 * PAGE, BASE + 1536 * PAGE),
    ] {
        let mut machine = Machine::new();
        let request = Request::new(1024 * PAGE, Backing::Demand);
        let half = 256 * PAGE;
        machine.allocate(LOW, request.placement(at(from + half)));
        for page in [0, 1023] {
            let address = from + half + page * PAGE;
            machine.write(address, 1).expect("writable");
        }
        let tables = machine.counts().tables;
        machine.move_range(0, from + half, 1024 * PAGE, to + half);
        for page in [0, 1023] {
            assert_eq!(machine.read(to + half + page * PAGE), Ok(1));
            assert_eq!(machine.outcome(), None);
        }
        let level_2 = u64::from(to < BASE);
        assert_eq!(machine.counts().tables, tables + level_2);
    }
}

#[test]
fn every_processor_forgets_the_old_pages() {
    let mut machine = machine_with(2, Backing::Immediate);
    for processor in 0..2 {
        assert_eq!(machine.write_on(processor, BASE, 8), Ok(()));
    }
    machine.processors().flushed.clear();
    machine.move_range(0, BASE, PAGE, BASE + 2 * PAGE);
    let scope = faultline_memory::Scope::Space(machine.space(0).root());
    let flushed = [Flushed::Pages(scope, vec![BASE])];
    assert_eq!(machine.processors().flushed, flushed);
    for processor in 0..2 {
        let gone = machine.read_on(processor, BASE);
        assert_eq!(gone, Err(Refusal::NoRegion));
        assert_eq!(machine.read_on(processor, BASE + 2 * PAGE), Ok(8));
    }
}

#[test]
fn a_processor_that_was_not_flushed_finds_the_pages_in_both_places() {
    let mut machine = machine_with(1, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    machine.processors().ignored = usize::MAX;
    let space = machine.spaces[0].as_mut().expect("the first");
    let (from, to) = (VirtAddr::new(BASE), VirtAddr::new(TO));
    let moved = space.move_range(from, PAGE, to, &machine.memory);
    assert!(moved.is_ok());
    assert!(machine.processors().stale().is_some());
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut machine = machine_with(4, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    let fixed = Request::new(PAGE, Backing::Fixed);
    machine.allocate(LOW, fixed.placement(at(BASE + 8 * PAGE)));
    let address = VirtAddr::new;
    let base = address(BASE);
    let fixed = address(BASE + 8 * PAGE);
    let unaligned = |start, size| MoveError::Unaligned {
        start: address(start),
        size,
    };
    let outside = |at| MoveError::OutsideHalf {
        address: address(at),
    };
    let cases = [
        (BASE + 1, PAGE, TO, unaligned(BASE + 1, PAGE)),
        (BASE, 0, TO, unaligned(BASE, 0)),
        (
            BASE,
            PAGE,
            TO + 1,
            MoveError::UnalignedTarget {
                address: address(TO + 1),
            },
        ),
        (
            TO,
            PAGE,
            BASE,
            MoveError::NoRegion {
                address: address(TO),
            },
        ),
        (BASE + PAGE, 4 * PAGE, TO, MoveError::PastTheRegion { base }),
        (fixed.as_u64(), PAGE, TO, MoveError::Fixed { base: fixed }),
        (BASE, PAGE, 0, outside(0)),
        (BASE, 2 * PAGE, HALF - PAGE, outside(HALF - PAGE)),
        (BASE, 2 * PAGE, BASE + PAGE, MoveError::InTheWay { base }),
        (
            BASE,
            4 * PAGE,
            BASE + 5 * PAGE,
            MoveError::InTheWay { base: fixed },
        ),
    ];
    let before = Snapshot::of(&machine);
    for (start, size, to, expected) in cases {
        assert_eq!(machine.try_move(0, start, size, to), Err(expected));
    }
    before.assert_unchanged(&Snapshot::of(&machine), "refused");
}
