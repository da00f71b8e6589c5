//! Chapter 8: protection and reports.

#[path = "starts/reports.rs"]
mod start;

use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Refusal};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// Exercise 2. Code is written while it may be written, then executed while it may not.
#[test]
fn a_page_is_writable_or_executable_and_never_both() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(BASE, 0xc3).expect("a page of data");
    let refused = |access| Err(Refusal::Protection(access));
    assert_eq!(machine.fetch(BASE), refused(Access::Execute));
    machine.protect(LOW, BASE, PAGE, Rights::ReadExecute);
    assert_eq!(machine.fetch(BASE), Ok(0xc3));
    assert_eq!(
        machine.write(BASE, 0x90),
        refused(Access::Write).map(|_: u8| ())
    );
    machine.check();
}

/// Exercise 1. A guard between two regions catches what runs over the end of the first, byte for byte.
#[test]
fn a_guard_catches_the_first_byte_too_many() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.allocate(
        LOW,
        Request::new(PAGE, Backing::Guard).placement(at(BASE + PAGE)),
    );
    machine.allocate(
        LOW,
        Request::new(PAGE, Backing::Demand).placement(at(BASE + 2 * PAGE)),
    );
    let reached = (BASE..).take_while(|byte| machine.write(*byte, 1).is_ok());
    assert_eq!(reached.count() as u64, PAGE);
    assert_eq!(machine.write(BASE + PAGE, 1), Err(Refusal::Guard));
    assert_eq!(machine.write(BASE + 2 * PAGE, 1), Ok(()));
}

#[test]
#[ignore = "an exercise: the task is in starts/reports.rs"]
fn a_loop_meets_a_guard() {
    start::a_loop_meets_a_guard();
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "bytes that the loop reached")]
fn a_loop_meets_a_guard_is_not_solved_at_the_start() {
    start::a_loop_meets_a_guard();
}

#[test]
#[ignore = "an exercise: the task is in starts/reports.rs"]
fn a_page_of_code_runs() {
    start::a_page_of_code_runs();
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "the byte as it is fetched")]
fn a_page_of_code_runs_is_not_solved_at_the_start() {
    start::a_page_of_code_runs();
}
