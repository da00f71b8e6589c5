//! What the processor can do, as far as page tables care.
//!
//! This crate executes no privileged instruction and asks no processor: the
//! kernel reads CPUID once at boot and hands this value in. So the same code
//! runs on the host, and a test can take a feature away.

use crate::paging::LeafSize;

/// Abilities of the processor that decide how a translation may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Leaves of 1 GiB exist at level 3 (CPUID 0x8000_0001, EDX bit 26).
    ///
    /// Without it such a leaf is a reserved-bit fault.
    pub gigabyte_pages: bool,
    /// The NO_EXECUTE bit of an entry is not reserved (CPUID 0x8000_0001, EDX bit 20).
    pub no_execute: bool,
    /// The GLOBAL bit of a leaf has a meaning (CPUID 1, EDX bit 13).
    pub global_pages: bool,
    /// Width of a physical address in bits, 32 to 52 (CPUID 0x8000_0008, EAX bits 7 to 0).
    ///
    /// An entry with an address bit above it is a reserved-bit fault.
    pub physical_bits: u8,
}

impl Features {
    /// True if the processor has leaves of this size.
    #[must_use]
    pub const fn has(self, size: LeafSize) -> bool {
        self.gigabyte_pages || !matches!(size, LeafSize::Size1GiB)
    }
}
