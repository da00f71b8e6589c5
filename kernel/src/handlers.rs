//! Who answers exceptions and interrupts: where the stubs of
//! [`cpu::entry`](crate::cpu::entry) meet the layers above the processor.

use crate::cpu::entry::{Answer, Handlers, Stubs};
use crate::cpu::exception::{ExceptionContext, PageFaultContext};
use crate::cpu::ring3;
use crate::cpu::vector::Vector;
use crate::{fault, interrupts, report};
use x86_64::registers::rflags::{self, RFlags};

/// The stubs of this kernel, for [`cpu::init`](crate::cpu::init).
pub static STUBS: Stubs = Stubs::calling::<Kernel>();

struct Kernel;

/// The exceptions that are the machine's, whoever it was running: they have
/// stacks of their own.
const MACHINES: [Vector; 3] = [Vector::NMI, Vector::DOUBLE_FAULT, Vector::MACHINE_CHECK];

// SAFETY: `report::exception` returns for a breakpoint, with the context as it
// was, and when `access::recover` has changed it to go on at the landing of the
// same routine. After the timer's interrupt the context is as it was, too.
unsafe impl Handlers for Kernel {
    extern "sysv64" fn page_fault(context: &PageFaultContext) -> Answer {
        debug_assert!(is_kept_out());
        fault::page_fault(context)
    }

    extern "sysv64" fn exception(context: &mut ExceptionContext) {
        debug_assert!(is_kept_out());
        if context.is_timer() {
            interrupts::timer();
            if !context.is_programs() {
                return;
            }
        }
        if context.is_programs() && !MACHINES.contains(&context.vector()) {
            // SAFETY: this context, on no stack of its own, is that of what
            // interrupted the program that was entered; this frame is done with.
            unsafe { ring3::leave(context) }
        }
        report::exception(context);
    }

    extern "sysv64" fn serial_interrupt() {
        debug_assert!(is_kept_out());
        interrupts::serial();
    }
}

/// True if AC is clear, so that SMAP keeps the kernel out of the pages of programs.
fn is_kept_out() -> bool {
    !rflags::read().contains(RFlags::ALIGNMENT_CHECK)
}
