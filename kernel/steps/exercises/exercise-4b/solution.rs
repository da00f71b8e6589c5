//! Solution of exercise 4b: the double fault's own stack.

use x86_64::structures::idt::{DivergingHandlerFuncWithErrCode, InterruptDescriptorTable};

use crate::machine::DOUBLE_FAULT_STACK;

/// Installs the double fault's handler.
pub fn set_double_fault(
    handlers: &mut InterruptDescriptorTable,
    handler: DivergingHandlerFuncWithErrCode,
) {
    let options = handlers.double_fault.set_handler_fn(handler);
    // With this, the processor loads the stack pointer from the task state segment before
    // it pushes anything, whatever became of the stack that was in use.
    // SAFETY: the stack is there, and no other entry uses it.
    unsafe { options.set_stack_index(DOUBLE_FAULT_STACK) };
}
