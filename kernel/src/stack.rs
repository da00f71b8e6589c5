//! The stacks that the kernel knows, and which of them has overflowed.
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
//!
//! What must always hold: a known stack is mapped from its bottom to its top,
//! so that a report may read it.

use core::cell::UnsafeCell;
use core::ops::Range;
use spin::Mutex;
use x86_64::VirtAddr;

/// Size of the unmapped guard below a stack, in bytes.
pub const GUARD_SIZE: u64 = 4096;

/// Size of each exception stack, in bytes: enough for a report in a debug build.
pub const EXCEPTION_STACK_SIZE: u64 = 32 * 1024;

/// Where a stack lies; a description, which gives no access to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    name: &'static str,
    bottom: VirtAddr,
    top: VirtAddr,
}

impl Stack {
    /// The stack from `bottom` to `top`; both are page-aligned.
    #[must_use]
    pub const fn new(name: &'static str, bottom: VirtAddr, top: VirtAddr) -> Self {
        Self { name, bottom, top }
    }

    /// What to call it in a report, as in "stack overflow of `name`".
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The lowest mapped address.
    #[must_use]
    pub const fn bottom(&self) -> VirtAddr {
        self.bottom
    }

    /// One past the highest mapped address.
    #[must_use]
    pub const fn top(&self) -> VirtAddr {
        self.top
    }

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

/// The exceptions that may come when the current stack cannot be trusted, and
/// have one of their own. The number is its place in the interrupt stack table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionStack {
    /// Of #DF.
    DoubleFault = 0,
    /// Of the non-maskable interrupt.
    Nmi = 1,
    /// Of #MC.
    MachineCheck = 2,
}

#[repr(C, align(4096))]
struct StackMemory {
    guard: UnsafeCell<[u8; GUARD_SIZE as usize]>,
    stack: UnsafeCell<[u8; EXCEPTION_STACK_SIZE as usize]>,
}

// SAFETY: no reference to the bytes is ever made. The processor uses them as
// stacks, and reports read them as any stack, through raw pointers.
unsafe impl Sync for StackMemory {}

static MEMORY: [StackMemory; ExceptionStack::ALL.len()] = [const {
    StackMemory {
        guard: UnsafeCell::new([0; GUARD_SIZE as usize]),
        stack: UnsafeCell::new([0; EXCEPTION_STACK_SIZE as usize]),
    }
}; ExceptionStack::ALL.len()];

impl ExceptionStack {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::DoubleFault, Self::Nmi, Self::MachineCheck];

    /// The stack itself: a static, present from the first instruction on. The
    /// kernel's own tables leave the page below it out, as its guard.
    #[must_use]
    pub fn stack(self) -> Stack {
        let bottom = VirtAddr::from_ptr(MEMORY[self as usize].stack.get());
        let name = match self {
            Self::DoubleFault => "the double fault stack",
            Self::Nmi => "the NMI stack",
            Self::MachineCheck => "the machine check stack",
        };
        Stack::new(name, bottom, bottom + EXCEPTION_STACK_SIZE)
    }
}

/// The stacks of exceptions.
#[must_use]
pub fn exception_stacks() -> [Stack; 3] {
    ExceptionStack::ALL.map(ExceptionStack::stack)
}

/// The stack that the kernel runs on.
static CURRENT: Mutex<Option<Stack>> = Mutex::new(None);

/// Makes the stack that the kernel runs on known.
///
/// # Safety
///
/// `stack` is mapped from its bottom to its top, and stays so until another one
/// is made current or this one is [left](leave_current).
pub unsafe fn set_current(stack: Stack) {
    *CURRENT.lock() = Some(stack);
}

/// Forgets the current stack, before it is switched away from for good.
pub fn leave_current() {
    *CURRENT.lock() = None;
}

/// The stack that the kernel runs on, if it is known; waits for nobody.
#[must_use]
pub fn current() -> Option<Stack> {
    *CURRENT.try_lock()?
}

/// All known stacks: the one that the kernel runs on, and those of exceptions.
/// Waits for nobody.
pub fn known() -> impl Iterator<Item = Stack> {
    current().into_iter().chain(exception_stacks())
}

/// The stack whose guard page holds `address`: the one that overflowed, if any did.
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
            this_stack().top() - this_stack().bottom(),
            crate::layout::STACK_SIZE
        );
        assert_eq!(this_stack().name(), "the kernel stack");
    }

    #[test_case]
    fn only_the_page_below_a_stack_is_its_guard() {
        let bottom = this_stack().bottom();
        assert_eq!(overflowed_by(bottom), None);
        assert_eq!(overflowed_by(bottom - 1), Some(this_stack()));
        assert_eq!(overflowed_by(bottom - 4096), Some(this_stack()));
        assert_eq!(overflowed_by(bottom - 4097), None);
    }
}
