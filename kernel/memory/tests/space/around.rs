//! Fault-around: one fault that maps several pages, and where it stops.

use faultline_memory::Outcome;
use faultline_memory::space::{Backing, Request};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};

/// One page before a multiple of 64 KiB.
const BASE: u64 = 0x4000_f000;

fn machine_with(pages: u64, backing: Backing, around: u16) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing).fault_around(around);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

/// Which of the first `pages` pages of the region are mapped.
fn mapped(machine: &mut Machine, pages: u64) -> Vec<u64> {
    (0..pages)
        .filter(|page| machine.physical_of(0, BASE + page * PAGE).is_some())
        .collect()
}

#[test]
fn one_fault_maps_the_aligned_block_around_it() {
    let mut machine = machine_with(40, Backing::Demand, 4);
    machine.write(BASE + 7 * PAGE, 1).expect("writable");
    assert_eq!(mapped(&mut machine, 40), [5, 6, 7, 8]);
    assert_eq!((machine.faults(), machine.counts().private), (1, 4));
    for page in 5..9 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    assert_eq!(machine.faults(), 1);
    assert_eq!(machine.processors().flushed, []);
}

#[test]
fn the_block_is_clipped_to_the_region() {
    let mut machine = machine_with(3, Backing::Demand, 16);
    machine.read(BASE).expect("readable");
    assert_eq!(
        mapped(&mut machine, 3),
        [0],
        "the block before the boundary"
    );
    machine.read(BASE + PAGE).expect("readable");
    assert_eq!(mapped(&mut machine, 3), [0, 1, 2]);
    assert_eq!((machine.faults(), machine.counts().private), (2, 3));
}

#[test]
fn pages_that_are_there_are_not_replaced() {
    let mut machine = machine_with(9, Backing::Demand, 8);
    machine.write(BASE + 5 * PAGE, 77).expect("writable");
    machine.discard(LOW, BASE + 2 * PAGE, PAGE);
    let kept = machine.physical_of(0, BASE + 5 * PAGE);
    machine.write(BASE + 2 * PAGE, 1).expect("writable");
    assert_eq!(machine.physical_of(0, BASE + 5 * PAGE), kept);
    assert_eq!(machine.read(BASE + 5 * PAGE), Ok(77));
    assert_eq!((machine.faults(), machine.counts().private), (2, 8));
}

#[test]
fn a_read_around_a_zero_page_maps_zero_leaves_only() {
    let mut machine = machine_with(17, Backing::Zero, 16);
    assert_eq!(machine.read(BASE + 3 * PAGE), Ok(0));
    assert_eq!(mapped(&mut machine, 17).len(), 16);
    let region = machine.space(0).region_at(VirtAddr::new(BASE)).expect("it");
    let resident = machine.space(0).resident(&region);
    assert_eq!((resident.zero, resident.private), (16, 0));
}

#[test]
fn a_write_around_a_zero_page_takes_one_private_frame() {
    let mut machine = machine_with(17, Backing::Zero, 16);
    machine.write(BASE + 3 * PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ZeroWrite));
    assert_eq!(mapped(&mut machine, 17).len(), 16);
    assert_eq!(machine.counts().private, 1);
    machine.write(BASE + 4 * PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(machine.counts().private, 2);
}

#[test]
fn running_out_of_frames_for_the_extra_pages_is_no_error() {
    let mut machine = machine_with(17, Backing::Demand, 16);
    machine.limit(3 + 5);
    machine.write(BASE + 15 * PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(mapped(&mut machine, 17), [1, 2, 3, 4, 15]);
    assert_eq!(machine.counts().limit, Some(0));
}

#[test]
fn the_widest_block_is_one_leaf_table() {
    let mut machine = Machine::new();
    let request = Request::new(3 * BIG, Backing::Zero).fault_around(512);
    machine.allocate(LOW, request.placement(at(0x4000_0000 + 5 * PAGE)));
    machine.read(0x4000_0000 + BIG + PAGE).expect("readable");
    assert!(machine.physical_of(0, 0x4000_0000 + BIG - PAGE).is_none());
    assert!(machine.physical_of(0, 0x4000_0000 + BIG).is_some());
    assert!(machine.physical_of(0, 0x4000_0000 + 2 * BIG - 1).is_some());
    assert!(machine.physical_of(0, 0x4000_0000 + 2 * BIG).is_none());
}

#[test]
fn a_refused_fault_maps_nothing_around() {
    let mut machine = machine_with(17, Backing::Demand, 16);
    assert!(machine.fetch(BASE + PAGE).is_err());
    assert!(mapped(&mut machine, 17).is_empty());
}
