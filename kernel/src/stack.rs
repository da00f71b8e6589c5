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

use core::ops::Range;
use spin::Once;
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

static BOOT_STACK: Once<Stack> = Once::new();

/// Makes the stack that the boot loader set up known; only the first call counts.
pub fn set_boot_stack(stack: Stack) {
    BOOT_STACK.call_once(|| stack);
}

/// The stack whose guard page holds `address`: who overflowed, if anyone did.
#[must_use]
pub fn overflowed_by(address: VirtAddr) -> Option<&'static Stack> {
    BOOT_STACK
        .get()
        .filter(|stack| stack.guard().contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot_stack() -> &'static Stack {
        BOOT_STACK.get().expect("entry! makes it known")
    }

    #[test_case]
    fn the_kernel_runs_on_the_boot_stack() {
        let here = 0u8;
        assert!(boot_stack().contains(VirtAddr::from_ptr(&raw const here)));
        assert_eq!(
            boot_stack().top - boot_stack().bottom,
            crate::boot::STACK_SIZE
        );
    }

    #[test_case]
    fn only_the_page_below_a_stack_is_its_guard() {
        let bottom = boot_stack().bottom;
        assert_eq!(overflowed_by(bottom), None);
        assert_eq!(overflowed_by(bottom - 1), Some(boot_stack()));
        assert_eq!(overflowed_by(bottom - 4096), Some(boot_stack()));
        assert_eq!(overflowed_by(bottom - 4097), None);
    }
}
