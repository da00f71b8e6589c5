//! A tree of processes, each writing to its own copies: what did a write cost?
//!
//! ```text
//! parent ── child ── grandchild
//!        └─ second child
//! ```
//!
//! A fork shares every page; the first write of either side copies it, and whoever
//! has it last takes it over without a copy. Each process waits for its children
//! before it goes on, so the lines have one order.
#![no_std]
#![no_main]

use programs::faults::{PAGE, cost};
use programs::output::Count;
use programs::pages::Pages;
use programs::{Arguments, println, process, program};

program!(main);

/// Written by the parent before it forks.
const WRITTEN: [usize; 4] = [0, 1, 2, 3];
/// Read only: they show the zero page.
const READ: [usize; 2] = [4, 5];
/// Not touched before the fork.
const UNTOUCHED: [usize; 2] = [6, 7];

/// One process, by the name that its lines begin with.
struct Teller<'a>(&'static str, &'a Pages);

impl Teller<'_> {
    fn write(&self, what: &str, page: usize, value: u8) {
        let faults = cost(|| self.1.write(page * PAGE, value));
        println!(
            "{}: write {value} to page {page} ({what}): {}",
            self.0,
            Count(faults, "fault")
        );
    }

    fn read(&self, what: &str, page: usize) {
        let mut value = 0;
        let faults = cost(|| value = self.1.read(page * PAGE));
        println!(
            "{}: read {value} from page {page} ({what}): {}",
            self.0,
            Count(faults, "fault")
        );
    }

    /// Runs a child to its end.
    fn fork(&self, child: impl FnOnce() -> u8) {
        let child = process::fork(child).expect("fork");
        println!("{}: its child {}", self.0, child.wait().expect("wait4"));
    }
}

fn main(_: Arguments) -> u8 {
    let pages = Pages::anonymous(8, 0).expect("mmap");
    let parent = Teller("parent", &pages);
    for page in WRITTEN {
        parent.write("new", page, 1);
    }
    for page in READ {
        parent.read("new", page);
    }
    parent.fork(|| child(&pages));
    for page in WRITTEN {
        parent.read("its own", page);
        parent.write("last owner", page, 5);
    }
    parent.write("zero page", READ[0], 5);
    parent.write("new", UNTOUCHED[0], 5);
    parent.fork(|| second_child(&pages));
    parent.read("its own", 0);
    0
}

fn child(pages: &Pages) -> u8 {
    let child = Teller("  child", pages);
    child.read("shared", 0);
    child.write("shared", 0, 2);
    child.write("its own", 0, 3);
    child.write("zero page", READ[0], 3);
    child.read("zero page", READ[1]);
    child.write("new", UNTOUCHED[0], 3);
    child.fork(|| {
        let grandchild = Teller("    grandchild", pages);
        grandchild.read("shared by two", 0);
        grandchild.write("shared by two", 0, 4);
        grandchild.write("shared by three", 1, 4);
        grandchild.write("shared by two", UNTOUCHED[0], 4);
        4
    });
    child.read("its own", 0);
    child.write("last owner", 0, 6);
    child.write("shared", 1, 6);
    pages.discard(2).expect("madvise");
    child.read("forgotten", 2);
    3
}

fn second_child(pages: &Pages) -> u8 {
    let child = Teller("  second child", pages);
    child.read("shared", 0);
    child.write("shared", 0, 7);
    child.write("shared", READ[0], 7);
    child.write("zero page", READ[1], 7);
    7
}
