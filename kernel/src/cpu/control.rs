//! Control registers: what must be switched on for memory to be protected.

use memory::Features;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

/// Makes read-only hold for the kernel too, and NO_EXECUTE and GLOBAL mean something.
///
/// - CR0.WP: without it, supervisor code writes straight through read-only
///   entries, and the shared zero frame would not stay zero (Intel SDM vol. 3A, 4.6.1).
/// - EFER.NXE: without it, NO_EXECUTE is a reserved bit (vol. 3A, 4.1.4).
/// - CR4.PGE: without it, GLOBAL is ignored (vol. 3A, 4.10.2.4).
pub fn enable(features: &Features) {
    // SAFETY: Setting WP takes away writes to read-only pages; every page that
    // the kernel writes to is mapped writable by the boot loader.
    unsafe { Cr0::update(|cr0| cr0.insert(Cr0Flags::WRITE_PROTECT)) };
    if features.no_execute {
        // SAFETY: The processor has NXE, and no live entry uses bit 63 in
        // another sense: reserved until now, it would have faulted.
        unsafe { Efer::update(|efer| efer.insert(EferFlags::NO_EXECUTE_ENABLE)) };
    }
    if features.global_pages {
        // SAFETY: The processor has PGE; the change itself flushes the TLB.
        unsafe { Cr4::update(|cr4| cr4.insert(Cr4Flags::PAGE_GLOBAL)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::features;

    #[test_case]
    fn read_only_holds_for_the_kernel() {
        assert!(Cr0::read().contains(Cr0Flags::WRITE_PROTECT));
    }

    #[test_case]
    fn no_execute_and_global_are_on_exactly_where_the_processor_has_them() {
        let features = features::detect();
        assert_eq!(
            Efer::read().contains(EferFlags::NO_EXECUTE_ENABLE),
            features.no_execute
        );
        assert_eq!(
            Cr4::read().contains(Cr4Flags::PAGE_GLOBAL),
            features.global_pages
        );
    }
}
