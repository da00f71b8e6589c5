//! The cursor: the one thing that walks and writes page tables.
//!
//! A cursor stands on the lowest entry there is for its address: a leaf, an
//! unused entry at any level, or one of software's. It remembers the entries on
//! its way, so a step within the same leaf table costs no walk, and since each
//! half keeps one, neither does the next fault nearby.
//!
//! What must always hold: `way[level - 1 ..]` are the entries on the way from
//! the root to the one stood on, which lies in the table `here`; every edit of a
//! tree of tables goes through one cursor, or the others walk anew.
//!
//! Here it moves. `edit` writes the entry stood on, `row` many entries of a leaf
//! table at once, and `survey` looks at a tree from its root.
#![allow(unsafe_code)]

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::entry::{Entry, EntryKind};
use super::geometry::{LeafSize, index_in, span_of};
use super::table::Table;
use crate::direct_map::DirectMap;

/// A place in a tree of page tables.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    direct_map: DirectMap,
    root: Table,
    /// True in the kernel half, of whose level 4 entries every root holds
    /// copies: they stay as they are.
    is_root_fixed: bool,
    /// The address stood on; its low 12 bits do not matter.
    address: u64,
    /// The level (1 to 4) of the entry stood on.
    level: u8,
    /// The entries of the table stood in.
    here: &'static [AtomicU64; 512],
    /// The entries on the way, that of level 1 first.
    way: [&'static AtomicU64; 4],
}

impl Cursor {
    /// A cursor for the tree below `root`, on `address`. `top` is the highest
    /// level whose entries may change: 4, or 3 in the kernel half.
    pub(crate) fn new(direct_map: DirectMap, root: Table, top: u8, address: u64) -> Self {
        let mut cursor = Self {
            direct_map,
            root,
            is_root_fixed: top < 4,
            address,
            level: 4,
            here: root.entries(),
            way: [&root.entries()[0]; 4],
        };
        cursor.walk_to(address);
        cursor
    }

    // --- where it stands ----------------------------------------------------

    /// The address stood on.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Table {
        self.root
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

    /// The first address behind what the entry stood on spans, without the unused
    /// entries that follow it in its table and lie below `end`.
    #[inline(never)]
    pub(crate) fn next_in_use(&self, end: u64) -> u64 {
        let (next, span) = (self.next_start(), span_of(self.level));
        let most = end.saturating_sub(next) >> span.trailing_zeros();
        if most == 0 {
            return next;
        }
        let behind = &self.here[index_in(self.address, self.level) + 1..];
        // The smaller of both fits into any `usize`; `most` alone need not.
        let most = most.min(behind.len() as u64) as usize;
        next.saturating_add(unused_before(&behind[..most]) as u64 * span)
    }

    /// The entry stood on.
    #[inline]
    pub(crate) fn entry(&self) -> Entry {
        Entry::from_bits(self.place().load(Relaxed))
    }

    /// The entry on the way in the table at `level`, which must not be below
    /// the level stood on.
    #[inline]
    pub(crate) fn entry_at(&self, level: u8) -> Entry {
        Entry::from_bits(self.way[usize::from(level - 1) & 3].load(Relaxed))
    }

    /// What the entry stood on says.
    #[inline]
    pub(crate) fn kind(&self) -> EntryKind {
        self.entry().kind(self.level)
    }

    /// The size of the leaf stood on, if it is a leaf.
    pub(crate) fn leaf(&self) -> Option<LeafSize> {
        LeafSize::of_level(self.level).filter(|_| self.entry().is_leaf_or_table())
    }

    /// The entries of the table stood in, in order.
    pub(crate) fn table_entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let places = self.here.iter();
        places.map(|place| Entry::from_bits(place.load(Relaxed)))
    }

    /// The entries of the table stood in.
    #[inline]
    pub(super) fn here(&self) -> &'static [AtomicU64; 512] {
        self.here
    }

    /// In a leaf table: where the entry stood on is, and the one above.
    #[inline]
    pub(super) fn places_in_leaf_table(&self) -> (&'static AtomicU64, &'static AtomicU64) {
        debug_assert!(self.level == 1, "stood in a leaf table");
        (self.way[0], self.way[1])
    }

    /// In a leaf table: its entries, and the entry above.
    #[inline]
    pub(super) fn leaf_table(&self) -> (&'static [AtomicU64; 512], &'static AtomicU64) {
        debug_assert!(self.level == 1, "stood in a leaf table");
        (self.here, self.way[1])
    }

    /// Where the entry stood on is.
    #[inline]
    pub(super) fn place(&self) -> &'static AtomicU64 {
        self.way[usize::from(self.level - 1) & 3]
    }

    /// The entry that points to the table stood in, if that may change: it
    /// counts the table's entries in use.
    #[inline]
    pub(super) fn above(&self) -> Option<&'static AtomicU64> {
        let top = if self.is_root_fixed { 3 } else { 4 };
        (self.level < top).then(|| self.way[usize::from(self.level) & 3])
    }

    /// True in a low half, which ring 3 may access.
    pub(super) fn is_low(&self) -> bool {
        self.address >> 63 == 0
    }

    /// True if a cursor that is made anew for the address has the same way.
    pub(crate) fn is_current(&self) -> bool {
        let mut anew = self.clone();
        anew.walk_to(self.address);
        let lowest = usize::from(self.level - 1);
        let places = |cursor: &Self| cursor.way.map(core::ptr::from_ref);
        self.level == anew.level && places(self)[lowest..] == places(&anew)[lowest..]
    }

    // --- moving -------------------------------------------------------------

    /// True if `address` lies in the leaf table stood in.
    #[inline]
    pub(crate) fn is_near(&self, address: u64) -> bool {
        (address ^ self.address) < span_of(2) && self.level == 1
    }

    /// Moves to `address`. In the leaf table stood in there is nothing to walk.
    #[inline]
    pub(crate) fn seek(&mut self, address: u64) {
        if self.is_near(address) {
            self.address = address;
            self.way[0] = &self.here[index_in(address, 1)];
        } else {
            self.seek_far(address);
        }
    }

    /// Moves to another entry of the leaf table stood in, which is at this place.
    #[inline]
    pub(super) fn step(&mut self, address: u64, place: &'static AtomicU64) {
        debug_assert!(
            self.is_near(address) && core::ptr::eq(place, &self.here[index_in(address, 1)])
        );
        self.address = address;
        self.way[0] = place;
    }

    #[inline(never)]
    fn seek_far(&mut self, address: u64) {
        self.walk_to(address);
    }

    /// Walks from the root down to the lowest entry there is for `address`.
    #[inline(always)]
    pub(crate) fn walk_to(&mut self, address: u64) {
        let mut stood = (4, self.root.entries());
        for level in [4, 3, 2, 1] {
            let (_, here) = stood;
            let place = &here[index_in(address, level)];
            let entry = Entry::from_bits(place.load(Relaxed));
            self.way[usize::from(level - 1)] = place;
            if level == 1 || !entry.is_table() {
                break;
            }
            stood = (level - 1, self.table_of(entry).entries());
        }
        (self.level, self.here) = stood;
        self.address = address;
    }

    /// Moves into the table that the entry stood on was made to point to.
    pub(super) fn enter(&mut self, table: Table) {
        debug_assert!(self.level > 1, "there is no table below level 1");
        self.level -= 1;
        self.here = table.entries();
        self.way[usize::from(self.level - 1) & 3] = &self.here[index_in(self.address, self.level)];
    }

    /// Moves up to the entry that points to the table stood in, and returns
    /// that table.
    pub(crate) fn climb(&mut self) -> Table {
        debug_assert!(self.level < 4, "the root is pointed to by no entry");
        let table = self.table_at(self.level);
        self.level += 1;
        self.here = self.table_at(self.level).entries();
        table
    }

    /// The table at `level`, not below the level stood on.
    fn table_at(&self, level: u8) -> Table {
        if level == 4 {
            self.root
        } else {
            self.table_of(self.entry_at(level + 1))
        }
    }

    /// The table that an entry of this tree points to.
    #[inline]
    pub(super) fn table_of(&self, entry: Entry) -> Table {
        debug_assert!(entry.is_table());
        // SAFETY: the entries of a tree that point to a table were written by
        // `descend`, `descend_to_parts` or `split`, with a table; or they are in a root that was
        // adopted, whose tables the caller of `KernelHalf::adopt` vouches for. A
        // table that was taken out is not pointed to any more.
        unsafe { Table::at(entry.table_address(), self.direct_map) }
    }
}

/// How many of these entries are unused before the first one in use.
fn unused_before(places: &[AtomicU64]) -> usize {
    const AT_ONCE: usize = 8;
    let bits = |places: &[AtomicU64]| places.iter().fold(0, |bits, it| bits | it.load(Relaxed));
    let is_unused = |places: &&[AtomicU64]| bits(places) == Entry::UNUSED.bits();
    let skipped = places.chunks_exact(AT_ONCE).take_while(is_unused).count() * AT_ONCE;
    let rest = places[skipped..].chunks_exact(1);
    skipped + rest.take_while(is_unused).count()
}
