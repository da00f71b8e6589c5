//! What was taken out of the tables, until no processor can reach it any more.
//!
//! ```text
//! entry cleared ──> gather: page, frame, emptied table ──> finish: flush once
//!                                                            └─> frames go back
//! ```
//!
//! What must always hold: a frame or table that a translation led to goes back
//! to [`Frames`](crate::frames::Frames) through `Gather::finish` and no other
//! way, and `finish` flushes before it frees. A gather that is full finishes
//! early and goes on; one that is dropped unfinished leaks what it holds, which
//! is counted, and never frees it. In the book: chapter 6, `docs/06-the-page-fault.md`.

use arrayvec::ArrayVec;
use x86_64::{PhysAddr, VirtAddr};

use crate::paging::{Entry, LeafSize, Table};
use crate::physical::Physical;
use crate::tlb::{Flush, Scope, Tlb};

/// Above this many pages everything is flushed instead.
pub const MOST_PAGES: usize = 32;
/// Frames and tables that a gather holds before it finishes early.
const MOST_FRAMES: usize = 256;

/// Something that goes back to the frame allocator after the flush.
#[derive(Clone, Copy)]
enum Removed {
    Private(PhysAddr, LeafSize),
    Table(Table),
}

/// Pages to flush, and the frames and tables that go back afterwards.
#[must_use = "what a gather holds is lost unless it is finished"]
pub(crate) struct Gather<'a, 'm, T: Tlb> {
    pub(crate) physical: &'a mut Physical<'m>,
    tlb: &'a mut T,
    scope: Scope,
    pages: ArrayVec<VirtAddr, MOST_PAGES>,
    everything: bool,
    removed: ArrayVec<Removed, MOST_FRAMES>,
    given_back: u64,
}

impl<'a, 'm, T: Tlb> Gather<'a, 'm, T> {
    /// An empty gather for translations of `scope`.
    pub(crate) fn new(scope: Scope, physical: &'a mut Physical<'m>, tlb: &'a mut T) -> Self {
        Self {
            physical,
            tlb,
            scope,
            pages: ArrayVec::new(),
            everything: false,
            removed: ArrayVec::new(),
            given_back: 0,
        }
    }

    /// The translation of the page at `address` was removed or narrowed.
    pub(crate) fn page(&mut self, address: u64) {
        if !self.everything
            && self
                .pages
                .try_push(VirtAddr::new_truncate(address))
                .is_err()
        {
            self.everything = true;
        }
    }

    /// A present leaf was taken out of the tables at `address`: gives up its
    /// ownership of what it maps. Only a private frame goes back; the zero
    /// frame belongs to everybody, a borrowed or a fixed one to somebody else.
    pub(crate) fn leaf(&mut self, old: Entry, address: u64, size: LeafSize) {
        self.page(address);
        let start = old.leaf_address(size);
        if old.flags().contains(Entry::BORROWED) {
            self.physical.give_back_borrowed(size.frames());
        } else if !old.flags().contains(Entry::FIXED)
            && start != self.physical.zero_frame().start_address()
        {
            self.remove(Removed::Private(start, size));
        }
    }

    /// An emptied table, on the way to `address`, was taken out.
    pub(crate) fn table(&mut self, table: Table, address: u64) {
        self.page(address);
        self.remove(Removed::Table(table));
    }

    /// Flushes, then gives everything back. Returns how many private frames
    /// (4 KiB ones) went back, those of early finishes included.
    pub(crate) fn finish(mut self) -> u64 {
        self.flush_and_free();
        self.given_back
    }

    fn remove(&mut self, removed: Removed) {
        if self.removed.is_full() {
            self.flush_and_free();
        }
        self.removed.push(removed);
    }

    fn flush_and_free(&mut self) {
        if self.everything {
            self.tlb.flush(self.scope, Flush::Everything);
        } else if !self.pages.is_empty() {
            self.tlb.flush(self.scope, Flush::Pages(&self.pages));
        }
        self.pages.clear();
        self.everything = false;
        for removed in self.removed.drain(..) {
            match removed {
                Removed::Private(start, size) => {
                    self.physical.free_private(start, size);
                    self.given_back += size.frames();
                }
                Removed::Table(table) => self.physical.free_table(table),
            }
        }
    }
}

impl<T: Tlb> Drop for Gather<'_, '_, T> {
    fn drop(&mut self) {
        self.physical.count_leaked(self.removed.len() as u64);
    }
}
