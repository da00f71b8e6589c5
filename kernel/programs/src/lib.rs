//! What the programs in `src/bin` have in common.
//!
//! They run in ring 3 on Faultline and, the same files, on Linux, and print the
//! same on both: they are static ELF executables without a C library, and ask
//! for everything by Linux's system calls. So what they print is made of values,
//! errors, faults and resident pages, never of addresses, times or process numbers.
//!
//! | module | is |
//! |---|---|
//! | [`start`] | from the first instruction to `main` |
//! | [`calls`], [`errno`] | system calls and their errors |
//! | [`output`] | `print!` and `println!` |
//! | [`faults`] | what an access cost in page faults |
//! | [`pages`] | memory that a program has mapped, and objects |
//! | [`words`] | as much memory as a program asks for |
//! | [`process`] | children, and how they ended |
#![no_std]
#![deny(unsafe_code)]

pub mod calls;
pub mod errno;
pub mod faults;
pub mod output;
pub mod pages;
pub mod process;
pub mod start;
pub mod words;

pub use start::Arguments;

/// Makes a function from [`Arguments`] to an exit status the program's `main`.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        const _: () = {
            /// The first instruction: the stack pointer is the one argument, and no
            /// caller's frame lies above (System V ABI for x86-64, section 3.4.1).
            #[unsafe(naked)]
            // SAFETY: no other function of a program has this name.
            #[unsafe(no_mangle)]
            extern "C" fn _start() -> ! {
                core::arch::naked_asm!(
                    "xor ebp, ebp",
                    "mov rdi, rsp",
                    "call {run}",
                    run = sym run,
                )
            }

            extern "C" fn run(stack: *const usize) -> ! {
                // SAFETY: it is the stack pointer with which the program started.
                unsafe { $crate::start::run(stack, $main) }
            }
        };
    };
}
