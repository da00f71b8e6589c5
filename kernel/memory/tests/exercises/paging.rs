//! Chapter 4: four levels.

#[path = "starts/tables.rs"]
mod start;

use faultline_memory::paging::{LeafSize, index_at, offset_in_page};
use faultline_memory::space::{Backing, Request};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

/// Exercise 1. 0x9000 in bits 32 to 47 is 0b1001_0000_0000_0000: level 4 is its upper nine bits, 288.
#[test]
fn an_address_of_the_direct_map_taken_apart() {
    let address = VirtAddr::new(0xffff_9000_0010_1234);
    let indices = [4, 3, 2, 1].map(|level| index_at(address, level));
    assert_eq!(indices, [288, 0, 0, 0x101]);
    assert_eq!(offset_in_page(address, LeafSize::Size4KiB), 0x234);
}

/// Tables that two pages need, of which the second begins at `boundary`.
fn tables_across(boundary: u64) -> u64 {
    let mut machine = Machine::new();
    let request = Request::new(2 * PAGE, Backing::Demand).placement(at(boundary - PAGE));
    machine.allocate(LOW, request);
    let before = machine.counts().tables;
    machine.write(boundary - 1, 1).expect("the first page");
    machine.write(boundary, 1).expect("the second page");
    machine.counts().tables - before
}

/// Exercise 2. Three tables for one page: levels 3, 2 and 1, the root being there. Across 2 MiB a second leaf table, across
/// 1 GiB two more, across 512 GiB all three twice.
#[test]
fn the_boundary_decides_how_many_tables_two_pages_need() {
    assert_eq!(tables_across(0x10_0000), 3, "an ordinary boundary");
    assert_eq!(tables_across(1 << 21), 4);
    assert_eq!(tables_across(1 << 30), 5);
    assert_eq!(tables_across(1 << 39), 6);
}

/// Exercise 4. A table of level 1 maps 512 pages, one of level 2 as much as 512 of those, and so on. At each level there is a
/// table for every piece of that size that the range touches.
fn tables(start: u64, pages: u64) -> u64 {
    let last = start + pages * PAGE - 1;
    let of_level = |level: u32| {
        let span = PAGE << (9 * level);
        last / span - start / span + 1
    };
    (1..=3).map(of_level).sum()
}

fn check_tables(tables: fn(u64, u64) -> u64) {
    for (start, pages) in [
        (0x1000, 1),
        (0x20_0000, 512),
        (0x1f_f000, 2),
        (0x1f_f000, 514),
        (0x3fff_f000, 2),
        (0x7f_ffff_f000, 2),
    ] {
        let mut machine = Machine::new();
        machine.allocate(
            LOW,
            Request::new(pages * PAGE, Backing::Demand).placement(at(start)),
        );
        let before = machine.counts().tables;
        for page in 0..pages {
            machine.write(start + page * PAGE, 1).expect("in the range");
        }
        let (right, said) = (machine.counts().tables - before, tables(start, pages));
        assert!(
            said == right,
            "{pages} pages at {start:#x} need {right} tables, and not {said}"
        );
    }
}

#[test]
fn the_tables_of_a_range_follow_from_its_first_and_its_last_byte() {
    check_tables(tables);
}

#[test]
#[ignore = "an exercise: the task is in starts/tables.rs"]
fn tables_of_a_range() {
    check_tables(start::tables);
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "2 pages at 0x1ff000 need 4 tables, and not 3")]
fn tables_of_a_range_is_not_solved_at_the_start() {
    tables_of_a_range();
}
