//! 5, 10 and 100 bytes: which touch makes which page physical?
//!
//! ```text
//! packed        0x000 a  0x005 b  0x00f c               one page
//! straddling    0xf85 a  0xf90 b  0xfa0 c ... 0x1004    c ends in the second
//! ```
//!
//! A byte allocator hands out three blocks of a mapping of two pages, and each byte
//! of them is touched. The kernel says what a block cost in faults, and which pages
//! are resident after it.
#![no_std]
#![no_main]

use core::ops::Range;

use programs::faults::cost;
use programs::output::Count;
use programs::pages::Pages;
use programs::{Arguments, calls, println, program};

program!(main);

const PACKED: [Range<usize>; 3] = [0..5, 5..15, 15..115];
const STRADDLING: [Range<usize>; 3] = [0xf85..0xf8a, 0xf90..0xf9a, 0xfa0..0x1004];
const IN_ORDER: [usize; 3] = [0, 1, 2];
const B_FIRST: [usize; 3] = [1, 0, 2];

#[derive(Clone, Copy)]
enum Touch {
    Read,
    Write,
}

fn main(_: Arguments) -> u8 {
    use Touch::{Read, Write};
    println!("a has 5 bytes, b 10, c 100: when does their memory become physical?");
    let (on_touch, at_once) = (0, calls::POPULATE);
    run(
        "at once (MAP_POPULATE), a first",
        at_once,
        PACKED,
        IN_ORDER,
        &[Write],
    );
    run(
        "at once (MAP_POPULATE), b first",
        at_once,
        PACKED,
        B_FIRST,
        &[Write],
    );
    run("on touch, a first", on_touch, PACKED, IN_ORDER, &[Write]);
    run("on touch, b first", on_touch, PACKED, B_FIRST, &[Write]);
    run(
        "on touch, read and then written, a first",
        on_touch,
        PACKED,
        IN_ORDER,
        &[Read, Write],
    );
    run(
        "on touch, read and then written, b first",
        on_touch,
        PACKED,
        B_FIRST,
        &[Read, Write],
    );
    run(
        "on touch, c straddles the end of a page",
        on_touch,
        STRADDLING,
        IN_ORDER,
        &[Write],
    );
    0
}

fn run(title: &str, flags: usize, blocks: [Range<usize>; 3], order: [usize; 3], touches: &[Touch]) {
    let pages = Pages::anonymous(2, flags).expect("two pages");
    let resident = || pages.resident().expect("mincore");
    println!();
    println!("{title}");
    println!("  mapped: {} of 2 pages resident", resident());
    for index in order {
        let (name, block) = (["a", "b", "c"][index], &blocks[index]);
        for touch in touches {
            let verb = match touch {
                Touch::Read => "read",
                Touch::Write => "write",
            };
            let faults = cost(|| {
                block.clone().for_each(|at| match touch {
                    Touch::Read => _ = pages.read(at),
                    Touch::Write => pages.write(at, 1),
                });
            });
            let faults = Count(faults, "fault");
            println!(
                "  {verb} {name}: {faults}, {} of 2 pages resident",
                resident()
            );
        }
    }
    pages.unmap().expect("they are mapped");
}
