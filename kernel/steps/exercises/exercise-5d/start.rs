//! Exercise 5d ★★★: a walk that knows 2 MiB pages.
//!
//! If bit 7 (`HUGE_PAGE`) of an entry of level 2 is 1, the walk ends there: the entry
//! maps a page of 2 MiB, and the address's lower 21 bits are the byte within it. The
//! boot loader maps the direct map like this. Level 3 has the same bit for 1 GiB and
//! 30 bits. At level 1 the bit means something else.
//!
//! The walk of step 5 takes such an entry for one that leads to a table, and takes
//! data for entries. Mend it.
//!
//! Hint: in the entry of a large page, bit 12 is not part of the address (it selects
//! the kind of caching). Keep of `entry.addr()` only the bits above the offset.

use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use crate::machine::{PAGE_SIZE, index, table};

/// The physical address that the tables translate an address to.
pub fn translate(address: u64) -> Option<u64> {
    let mut frame = Cr3::read().0;
    for level in (1..=4).rev() {
        // SAFETY: CR3 and the entries of upper levels hold frames of tables.
        let entry = &unsafe { table(frame) }[index(address, level)];
        if !entry.flags().contains(PageTableFlags::PRESENT) {
            return None;
        }
        frame = PhysFrame::containing_address(entry.addr());
    }
    Some(frame.start_address().as_u64() + address % PAGE_SIZE)
}
