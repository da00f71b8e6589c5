//! What this processor can do, asked of CPUID (Intel SDM vol. 2A, CPUID).

use core::arch::x86_64::{__cpuid, __cpuid_count};
use memory::Features;
use x86_64::registers::control::Cr4Flags;

const BASIC: u32 = 1;
const STRUCTURED_FEATURES: u32 = 7;

/// Reads the features that page tables depend on.
#[must_use]
pub fn detect() -> Features {
    Features::from_cpuid(|leaf| {
        let answer = __cpuid(leaf);
        [answer.eax, answer.ebx, answer.ecx, answer.edx]
    })
}

/// The bits of CR4 that keep the kernel from user pages and user programs from
/// the kernel's tables, as far as this processor has them: SMEP, SMAP, UMIP.
#[must_use]
pub fn protections() -> Cr4Flags {
    let mut flags = Cr4Flags::empty();
    if __cpuid(0).eax >= STRUCTURED_FEATURES {
        let leaf = __cpuid_count(STRUCTURED_FEATURES, 0);
        flags.set(
            Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
            leaf.ebx & 1 << 7 != 0,
        );
        flags.set(
            Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION,
            leaf.ebx & 1 << 20 != 0,
        );
        flags.set(
            Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION,
            leaf.ecx & 1 << 2 != 0,
        );
    }
    flags
}

/// Whether this processor has a local APIC, and it is on.
#[must_use]
pub fn has_local_apic() -> bool {
    __cpuid(BASIC).edx & 1 << 9 != 0
}

/// Whether this processor has a page attribute table to choose cache types by.
#[must_use]
pub fn has_page_attribute_table() -> bool {
    __cpuid(BASIC).edx & 1 << 16 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn physical_addresses_are_32_to_52_bits_wide() {
        assert!((32..=52).contains(&detect().physical_bits));
    }

    #[test_case]
    fn a_64_bit_processor_has_no_execute_and_global_pages() {
        let features = detect();
        assert!(features.no_execute);
        assert!(features.global_pages);
    }
}
