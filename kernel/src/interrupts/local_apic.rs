//! The local APIC, in the mode in which the firmware left it (Intel SDM
//! vol. 3A, 11.4 and 11.12).

use core::ptr::NonNull;

use memory::paging::Cache;
use volatile::VolatilePtr;
use x86_64::registers::model_specific::Msr;
use x86_64::{PhysAddr, VirtAddr};

use crate::cpu::idt::SPURIOUS_VECTOR;
use crate::spaces;

/// IA32_APIC_BASE: bit 10 says x2APIC mode, bit 11 that the APIC is on.
const APIC_BASE: u32 = 0x1b;
/// The registers of x2APIC mode: this plus the number of the register.
const X2APIC: u32 = 0x800;

/// Numbers of registers; in memory each takes 16 bytes.
const ID: u32 = 0x02;
const END_OF_INTERRUPT: u32 = 0x0b;
const SPURIOUS: u32 = 0x0f;
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// The two halves of the interrupt command register (Intel SDM vol. 3A, 11.6.1).
const COMMAND: u32 = 0x30;
const DESTINATION: u32 = 0x31;
/// Delivery mode NMI, asserted, to the processor that [`DESTINATION`] names.
const NMI: u32 = 1 << 14 | 0b100 << 8;

/// The local APIC of the one processor.
#[derive(Debug)]
pub(super) enum LocalApic {
    /// Its registers are mapped here.
    Mapped(VirtAddr),
    /// Its registers are model-specific ones.
    X2,
}

impl LocalApic {
    /// Enables the APIC whose registers lie at `start`.
    pub(super) fn enable(start: PhysAddr) -> Self {
        let base = Msr::new(APIC_BASE);
        // SAFETY: every processor with 64-bit mode has this register.
        let mode = unsafe { base.read() };
        let apic = if mode & 1 << 10 != 0 {
            Self::X2
        } else {
            let registers = spaces::map_device(start, 4096, Cache::Uncached, "local APIC")
                .expect("the local APIC can be mapped");
            Self::Mapped(registers)
        };
        apic.write(SPURIOUS, SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
        apic
    }

    /// Its id, as an I/O APIC names it as destination.
    pub(super) fn id(&self) -> u8 {
        match self {
            Self::Mapped(_) => (self.read(ID) >> 24) as u8,
            Self::X2 => self.read(ID) as u8,
        }
    }

    /// Lets the next interrupt of the same or of a lower priority come.
    pub(super) fn end_of_interrupt(&self) {
        self.write(END_OF_INTERRUPT, 0);
    }

    /// Names this processor as destination; what is to be written where, for an
    /// NMI to come, is returned. `None` in x2APIC mode.
    pub(super) fn nmi_to_self(&self) -> Option<(*mut u32, u32)> {
        match self {
            Self::Mapped(base) => {
                self.write(DESTINATION, u32::from(self.id()) << 24);
                let command = Self::pointer(*base, COMMAND);
                Some((command.as_raw_ptr().as_ptr(), NMI))
            }
            Self::X2 => None,
        }
    }

    fn read(&self, register: u32) -> u32 {
        match self {
            Self::Mapped(base) => Self::pointer(*base, register).read(),
            // SAFETY: the register exists in x2APIC mode; reading it has no effect.
            Self::X2 => unsafe { Msr::new(X2APIC + register).read() as u32 },
        }
    }

    fn write(&self, register: u32, value: u32) {
        match self {
            Self::Mapped(base) => Self::pointer(*base, register).write(value),
            // SAFETY: the register exists in x2APIC mode, and the values written
            // here only enable the APIC and end interrupts.
            Self::X2 => unsafe { Msr::new(X2APIC + register).write(u64::from(value)) },
        }
    }

    fn pointer(base: VirtAddr, register: u32) -> VolatilePtr<'static, u32> {
        let pointer = (base + u64::from(register) * 16).as_mut_ptr();
        let pointer = NonNull::new(pointer).expect("the kernel half is not null");
        // SAFETY: the registers are mapped, uncached, for as long as the kernel
        // runs, and used through this alone.
        unsafe { VolatilePtr::new(pointer) }
    }
}
