//! Freeing and moving ranges with too few frames.

use faultline_memory::frames::Shortage;
use faultline_memory::paging::Cache;
use faultline_memory::space::{AllocateError, Backing, FreeRangeError, MoveError, Request};

use super::changes::fill_records;
use super::{BASE, OF_2M, frames_needed, frames_needed_and_told, machine_with};
use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};

/// Far from everything: no table is there.
const TO: u64 = 0x80_0000_0000;

fn freeing(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_free_range(0, start, size) {
        Ok(_) => Ok(()),
        Err(FreeRangeError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

fn replacing(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_replace(0, start, Request::new(size, Backing::Zero)) {
        Ok(_) => Ok(()),
        Err(AllocateError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

fn moving(
    start: u64,
    size: u64,
    to: u64,
) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_move(0, start, size, to) {
        Ok(_) => Ok(()),
        Err(MoveError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn freeing_from_a_region() {
    let cases = [
        (0, 8, 0, "all of it"),
        (0, 2, 0, "its lower part"),
        (6, 2, 0, "its upper part"),
        (2, 2, 2, "a hole takes a node and a root above it"),
    ];
    for (page, pages, expected, what) in cases {
        let mut machine = machine_with(Request::new(8 * PAGE, Backing::Demand));
        fill_records(&mut machine);
        let needed = frames_needed(&mut machine, freeing(BASE + page * PAGE, pages * PAGE));
        assert_eq!(needed, expected, "{what}");
    }
}

#[test]
fn replacing_a_part_of_a_region() {
    let cases = [
        (0, 8, 0, "all of it"),
        (0, 2, 2, "its lower part"),
        (6, 2, 2, "its upper part"),
        (
            2,
            2,
            4,
            "in a hole two records take two nodes and their roots, at most",
        ),
    ];
    for (page, pages, expected, what) in cases {
        let mut machine = machine_with(Request::new(8 * PAGE, Backing::Demand));
        machine.write(BASE + page * PAGE, 1).expect("writable");
        fill_records(&mut machine);
        let replacing = replacing(BASE + page * PAGE, pages * PAGE);
        assert_eq!(frames_needed(&mut machine, replacing), expected, "{what}");
    }
}

#[test]
fn replacing_the_middle_of_a_large_page() {
    let mut machine = machine_with(Request::new(BIG, Backing::Immediate));
    let replacing = replacing(BASE + PAGE, PAGE);
    assert_eq!(frames_needed(&mut machine, replacing), 1, "a table");
}

const TWO_PAGES: Request = Request::new(2 * PAGE, Backing::Guard);

/// Regions of two pages each, with a page between them, and no frame more.
fn many_regions() -> (Machine, impl Iterator<Item = u64>) {
    let mut machine = Machine::new();
    let bases = (0..200).map(|index| BASE + 3 * index * PAGE);
    for base in bases.clone() {
        machine.allocate(LOW, TWO_PAGES.placement(at(base)));
    }
    machine.limit(0);
    (machine, bases)
}

#[test]
fn replacing_the_first_region_of_a_node_behind_a_full_one() {
    let (mut machine, bases) = many_regions();
    for base in bases {
        machine.replace(0, base, TWO_PAGES);
    }
}

#[test]
fn shortening_the_first_region_of_a_node_behind_a_full_one() {
    let (mut machine, bases) = many_regions();
    for base in bases {
        machine.free_range(0, base, PAGE);
    }
    assert_eq!(machine.space(0).region_count(), 200);
}

#[test]
fn freeing_inside_large_pages() {
    let cases = [
        (PAGE, PAGE, 1),
        (PAGE, BIG, 2),
        (0, BIG, 0),
        (0, BIG + PAGE, 1),
        (BIG - PAGE, PAGE, 1),
    ];
    for (offset, bytes, expected) in cases {
        let mut machine = machine_with(Request::new(2 * BIG, Backing::Demand).page_size(OF_2M));
        machine.write(BASE, 1).expect("writable");
        machine.write(BASE + BIG, 1).expect("writable");
        let needed = frames_needed(&mut machine, freeing(BASE + offset, bytes));
        assert_eq!(needed, expected, "{bytes:#x} bytes at {offset:#x}");
    }
}

#[test]
fn moving_pages_that_were_touched() {
    let touched = |pages: &[u64]| {
        let mut machine = machine_with(Request::new(2 * BIG, Backing::Demand));
        for page in pages {
            machine.write(BASE + page * PAGE, 1).expect("writable");
        }
        machine
    };
    let (here, behind) = (BASE + 2 * BIG, BASE + 2 * BIG - PAGE);
    let none: &[u64] = &[];
    let cases = [
        (none, TO, 0, "no page"),
        (&[0, 1], TO, 3, "one leaf table and two above it"),
        (&[0, 512], TO, 4, "two leaf tables"),
        (&[0, 1], TO - PAGE, 2 + 3, "a page on each side of 512 GiB"),
        (&[0, 1], here, 1, "where the tables above are"),
    ];
    for (pages, to, expected, what) in cases {
        let mut machine = touched(pages);
        let needed = frames_needed(&mut machine, moving(BASE, 2 * BIG, to));
        assert_eq!(needed, expected, "{what}");
    }
    let mut machine = touched(&[0]);
    assert_eq!(machine.free_range(0, behind, PAGE), 0);
    let needed = frames_needed(&mut machine, moving(BASE, PAGE, behind));
    assert_eq!(needed, 1, "to the next leaf table");
}

#[test]
fn moving_the_middle_of_a_region_takes_two_records() {
    let mut machine = machine_with(Request::new(8 * PAGE, Backing::Guard));
    fill_records(&mut machine);
    let (needed, told) = frames_needed_and_told(&mut machine, moving(BASE + PAGE, 2 * PAGE, TO));
    assert_eq!(needed, 4, "for each a node and a root above it, at most");
    assert_eq!(told, Some(4));
}

#[test]
fn moving_large_pages() {
    let cases = [
        (0, 2 * BIG, TO, 2, "both whole"),
        (0, BIG, TO + PAGE, 2 + 2, "one in parts, across two tables"),
        (0, 2 * BIG, TO + PAGE, 2 + 3, "both in parts"),
        (PAGE, PAGE, TO, 1 + 3, "one page of the first"),
        (PAGE, BIG, TO, 2 + 2 + 1, "the end of one, the start of one"),
        (PAGE, BIG, TO + PAGE, 2 + 2 + 2, "in step"),
        (PAGE, 2 * BIG - PAGE, TO + PAGE, 1 + 2 + 1, "and one whole"),
    ];
    for (offset, bytes, to, expected, what) in cases {
        let mut machine = machine_with(Request::new(2 * BIG, Backing::Immediate));
        let needed = frames_needed(&mut machine, moving(BASE + offset, bytes, to));
        assert_eq!(needed, expected, "{what}");
    }
}

#[test]
fn moving_out_of_a_gigabyte() {
    let size = 512 * BIG;
    let cases = [
        (0, size, TO, 1, "all of it"),
        (0, size, TO + BIG, 1 + 2, "in large pages"),
        (BIG, BIG, TO, 1 + 2, "one large page"),
        (PAGE, PAGE, TO, 2 + 3, "one page"),
    ];
    for (offset, bytes, to, expected, what) in cases {
        let mut machine = Machine::new();
        let device = Backing::Device(machine.device(), Cache::Uncached);
        machine.allocate(LOW, Request::new(size, device).placement(at(BASE)));
        let needed = frames_needed(&mut machine, moving(BASE + offset, bytes, to));
        assert_eq!(needed, expected, "{what}");
    }
}
