//! From the first instruction to `main`, and the end after a panic.

#![allow(unsafe_code)] // What the kernel left on the stack is read by address.

use core::ffi::CStr;
use core::panic::PanicInfo;

use crate::{calls, faults, output};

/// The key of the path by which the program was started (`AT_EXECFN`).
const PATH: usize = 31;

/// What the program was started with; it lies on top of its stack.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    stack: *const usize,
}

impl Arguments {
    /// A word of what the kernel wrote.
    fn word(self, index: usize) -> usize {
        // SAFETY: `run` vouches for the stack, and nobody reads past the end of a
        // list in it.
        unsafe { self.stack.add(index).read() }
    }

    /// How many arguments there are, the program's name included.
    #[must_use]
    pub fn count(self) -> usize {
        self.word(0)
    }

    /// An argument; number 0 is the program's name.
    #[must_use]
    pub fn get(self, index: usize) -> Option<&'static str> {
        self.string(index)?.to_str().ok()
    }

    /// The same, as the kernel takes a path.
    #[must_use]
    pub fn string(self, index: usize) -> Option<&'static CStr> {
        if index >= self.count() {
            return None;
        }
        // SAFETY: it is the address of a string that a 0 ends, which stays as it
        // is for as long as the program runs.
        Some(unsafe { CStr::from_ptr(self.word(1 + index) as *const _) })
    }

    /// The end of the page in which the stack begins: the path by which the
    /// program was started lies there, below 8 bytes of zeroes.
    #[must_use]
    pub fn stack_end(self) -> Option<usize> {
        let mut index = 1 + self.count() + 1;
        while self.word(index) != 0 {
            index += 1; // the environment
        }
        index += 1;
        while self.word(index) != 0 {
            if self.word(index) == PATH {
                return Some(self.word(index + 1).next_multiple_of(faults::PAGE));
            }
            index += 2;
        }
        None
    }
}

/// Runs `main`, and ends the program with what it returns.
///
/// # Safety
///
/// `stack` is the stack pointer with which the program started.
pub unsafe fn run(stack: *const usize, main: fn(Arguments) -> u8) -> ! {
    // Where it is unknown there are no large pages either.
    let _ = calls::without_large_pages();
    faults::remember_stack(stack as usize);
    faults::settle();
    calls::exit(main(Arguments { stack }))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    output::print(output::ERRORS, format_args!("{info}\n"));
    calls::exit(101)
}
