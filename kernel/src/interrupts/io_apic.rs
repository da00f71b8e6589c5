//! The I/O APIC: one register selects, one is the window (Intel 82093AA).

use core::ptr::NonNull;

use memory::paging::Cache;
use volatile::VolatilePtr;

use super::RouteError;
use super::acpi::Route;
use crate::spaces;

/// Byte offsets of the two registers.
const SELECT: usize = 0x00;
const WINDOW: usize = 0x10;
/// Bits 16 to 23 are the number of the last input.
const VERSION: u32 = 0x01;
/// The first of the two registers of input 0.
const REDIRECTION: u32 = 0x10;

const ACTIVE_LOW: u32 = 1 << 13;
const LEVEL_TRIGGERED: u32 = 1 << 15;

/// Routes one input to `vector` of the processor with this local APIC id:
/// fixed delivery, physical destination, not masked.
///
/// # Errors
///
/// The registers cannot be mapped, or there is no such input; nothing has changed.
///
/// # Safety
///
/// - The I/O APIC's registers lie where `route` says, and nobody else uses them.
/// - The vector has a gate, whose stub takes no error code.
pub(super) unsafe fn route(route: &Route, vector: u8, processor: u8) -> Result<(), RouteError> {
    let registers = spaces::map_device(route.io_apic, 0x20, Cache::Uncached, "I/O APIC")
        .map_err(|_| RouteError::NoRegisters(route.io_apic))?;
    let register = |offset: usize| {
        let pointer = (registers.address() + offset as u64).as_mut_ptr::<u32>();
        let pointer = NonNull::new(pointer).expect("the kernel half is not null");
        // SAFETY: both registers are mapped, uncached, until `registers` is
        // unmapped, and nobody else uses them, as the caller vouches.
        unsafe { VolatilePtr::new(pointer) }
    };
    let (select, window) = (register(SELECT), register(WINDOW));
    select.write(VERSION);
    if route.input > (window.read() >> 16) as u8 {
        registers.unmap();
        return Err(RouteError::NoInput(route.input));
    }
    let low = REDIRECTION + 2 * u32::from(route.input);
    let mut entry = u32::from(vector);
    if route.active_low {
        entry |= ACTIVE_LOW;
    }
    if route.level_triggered {
        entry |= LEVEL_TRIGGERED;
    }
    // The destination first: the low half takes the mask away.
    select.write(low + 1);
    window.write(u32::from(processor) << 24);
    select.write(low);
    window.write(entry);
    Ok(())
}
