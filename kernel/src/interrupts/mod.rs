//! Interrupts from devices: the one that is used is the serial port's.
//!
//! ```text
//! UART ─ IRQ 4 ─> I/O APIC ─> local APIC ─ vector 36 ─> stub ─> console input
//! ```
//!
//! The line is routed as the firmware's tables say. The two 8259 controllers are
//! masked, and used only on a machine without those tables.
//!
//! What must always hold: interrupts are on in one place, while the kernel
//! waits for input, and nowhere else. So no handler ever meets a held lock, and
//! the fault path is never interrupted.

mod acpi;
mod io_apic;
mod local_apic;
mod pic;

use spin::Once;

use crate::console;
use crate::cpu::idt::{FIRST_INTERRUPT, SERIAL_VECTOR};

/// The first serial port's line on the ISA bus.
const SERIAL_IRQ: u8 = SERIAL_VECTOR - FIRST_INTERRUPT;

/// Who delivers the serial port's interrupts.
#[derive(Debug)]
enum Controller {
    Apic(local_apic::LocalApic),
    Pic,
}

static CONTROLLER: Once<Controller> = Once::new();

/// Routes the serial port's line to its vector, and lets the port raise it.
///
/// Interrupts stay off: [`console::input`] turns them on while it waits.
pub fn init() {
    pic::mask_all();
    let controller = match acpi::serial_route() {
        Ok(route) => {
            // SAFETY: the firmware's tables say where the registers lie, and
            // nobody uses them but this module.
            let local = unsafe { local_apic::LocalApic::enable(route.local_apic) };
            // SAFETY: as above; the vector's stub takes no error code.
            unsafe { io_apic::route(&route, SERIAL_VECTOR, local.id()) };
            log::info!(
                "serial line: {} of the I/O APIC at {:#x}",
                route.input,
                route.io_apic
            );
            Controller::Apic(local)
        }
        Err(error) => {
            log::warn!("serial line: by the 8259, since there is no way by APIC: {error:?}");
            pic::unmask_serial();
            Controller::Pic
        }
    };
    CONTROLLER.call_once(|| controller);
    console::input::start();
}

/// The register, and what is to be written to it, that make this processor send
/// itself an NMI; `None` without a local APIC whose registers are mapped.
#[must_use]
pub fn nmi_to_self() -> Option<(*mut u32, u32)> {
    match CONTROLLER.get() {
        Some(Controller::Apic(local)) => local.nmi_to_self(),
        Some(Controller::Pic) | None => None,
    }
}

/// Where the stub of [`SERIAL_VECTOR`] arrives, with interrupts off.
pub(crate) fn serial() {
    console::input::take();
    match CONTROLLER.get() {
        Some(Controller::Apic(local)) => local.end_of_interrupt(),
        Some(Controller::Pic) => pic::end_of_interrupt(SERIAL_VECTOR),
        None => {}
    }
}
