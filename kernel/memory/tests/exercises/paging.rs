//! Chapter 4: four levels.

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
