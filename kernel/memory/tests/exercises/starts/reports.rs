//! Exercises 1 and 2 of chapter 8: a guard, and a page of code.
//!
//! `a_loop_meets_a_guard` (easy): a loop runs over the end of the first region, and on into
//! the second. Put a guard between the two.
//!
//! `a_page_of_code_runs` (medium): a byte of code is written, and cannot be fetched. Let it
//! be fetched, and show that it cannot be written any more.
//!
//! Tests: `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored a_loop_meets_a_guard`
//! and the same with `a_page_of_code_runs`.

use faultline_memory::space::{Backing, Request};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

pub(crate) fn a_loop_meets_a_guard() {
    let mut machine = Machine::new();
    for page in 0..2 {
        let place = at(BASE + page * PAGE);
        machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(place));
    }
    let reached = (BASE..).take_while(|byte| machine.write(*byte, 1).is_ok());
    assert_eq!(reached.count() as u64, PAGE, "bytes that the loop reached");
}

pub(crate) fn a_page_of_code_runs() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(BASE, 0xc3).expect("a page of data");
    assert_eq!(machine.fetch(BASE), Ok(0xc3), "the byte as it is fetched");
}
