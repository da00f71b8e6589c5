//! Where the exercises of the book begin that ask for Rust: each fails until somebody has done it.
//!
//! `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored NAME` runs one. What is there to do
//! stands above it and in the chapter; the solutions are in the files beside this one.

use std::panic::catch_unwind;

use faultline_memory::space::{Backing, Request};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::measuring::rows_of_reads_and_writes;
use crate::testing::{audited, entries};

const BASE: u64 = 0x4000_0000;

/// All of them.
const STARTS: [(&str, fn()); 5] = [
    ("a_guard_stops_a_loop", a_guard_stops_a_loop),
    ("a_page_of_code_runs", a_page_of_code_runs),
    ("a_flush_comes_late", a_flush_comes_late),
    ("a_lost_frame_is_missed", a_lost_frame_is_missed),
    ("faults_are_foretold", faults_are_foretold),
];

#[test]
fn a_start_fails_until_its_exercise_is_done() {
    for (name, start) in STARTS {
        let done = "passes: the exercise is done, and its line above can go";
        assert!(catch_unwind(start).is_err(), "`{name}` {done}");
    }
}

/// A request for pages at the page of this number.
fn pages(number: u64, count: u64, backing: Backing) -> Request {
    Request::new(count * PAGE, backing).placement(at(BASE + number * PAGE))
}

/// Chapter 8, exercise 1. A loop runs over the end of the first region, and on into the second. Put a guard between the two.
#[test]
#[ignore = "an exercise"]
fn a_guard_stops_a_loop() {
    let mut machine = Machine::new();
    machine.allocate(LOW, pages(0, 1, Backing::Demand));
    machine.allocate(LOW, pages(1, 1, Backing::Demand));
    let reached = (BASE..).take_while(|byte| machine.write(*byte, 1).is_ok());
    assert_eq!(reached.count() as u64, PAGE, "bytes that the loop reached");
}

/// Chapter 8, exercise 2. A byte of code is written, and cannot be fetched. Let it be fetched, and show that it cannot be
/// written any more.
#[test]
#[ignore = "an exercise"]
fn a_page_of_code_runs() {
    let mut machine = Machine::new();
    machine.allocate(LOW, pages(0, 1, Backing::Demand));
    machine.write(BASE, 0xc3).expect("a page of data");
    assert_eq!(machine.fetch(BASE), Ok(0xc3));
}

/// Chapter 9, exercise 1. Both processors have read a page of zeroes, and one of them writes a 1 there; the flush that the
/// library asks for is ignored. Make the processors read the 1, without another write.
#[test]
#[ignore = "an exercise"]
fn a_flush_comes_late() {
    let mut machine = Machine::new();
    machine.allocate(LOW, pages(0, 4, Backing::Zero));
    assert_eq!(
        (machine.read(BASE), machine.read_on(1, BASE)),
        (Ok(0), Ok(0))
    );
    machine.processors().ignored = 1;
    let wrote = machine.with(LOW, |space, memory| {
        space.write(VirtAddr::new(BASE), &[1], memory)
    });
    assert_eq!(wrote, Ok(()));
    assert_eq!(audited(&machine), Ok(()), "the audit notices nothing");
    assert_eq!(
        (machine.read(BASE), machine.read_on(1, BASE)),
        (Ok(1), Ok(1))
    );
}

/// Chapter 9, exercise 3. Damage a table, so that the audit misses a frame. `places[3]` is where the level 1 entry of the
/// page lies in physical memory, `places[2]` the one above it, which counts the entries in use from bit 53 on;
/// `machine.bytes.entry(place)` is such an entry, as an `AtomicU64`.
#[test]
#[ignore = "an exercise"]
fn a_lost_frame_is_missed() {
    let mut machine = Machine::new();
    machine.allocate(LOW, pages(0, 4, Backing::Demand));
    for page in 0..3 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    let places = entries(&mut machine, BASE);
    assert_eq!(places.len(), 4);
    let broken = audited(&machine).expect_err("a frame is lost");
    assert_eq!(broken.invariant(), 1);
}

/// Chapter 10, exercise 2. 64 pages are read one by one, and then written one by one. Foretell frames for data, frames for
/// tables, and faults.
#[test]
#[ignore = "an exercise"]
fn faults_are_foretold() {
    let foretold = [
        ("immediate", (0, 0, 0)),
        ("demand", (0, 0, 0)),
        ("demand, fault-around 16", (0, 0, 0)),
        ("zero", (0, 0, 0)),
        ("demand, pages of 2 MiB", (0, 0, 0)),
    ];
    for ((name, foretold), counted) in foretold.into_iter().zip(rows_of_reads_and_writes()) {
        assert_eq!(counted, foretold, "{name}");
    }
}
