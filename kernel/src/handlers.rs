//! Who answers exceptions and interrupts: where the stubs of
//! [`cpu::entry`](crate::cpu::entry) meet the layers above the processor.

use crate::cpu::entry::{Answer, Handlers, Stubs};
use crate::cpu::exception::{ExceptionContext, PageFaultContext};
use crate::{fault, interrupts, report};

/// The stubs of this kernel, for [`cpu::init`](crate::cpu::init).
pub static STUBS: Stubs = Stubs::calling::<Kernel>();

struct Kernel;

// SAFETY: `report::exception` returns for a breakpoint, with the context as it
// was, and when `access::recover` has changed it to go on at the landing of the
// same routine.
unsafe impl Handlers for Kernel {
    extern "sysv64" fn page_fault(context: &PageFaultContext) -> Answer {
        fault::page_fault(context)
    }

    extern "sysv64" fn exception(context: &mut ExceptionContext) {
        report::exception(context);
    }

    extern "sysv64" fn serial_interrupt() {
        interrupts::serial();
    }
}
