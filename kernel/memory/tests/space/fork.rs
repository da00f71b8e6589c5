//! A copy of a space: what both share, what a write to it becomes, and what is
//! left when one of them ends.

use faultline_memory::Outcome;
use faultline_memory::space::{Backing, Request};
use x86_64::PhysAddr;

use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};

pub(crate) const BASE: u64 = 0x4000_0000;

/// A machine with a region of so many pages, each written with its number plus
/// 1 by processor 0, and a fork of its space that processor 1 has loaded.
pub(crate) fn forked(pages: u64) -> (Machine, usize) {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, Backing::Demand);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in 0..pages {
        let byte = (page + 1) as u8;
        machine.write(BASE + page * PAGE, byte).expect("writable");
    }
    let child = machine.fork(0);
    machine.load(1, Some(child));
    (machine, child)
}

/// How many owners the frame behind an address of space `index` has.
pub(crate) fn owners(machine: &mut Machine, index: usize, address: u64) -> u32 {
    let physical = machine.physical_of(index, address).expect("mapped");
    machine.memory.owners(PhysAddr::new(physical))
}

#[test]
fn a_fork_takes_no_frame_for_the_pages() {
    let (mut machine, child) = forked(3);
    let counts = machine.counts();
    assert_eq!((counts.private, counts.shared), (0, 3));
    for page in 0..3 {
        let address = BASE + page * PAGE;
        assert_eq!(machine.read_on(1, address), Ok(page as u8 + 1));
        assert_eq!(machine.outcome(), None, "mapped already");
        assert_eq!(owners(&mut machine, child, address), 2);
    }
}

#[test]
fn the_first_write_copies_and_the_last_owner_takes_over() {
    let (mut machine, child) = forked(2);
    machine.write_on(1, BASE + 5, 77).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.read_on(1, BASE), Ok(1), "copied");
    assert_eq!(machine.read(BASE + 5), Ok(0), "not seen by the parent");
    assert_eq!(owners(&mut machine, 0, BASE), 1);
    let frame = machine.physical_of(0, BASE);
    machine.write(BASE, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    assert_eq!(machine.physical_of(0, BASE), frame, "where it is");
    assert_eq!(owners(&mut machine, 0, BASE), 0);
    assert_eq!(machine.read_on(1, BASE), Ok(1));
    let counts = machine.counts();
    assert_eq!((counts.private, counts.shared), (2, 1));
    machine.check();
    assert_eq!(owners(&mut machine, child, BASE + PAGE), 2);
}

#[test]
fn either_may_end_first_and_nothing_is_left() {
    for first in [0, 1] {
        let mut machine = Machine::new();
        let before = machine.counts();
        let request = Request::new(4 * PAGE, Backing::Demand);
        machine.allocate(LOW, request.placement(at(BASE)));
        machine.write(BASE, 1).expect("writable");
        machine.write(BASE + PAGE, 2).expect("writable");
        let child = machine.fork(0);
        machine.load(1, Some(child));
        machine.write_on(1, BASE, 3).expect("writable");
        let spaces = [0, child];
        let (ends, stays) = (spaces[first], spaces[1 - first]);
        (0..2).for_each(|processor| machine.load(processor, Some(stays)));
        assert_eq!(machine.destroy(ends), 1, "the page that is its own");
        machine.check();
        assert_eq!(machine.read(BASE + PAGE), Ok(2));
        machine.write(BASE + PAGE, 4).expect("writable");
        assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
        (0..2).for_each(|processor| machine.load(processor, None));
        assert_eq!(machine.destroy(stays), 2);
        let root = 1;
        assert_eq!(machine.counts().free, before.free + root);
        machine.check();
    }
}

#[test]
fn untouched_zero_and_reserved_pages_are_taken_over_as_what_they_are() {
    let mut machine = Machine::new();
    let demand = Request::new(3 * PAGE, Backing::Demand);
    machine.allocate(LOW, demand.placement(at(BASE)));
    let zero = Request::new(2 * PAGE, Backing::Zero);
    machine.allocate(LOW, zero.placement(at(BASE + BIG)));
    machine.read(BASE + BIG).expect("readable");
    let start = x86_64::VirtAddr::new(BASE);
    let kept = machine.with(LOW, |space, memory| space.reserve(start, PAGE, memory));
    assert_eq!(kept, Ok(1));
    let child = machine.fork(0);
    machine.load(1, Some(child));
    assert_eq!(machine.counts().kept_back, 2, "one for each of the two");
    machine.limit(0);
    machine.write_on(1, BASE, 1).expect("reserved");
    machine.write(BASE, 2).expect("reserved");
    machine.memory.set_limit(None);
    machine.write_on(1, BASE + PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.read_on(1, BASE + BIG), Ok(0));
    assert_eq!(machine.outcome(), None);
    machine.write_on(1, BASE + BIG, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(
        (machine.read(BASE + BIG), machine.read(BASE)),
        (Ok(0), Ok(2))
    );
    assert_eq!(machine.counts().shared, 0);
    machine.check();
}

#[test]
fn a_parent_that_was_not_flushed_writes_into_its_childs_page() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(BASE, 1).expect("writable");
    machine.processors().ignored = usize::MAX;
    let space = machine.spaces[0].as_mut().expect("the first");
    let child = space.fork(&machine.memory).expect("frames");
    machine.spaces.push(Some(child));
    assert!(
        machine.processors().stale().is_some(),
        "what the flush is for"
    );
}
