//! Solution of exercise 5d: a walk that knows 2 MiB pages.

use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use crate::machine::{PAGE_SIZE, index, table};

/// The physical address that the tables translate an address to.
pub fn translate(address: u64) -> Option<u64> {
    let mut frame = Cr3::read().0;
    for level in (1..=4).rev() {
        // SAFETY: CR3 and the entries of upper levels that are no pages hold frames of tables.
        let entry = &unsafe { table(frame) }[index(address, level)];
        if !entry.flags().contains(PageTableFlags::PRESENT) {
            return None;
        }
        // At level 1 every entry is a page, and bit 7 is about caching. At level 4 it is reserved.
        if level == 1 || entry.flags().contains(PageTableFlags::HUGE_PAGE) {
            // Each level above the first has 512 times the size: 4 KiB, 2 MiB, 1 GiB.
            let size = PAGE_SIZE << (9 * (level - 1));
            // Without bit 12, which `addr` leaves in and which is not part of the address.
            let start = entry.addr().as_u64() & !(size - 1);
            return Some(start + address % size);
        }
        frame = PhysFrame::containing_address(entry.addr());
    }
    None // not reached: the walk ends at level 1 at the latest
}
