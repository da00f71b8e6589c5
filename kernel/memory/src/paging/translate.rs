//! From an address to where it lies, without a word on the way.
//!
//! [`Walk`](super::Walk) tells the whole way, for people; this only its end, in
//! a quarter of the time.

use x86_64::PhysAddr;

use super::cursor::Cursor;
use super::entry::Entry;
use super::geometry::LeafSize;

impl Cursor {
    /// What `address` is translated to, if it is mapped. The cursor stays where
    /// it is, and the tables are read from the root: to begin where it stands
    /// would be quicker for its neighbours alone.
    #[inline]
    pub(crate) fn translate(&self, address: u64) -> Option<PhysAddr> {
        let mut table = self.root();
        for level in [4, 3, 2] {
            let entry = self.entry_in(table, address, level);
            if !entry.is_table() {
                let size = LeafSize::of_level(level).filter(|_| entry.is_present())?;
                return Some(within(entry, address, size));
            }
            table = entry.as_table();
        }
        let entry = self.entry_in(table, address, 1);
        entry
            .is_present()
            .then(|| within(entry, address, LeafSize::Size4KiB))
    }
}

/// Where `address` lies in the memory of its leaf.
#[inline]
fn within(leaf: Entry, address: u64, size: LeafSize) -> PhysAddr {
    let offset = address & (size.bytes() - 1);
    PhysAddr::new_truncate(leaf.leaf_address(size).as_u64() | offset)
}
