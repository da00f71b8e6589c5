//! Making the processor forget translations (Intel SDM vol. 3A, 4.10.4).

use memory::{Flush, Scope, Tlb};
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr4, Cr4Flags};

/// This processor's translations, as the `memory` crate asks for them to go.
pub struct Processor;

impl Tlb for Processor {
    fn flush(&self, scope: Scope, flush: Flush<'_>) {
        match (scope, flush) {
            // Without process-context identifiers, loading CR3 has dropped the
            // translations of a space that is not loaded now.
            (Scope::Space(root), _) if root != Cr3::read().0 => {}
            (_, Flush::Pages(pages)) => pages.iter().copied().for_each(flush_page),
            (Scope::Space(_), Flush::Everything) => tlb::flush_all(),
            (Scope::Kernel, Flush::Everything) => flush_all(),
        }
    }

    fn flush_page(&self, scope: Scope, page: VirtAddr) {
        if scope == Scope::Kernel || scope == Scope::Space(Cr3::read().0) {
            flush_page(page);
        }
    }
}

/// Forgets the translation of one page, global or not, and all upper-level entries cached with it.
pub fn flush_page(address: VirtAddr) {
    tlb::flush(address);
}

/// Forgets every translation, the global ones included.
///
/// Writing CR3 keeps global entries; a change of CR4.PGE does not. Where the
/// processor has no global pages, writing CR3 is enough.
pub fn flush_all() {
    let cr4 = Cr4::read();
    if cr4.contains(Cr4Flags::PAGE_GLOBAL) {
        // SAFETY: Both values are valid, and only the meaning of GLOBAL differs.
        unsafe {
            Cr4::write(cr4 - Cr4Flags::PAGE_GLOBAL);
            Cr4::write(cr4);
        }
    } else {
        tlb::flush_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn flushing_everything_leaves_the_control_register_as_it_was() {
        let before = Cr4::read();
        flush_all();
        assert_eq!(Cr4::read(), before);
    }
}
