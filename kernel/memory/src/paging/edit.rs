//! Writing the entry that a cursor stands on.
//!
//! What must always hold: the entry above counts how many entries of a table
//! are in use, so every write that makes one used or unused is counted there;
//! fixed level 4 entries are written by nobody. The processor may set
//! ACCESSED and DIRTY in a present entry at any time: such a one is exchanged, or
//! it is settled and nothing can be lost.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::PageTableFlags;

use super::cursor::Cursor;
use super::entry::Entry;
use super::geometry::LeafSize;
use super::table::Table;

impl Cursor {
    /// Puts `new` into the entry stood on, which is unused. The processor writes
    /// nothing to an absent entry: a plain store will do.
    pub(crate) fn fill(&mut self, new: Entry) {
        fill(self.place(), self.above(), new);
    }

    /// The same in a leaf table.
    #[inline(always)]
    pub(crate) fn fill_small(&mut self, new: Entry) {
        let (place, above) = self.places_in_leaf_table();
        fill(place, Some(above), new);
    }

    /// Puts `new`, which is ACCESSED if it is a leaf, in place of an entry of a leaf
    /// table that is in use and in which the processor sets nothing but that: one
    /// that is not present, DIRTY already, or read-only.
    #[inline(always)]
    pub(crate) fn overwrite_small(&mut self, new: Entry) {
        debug_assert!(!self.entry().is_present() || self.entry().with_accessed().is_settled());
        let (place, _) = self.places_in_leaf_table();
        place.store(new.bits(), Relaxed);
    }

    /// Takes the leaf stood on out of its leaf table for a moment, and returns it with
    /// what the processor noted until now. Something has to be
    /// [put](Self::put_small) in its place before anything else is done here: it counts
    /// as in use all the while.
    #[inline(always)]
    pub(crate) fn take_small(&mut self) -> Entry {
        let (place, _) = self.places_in_leaf_table();
        Entry::from_bits(place.swap(Entry::UNUSED.bits(), Relaxed))
    }

    /// Puts `new` in the place of the leaf that was [taken](Self::take_small).
    #[inline(always)]
    pub(crate) fn put_small(&mut self, new: Entry) {
        debug_assert!(self.entry() == Entry::UNUSED && new != Entry::UNUSED);
        let (place, _) = self.places_in_leaf_table();
        place.store(new.bits(), Relaxed);
    }

    /// Puts `new` in place of the entry stood on, and returns the old one with
    /// the ACCESSED and DIRTY bits that the processor set until this moment.
    #[inline]
    pub(crate) fn replace(&mut self, new: Entry) -> Entry {
        let place = self.place();
        let mut old = Entry::from_bits(place.load(Relaxed));
        if old.is_present() {
            old = Entry::from_bits(place.swap(new.bits(), Relaxed));
        } else {
            // The processor writes nothing to an absent entry: a plain store will do.
            place.store(new.bits(), Relaxed);
        }
        match (old == Entry::UNUSED, new == Entry::UNUSED) {
            (true, false) => self.count_in_use(1, 0),
            (false, true) => self.count_in_use(0, 1),
            (true, true) | (false, false) => {}
        }
        old
    }

    /// Sets ACCESSED, and DIRTY if `written`, in the leaf stood on, as the
    /// processor would.
    pub(crate) fn mark_used(&mut self, written: bool) {
        let mut flags = PageTableFlags::ACCESSED;
        flags.set(PageTableFlags::DIRTY, written);
        self.place().fetch_or(flags.bits(), Relaxed);
    }

    /// Clears ACCESSED in the leaf stood on.
    pub(crate) fn clear_accessed(&mut self) {
        let kept = !PageTableFlags::ACCESSED.bits();
        self.place().fetch_and(kept, Relaxed);
    }

    /// Links `table`, which is empty, below the unused entry stood on, and moves
    /// into it.
    pub(crate) fn descend(&mut self, table: Table) {
        self.fill(Entry::table(table.address(), 0, self.is_low()));
        self.enter(table);
    }

    /// Links `table`, which is empty, in place of the large leaf stood on, and
    /// moves into it: 512 smaller leaves map what it mapped, with the same flags, and
    /// what the processor noted in the large one until this moment.
    pub(crate) fn split(&mut self, table: Table) {
        let (leaf, Some(size)) = (self.entry(), self.leaf()) else {
            unreachable!("a leaf is split");
        };
        write_parts(table, leaf, size, 0);
        let old = self.replace(Entry::table(table.address(), 512, self.is_low()));
        let noted = old.bits() & !leaf.bits();
        if noted != 0 {
            for place in table.entries() {
                place.fetch_or(noted, Relaxed);
            }
        }
        self.enter(table);
    }

    /// Links `table`, which is empty, below the unused entry stood on, where a large
    /// `leaf` of this size was, and moves into it: smaller leaves map what it mapped,
    /// but for the first `without` of them.
    pub(crate) fn descend_to_parts(
        &mut self,
        table: Table,
        leaf: Entry,
        size: LeafSize,
        without: usize,
    ) {
        write_parts(table, leaf, size, without);
        let in_use = (table.entries().len() - without) as u64;
        self.fill(Entry::table(table.address(), in_use, self.is_low()));
        self.enter(table);
    }

    /// Takes the table stood in out if it has no entry in use, moves up to the
    /// entry that pointed to it, and returns it: it is to be freed after a
    /// flush. To be called until there is none.
    pub(crate) fn prune(&mut self) -> Option<Table> {
        let above = Entry::from_bits(self.above()?.load(Relaxed));
        if above.in_use() > 0 {
            return None;
        }
        let empty = self.climb();
        self.replace(Entry::UNUSED);
        Some(empty)
    }

    /// Counts, in the entry above, entries of the table stood in that are in
    /// use now and that are not any more.
    #[inline]
    pub(super) fn count_in_use(&mut self, more: u64, fewer: u64) {
        if let Some(above) = self.above() {
            let entry = Entry::from_bits(above.load(Relaxed));
            let count = entry.with_in_use(entry.in_use() + more - fewer);
            above.store(count.bits(), Relaxed);
        }
    }

    /// Copies the level 4 entries of the kernel half from one root to another.
    pub(crate) fn share_kernel_half(from: Table, to: Table) {
        let [from, to] = [from, to].map(|root| &root.entries()[256..]);
        for (from, to) in from.iter().zip(to) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }
}

/// Writes the leaves that map what a large `leaf` of this size maps, from the one with
/// this number on, into a table that nothing points to.
fn write_parts(table: Table, leaf: Entry, size: LeafSize, first: usize) {
    let part = size.smaller().expect("a large leaf has parts");
    let flags = leaf.flags() - PageTableFlags::HUGE_PAGE;
    for (number, place) in table.entries().iter().enumerate().skip(first) {
        let start = leaf.leaf_address(size) + number as u64 * part.bytes();
        place.store(Entry::leaf(start, part, flags).bits(), Relaxed);
    }
}

/// Puts `new` into an unused entry, and counts it in the one above.
#[inline(always)]
fn fill(place: &AtomicU64, above: Option<&AtomicU64>, new: Entry) {
    debug_assert!(place.load(Relaxed) == 0 && new != Entry::UNUSED);
    place.store(new.bits(), Relaxed);
    if let Some(above) = above {
        let count = Entry::from_bits(above.load(Relaxed)).with_one_more();
        above.store(count.bits(), Relaxed);
    }
}
