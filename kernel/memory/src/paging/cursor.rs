//! The cursor: the one thing that walks and writes page tables.
//!
//! A cursor stands on the lowest entry there is for its address: a leaf, an
//! unused entry at any level, or one of software's. It remembers the tables on
//! its way, so a step within the same leaf table costs no walk, and since each
//! half keeps one, neither does the next fault nearby.
//!
//! What must always hold: `tables[level - 1 ..]` are the tables on the way from
//! the root to the entry, and every edit of a tree of tables goes through one
//! cursor, or the others seek anew. Entries at a level above `top` are fixed:
//! the kernel half, shared by all spaces, has `top` 3, since every root holds
//! copies of its level 4 entries. `row` does many entries of a leaf table at once.
#![allow(unsafe_code)]

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use super::entry::{Entry, EntryKind};
use super::geometry::{LeafSize, index_in, span_of};
use super::table::Table;
use crate::direct_map::DirectMap;

/// A place in a tree of page tables.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    direct_map: DirectMap,
    /// The address stood on; its low 12 bits do not matter.
    address: u64,
    /// The level (1 to 4) of the table that holds the entry stood on.
    level: u8,
    /// The highest level whose entries may change: 4, or 3 in the kernel half.
    top: u8,
    /// The tables on the way, the lowest level first.
    tables: [Table; 4],
    /// The entries of the table stood in.
    here: &'static [AtomicU64; 512],
    /// The entry stood on.
    place: &'static AtomicU64,
    /// The entry that points to that table, and counts its entries in use; none
    /// if nobody counts them.
    above: Option<&'static AtomicU64>,
    /// The first address that a leaf table stood in spans, or `NO_BLOCK`.
    block: u64,
}

/// The block of a cursor that stands in a higher table: no first address of any.
const NO_BLOCK: u64 = 1;

impl Cursor {
    /// A cursor for the tree below `root`, on `address`.
    pub(crate) fn new(direct_map: DirectMap, root: Table, top: u8, address: u64) -> Self {
        let mut cursor = Self {
            direct_map,
            address,
            level: 4,
            top,
            tables: [root; 4],
            here: root.entries(),
            place: &root.entries()[0],
            above: None,
            block: NO_BLOCK,
        };
        cursor.fall();
        cursor
    }

    // --- where it stands ----------------------------------------------------

    /// The address stood on.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Table {
        self.tables[3]
    }

    /// The level of the entry stood on, 1 to 4.
    #[inline]
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// The first address behind what the entry stood on spans; the highest
    /// number there is, for the last entry.
    pub(crate) fn next_start(&self) -> u64 {
        let span = span_of(self.level);
        (self.address & !(span - 1)).saturating_add(span)
    }

    /// The entry stood on.
    #[inline]
    pub(crate) fn entry(&self) -> Entry {
        Entry::from_bits(self.place.load(Relaxed))
    }

    /// The entry for the address in the table at `level`, which must not be
    /// below the level stood on.
    #[inline]
    pub(crate) fn entry_at(&self, level: u8) -> Entry {
        Entry::from_bits(self.place_at(level).load(Relaxed))
    }

    /// What the entry stood on says.
    #[inline]
    pub(crate) fn kind(&self) -> EntryKind {
        self.entry().kind(self.level)
    }

    /// The size of the leaf stood on, if it is a present leaf.
    pub(crate) fn leaf(&self) -> Option<LeafSize> {
        LeafSize::of_level(self.level).filter(|_| self.entry().is_present())
    }

    /// The entries of the table stood in, in order.
    pub(crate) fn table_entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let places = self.here.iter();
        places.map(|place| Entry::from_bits(place.load(Relaxed)))
    }

    // --- moving -------------------------------------------------------------

    /// True if `address` lies in the leaf table stood in.
    #[inline]
    pub(crate) fn is_near(&self, address: u64) -> bool {
        address & !(span_of(2) - 1) == self.block
    }

    /// Moves to `address`. In the leaf table stood in there is nothing to walk.
    #[inline]
    pub(crate) fn seek(&mut self, address: u64) {
        if self.is_near(address) {
            self.address = address;
            self.place = &self.here[index_in(address, 1)];
        } else {
            self.walk_to(address);
        }
    }

    /// Walks down from the lowest table that spans this address and the last.
    #[inline(never)]
    fn walk_to(&mut self, address: u64) {
        let mut differing = (self.address ^ address) / span_of(self.level) / 512;
        self.address = address;
        while differing > 0 && self.level < 4 {
            self.level += 1;
            differing /= 512;
        }
        self.fall();
    }

    /// Walks down to the lowest entry.
    fn fall(&mut self) {
        let mut table = self.table_at(self.level);
        while self.level > 1 {
            let place = &table.entries()[index_in(self.address, self.level)];
            let entry = Entry::from_bits(place.load(Relaxed));
            if !entry.is_table() {
                break;
            }
            table = self.table_of(entry);
            self.level -= 1;
            self.tables[usize::from(self.level - 1) & 3] = table;
        }
        self.settle();
    }

    /// Notes where the entry stood on is, in the table of its level.
    #[inline]
    fn settle(&mut self) {
        let level = self.level;
        self.here = self.table_at(level).entries();
        self.place = &self.here[index_in(self.address, level)];
        self.above = (level < self.top).then(|| self.place_at(level + 1));
        self.block = if level == 1 {
            self.address & !(span_of(2) - 1)
        } else {
            NO_BLOCK
        };
    }

    /// Moves up to the entry that points to the table stood in, and returns
    /// that table.
    pub(crate) fn climb(&mut self) -> Table {
        debug_assert!(self.level < 4, "the root is pointed to by no entry");
        let table = self.tables[usize::from(self.level) - 1];
        self.level += 1;
        self.settle();
        table
    }

    // --- writing ------------------------------------------------------------

    /// Puts `new` into the entry stood on, which is unused. The processor writes
    /// nothing to an absent entry: a plain store will do.
    #[inline]
    pub(crate) fn fill(&mut self, new: Entry) {
        debug_assert!(self.entry() == Entry::UNUSED && new != Entry::UNUSED);
        self.place.store(new.bits(), Relaxed);
        if let Some(above) = self.above {
            let count = Entry::from_bits(above.load(Relaxed)).with_one_more();
            above.store(count.bits(), Relaxed);
        }
    }

    /// Puts `new` in place of an entry that is in use and to which the processor
    /// writes nothing: one that is not present, or settled.
    #[inline]
    pub(crate) fn overwrite(&mut self, new: Entry) {
        debug_assert!(!self.entry().is_present() || self.entry().is_settled());
        self.place.store(new.bits(), Relaxed);
    }

    /// Puts `new` in place of the entry stood on, and returns the old one with
    /// the ACCESSED and DIRTY bits that the processor set until this moment.
    #[inline]
    pub(crate) fn replace(&mut self, new: Entry) -> Entry {
        let place = self.place;
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
        self.place.fetch_or(flags.bits(), Relaxed);
    }

    /// Links `table`, which is empty, below the unused entry stood on, and moves
    /// into it.
    pub(crate) fn descend(&mut self, table: Table) {
        self.fill(Entry::table(table.address(), 0, self.is_low()));
        self.enter(table);
    }

    /// Links `table`, which is empty, in place of the large leaf stood on, and
    /// moves into it: 512 smaller leaves map what it mapped, with the same flags.
    pub(crate) fn split(&mut self, table: Table) {
        let (leaf, Some(size)) = (self.entry(), self.leaf()) else {
            unreachable!("a leaf is split");
        };
        let part = size.smaller().expect("a large leaf has parts");
        let flags = leaf.flags() - PageTableFlags::HUGE_PAGE;
        for (index, place) in table.entries().iter().enumerate() {
            let start = leaf.leaf_address(size) + index as u64 * part.bytes();
            place.store(Entry::leaf(start, part, flags).bits(), Relaxed);
        }
        self.replace(Entry::table(table.address(), 512, self.is_low()));
        self.enter(table);
    }

    /// Moves into the table that the entry stood on was made to point to.
    fn enter(&mut self, table: Table) {
        debug_assert!(self.level > 1, "there is no table below level 1");
        self.level -= 1;
        self.tables[usize::from(self.level - 1) & 3] = table;
        self.settle();
    }

    /// True in a low half, which ring 3 may access.
    fn is_low(&self) -> bool {
        self.address >> 63 == 0
    }

    /// Takes the table stood in out if it has no entry in use, moves up to the
    /// entry that pointed to it, and returns it: it is to be freed after a
    /// flush. To be called until there is none.
    pub(crate) fn prune(&mut self) -> Option<Table> {
        let above = Entry::from_bits(self.above?.load(Relaxed));
        if above.in_use() > 0 {
            return None;
        }
        let empty = self.climb();
        self.replace(Entry::UNUSED);
        Some(empty)
    }

    /// Copies the level 4 entries of the kernel half from one root to another.
    pub(crate) fn share_kernel_half(from: Table, to: Table) {
        let pairs = from.entries().iter().zip(to.entries());
        for (from, to) in pairs.skip(256) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }

    /// Names all tables below these slots of the root.
    pub(crate) fn tables_below_root(&self, slots: Range<usize>, see: &mut dyn FnMut(PhysFrame)) {
        self.tables_below(&self.root().entries()[slots], 4, see);
    }

    /// Names all tables below entries of a table at `level`.
    fn tables_below(&self, entries: &[AtomicU64], level: u8, see: &mut dyn FnMut(PhysFrame)) {
        for place in entries {
            let entry = Entry::from_bits(place.load(Relaxed));
            if level > 1 && entry.is_table() {
                let table = self.table_of(entry);
                see(table.frame());
                if level > 2 {
                    self.tables_below(table.entries(), level - 1, see);
                }
            }
        }
    }

    // --- for audits ---------------------------------------------------------

    /// The first slot of the kernel half in which this root and `other` differ:
    /// all but the ACCESSED bit, which the processor sets in each for itself.
    pub(crate) fn first_unshared(&self, other: &Self) -> Option<u16> {
        let entry = |cursor: &Self, slot: u16| {
            let place = &cursor.root().entries()[usize::from(slot)];
            place.load(Relaxed) & !PageTableFlags::ACCESSED.bits()
        };
        (256..512).find(|slot| entry(self, *slot) != entry(other, *slot))
    }

    /// True if a cursor that is made anew for the address stands in the same tables.
    pub(crate) fn is_current(&self) -> bool {
        let anew = Self::new(self.direct_map, self.root(), self.top, self.address);
        let lowest = usize::from(self.level - 1);
        let addresses = |cursor: &Self| cursor.tables.map(Table::address);
        self.level == anew.level && addresses(self)[lowest..] == addresses(&anew)[lowest..]
    }

    // --- inside -------------------------------------------------------------

    /// What `address` is translated to, if it is mapped. The cursor stays where
    /// it is, and the tables are read from the root.
    #[inline]
    pub(crate) fn translate(&self, address: u64) -> Option<PhysAddr> {
        let mut table = self.root();
        let mut level = 4;
        loop {
            let place = &table.entries()[index_in(address, level)];
            let entry = Entry::from_bits(place.load(Relaxed));
            if level == 1 || !entry.is_table() {
                let size = LeafSize::of_level(level).filter(|_| entry.is_present())?;
                let offset = address & (size.bytes() - 1);
                return Some(entry.leaf_address(size) + offset);
            }
            table = self.table_of(entry);
            level -= 1;
        }
    }

    /// The place for the address in the table at `level`, not below the level
    /// stood on.
    #[inline]
    fn place_at(&self, level: u8) -> &'static AtomicU64 {
        &self.table_at(level).entries()[index_in(self.address, level)]
    }

    /// The entries of the table stood in.
    #[inline]
    pub(super) fn here(&self) -> &'static [AtomicU64; 512] {
        self.here
    }

    /// The table at `level`, not below the level stood on.
    #[inline]
    fn table_at(&self, level: u8) -> Table {
        self.tables[usize::from(level - 1) & 3]
    }

    /// Counts, in the entry above, entries of the table stood in that are in
    /// use now and that are not any more.
    #[inline]
    pub(super) fn count_in_use(&mut self, more: u64, fewer: u64) {
        if let Some(above) = self.above {
            let entry = Entry::from_bits(above.load(Relaxed));
            let count = entry.with_in_use(entry.in_use() + more - fewer);
            above.store(count.bits(), Relaxed);
        }
    }

    /// The table that an entry of this tree points to.
    #[inline]
    fn table_of(&self, entry: Entry) -> Table {
        debug_assert!(entry.is_table());
        // SAFETY: the entries of a tree that point to a table were written by
        // `descend` or `split`, with a table; or they are in a root that was adopted, whose
        // tables the caller of `KernelHalf::adopt` vouches for. A table that was
        // taken out is not pointed to any more.
        unsafe { Table::at(entry.table_address(), self.direct_map) }
    }
}
