//! Recursion until the guard: how large can a stack become?
//!
//! A child calls itself and marks each page of its stack that it gets in an object
//! that its parent sees, too. Below the last page there is nothing, so it is killed.
#![no_std]
#![no_main]

use core::hint::black_box;

use programs::faults::PAGE;
use programs::pages::{Object, Pages};
use programs::{Arguments, calls, println, process, program};

program!(main);

/// Bytes that a stack may have. Linux grants as many if nobody says otherwise.
const LIMIT: u64 = 8 << 20;

fn main(arguments: Arguments) -> u8 {
    calls::limit_stack(LIMIT).expect("prlimit64");
    let end = arguments.stack_end().expect("AT_EXECFN");
    let object = Object::new(1).expect("memfd_create");
    let marks = Pages::of(&object, 1, calls::SHARED).expect("mmap");
    let child = process::fork(|| descend(end, &marks)).expect("fork");
    let ended = child.wait().expect("wait4");
    let lowest = (0..PAGE).rev().find(|page| marks.read(*page) != 0);
    let kilobytes = lowest.map_or(0, |page| (page + 1) * PAGE / 1024);
    println!("the child's stack got {kilobytes} KiB, and then the child was {ended}");
    0
}

/// Marks the page of the stack where this call lies, and goes deeper.
#[inline(never)]
fn descend(end: usize, marks: &Pages) -> u8 {
    // Less than a page, so that no page is left out.
    let mut frame = [0_u8; 512];
    let here = black_box(&mut frame).as_ptr() as usize;
    marks.write((end - here) / PAGE, 1);
    if here == 0 {
        return 0; // never: a function that always calls itself is refused
    }
    let status = descend(end, marks);
    // The frame is in use until here, so the call above is no jump.
    black_box(&mut frame)[0] = status;
    frame[0]
}
