//! The cursor: the one thing that walks and edits page tables.
//!
//! A cursor stands on the lowest entry there is for its address: a leaf, an
//! unused entry at any level, or one of software's. It remembers the tables on
//! its way, so a step within the same leaf table costs no walk, and since each
//! space keeps one, neither does the next fault nearby: 3 ns with all that a
//! read fault does, against 15 where the table is another one each time.
//!
//! What must always hold: `tables[level - 1 ..]` are the tables on the way from
//! the root to the entry, and all edits of a tree of tables go through one
//! cursor, or the others are sought anew. Entries at a level above `top` are
//! fixed: the kernel half, shared by all spaces, has `top` 3, since every root
//! holds copies of its level 4 entries.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::PageTableFlags;

use super::entry::Entry;
use super::geometry::{LeafSize, Table, span_of};
use crate::direct_map::{DirectMap, Place};
use crate::frames::OutOfFrames;
use crate::gather::Gather;
use crate::physical::Physical;
use crate::tlb::Tlb;

/// A place in a tree of page tables.
#[derive(Clone)]
pub(crate) struct Cursor {
    direct_map: DirectMap,
    /// The address stood on; its low 12 bits are of no importance.
    address: u64,
    /// The level (1 to 4) of the table that holds the entry stood on.
    level: u8,
    /// The highest level whose entries may change: 4, or 3 in the kernel half.
    top: u8,
    /// The tables on the way, the lowest level first.
    tables: [Table; 4],
}

impl Cursor {
    /// A cursor for the tree below `root`, on `address`.
    pub(crate) fn new(direct_map: DirectMap, root: Table, top: u8, address: u64) -> Self {
        let mut cursor = Self {
            direct_map,
            address,
            level: 4,
            top,
            tables: [root; 4],
        };
        cursor.fall();
        cursor
    }

    /// Copies the level 4 entries of the kernel half from one root to another.
    pub(crate) fn share_kernel_half(direct_map: DirectMap, from: Table, to: Table) {
        for index in 256..512 {
            let entry = direct_map.entry(from, index).load(Relaxed);
            direct_map.entry(to, index).store(entry, Relaxed);
        }
    }

    /// The first slot of the kernel half in which this root and `other` differ:
    /// all but the ACCESSED bit, which the processor sets in each for itself.
    pub(crate) fn first_unshared(&self, other: &Self) -> Option<u16> {
        let entry = |cursor: &Self, slot: u16| {
            let place = cursor.direct_map.entry(cursor.root(), u64::from(slot));
            place.load(Relaxed) & !PageTableFlags::ACCESSED.bits()
        };
        (256..512).find(|slot| entry(self, *slot) != entry(other, *slot))
    }

    /// True if a cursor that is made anew for the address stands in the same tables.
    pub(crate) fn is_current(&self) -> bool {
        let anew = Self::new(self.direct_map, self.root(), self.top, self.address);
        let lowest = usize::from(self.level - 1);
        self.level == anew.level && self.tables[lowest..] == anew.tables[lowest..]
    }

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

    /// The first address that the entry stood on spans.
    pub(crate) fn start(&self) -> u64 {
        self.address & !(span_of(self.level) - 1)
    }

    /// The first address behind what the entry stood on spans; the highest
    /// number there is, for the last entry.
    pub(crate) fn next_start(&self) -> u64 {
        self.start().saturating_add(span_of(self.level))
    }

    /// The size of the leaf stood on, if it is a present leaf.
    pub(crate) fn leaf(&self) -> Option<LeafSize> {
        LeafSize::of_level(self.level).filter(|_| self.entry().is_present())
    }

    /// The entry stood on.
    #[inline]
    pub(crate) fn entry(&self) -> Entry {
        self.entry_at(self.level)
    }

    /// Moves to `address`, from the lowest table that spans both.
    #[inline]
    pub(crate) fn seek(&mut self, address: u64) {
        let differing = self.address ^ address;
        self.address = address;
        while self.level < 4 && differing >= span_of(self.level + 1) {
            self.level += 1;
        }
        self.fall();
    }

    /// Makes a table below the entry stood on, and moves into it. A leaf is
    /// split: 512 smaller leaves map what it mapped, with the same flags.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame for the table; nothing has changed.
    pub(crate) fn descend(&mut self, physical: &mut Physical) -> Result<(), OutOfFrames> {
        debug_assert!(self.level > 1, "there is no table below level 1");
        let table = physical.new_table()?;
        let old = self.entry();
        let count = if old == Entry::UNUSED {
            0
        } else {
            self.fill_with_parts(table, old)
        };
        let user = self.address >> 63 == 0;
        self.replace(Entry::table(table, count, user));
        self.level -= 1;
        self.tables[usize::from(self.level) - 1] = table;
        Ok(())
    }

    /// Where the first entry of the table stood in is.
    pub(crate) fn table_place(&self) -> Place {
        let table = self.tables[usize::from(self.level - 1) & 3];
        self.direct_map.place(table, 0)
    }

    /// Where the entry is that points to the table stood in, which is not the root.
    pub(crate) fn parent_place(&self) -> Place {
        let above = self.level + 1;
        let table = self.tables[usize::from(above - 1) & 3];
        self.direct_map.place(table, self.address / span_of(above))
    }

    /// Moves up to the entry that points to the table stood in, and returns
    /// that table.
    pub(crate) fn climb(&mut self) -> Table {
        debug_assert!(self.level < 4, "the root is pointed to by no entry");
        let table = self.tables[usize::from(self.level) - 1];
        self.level += 1;
        table
    }

    /// Puts `new` in place of the entry stood on, and returns the old one with
    /// the ACCESSED and DIRTY bits that the processor set until this moment.
    #[inline]
    pub(crate) fn replace(&mut self, new: Entry) -> Entry {
        let place = self.place(self.level);
        let old = Entry::from_bits(if new == Entry::UNUSED || place.load(Relaxed) != 0 {
            place.swap(new.bits(), Relaxed)
        } else {
            // An absent entry is nobody's: a plain store will do.
            place.store(new.bits(), Relaxed);
            0
        });
        if (old == Entry::UNUSED) != (new == Entry::UNUSED) && self.level < self.top {
            let parent = self.place(self.level + 1);
            let count = Entry::from_bits(parent.load(Relaxed));
            let changed = count.count_changed(old == Entry::UNUSED);
            parent.store(changed.bits(), Relaxed);
        }
        old
    }

    /// Sets ACCESSED, and DIRTY if `written`, in the leaf stood on, as the
    /// processor would.
    pub(crate) fn mark_used(&mut self, written: bool) {
        let mut flags = PageTableFlags::ACCESSED;
        flags.set(PageTableFlags::DIRTY, written);
        self.place(self.level).fetch_or(flags.bits(), Relaxed);
    }

    /// Gives back the table stood in, and those above it, that have no entry
    /// in use, and moves up to the entry that pointed to the last of them.
    pub(crate) fn prune<T: Tlb>(&mut self, gather: &mut Gather<'_, '_, T>) {
        while self.level < self.top && self.entry_at(self.level + 1).in_use() == 0 {
            let empty = self.climb();
            self.replace(Entry::UNUSED);
            gather.table(empty, self.address);
        }
    }

    /// The entries of the table stood in, in order.
    pub(crate) fn table_entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let places = self.table_at(self.level).iter();
        places.map(|place| Entry::from_bits(place.load(Relaxed)))
    }

    /// The entry for the address in the table at `level`, which must not be
    /// below the level stood on.
    #[inline]
    pub(crate) fn entry_at(&self, level: u8) -> Entry {
        Entry::from_bits(self.place(level).load(Relaxed))
    }

    /// The entry for `address` in a table of that level.
    #[inline]
    pub(super) fn entry_in(&self, table: Table, address: u64, level: u8) -> Entry {
        let place = self.direct_map.entry(table, address / span_of(level));
        Entry::from_bits(place.load(Relaxed))
    }

    /// The entries of the table at `level`, not below the level stood on.
    #[inline]
    pub(super) fn table_at(&self, level: u8) -> &[AtomicU64; 512] {
        self.direct_map
            .entries(self.tables[usize::from(level - 1) & 3])
    }

    #[inline]
    fn place(&self, level: u8) -> &AtomicU64 {
        let table = self.tables[usize::from(level - 1) & 3];
        self.direct_map.entry(table, self.address / span_of(level))
    }

    /// Walks down to the lowest entry.
    #[inline]
    fn fall(&mut self) {
        while self.level > 1 {
            let entry = self.entry();
            if !entry.is_table() {
                break;
            }
            self.level -= 1;
            self.tables[usize::from(self.level - 1) & 3] = entry.as_table();
        }
    }

    /// Fills a new, empty table with the 512 parts of `leaf`, the leaf stood
    /// on; returns how many entries are in use then.
    fn fill_with_parts(&self, table: Table, leaf: Entry) -> u64 {
        let (Some(size), Some(part)) = (
            LeafSize::of_level(self.level),
            LeafSize::of_level(self.level - 1),
        ) else {
            return 0;
        };
        let start = leaf.leaf_address(size).as_u64();
        let flags = leaf.flags().bits() & !Entry::HUGE_BIT;
        for index in 0..512 {
            let entry = Entry::leaf(start + index * part.bytes(), part, flags);
            self.direct_map
                .entry(table, index)
                .store(entry.bits(), Relaxed);
        }
        512
    }
}
