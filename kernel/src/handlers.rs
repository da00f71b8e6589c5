//! Who answers exceptions and interrupts: where the stubs of
//! [`cpu::entry`](crate::cpu::entry) meet the layers above the processor.

use x86_64::VirtAddr;

use crate::cpu::entry::{Answer, Handlers, Stubs};
use crate::cpu::exception::{ExceptionFrame, PageFaultFrame};
use crate::{fault, interrupts, report};

/// The stubs of this kernel, for [`cpu::init`](crate::cpu::init).
pub static STUBS: Stubs = Stubs::calling::<Kernel>();

struct Kernel;

// SAFETY: `report::exception` returns for a breakpoint, with the frame as it
// was, and when `access::recover` has changed it to go on at the landing of the
// same routine.
unsafe impl Handlers for Kernel {
    extern "sysv64" fn page_fault_in_spot(address: VirtAddr, frame: &PageFaultFrame) -> Answer {
        fault::resolve_in_spot(address, frame)
    }

    extern "sysv64" fn page_fault(frame: &PageFaultFrame) -> Answer {
        fault::resolve(frame)
    }

    extern "sysv64" fn exception(frame: &mut ExceptionFrame) {
        report::exception(frame);
    }

    extern "sysv64" fn serial_interrupt() {
        interrupts::serial();
    }
}
