//! What an access cost in page faults, as the kernel counts them.
//!
//! A program's own code and stack are loaded on demand and shared after a fork
//! like all else, so they cost faults too. [`settle`] has these happen before
//! something is measured; it is called at the start and on both sides of a fork.

#![allow(unsafe_code)] // The program's own pages are touched by address.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::calls;

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// How far below the caller the stack is in use while something is measured.
const STACK_IN_USE: usize = 4 * PAGE;

static STACK: AtomicUsize = AtomicUsize::new(0);

/// Remembers where the stack of the program began.
pub(crate) fn remember_stack(stack: usize) {
    STACK.store(stack, Ordering::Relaxed);
}

/// The page faults of this process so far.
///
/// # Panics
///
/// If the kernel does not tell.
#[must_use]
#[inline(never)]
pub fn faults() -> u64 {
    let usage = calls::usage().expect("getrusage");
    // Minor ones, and major ones: whether a page of a file had to wait for a disk
    // is not the question here.
    usage[8] + usage[9]
}

/// Runs something, and returns how many faults it took.
pub fn cost(run: impl FnOnce()) -> u64 {
    let before = faults();
    run();
    faults() - before
}

/// Touches the program's own code and constants, and the pages of its stack that
/// are in use, as what they are used for.
pub fn settle() {
    unsafe extern "C" {
        // The linker's names for the image's first byte and the end of its code.
        static __executable_start: u8;
        static etext: u8;
    }
    let code = (&raw const __executable_start) as usize..(&raw const etext) as usize;
    for address in code.step_by(PAGE) {
        // SAFETY: constants and code lie there, page after page, and are never
        // written to.
        unsafe { (address as *const u8).read_volatile() };
    }
    let here = 0_u8;
    let below = (&raw const here) as usize - STACK_IN_USE;
    for address in (below..STACK.load(Ordering::Relaxed)).step_by(PAGE) {
        // SAFETY: the stack grows down to there if it has not before, and no bit of
        // it changes. To the processor and the kernel this is a write.
        unsafe { asm!("lock or byte ptr [{}], 0", in(reg) address, options(nostack)) };
    }
}
