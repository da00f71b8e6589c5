//! Zero backing with large pages: reads map the zero frame page by page, and
//! the first write turns the whole block into one private large page.

use faultline_memory::Outcome;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};
use crate::common::processors::Flushed;

const BASE: u64 = 0x4000_0000;

fn machine() -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(2 * BIG, Backing::Zero).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn a_read_maps_the_zero_frame_at_that_page_only() {
    let mut machine = machine();
    assert_eq!(machine.read(BASE + 7 * PAGE), Ok(0));
    assert_eq!(machine.leaf_size(LOW, BASE + 7 * PAGE), PAGE);
    assert_eq!(machine.leaf_size(LOW, BASE + 8 * PAGE), 0);
    assert_eq!(
        (machine.counts().private, machine.memory.fallbacks()),
        (0, 0)
    );
}

#[test]
fn a_region_of_small_pages_never_gets_a_large_one() {
    for around in [1, 8] {
        let mut machine = Machine::new();
        let request = Request::new(2 * BIG, Backing::Zero).fault_around(around);
        machine.allocate(LOW, request.placement(at(BASE)));
        assert_eq!(machine.read(BASE), Ok(0));
        machine.write(BASE + 100 * PAGE, 1).expect("writable");
        machine.write(BASE, 1).expect("writable");
        assert_eq!(machine.counts().private, 2, "{around}");
        assert_eq!(machine.leaf_size(LOW, BASE), PAGE);
        assert_eq!(machine.leaf_size(LOW, BASE + 100 * PAGE), PAGE);
        machine.check();
    }
}

#[test]
fn the_first_write_replaces_all_zero_leaves_and_their_table() {
    let mut machine = machine();
    for page in 0..40 {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(0));
    }
    assert_eq!(machine.counts().tables, FIRST_TABLES + 4);
    machine.write(BASE + 3 * PAGE, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    assert_eq!(machine.counts().private, 512);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 3);
    machine.check();
    for page in 0..512 {
        let expected = if page == 3 { 9 } else { 0 };
        assert_eq!(machine.read(BASE + page * PAGE), Ok(expected));
    }
    assert_eq!(machine.faults(), 41);
}

#[test]
fn a_block_of_a_region_of_gigabytes_is_upgraded_as_well() {
    let mut machine = Machine::new();
    let request = Request::new(1 << 30, Backing::Zero).page_size(LeafSize::Size1GiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    assert_eq!(machine.read(BASE + BIG), Ok(0));
    machine.write(BASE + BIG + PAGE, 9).expect("writable");
    assert_eq!(machine.leaf_size(LOW, BASE + BIG), BIG);
    assert_eq!(machine.leaf_size(LOW, BASE), 0);
    assert_eq!(machine.counts().private, 512);
}

#[test]
fn the_pages_that_were_mapped_are_flushed_one_by_one_and_the_table_with_them() {
    let mut machine = machine();
    for page in [3, 7] {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(0));
    }
    machine.processors().flushed.clear();
    machine.write(BASE + 3 * PAGE, 9).expect("writable");
    let scope = machine.space(0).scope();
    let pages = vec![BASE + 3 * PAGE, BASE + 7 * PAGE, BASE];
    assert_eq!(machine.processors().flushed, [Flushed::Pages(scope, pages)]);
}

#[test]
fn another_processor_that_read_the_block_sees_the_large_page() {
    let mut machine = machine();
    for page in [0, 3, 511] {
        assert_eq!(machine.read_on(1, BASE + page * PAGE), Ok(0));
    }
    machine.write(BASE + 5 * PAGE, 1).expect("writable");
    machine.check();
    machine.write(BASE + 511 * PAGE + 8, 44).expect("writable");
    assert_eq!(machine.read_on(1, BASE + 511 * PAGE + 8), Ok(44));
}

#[test]
fn a_write_to_an_unused_page_of_a_read_block_upgrades_it_too() {
    let mut machine = machine();
    assert_eq!(machine.read(BASE), Ok(0));
    machine.write(BASE + 100 * PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ZeroWrite));
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 3);
}

#[test]
fn a_write_to_an_untouched_block_needs_no_table_at_all() {
    let mut machine = machine();
    machine.write(BASE + BIG, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ZeroWrite));
    assert_eq!(machine.leaf_size(LOW, BASE + BIG), BIG);
    assert_eq!(machine.leaf_size(LOW, BASE), 0);
}

#[test]
fn a_first_write_below_an_empty_slot_of_the_kernel_half_makes_one_table() {
    let mut machine = Machine::new();
    let tables = machine.counts().tables;
    let request = Request::new(BIG, Backing::Zero).page_size(LeafSize::Size2MiB);
    machine.allocate(KERNEL, request);
    machine.write(KERNEL_BASE + PAGE, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ZeroWrite));
    assert_eq!(machine.leaf_size(KERNEL, KERNEL_BASE), BIG);
    let counts = machine.counts();
    assert_eq!((counts.private, counts.tables), (512, tables + 1));
}

#[test]
fn a_block_that_holds_a_private_page_stays_one_of_small_pages() {
    let mut machine = machine();
    assert_eq!(machine.read(BASE), Ok(0));
    machine.limit(100);
    machine.write(BASE, 1).expect("one frame is left");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(machine.memory.fallbacks(), 1);
    machine.memory.set_limit(None);
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(machine.leaf_size(LOW, BASE + PAGE), PAGE);
    assert_eq!(
        (machine.counts().private, machine.memory.fallbacks()),
        (2, 1)
    );
}

#[test]
fn a_block_that_protect_cut_is_not_upgraded_over_the_cut() {
    let mut machine = machine();
    assert_eq!(machine.read(BASE), Ok(0));
    machine.protect(LOW, BASE + 256 * PAGE, PAGE, Rights::Read);
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(
        (machine.counts().private, machine.leaf_size(LOW, BASE)),
        (1, PAGE)
    );
    machine.write(BASE + BIG, 1).expect("writable");
    assert_eq!(
        machine.leaf_size(LOW, BASE + BIG),
        BIG,
        "the next block is whole"
    );
}

#[test]
fn a_discarded_block_reads_as_zeroes_again() {
    let mut machine = machine();
    machine.write(BASE + 5, 1).expect("writable");
    assert_eq!(machine.discard(LOW, BASE, BIG), 512);
    assert_eq!(machine.read(BASE + 5), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::ZeroRead));
    assert_eq!(machine.counts().private, 0);
}
