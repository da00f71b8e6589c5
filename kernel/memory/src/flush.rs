//! What was taken out of the tables, until no processor can reach it any more.
//!
//! ```text
//! entry cleared ──> batch: page, frame, emptied table ──> finish: flush once
//!                                                           └─> frames go back
//! ```
//!
//! What must always hold: a frame or table that a translation led to goes back
//! to the allocator through [`FlushBatch::finish`], or [`finish_one`] for a single
//! page; both flush before they free. Eviction alone does both by itself, since it
//! writes the page in between (`space/evict.rs`). (An object's frame that no
//! translation leads to goes back with the object.) A batch that is full finishes
//! early and goes on; one that is dropped unfinished leaks what it holds, which is
//! counted, and never frees it. In the book: chapter 6, `docs/06-the-page-fault.md`.
#![allow(unsafe_code)]

use arrayvec::ArrayVec;
use x86_64::VirtAddr;

use crate::memory::{Memory, Removed};
use crate::object::Mapping;
use crate::paging::Table;
use crate::tlb::{Flush, Scope};

/// Above this many pages everything is flushed instead.
const MOST_PAGES: usize = 32;
/// Frames and tables that a batch holds before it finishes early.
const MOST_REMOVED: usize = 256;

/// Pages whose translations were removed or narrowed, until the processor forgets
/// them.
#[must_use = "what is not flushed stays in use"]
#[derive(Debug)]
pub(crate) struct Outdated {
    pages: ArrayVec<VirtAddr, MOST_PAGES>,
    /// There were more.
    everything: bool,
}

impl Outdated {
    /// None.
    pub(crate) const fn new() -> Self {
        Self {
            pages: ArrayVec::new_const(),
            everything: false,
        }
    }

    /// The translation of the page at `address` was removed or narrowed.
    #[inline]
    pub(crate) fn page(&mut self, address: u64) {
        if !self.everything {
            self.one_of_few(address);
        }
    }

    fn one_of_few(&mut self, address: u64) {
        let page = VirtAddr::new_truncate(address);
        self.everything = self.pages.try_push(page).is_err();
    }

    /// Makes the processor forget them.
    #[inline]
    pub(crate) fn flush(&self, scope: Scope, memory: &Memory) {
        if self.everything {
            memory.flush(scope, Flush::Everything);
        } else if !self.pages.is_empty() {
            memory.flush(scope, Flush::Pages(&self.pages));
        }
    }

    /// Makes the processor forget them and the page at `address`.
    #[inline]
    pub(crate) fn flush_with(mut self, address: u64, scope: Scope, memory: &Memory) {
        if self.pages.is_empty() {
            memory.flush_page(scope, VirtAddr::new_truncate(address));
        } else {
            self.page(address);
            self.flush(scope, memory);
        }
    }
}

/// Pages to flush, and the frames and tables that go back afterwards.
#[must_use = "what a batch holds is lost unless it is finished"]
#[derive(Debug)]
pub(crate) struct FlushBatch<'a> {
    memory: &'a Memory,
    scope: Scope,
    outdated: Outdated,
    removed: ArrayVec<Removed, MOST_REMOVED>,
    given_back: u64,
}

impl<'a> FlushBatch<'a> {
    /// An empty batch for translations of `scope`.
    pub(crate) fn new(scope: Scope, memory: &'a Memory) -> Self {
        Self {
            memory,
            scope,
            outdated: Outdated::new(),
            removed: ArrayVec::new(),
            given_back: 0,
        }
    }

    /// The memory that everything goes back to.
    pub(crate) fn memory(&self) -> &'a Memory {
        self.memory
    }

    /// The translation of the page at `address` was removed or narrowed.
    pub(crate) fn page(&mut self, address: u64) {
        self.outdated.page(address);
    }

    /// What a leaf owned has no owner any more, once its page was flushed.
    ///
    /// # Safety
    ///
    /// The leaf owned it, or that share of it, and was taken out of the tables,
    /// and [`Self::page`] was called for it.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, removed: Removed) {
        if let Some(before) = self.removed.last_mut()
            && before.extend(removed)
        {
            return;
        }
        if self.removed.is_full() {
            self.flush_and_free();
        }
        self.removed.push(removed);
    }

    /// A region of an object is no more, once its pages were flushed.
    pub(crate) fn mapping(&mut self, mapping: Mapping) {
        if self.removed.is_full() {
            self.flush_and_free();
        }
        self.removed.push(Removed::Mapping(mapping));
    }

    /// An emptied table, on the way to `address`, was taken out.
    ///
    /// # Safety
    ///
    /// Nothing points to the table any more, and no copy of it is used.
    pub(crate) unsafe fn table(&mut self, table: Table, address: u64) {
        self.page(address);
        // SAFETY: as the caller vouches.
        unsafe { self.remove(Removed::Table(table)) };
    }

    /// Flushes, then gives everything back. Returns how many private frames
    /// (4 KiB ones) went back, those of early finishes included. By reference,
    /// since a batch is some kilobytes that are better not moved.
    pub(crate) fn finish(&mut self) -> u64 {
        self.flush_and_free();
        self.given_back
    }

    fn flush_and_free(&mut self) {
        self.outdated.flush(self.scope, self.memory);
        self.outdated.pages.clear();
        self.outdated.everything = false;
        // SAFETY: whoever put them in vouched for their owners, and their pages
        // were flushed just now.
        self.given_back += unsafe { self.memory.give_back(self.removed.drain(..)) };
    }
}

/// What a batch does, for one page and what its leaf owned, without the room that a
/// batch has for more.
///
/// # Safety
///
/// The leaf owned it, or that share of it, and was taken out of the tables.
#[inline]
pub(crate) unsafe fn finish_one(scope: Scope, page: VirtAddr, removed: Removed, memory: &Memory) {
    memory.flush_page(scope, page);
    // SAFETY: as the caller vouches, and its page was flushed just now.
    unsafe { memory.give_one_back(removed) };
}

impl Drop for FlushBatch<'_> {
    fn drop(&mut self) {
        self.memory.count_leaked(self.removed.len() as u64);
    }
}
