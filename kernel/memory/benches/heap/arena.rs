//! Memory for one allocator: a reserved mapping, of which the host says which
//! pages were touched.

use std::fs::File;
use std::os::unix::fs::FileExt;

use faultline_memory::heap::{GRAIN, PAGE, Pages, Source};
use memmap2::{Advice, MmapOptions, MmapRaw, UncheckedAdvice};

/// Bytes that are reserved: a power of two, as the buddies like it.
const SIZE: usize = 512 << 20;

/// A reserved mapping, aligned to 2 MiB.
pub(crate) struct Arena {
    mapping: MmapRaw,
    base: usize,
    /// Bytes of extents.
    extents: usize,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let mapping = MmapOptions::new()
            .len(SIZE + GRAIN)
            .no_reserve_swap()
            .map_anon()
            .expect("the host reserves 512 MiB");
        mapping.advise(Advice::NoHugePage).expect("small pages");
        let mapping = MmapRaw::from(mapping);
        let base = mapping.as_mut_ptr().expose_provenance();
        Self {
            mapping,
            base: base.next_multiple_of(GRAIN),
            extents: 0,
        }
    }

    /// All of it, for an allocator that wants it at once.
    pub(crate) fn all(&self) -> (*mut u8, usize) {
        (std::ptr::with_exposed_provenance_mut(self.base), SIZE)
    }

    /// Bytes of the pages that were touched.
    pub(crate) fn resident(&self) -> usize {
        let pagemap = File::open("/proc/self/pagemap").expect("Linux");
        let mut entries = vec![0; SIZE / PAGE * 8];
        let offset = self.base / PAGE * 8;
        pagemap
            .read_exact_at(&mut entries, offset as u64)
            .expect("an entry for each page");
        // Bits 63 and 62 of an entry: present, swapped out.
        let held = entries.chunks(8).filter(|entry| entry[7] >> 6 != 0);
        held.count() * PAGE
    }
}

// SAFETY: extents are pieces of the mapping, one behind the other, and can be
// touched at any time; the host keeps what was written, and gives zeroes where
// nothing was. Pages that may hold something count.
unsafe impl Source for Arena {
    fn grow(&mut self, size: usize, _reserved: usize, _behind: Option<usize>) -> Option<Pages> {
        let start = self.extents;
        if start + size > SIZE {
            return None;
        }
        self.extents += size;
        Pages::new(self.base + start, size)
    }

    fn reserve(&mut self, pages: Pages) -> Option<usize> {
        Some(pages.count())
    }

    unsafe fn unreserve(&mut self, pages: Pages) -> usize {
        pages.count()
    }

    unsafe fn discard(&mut self, pages: Pages) -> usize {
        let offset = pages.start() - self.mapping.as_mut_ptr().addr();
        // SAFETY: the pages are the heap's, which does not need what they hold.
        unsafe {
            self.mapping
                .unchecked_advise_range(UncheckedAdvice::DontNeed, offset, pages.size())
                .expect("pages of the mapping");
        }
        pages.count()
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        Some(pages)
    }
}
