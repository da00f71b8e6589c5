//! Interrupts from devices: the one that is used is the serial port's.
//!
//! ```text
//! UART ─ IRQ 4 ─> I/O APIC ─> local APIC ─ vector 36 ─> stub ─> console input
//! ```
//!
//! Whether there is a local APIC, and where, the processor says. How the line is
//! wired, only the firmware's tables can say. Without the one or the other the two
//! 8259 controllers serve, which are masked otherwise.
//!
//! What must always hold: interrupts are on in one place, while the kernel
//! waits for input, and nowhere else. So no handler ever meets a held lock, and
//! the fault path is never interrupted.

mod acpi;
mod io_apic;
mod local_apic;
mod pic;

use ::acpi::AcpiError;
use spin::Once;
use x86_64::PhysAddr;

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

/// Why the line has no way by APIC.
#[derive(Debug)]
#[expect(dead_code, reason = "the fields are for the log, through Debug")]
enum RouteError {
    /// The boot loader found no RSDP.
    NoRsdp,
    /// The tables are not as they should be, or there is no MADT.
    Tables(AcpiError),
    /// No I/O APIC has this global interrupt.
    NoIoApic(u32),
    /// This processor has no local APIC, or it is switched off.
    NoLocalApic,
    /// The I/O APIC of the tables is not there.
    NoRegisters(PhysAddr),
    /// The I/O APIC has fewer inputs.
    NoInput(u8),
}

/// Routes the serial port's line to its vector, and lets the port raise it.
///
/// Interrupts stay off: [`console::input`] turns them on while it waits.
pub fn init() {
    pic::mask_all();
    let controller = by_apic().unwrap_or_else(|error| {
        log::warn!("serial line: by the 8259, since there is no way by APIC: {error:?}");
        pic::unmask_serial();
        Controller::Pic
    });
    CONTROLLER.call_once(|| controller);
    console::input::start();
}

/// Routes the line through the I/O APIC to the local one.
fn by_apic() -> Result<Controller, RouteError> {
    let route = acpi::serial_route()?;
    // SAFETY: nobody uses its registers but this module.
    let local = unsafe { local_apic::LocalApic::enable() }.ok_or(RouteError::NoLocalApic)?;
    // SAFETY: the firmware's tables say where the registers lie, and nobody uses
    // them but this module; the vector's stub takes no error code.
    unsafe { io_apic::route(&route, SERIAL_VECTOR, local.id()) }?;
    log::info!(
        "serial line: {} of the I/O APIC at {:#x}",
        route.input,
        route.io_apic
    );
    Ok(Controller::Apic(local))
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
