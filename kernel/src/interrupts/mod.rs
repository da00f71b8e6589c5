//! Interrupts from devices: the serial port's, and the timer's while programs run.
//!
//! ```text
//! UART ─ IRQ 4 ─> I/O APIC ─> local APIC ─ vector 36 ─> stub ─> console input
//! PIT ── IRQ 0 ─> I/O APIC ─> local APIC ─ vector 32 ─> stub ─> cpu::ring3
//! ```
//!
//! Whether there is a local APIC, and where, the processor says. How the line is
//! wired, only the firmware's tables can say. Without the one or the other the two
//! 8259 controllers serve, which are masked otherwise.
//!
//! What must always hold: interrupts are on in two places, while the kernel
//! waits for input and while a program runs in ring 3, and nowhere else. So no
//! handler ever meets a held lock, and the fault path is never interrupted.

mod acpi;
mod io_apic;
mod local_apic;
mod pic;
pub mod pit;

use ::acpi::AcpiError;
use spin::Once;
use x86_64::PhysAddr;

use crate::console;
use crate::cpu::idt::{FIRST_INTERRUPT, SERIAL_VECTOR, TIMER_VECTOR};

/// The vectors of the lines on the ISA bus that are used; the number of a line
/// is how far its vector is from the first.
const VECTORS: [u8; 2] = [TIMER_VECTOR, SERIAL_VECTOR];

/// Who delivers the interrupts.
#[derive(Debug)]
enum Controller {
    Apic(local_apic::LocalApic),
    Pic,
}

static CONTROLLER: Once<Controller> = Once::new();

/// Why a line has no way by APIC.
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

/// Routes the lines to their vectors, and lets the serial port raise its own; not
/// again when that is done.
///
/// Interrupts stay off: [`console::input`] turns them on while it waits.
pub fn init() {
    CONTROLLER.call_once(|| {
        pic::mask_all();
        let controller = by_apic().unwrap_or_else(|error| {
            log::warn!("serial line: by the 8259, since there is no way by APIC: {error:?}");
            pic::unmask(&VECTORS);
            Controller::Pic
        });
        console::input::start();
        controller
    });
}

/// Routes the lines through the I/O APIC to the local one.
fn by_apic() -> Result<Controller, RouteError> {
    let routes = VECTORS.map(|vector| acpi::route(vector - FIRST_INTERRUPT));
    // SAFETY: nobody uses its registers but this module.
    let local = unsafe { local_apic::LocalApic::enable() }.ok_or(RouteError::NoLocalApic)?;
    for (route, vector) in routes.into_iter().zip(VECTORS) {
        let route = route?;
        // SAFETY: the firmware's tables say where the registers lie, and nobody
        // uses them but this module; the vector's stub takes no error code.
        unsafe { io_apic::route(&route, vector, local.id()) }?;
        let name = if vector == SERIAL_VECTOR {
            "serial"
        } else {
            "timer"
        };
        log::info!(
            "{name} line: {} of the I/O APIC at {:#x}",
            route.input,
            route.io_apic
        );
    }
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
    end_of_interrupt(SERIAL_VECTOR);
}

/// Where the timer's interrupt arrives, with interrupts off.
pub(crate) fn timer() {
    end_of_interrupt(TIMER_VECTOR);
}

fn end_of_interrupt(vector: u8) {
    match CONTROLLER.get() {
        Some(Controller::Apic(local)) => local.end_of_interrupt(),
        Some(Controller::Pic) => pic::end_of_interrupt(vector),
        None => {}
    }
}
