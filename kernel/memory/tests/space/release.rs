//! Giving memory back: whole allocations by their base, and the frames of some
//! pages; tables that are empty go with them.

use faultline_memory::Outcome;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use x86_64::VirtAddr;

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};
use crate::common::processors::Flushed;

const BASE: u64 = 0x4000_0000;

fn machine_with(pages: u64, backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn free_gives_back_frames_tables_and_the_record() {
    let mut machine = Machine::new();
    let before = machine.counts();
    let request = Request::new(20 * PAGE, Backing::Demand).placement(at(BASE));
    machine.allocate(LOW, request);
    for page in [0, 3, 19] {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    assert_eq!(machine.counts().kernel, 1, "a frame of records");
    assert_eq!(machine.free(LOW, BASE), 3);
    assert_eq!(machine.counts(), before);
    assert_eq!(machine.space(0).region_count(), 0);
    assert!(machine.read(BASE).is_err());
}

#[test]
fn free_takes_all_parts_that_protect_made() {
    let mut machine = machine_with(10, Backing::Immediate);
    machine.protect(LOW, BASE + 2 * PAGE, PAGE, Rights::Read);
    machine.protect(LOW, BASE + 5 * PAGE, PAGE, Rights::ReadExecute);
    assert_eq!(machine.space(0).region_count(), 5);
    assert_eq!(machine.free(LOW, BASE), 10);
    assert_eq!(machine.space(0).region_count(), 0);
}

#[test]
fn free_leaves_the_neighbours_alone() {
    let mut machine = machine_with(2, Backing::Immediate);
    for neighbour in [BASE - 2 * PAGE, BASE + 2 * PAGE] {
        let request = Request::new(2 * PAGE, Backing::Immediate);
        machine.allocate(LOW, request.placement(at(neighbour)));
        machine.write(neighbour, 4).expect("writable");
    }
    assert_eq!(machine.free(LOW, BASE), 2);
    for neighbour in [BASE - 2 * PAGE, BASE + 2 * PAGE] {
        assert_eq!(machine.read(neighbour), Ok(4));
    }
    assert_eq!(machine.faults(), 0);
}

#[test]
fn free_needs_no_memory() {
    let mut machine = machine_with(512, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    machine.protect(LOW, BASE + PAGE, PAGE, Rights::Read);
    machine.limit(0);
    assert_eq!(machine.free(LOW, BASE), 1);
}

#[test]
fn the_zero_frame_stays_when_its_pages_go() {
    let mut machine = machine_with(4, Backing::Zero);
    machine.read(BASE).expect("readable");
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(machine.free(LOW, BASE), 1, "the private one");
    assert_eq!(machine.counts().zero, 1);
}

#[test]
fn discard_gives_back_frames_and_the_next_touch_faults_anew() {
    let mut machine = machine_with(4, Backing::Demand);
    for page in 0..4 {
        machine.write(BASE + page * PAGE, 9).expect("writable");
    }
    assert_eq!(machine.discard(LOW, BASE + PAGE, 2 * PAGE), 2);
    assert_eq!(machine.counts().private, 2);
    assert_eq!(machine.read(BASE + PAGE), Ok(0), "the old byte is gone");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.read(BASE + 3 * PAGE), Ok(9));
    assert_eq!(machine.outcome(), None);
}

#[test]
fn discard_of_what_was_never_touched_does_nothing() {
    let mut machine = machine_with(4, Backing::Demand);
    let before = machine.counts();
    assert_eq!(machine.discard(LOW, BASE, 4 * PAGE), 0);
    assert_eq!(machine.counts(), before);
    assert_eq!(machine.processors().flushed, []);
}

#[test]
fn the_last_page_of_a_table_takes_the_table_along() {
    let mut machine = machine_with(2, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(machine.counts().tables, FIRST_TABLES + 4);
    machine.discard(LOW, BASE, PAGE);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 4);
    machine.discard(LOW, BASE + PAGE, PAGE);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn discard_over_several_regions_works_page_by_page() {
    let mut machine = machine_with(2, Backing::Demand);
    let next = Request::new(2 * PAGE, Backing::Zero).placement(at(BASE + 2 * PAGE));
    machine.allocate(LOW, next);
    for page in 0..4 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    assert_eq!(machine.discard(LOW, BASE + PAGE, 2 * PAGE), 2);
    assert_eq!(machine.read(BASE + 3 * PAGE), Ok(1));
    assert_eq!(machine.read(BASE + 2 * PAGE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::ZeroRead));
}

#[test]
fn part_of_a_large_leaf_is_split_off_for_one_table() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE + 100 * PAGE, 1).expect("writable");
    machine.write(BASE + 101 * PAGE, 2).expect("writable");
    let tables = machine.counts().tables;
    assert_eq!(machine.discard(LOW, BASE + 100 * PAGE, PAGE), 1);
    assert_eq!(machine.counts().tables, tables + 1);
    assert_eq!(machine.read(BASE + 101 * PAGE), Ok(2));
    assert_eq!(machine.read(BASE + 100 * PAGE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
}

#[test]
fn both_ends_in_one_large_leaf_take_one_table() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE, 1).expect("writable");
    machine.limit(1);
    assert_eq!(machine.discard(LOW, BASE + PAGE, 500 * PAGE), 500);
}

#[test]
fn up_to_32_pages_are_flushed_one_by_one_and_more_all_at_once() {
    for (pages, all) in [(1_u64, false), (32, false), (33, true)] {
        let mut machine = machine_with(64, Backing::Immediate);
        let demand = Request::new(64 * PAGE, Backing::Demand);
        machine.allocate(LOW, demand.placement(at(2 * BASE)));
        for page in 0..64 {
            machine.write(2 * BASE + page * PAGE, 1).expect("writable");
        }
        machine.processors().flushed.clear();
        assert_eq!(machine.discard(LOW, 2 * BASE, pages * PAGE), pages);
        let [flushed] = &machine.processors().flushed[..] else {
            panic!("one flush, not {:?}", machine.processors().flushed);
        };
        assert_eq!(matches!(flushed, Flushed::Everything(_)), all, "{pages}");
    }
}

#[test]
fn a_batch_that_is_full_finishes_early_and_goes_on() {
    let mut machine = machine_with(1000, Backing::Demand);
    // From the last page on, so that the frames of neighbours are no run.
    for page in (0..1000).rev() {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    machine.processors().flushed.clear();
    assert_eq!(machine.free(LOW, BASE), 1000);
    let flushes = machine.processors().flushed.len();
    assert_eq!(flushes, 4, "1000 frames and 4 tables, 256 at a time");
}

#[test]
fn frames_in_a_row_take_one_place_in_a_batch() {
    let mut machine = machine_with(500, Backing::Demand);
    for page in 0..500 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    machine.processors().flushed.clear();
    assert_eq!(machine.free(LOW, BASE), 500);
    assert_eq!(machine.processors().flushed.len(), 1);
    machine.check();
}

#[test]
fn the_kernel_half_keeps_its_level_3_tables() {
    let mut machine = Machine::new();
    let request = Request::new(4 * PAGE, Backing::Immediate).placement(at(KERNEL_BASE));
    machine.allocate(KERNEL, request);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1 + 2);
    assert_eq!(machine.free(KERNEL, KERNEL_BASE), 4);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
    let walk = machine.kernel.walk(VirtAddr::new(KERNEL_BASE));
    assert_eq!(walk.end().level, 3);
}
