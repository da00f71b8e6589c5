//! Exercise 4b ★★: the double fault's own stack.
//!
//! When the stack is full, the processor cannot push the context of the page fault.
//! It tries the double fault instead, and pushes that one's context: onto the same
//! full stack. Then nothing is left to try, and the machine resets.
//!
//! The task state segment already holds a stack at its entry `DOUBLE_FAULT_STACK`.
//! Let the processor switch to it before it pushes the double fault's context.
//!
//! Hint: `set_handler_fn` returns the options of the entry. One of them names an
//! entry of the interrupt stack table.

use x86_64::structures::idt::{DivergingHandlerFuncWithErrCode, InterruptDescriptorTable};

/// Installs the double fault's handler.
pub fn set_double_fault(
    handlers: &mut InterruptDescriptorTable,
    handler: DivergingHandlerFuncWithErrCode,
) {
    handlers.double_fault.set_handler_fn(handler);
}
