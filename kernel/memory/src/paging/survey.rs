//! Looking at a tree of tables from its root, wherever its cursor stands: for
//! audits, and for those who only ask. Nothing is written here.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use super::cursor::Cursor;
use super::entry::Entry;
use super::geometry::{LeafSize, index_in};

impl Cursor {
    /// What `address` is translated to, if it is mapped. The cursor stays where
    /// it is.
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

    /// The entry for `address` in the root.
    pub(crate) fn root_entry(&self, address: u64) -> Entry {
        Entry::from_bits(self.root().entries()[index_in(address, 4)].load(Relaxed))
    }

    /// Names all tables below these slots of the root.
    pub(crate) fn tables_below_root(&self, slots: Range<usize>, see: &mut dyn FnMut(PhysFrame)) {
        self.tables_below(&self.root().entries()[slots], 4, see);
    }

    /// Names all tables below entries of a table at `level`, 4 to 2.
    fn tables_below(&self, entries: &[AtomicU64], level: u8, see: &mut dyn FnMut(PhysFrame)) {
        for place in entries {
            let entry = Entry::from_bits(place.load(Relaxed));
            if entry.is_table() {
                let table = self.table_of(entry);
                see(table.frame());
                if level > 2 {
                    self.tables_below(table.entries(), level - 1, see);
                }
            }
        }
    }

    /// The first slot of the kernel half in which this root and `other` differ:
    /// all but the ACCESSED bit, which the processor sets in each for itself.
    pub(crate) fn first_unshared(&self, other: &Self) -> Option<u16> {
        let entry = |cursor: &Self, slot: u16| {
            let place = &cursor.root().entries()[usize::from(slot)];
            place.load(Relaxed) & !PageTableFlags::ACCESSED.bits()
        };
        (256..512).find(|slot| entry(self, *slot) != entry(other, *slot))
    }
}
