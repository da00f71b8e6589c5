//! What `memory` asks of the kernel when a translation was removed or narrowed.

use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// Whose translations are to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the kernel half, which every space shares; they are global
    /// where the processor has global pages.
    Kernel,
    /// Those of the low half of the space with this root. Where that space is
    /// loaded nowhere (and address-space identifiers are not used) there is
    /// nothing to forget.
    Space(PhysFrame),
}

/// What is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush<'a> {
    /// The translations of these addresses, each of whatever page size it was,
    /// and all cached upper-level entries on the way to them.
    Pages(&'a [VirtAddr]),
    /// Every translation of the scope.
    Everything,
}

/// The processor's cache of translations, as the kernel can flush it.
///
/// With one processor this is INVLPG, or CR3 reloaded or CR4.PGE toggled for
/// everything (Intel SDM vol. 3A 4.10.4.1); with several it becomes a
/// shootdown, and nothing in this crate changes. It is called without any lock
/// of [`Memory`](crate::Memory) held, but with the half that changes borrowed.
pub trait Tlb: Sync {
    /// Forgets; when it returns no processor uses what was named any more.
    fn flush(&self, scope: Scope, flush: Flush<'_>);

    /// Forgets one page: the most common flush, that of a first write.
    fn flush_page(&self, scope: Scope, page: VirtAddr) {
        self.flush(scope, Flush::Pages(&[page]));
    }
}
