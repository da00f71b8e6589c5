//! The local APIC, in the mode in which the firmware left it (Intel SDM
//! vol. 3A, 11.4 and 11.12).

use core::ptr::NonNull;

use memory::paging::Cache;
use volatile::VolatilePtr;
use x86_64::PhysAddr;
use x86_64::registers::model_specific::Msr;

use crate::cpu::features::has_local_apic;
use crate::cpu::idt::SPURIOUS_VECTOR;
use crate::spaces::{self, Mapping};

/// IA32_APIC_BASE: which mode, and where the registers lie.
const APIC_BASE: u32 = 0x1b;
const X2APIC_MODE: u64 = 1 << 10;
const APIC_ON: u64 = 1 << 11;
const REGISTERS: u64 = 0x000f_ffff_ffff_f000;
/// The registers of x2APIC mode: this plus the number of the register.
const X2APIC: u32 = 0x800;

/// A register, by its number; in memory each takes 16 bytes.
#[derive(Clone, Copy)]
enum Register {
    Id = 0x02,
    EndOfInterrupt = 0x0b,
    Spurious = 0x0f,
    Destination = 0x31,
}

/// In [`Register::Spurious`].
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// The lower half of the interrupt command register (Intel SDM vol. 3A, 11.6.1):
/// a write sends an interrupt to the processor that [`Register::Destination`] names.
const COMMAND: u64 = 0x30;
/// Delivery mode NMI, asserted.
const NMI: u32 = 1 << 14 | 0b100 << 8;

/// The local APIC of the one processor.
#[derive(Debug)]
pub(super) enum LocalApic {
    /// Its registers are mapped.
    Mapped(Mapping),
    /// Its registers are model-specific ones.
    X2,
}

impl LocalApic {
    /// Enables the APIC; `None` if this processor has none, or it is switched off.
    ///
    /// # Safety
    ///
    /// Nobody else uses its registers.
    pub(super) unsafe fn enable() -> Option<Self> {
        if !has_local_apic() {
            return None;
        }
        // SAFETY: a processor with a local APIC has this register.
        let base = unsafe { Msr::new(APIC_BASE).read() };
        if base & APIC_ON == 0 {
            return None;
        }
        let apic = if base & X2APIC_MODE != 0 {
            Self::X2
        } else {
            let start = PhysAddr::new(base & REGISTERS);
            let registers = spaces::map_device(start, 4096, Cache::Uncached, "local APIC").ok()?;
            Self::Mapped(registers)
        };
        let value = SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR);
        // SAFETY: the vector has a gate, whose stub takes no error code.
        unsafe { apic.write(Register::Spurious, value) };
        Some(apic)
    }

    /// Its id, as an I/O APIC names it as destination.
    pub(super) fn id(&self) -> u8 {
        match self {
            Self::Mapped(_) => (self.read(Register::Id) >> 24) as u8,
            Self::X2 => self.read(Register::Id) as u8,
        }
    }

    /// Lets the next interrupt of the same or of a lower priority come.
    pub(super) fn end_of_interrupt(&self) {
        // SAFETY: at worst an interrupt comes earlier than it would have.
        unsafe { self.write(Register::EndOfInterrupt, 0) };
    }

    /// Names this processor as destination, and returns what to write where to
    /// make an NMI come. `None` in x2APIC mode.
    pub(super) fn nmi_to_self(&self) -> Option<(*mut u32, u32)> {
        match self {
            Self::Mapped(registers) => {
                // SAFETY: nothing is sent before a command is written.
                unsafe { self.write(Register::Destination, u32::from(self.id()) << 24) };
                let command = registers.address() + COMMAND * 16;
                Some((command.as_mut_ptr(), NMI))
            }
            Self::X2 => None,
        }
    }

    fn read(&self, register: Register) -> u32 {
        match self {
            Self::Mapped(registers) => Self::pointer(registers, register).read(),
            // SAFETY: the register exists in x2APIC mode; reading it has no effect.
            Self::X2 => unsafe { Msr::new(X2APIC + register as u32).read() as u32 },
        }
    }

    /// # Safety
    ///
    /// - The register takes this value.
    /// - A vector in it has a gate, whose stub takes no error code.
    unsafe fn write(&self, register: Register, value: u32) {
        match self {
            Self::Mapped(registers) => Self::pointer(registers, register).write(value),
            // SAFETY: the register exists in x2APIC mode; the rest is the caller's.
            Self::X2 => unsafe { Msr::new(X2APIC + register as u32).write(u64::from(value)) },
        }
    }

    fn pointer(registers: &Mapping, register: Register) -> VolatilePtr<'_, u32> {
        let pointer = (registers.address() + register as u64 * 16).as_mut_ptr();
        let pointer = NonNull::new(pointer).expect("the kernel half is not null");
        // SAFETY: the registers were mapped by `enable`, uncached, and are as
        // long as `registers` is borrowed; they are used through this alone.
        unsafe { VolatilePtr::new(pointer) }
    }
}
