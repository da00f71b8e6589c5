//! The 32 exceptions by number and by name.
//!
//! What must always hold: a vector is a number from 0 to 31.

use core::fmt;

/// An exception vector, 0 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector(u8);

impl Vector {
    /// The vector that a stub pushed: its lowest five bits.
    pub(super) const fn from_stub(pushed: u64) -> Self {
        Self(pushed as u8 & 31)
    }

    /// The non-maskable interrupt.
    pub const NMI: Self = Self(2);
    /// #BP, from INT3.
    pub const BREAKPOINT: Self = Self(3);
    /// #DF: an exception could not be delivered.
    pub const DOUBLE_FAULT: Self = Self(8);
    /// #SS: an access through RSP or RBP to a non-canonical address.
    pub const STACK_SEGMENT: Self = Self(12);
    /// #GP: the protection violations that have no exception of their own.
    pub const GENERAL_PROTECTION: Self = Self(13);
    /// #PF: no translation for an access.
    pub const PAGE_FAULT: Self = Self(14);
    /// #MC: the hardware is broken.
    pub const MACHINE_CHECK: Self = Self(18);

    /// The number, 0 to 31.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether a non-canonical address may be behind it, for which the processor
    /// reports no address (Intel SDM vol. 3A, 6.15).
    #[must_use]
    pub const fn may_be_non_canonical(self) -> bool {
        matches!(self, Self::STACK_SEGMENT | Self::GENERAL_PROTECTION)
    }

    /// Mnemonic and name (Intel SDM vol. 3A, table 6-1; AMD APM vol. 2, table 8-1 for 28 to 30).
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }
}

const NAMES: [&str; 32] = [
    "#DE Divide Error",
    "#DB Debug Exception",
    "NMI Interrupt",
    "#BP Breakpoint",
    "#OF Overflow",
    "#BR BOUND Range Exceeded",
    "#UD Invalid Opcode",
    "#NM Device Not Available",
    "#DF Double Fault",
    "Coprocessor Segment Overrun",
    "#TS Invalid TSS",
    "#NP Segment Not Present",
    "#SS Stack-Segment Fault",
    "#GP General Protection",
    "#PF Page Fault",
    "reserved exception 15",
    "#MF x87 FPU Floating-Point Error",
    "#AC Alignment Check",
    "#MC Machine Check",
    "#XM SIMD Floating-Point Exception",
    "#VE Virtualization Exception",
    "#CP Control Protection Exception",
    "reserved exception 22",
    "reserved exception 23",
    "reserved exception 24",
    "reserved exception 25",
    "reserved exception 26",
    "reserved exception 27",
    "#HV Hypervisor Injection Exception",
    "#VC VMM Communication Exception",
    "#SX Security Exception",
    "reserved exception 31",
];

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_names_stand_at_the_numbers_of_the_manual() {
        assert_eq!(Vector(0).name(), "#DE Divide Error");
        assert_eq!(Vector::BREAKPOINT.name(), "#BP Breakpoint");
        assert_eq!(Vector::DOUBLE_FAULT.name(), "#DF Double Fault");
        assert_eq!(Vector::GENERAL_PROTECTION.name(), "#GP General Protection");
        assert_eq!(Vector::PAGE_FAULT.name(), "#PF Page Fault");
        assert_eq!(Vector(18).name(), "#MC Machine Check");
        for reserved in [15, 22, 23, 24, 25, 26, 27, 31] {
            assert!(Vector(reserved).name().starts_with("reserved"));
        }
    }
}
