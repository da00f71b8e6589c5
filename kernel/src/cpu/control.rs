//! Control registers: what must be switched on for memory to be protected.

use memory::Features;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::Msr;

use super::features;

/// IA32_PAT (Intel SDM vol. 4, table 2-2): eight cache types, a byte each.
const PAGE_ATTRIBUTE_TABLE: u32 = 0x277;
const WRITE_COMBINING: u64 = 1;

/// Makes read-only hold for the kernel too, and NO_EXECUTE and GLOBAL mean something.
///
/// - CR0.WP: without it, supervisor code writes straight through read-only
///   entries, and the shared zero frame would not stay zero (Intel SDM vol. 3A, 4.6.1).
/// - EFER.NXE: without it, NO_EXECUTE is a reserved bit (vol. 3A, 4.1.4).
/// - CR4.PGE: without it, GLOBAL is ignored (vol. 3A, 4.10.2.4).
/// - CR4.SMEP, SMAP, UMIP: the kernel neither runs nor touches user pages by
///   mistake, and user programs learn nothing from SGDT and its kin (4.6, 2.5).
/// - PAT entry 1: write-combining, as [`memory::paging::Cache`] has it; after a
///   reset it says write-through, which nothing here asks for (vol. 3A, 12.12).
pub(super) fn enable(features: &Features) {
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
    // SAFETY: only bits that the processor has; no user page is mapped yet, and
    // nothing runs in ring 3.
    unsafe { Cr4::update(|cr4| cr4.insert(features::protections())) };
    if features::has_page_attribute_table() {
        let mut table = Msr::new(PAGE_ATTRIBUTE_TABLE);
        // SAFETY: the processor has the register; entry 1 gets a valid type,
        // and no live translation selects it.
        unsafe {
            let entries = table.read();
            table.write(entries & !(0xff << 8) | WRITE_COMBINING << 8);
        }
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
    fn every_protection_that_the_processor_has_is_on() {
        assert!(Cr4::read().contains(features::protections()));
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
