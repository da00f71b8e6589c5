//! The stacks that the kernel knows, and whose end an address is past.
//!
//! A stack grows down into its guard, one page that is never mapped:
//!
//! ```text
//!   top      ┌──────────┐  first push lands below it
//!            │  stack   │
//!   bottom   ├──────────┤
//!            │  guard   │  a touch here is a page fault; pushing its frame
//!            └──────────┘  faults again, and that is a double fault
//! ```

use crate::cpu::descriptors::exception_stacks;
use core::ops::Range;
use spin::Mutex;
use x86_64::VirtAddr;

/// Size of the unmapped guard below a stack, in bytes.
pub const GUARD_SIZE: u64 = 4096;

/// A mapped stack with an unmapped page below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// What to call it in a report, as in "stack overflow of `name`".
    pub name: &'static str,
    /// The lowest mapped address, page-aligned.
    pub bottom: VirtAddr,
    /// One past the highest mapped address.
    pub top: VirtAddr,
}

impl Stack {
    /// The addresses of the guard page.
    #[must_use]
    pub fn guard(&self) -> Range<VirtAddr> {
        self.bottom - GUARD_SIZE..self.bottom
    }

    /// Whether `address` lies in the mapped part.
    #[must_use]
    pub fn contains(&self, address: VirtAddr) -> bool {
        (self.bottom..self.top).contains(&address)
    }
}

/// The stack that the kernel runs on.
static CURRENT: Mutex<Option<Stack>> = Mutex::new(None);

/// Makes the stack that the kernel runs on known.
pub fn set_current(stack: Stack) {
    *CURRENT.lock() = Some(stack);
}

/// The stack that the kernel runs on, as far as it is known; waits for nobody.
#[must_use]
pub fn current() -> Option<Stack> {
    *CURRENT.try_lock()?
}

/// All stacks that are known: the one that the kernel runs on, and those of
/// exceptions; waits for nobody.
pub fn known() -> impl Iterator<Item = Stack> {
    current().into_iter().chain(exception_stacks())
}

/// The stack whose guard page holds `address`: who overflowed, if anyone did.
#[must_use]
pub fn overflowed_by(address: VirtAddr) -> Option<Stack> {
    known().find(|stack| stack.guard().contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_stack() -> Stack {
        current().expect("known since the first instructions")
    }

    #[test_case]
    fn the_kernel_runs_on_a_stack_of_its_own() {
        let here = 0u8;
        assert!(this_stack().contains(VirtAddr::from_ptr(&raw const here)));
        assert_eq!(
            this_stack().top - this_stack().bottom,
            crate::layout::STACK_SIZE
        );
        assert_eq!(this_stack().name, "the kernel stack");
    }

    #[test_case]
    fn only_the_page_below_a_stack_is_its_guard() {
        let bottom = this_stack().bottom;
        assert_eq!(overflowed_by(bottom), None);
        assert_eq!(overflowed_by(bottom - 1), Some(this_stack()));
        assert_eq!(overflowed_by(bottom - 4096), Some(this_stack()));
        assert_eq!(overflowed_by(bottom - 4097), None);
    }
}
