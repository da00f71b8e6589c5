//! Two processes and one object: who sees what, and what did it cost?
//!
//! The bytes that are touched lie 64 KiB apart, since a kernel may map neighbours of
//! a page that an object has at once, as Linux does.
#![no_std]
#![no_main]

use programs::faults::{PAGE, cost};
use programs::output::Count;
use programs::pages::{Object, Pages};
use programs::{Arguments, calls, println, process, program};

program!(main);

const COUNT: usize = 64;
/// Bytes from one place to the next.
const APART: usize = COUNT / 4 * PAGE;
/// The last place: whose turn it is.
const TURN: usize = 3;

/// A mapping, by the name that its lines begin with.
struct View {
    name: &'static str,
    pages: Pages,
}

impl View {
    fn new(name: &'static str, object: &Object, flags: usize) -> Self {
        let pages = Pages::of(object, COUNT, flags).expect("mmap");
        Self { name, pages }
    }

    fn write(&self, place: usize, value: u8) {
        let faults = cost(|| self.pages.write(place * APART, value));
        println!(
            "{}: write {value} to place {place}: {}",
            self.name,
            Count(faults, "fault")
        );
    }

    fn read(&self, place: usize) {
        let mut value = 0;
        let faults = cost(|| value = self.pages.read(place * APART));
        println!(
            "{}: read {value} from place {place}: {}",
            self.name,
            Count(faults, "fault")
        );
    }

    /// Waits until it is somebody's turn.
    fn wait(&self, turn: u8) {
        while self.pages.read(TURN * APART) != turn {
            calls::give_way().expect("sched_yield");
        }
    }

    /// Gives somebody the turn.
    fn pass(&self, turn: u8) {
        self.pages.write(TURN * APART, turn);
    }
}

fn main(_: Arguments) -> u8 {
    let object = Object::new(COUNT).expect("memfd_create");
    let shared = View::new("parent", &object, calls::SHARED);
    shared.write(0, 1);
    println!("pread64: {} at place 0", object.read(0).expect("pread64"));

    // The child has a mapping of its own, made after the fork.
    let child = process::fork(|| {
        let shared = View::new("  child", &object, calls::SHARED);
        shared.wait(1);
        shared.read(0);
        shared.write(0, 2);
        shared.write(1, 3);
        shared.pass(2);
        shared.wait(3);
        shared.read(0);
        0
    });
    let child = child.expect("fork");
    shared.pass(1);
    shared.wait(2);
    shared.read(0);
    shared.read(1);
    shared.write(0, 4);
    shared.pass(3);
    println!("parent: its child {}", child.wait().expect("wait4"));

    let private = View::new("private", &object, calls::PRIVATE);
    private.read(0);
    private.write(0, 5);
    shared.read(0);
    shared.write(0, 6);
    private.read(0);
    // Its page 1 is no copy yet, so it still shows what the object holds.
    private.read(1);
    shared.write(1, 7);
    private.read(1);
    private.write(2, 8);
    shared.read(2);
    println!("private: place 0 forgotten (MADV_DONTNEED)");
    private.pages.discard(0).expect("madvise");
    private.read(0);
    0
}
