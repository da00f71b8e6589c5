//! Which pages of a mapping hold something, as the host tells it.
//!
//! Linux does (`/proc/self/pagemap`), page by page. No other host tells it as
//! exactly, so elsewhere each page counts as held, always, and one that is
//! discarded is zeroed: a heap works on such memory, and the tests that count
//! pages, or how often they were given back, are Linux's alone.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Held, discard};
#[cfg(target_os = "linux")]
pub(crate) use linux::{Held, discard};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use faultline_memory::heap::{PAGE, Pages};
    use memmap2::{Advice, MmapMut, MmapRaw, UncheckedAdvice};

    /// The host's word on pages.
    pub(crate) struct Held(File);

    impl Held {
        pub(crate) fn of(mapping: &MmapMut) -> Self {
            mapping
                .advise(Advice::NoHugePage)
                .expect("pages can be held one by one");
            Self(File::open("/proc/self/pagemap").expect("Linux tells which pages are held"))
        }

        /// For each of these pages, whether it holds something.
        pub(crate) fn which(&self, pages: Pages) -> Vec<bool> {
            let mut entries = vec![0; pages.count() * 8];
            let offset = pages.start() / PAGE * 8;
            self.0
                .read_exact_at(&mut entries, offset as u64)
                .expect("an entry for each page");
            // Bits 63 and 62 of an entry: present, swapped out.
            entries.chunks(8).map(|entry| entry[7] >> 6 != 0).collect()
        }
    }

    /// Gives back what pages of the mapping hold.
    ///
    /// # Safety
    ///
    /// Nobody needs what they hold.
    pub(crate) unsafe fn discard(mapping: &MmapRaw, pages: Pages) {
        let offset = pages.start() - mapping.as_mut_ptr().addr();
        // SAFETY: as the caller vouches.
        unsafe {
            mapping
                .unchecked_advise_range(UncheckedAdvice::DontNeed, offset, pages.size())
                .expect("pages of the mapping");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use faultline_memory::heap::Pages;
    use memmap2::{MmapMut, MmapRaw};

    /// The answer for all pages.
    pub(crate) struct Held;

    impl Held {
        pub(crate) fn of(_mapping: &MmapMut) -> Self {
            Self
        }

        /// For each of these pages, whether it holds something.
        pub(crate) fn which(&self, pages: Pages) -> Vec<bool> {
            vec![true; pages.count()]
        }
    }

    /// Zeroes pages of the mapping.
    ///
    /// # Safety
    ///
    /// Nobody needs what they hold.
    pub(crate) unsafe fn discard(mapping: &MmapRaw, pages: Pages) {
        let offset = pages.start() - mapping.as_mut_ptr().addr();
        // SAFETY: as the caller vouches; the pages are the mapping's.
        unsafe {
            mapping
                .as_mut_ptr()
                .add(offset)
                .write_bytes(0, pages.size());
        }
    }
}
