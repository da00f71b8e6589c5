//! Programs of a few instructions, and processes that run them.

use kernel::cpu::ring3::Context;
use kernel::process::{Heap, Id, KERNEL, Processes};
use kernel::{files, interrupts, spaces};
use memory::Space;
use memory::space::{Backing, Rights};
use x86_64::VirtAddr;

use crate::common::{PAGE, pages_at};

/// Where the code of a program lies, its zero-backed memory, and its stack.
pub const CODE: u64 = 0x40_0000;
pub const DATA: u64 = 0x50_0000;
const STACK: u64 = 0x60_0000;
const PAGES: u64 = 4;

/// A space with a program's code, and memory of its own.
pub fn space_of(code: &[u8], start: u64) -> Space {
    // What is made once and stays.
    interrupts::init();
    files::archive().expect("an archive, or none");
    let mut space = spaces::create().expect("a frame for its root");
    let page = VirtAddr::new(start).align_down(PAGE);
    let memory = spaces::memory();
    let requests = [
        pages_at(page.as_u64(), 1, Backing::Demand),
        pages_at(DATA, PAGES, Backing::Zero),
        pages_at(STACK, PAGES, Backing::Zero),
    ];
    for request in requests {
        space
            .allocate(request.user(), memory)
            .expect("the space is empty");
    }
    space
        .write(VirtAddr::new(start), code, memory)
        .expect("the page is there");
    space
        .protect(page, PAGE, Rights::ReadExecute, memory)
        .expect("the page is there");
    space
}

/// A process with a program that starts at `start` in this space.
pub fn spawn_in(processes: &mut Processes, space: Space, start: u64) -> Id {
    let context = Context::new(VirtAddr::new(start), VirtAddr::new(STACK + PAGES * PAGE));
    let heap = Heap::behind(VirtAddr::new(STACK + PAGES * PAGE));
    processes
        .spawn(KERNEL, space, context, heap)
        .expect("room for a process")
}

/// A process with a program that starts at `start`.
pub fn spawn_at(processes: &mut Processes, code: &[u8], start: u64) -> Id {
    spawn_in(processes, space_of(code, start), start)
}

/// A process with a program at its usual place.
pub fn spawn(processes: &mut Processes, code: &[u8]) -> Id {
    spawn_at(processes, code, CODE)
}

/// Audits all memory.
pub fn audit() {
    spaces::audit([]).expect("every invariant holds");
}
