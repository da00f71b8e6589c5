//! What a page fault costs a program, as the program sees it.

use x86_64::instructions::interrupts::without_interrupts;

use super::Bench;
use super::processes::{PAGES, context, space_of};
use crate::console::input::Cancelled;
use crate::cpu::ring3::{Left, enter};
use crate::spaces;

crate::programs! {
    /// Reads a page after each system call.
    reads: "mov ebx, 0x500000" "91: syscall" "mov al, [rbx]" "add ebx, 4096" "jmp 91b";
    /// The same without the read.
    walks: "mov ebx, 0x500000" "91: syscall" "add ebx, 4096" "jmp 91b";
}

/// A read of a page that nobody has touched. Each step of the program is measured
/// from before ring 3 to its next system call, and what the step costs without the
/// read is taken off.
pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    let bench = with_program(walks(), |step| bench.without(step));
    with_program(reads(), |step| {
        // One page is left for the step that was taken already.
        bench.report("zero-page read from ring 3", 0..PAGES, |_| step())
    })
}

/// Loads a program; each call of the function that `work` gets lets it run up to
/// its next system call.
fn with_program<R>(code: &[u8], work: impl FnOnce(&mut dyn FnMut()) -> R) -> R {
    let home = spaces::load(space_of(code));
    let mut context = context();
    context.load_segments();
    let mut step = || {
        // The timer is off, but its last interrupt may still be due.
        let mut left = Left::Timer;
        while left == Left::Timer {
            left = without_interrupts(|| enter(&mut context));
        }
        assert_eq!(left, Left::SystemCall);
    };
    step();
    let result = work(&mut step);
    spaces::destroy(spaces::load(home));
    result
}
