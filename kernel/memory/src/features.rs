//! What the processor can do, as far as page tables care.
//!
//! This crate executes no privileged instruction and asks no processor: the
//! kernel hands this value in. So the same code runs on the host, and a test
//! can take a feature away.

/// Abilities of the processor that decide how a translation may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Leaves of 1 GiB exist at level 3 (CPUID 0x8000_0001, EDX bit 26).
    ///
    /// Without it such a leaf is a reserved-bit fault.
    pub gigabyte_pages: bool,
    /// The NO_EXECUTE bit of an entry is not reserved (CPUID 0x8000_0001, EDX
    /// bit 20), and the kernel has set EFER.NXE.
    pub no_execute: bool,
    /// The GLOBAL bit of a leaf has a meaning (CPUID 1, EDX bit 13), and the
    /// kernel has set CR4.PGE.
    pub global_pages: bool,
    /// Width of a physical address in bits, 32 to 52 (CPUID 0x8000_0008, EAX bits 7 to 0).
    ///
    /// An entry with an address bit above it is a reserved-bit fault.
    pub physical_bits: u8,
}

impl Features {
    /// The end of the physical addresses that the processor has, at most 2^52.
    #[must_use]
    pub const fn physical_end(self) -> u64 {
        let bits = self.physical_bits;
        1 << if bits < 52 { bits } else { 52 }
    }

    /// What CPUID says. `cpuid` executes it with the given number in EAX (and 0
    /// in ECX) and returns EAX, EBX, ECX and EDX (Intel SDM vol. 2A, CPUID).
    ///
    /// A processor that does not tell its physical width has 36 bits.
    #[must_use]
    pub fn from_cpuid(cpuid: impl Fn(u32) -> [u32; 4]) -> Self {
        const EXTENDED: u32 = 0x8000_0000;
        let bit = |word: u32, bit: u32| word >> bit & 1 == 1;
        let [highest, ..] = cpuid(EXTENDED);
        let extended = |leaf: u32| {
            if (EXTENDED..=highest).contains(&leaf) {
                cpuid(leaf)
            } else {
                [0; 4]
            }
        };
        let [_, _, _, basic] = cpuid(1);
        let [_, _, _, abilities] = extended(EXTENDED + 1);
        let [widths, ..] = extended(EXTENDED + 8);
        Self {
            gigabyte_pages: bit(abilities, 26),
            no_execute: bit(abilities, 20),
            global_pages: bit(basic, 13),
            physical_bits: match widths as u8 {
                0 => 36,
                bits => bits.clamp(32, 52),
            },
        }
    }
}
