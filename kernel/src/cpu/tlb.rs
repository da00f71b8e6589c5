//! Making the processor forget translations (Intel SDM vol. 3A, 4.10.4).

use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::structures::paging::page::PageRange;
use x86_64::structures::paging::{Page, PageSize};

/// Forgets the translation of one page, global or not, and all upper-level entries cached with it.
pub fn flush_page(address: VirtAddr) {
    tlb::flush(address);
}

/// Forgets the translations of a range of pages.
pub fn flush_range<S: PageSize>(pages: PageRange<S>) {
    pages.for_each(|page: Page<S>| flush_page(page.start_address()));
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
