//! What the firmware says about the lines of the ISA bus: RSDP, MADT, overrides.
//!
//! An ISA line is wired to the I/O APIC input of the same number, active high
//! and edge-triggered, unless an override of the MADT says otherwise (ACPI
//! specification 6.5, 5.2.12.5).

use core::ptr::NonNull;

use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use memory::paging::Cache;
use x86_64::{PhysAddr, VirtAddr};

use super::RouteError;
use crate::boot;
use crate::spaces::{self, Mapping};

/// How a line comes to the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// The registers of the I/O APIC that the line is wired to.
    pub(super) io_apic: PhysAddr,
    /// The input of that I/O APIC.
    pub(super) input: u8,
    /// Whether a low level means an interrupt.
    pub(super) active_low: bool,
    /// Whether the level counts, not its change.
    pub(super) level_triggered: bool,
}

/// Looks the route of a line of the ISA bus up.
pub(super) fn route(irq: u8) -> Result<Route, RouteError> {
    let rsdp = boot::info().rsdp.ok_or(RouteError::NoRsdp)?;
    // SAFETY: the boot loader found the RSDP at this physical address, and
    // `Window` maps what the tables name.
    let tables = unsafe { AcpiTables::from_rsdp(Window, rsdp.as_u64() as usize) }
        .map_err(RouteError::Tables)?;
    let madt = tables.find_table::<Madt>().map_err(RouteError::Tables)?;
    let madt = madt.get();

    let (mut line, mut flags) = (u32::from(irq), 0);
    for entry in madt.entries() {
        match entry {
            MadtEntry::InterruptSourceOverride(entry) if entry.irq == irq => {
                (line, flags) = (entry.global_system_interrupt, entry.flags);
            }
            _ => {}
        }
    }
    let io_apic = madt
        .entries()
        .filter_map(|entry| match entry {
            MadtEntry::IoApic(entry) => {
                Some((entry.global_system_interrupt_base, entry.io_apic_address))
            }
            _ => None,
        })
        .filter(|(base, _)| *base <= line)
        .max_by_key(|(base, _)| *base);
    let (base, address) = io_apic.ok_or(RouteError::NoIoApic(line))?;
    let input = u8::try_from(line - base).map_err(|_| RouteError::NoIoApic(line))?;
    Ok(Route {
        io_apic: PhysAddr::new(u64::from(address)),
        input,
        active_low: flags & 0b11 == 0b11,
        level_triggered: flags >> 2 & 0b11 == 0b11,
    })
}

/// Maps the firmware's tables while they are looked at.
#[derive(Clone)]
struct Window;

impl AcpiHandler for Window {
    unsafe fn map_physical_region<T>(&self, start: usize, size: usize) -> PhysicalMapping<Self, T> {
        let mapped = spaces::map_device(
            PhysAddr::new(start as u64),
            size as u64,
            Cache::WriteBack,
            "ACPI table",
        )
        .expect("a table of the firmware can be mapped");
        let pointer =
            NonNull::new(mapped.into_address().as_mut_ptr()).expect("the kernel half is not null");
        // SAFETY: the pages from `start` to the end of `size` are mapped there
        // until `unmap_physical_region`; the caller vouches that a `T` lies there.
        unsafe { PhysicalMapping::new(start, pointer, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(region: &PhysicalMapping<Self, T>) {
        let address = VirtAddr::from_ptr(region.virtual_start().as_ptr());
        // SAFETY: the region was made by `map_physical_region`, and this is
        // called once for it, when it is dropped.
        unsafe { Mapping::from_address(address) }.unmap();
    }
}
