//! The heap's memory over regions on demand, page by page, beside what the
//! kernel half and the allocator say of it.

use std::cell::RefCell;

use faultline_memory::demand::{DemandPages, Reach};
use faultline_memory::heap::{GRAIN, Pages, Source};
use faultline_memory::space::{Backing, Request};
use faultline_memory::{KernelHalf, Memory};
use x86_64::VirtAddr;

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{KERNEL, PAGE};
use crate::common::snapshot::Snapshot;

/// Bytes of addresses that the source may use.
const ROOM: u64 = 4 * GRAIN as u64;

/// A machine's kernel half, behind what stands for a lock.
struct Reached<'a>(&'a RefCell<Machine>);

// SAFETY: the machine's one kernel half, and the memory that it was made from.
unsafe impl Reach for Reached<'_> {
    fn reach<R>(&self, work: impl FnOnce(&mut KernelHalf, &Memory) -> R) -> R {
        let machine = &mut *self.0.borrow_mut();
        work(&mut machine.kernel, &machine.memory)
    }
}

fn source(machine: &RefCell<Machine>) -> DemandPages<Reached<'_>> {
    let from = VirtAddr::new(KERNEL_BASE);
    DemandPages::new(Reached(machine), from, KERNEL_BASE + ROOM, "heap")
}

/// So many pages of the source, from the one of this number on.
fn pages(first: u64, count: u64) -> Pages {
    let start = (KERNEL_BASE + first * PAGE) as usize;
    Pages::new(start, (count * PAGE) as usize).expect("pages")
}

fn touch(machine: &RefCell<Machine>, page: u64) {
    let written = machine.borrow_mut().write(KERNEL_BASE + page * PAGE, 1);
    assert_eq!(written, Ok(()));
}

/// Frames kept back, and frames behind pages.
fn frames(machine: &RefCell<Machine>) -> (u64, u64) {
    let machine = machine.borrow();
    machine.check();
    let counts = machine.counts();
    (counts.kept_back, counts.private)
}

#[test]
fn an_extent_has_its_first_bytes_reserved_and_the_next_one_adjoins() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    let first = source.grow(GRAIN, PAGE as usize, None).expect("room");
    assert_eq!(first, pages(0, 512));
    assert_eq!(frames(&machine), (1, 0));
    let behind = source.grow(2 * GRAIN, 0, Some(first.end()));
    assert_eq!(behind, Some(pages(512, 1024)));
    assert_eq!(frames(&machine), (1, 0));
    let labels: Vec<_> = machine
        .borrow()
        .half(KERNEL)
        .regions()
        .map(|it| it.label)
        .collect();
    assert_eq!(labels, ["heap"; 2]);
}

#[test]
fn where_the_place_behind_is_taken_an_extent_lies_elsewhere() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    for grain in [0, 1] {
        let extent = source.grow(GRAIN, 0, None);
        assert_eq!(extent, Some(pages(grain * 512, 512)));
    }
    let elsewhere = source.grow(GRAIN, 0, Some(pages(0, 512).end()));
    assert_eq!(elsewhere, Some(pages(1024, 512)));
    // Nothing lies behind the last address that the source may use.
    let last = source.grow(GRAIN, 0, Some((KERNEL_BASE + ROOM) as usize));
    assert_eq!(last, Some(pages(1536, 512)));
}

#[test]
fn an_extent_adjoins_another_before_it_fills_a_gap_below() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    let others = Request::new(GRAIN as u64, Backing::Guard);
    let other = machine.borrow_mut().allocate(KERNEL, others);
    let extent = source.grow(GRAIN, 0, None).expect("room");
    assert_eq!(extent, pages(512, 512));
    machine.borrow_mut().free(KERNEL, other.base.as_u64());
    let behind = source.grow(GRAIN, 0, Some(extent.end()));
    assert_eq!(behind, Some(pages(1024, 512)));
    assert_eq!(source.grow(GRAIN, 0, None), Some(pages(0, 512)));
}

#[test]
fn an_extent_that_adjoins_another_ends_within_the_sources_addresses() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    let extent = source.grow(3 * GRAIN, 0, None).expect("room");
    assert_eq!(source.grow(2 * GRAIN, 0, Some(extent.end())), None);
    let last = source.grow(GRAIN, 0, Some(extent.end()));
    assert_eq!(last, Some(pages(1536, 512)));
}

#[test]
fn an_extent_comes_whole_or_not_at_all() {
    let machine = RefCell::new(Machine::new());
    let before = Snapshot::of(&machine.borrow());
    let mut source = source(&machine);
    assert_eq!(source.grow(ROOM as usize + GRAIN, 0, None), None, "no room");
    machine.borrow_mut().limit(16);
    assert_eq!(
        source.grow(GRAIN, 32 * PAGE as usize, None),
        None,
        "no frames"
    );
    machine.borrow_mut().memory.set_limit(None);
    let machine = machine.borrow();
    before.assert_unchanged(&Snapshot::of(&machine), "an extent that was refused");
    machine.check();
}

#[test]
fn each_step_says_how_many_pages_hold_something() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    source.grow(GRAIN, 0, None).expect("room");
    assert_eq!(source.first_held(pages(0, 512)), None);
    assert_eq!(source.reserve(pages(0, 8)), Some(0));
    assert_eq!(frames(&machine), (8, 0));
    for page in [1, 2, 3, 6] {
        touch(&machine, page);
    }
    assert_eq!(frames(&machine), (4, 4));
    assert_eq!(source.first_held(pages(0, 8)), Some(pages(1, 3)));
    assert_eq!(source.first_held(pages(2, 1)), Some(pages(2, 1)));
    assert_eq!(source.first_held(pages(4, 4)), Some(pages(6, 1)));
    assert_eq!(source.reserve(pages(0, 10)), Some(4));
    assert_eq!(frames(&machine), (6, 4));
    // SAFETY: the pages are the source's, and no Rust value lies in them.
    let (held, gave) = unsafe { (source.unreserve(pages(0, 10)), source.discard(pages(2, 8))) };
    assert_eq!((held, gave), (4, 3));
    assert_eq!(frames(&machine), (0, 1));
    assert_eq!(source.first_held(pages(0, 512)), Some(pages(1, 1)));
    // SAFETY: as above.
    assert_eq!(unsafe { source.discard(pages(0, 512)) }, 1);
    assert_eq!(frames(&machine), (0, 0));
}

#[test]
fn reserving_more_than_there_is_changes_nothing() {
    let machine = RefCell::new(Machine::new());
    let mut source = source(&machine);
    source.grow(GRAIN, 0, None).expect("room");
    machine.borrow_mut().limit(4);
    let before = Snapshot::of(&machine.borrow());
    assert_eq!(source.reserve(pages(0, 5)), None);
    before.assert_unchanged(&Snapshot::of(&machine.borrow()), "a refused reservation");
    machine.borrow().check();
}
