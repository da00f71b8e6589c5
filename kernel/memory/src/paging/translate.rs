//! From an address to where it lies, without a word on the way.
//!
//! [`Walk`](super::Walk) tells the whole way, for people; this only its end, in
//! a quarter of the time.

use x86_64::PhysAddr;

use super::cursor::Cursor;
use super::geometry::{LeafSize, span_of};

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
                return Some(entry.leaf_address(size) + (address & (size.bytes() - 1)));
            }
            table = entry.as_table();
        }
        let entry = self.entry_in(table, address, 1);
        let offset = address & (span_of(1) - 1);
        entry
            .is_present()
            .then(|| entry.leaf_address(LeafSize::Size4KiB) + offset)
    }
}
