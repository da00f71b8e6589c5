//! How many comparisons an audit makes: none is left out, none counted twice.

use super::*;
use crate::paging::Cache;

/// Those of a machine with nothing in it: that nothing leaked (1), the bitmap's
/// counters (5), root and cursor of each half (4), three for each of the two slots of regions (6), two for each of the
/// two fixed slots (4), the zero frame in 16 pieces, seven counters by use, that of
/// resident frames, and two of slots.
const FRESH: u64 = 1 + 5 + 4 + 6 + 4 + 16 + 7 + 1 + 2;
/// Those of one region, and of what is kept beside it; the tree checks itself.
const REGION: u64 = 5;
/// Those of one table below a root: frame, bits, and whether its count is right
/// and not 0.
const TABLE: u64 = 4;
/// Those of a leaf, but for its frames: reserved bits, place in the region, what
/// the backing asks, four rights.
const LEAF: u64 = 7;

#[test]
fn a_fresh_machine_takes_46_checks() {
    assert_eq!(FRESH, 46);
    assert_eq!(Machine::new().audit().unwrap().checks, FRESH);
}

#[test]
fn a_private_page_takes_two_checks_for_each_of_its_frames() {
    let sizes = [(LeafSize::Size4KiB, 3), (LeafSize::Size2MiB, 2)];
    for (size, tables) in sizes {
        let mut machine = Machine::new();
        let low = machine.low();
        let request = Request::new(size.bytes(), Backing::Demand).page_size(size);
        machine.allocate(low, LOW, request);
        assert_eq!(machine.audit().unwrap().checks, FRESH + REGION);
        machine.write(low, LOW);
        let expected = FRESH + REGION + tables * TABLE + LEAF + 2 * size.frames();
        assert_eq!(machine.audit().unwrap().checks, expected);
    }
}

#[test]
fn every_page_of_a_device_is_checked() {
    let mut machine = Machine::new();
    let low = machine.low();
    let device = Backing::Device(PhysAddr::new(DEVICE), Cache::Uncached);
    machine.allocate(low, LOW, Request::new(3 * PAGE, device));
    // Each leaf: its device's memory, not managed, one frame, and mapped.
    let expected = FRESH + REGION + 3 * TABLE + 3 * (LEAF + 3);
    assert_eq!(machine.audit().unwrap().checks, expected);
}

#[test]
fn reservations_are_counted_and_checked_one_by_one() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(4 * PAGE, Backing::Demand));
    let (space, memory) = machine.space(low);
    let reserved = space.reserve(VirtAddr::new(LOW), 3 * PAGE, memory);
    assert_eq!(reserved, Ok(3));
    let report = machine.audit().unwrap();
    assert_eq!((report.reserved, report.private), (3, 0));
    assert_eq!(report.checks, FRESH + REGION + 3 * TABLE + 3);
}
