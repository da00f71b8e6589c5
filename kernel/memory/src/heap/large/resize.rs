//! A large block made larger or smaller where it is: pages at its end go back, or
//! the hole behind it is taken.
//!
//! What must always hold: a block that cannot be resized is as it was.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

use arrayvec::ArrayVec;

use super::super::source::{PAGE, Pages, Source};
use super::Large;

/// Blocks that are taken and put back while one in a certain place is sought.
const TRIES: usize = 4;

impl<S: Source> Large<S> {
    /// Makes a block larger or smaller where it is; `false`, and nothing
    /// changed, if it cannot be. The bytes that are in both stay.
    ///
    /// # Safety
    ///
    /// The block was allocated, or resized, to `old` bytes.
    pub(in crate::heap) unsafe fn resize(
        &mut self,
        block: NonNull<u8>,
        old: usize,
        new: usize,
    ) -> bool {
        let Some(wanted) = new.checked_next_multiple_of(PAGE) else {
            return false;
        };
        let size = old.next_multiple_of(PAGE);
        if wanted <= size {
            if wanted < size {
                // SAFETY: the pages behind the new end are the block's.
                unsafe { self.free_pages(block.add(wanted), size - wanted) };
            }
            return true;
        }
        let more = Pages::new(block.addr().get() + size, wanted - size);
        if !self.map.are_all(more, false) || !self.take_at(more) {
            return false;
        }
        let Some(fresh) = self.source.commit(more) else {
            // SAFETY: just taken; the first page was ready for a node.
            unsafe { self.put(block.add(size), more.size()) };
            return false;
        };
        self.kept = self.kept.saturating_sub(more.count() - fresh);
        self.used += more.count();
        true
    }

    /// Takes exactly these pages, which are (part of) a hole. The list hands
    /// out what it likes: what is not wanted is put back afterwards.
    fn take_at(&mut self, pages: Pages) -> bool {
        let Ok(layout) = Layout::from_size_align(pages.size(), PAGE) else {
            return false;
        };
        let mut others: ArrayVec<NonNull<u8>, TRIES> = ArrayVec::new();
        let mut found = false;
        while !found && !others.is_full() {
            let Some(block) = self.take_from_lists(layout) else {
                break;
            };
            found = block.addr().get() == pages.start;
            if !found {
                others.push(block);
            }
        }
        for other in others {
            // SAFETY: just taken, with this size; it begins where a hole began,
            // as no alignment was asked for, so its first page had a node.
            unsafe { self.put(other, pages.size()) };
        }
        found
    }
}
