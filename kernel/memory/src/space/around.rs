//! Fault-around: one fault maps the pages around it as well.
//!
//! What must always hold: only unused entries of the leaf table stood in are
//! filled, within the region; running out of frames is no error here; the cursor
//! stands where it stood.

use x86_64::VirtAddr;

use super::Content;
use super::object::present;
use super::region::Backing;
use super::regions::Record;
use crate::memory::Memory;
use crate::paging::{Cursor, Entry, LeafSize};

/// Maps the pages around the one stood on that are still unused, as far as
/// region, leaf table and free frames go. In a zero region they get the zero
/// frame, in a region of an object those pages of it that are there. Returns how
/// many frames are behind them.
#[cold]
#[inline(never)]
pub(super) fn map_around(cursor: &mut Cursor, record: &Record, memory: &Memory) -> u64 {
    let mut resident = 0;
    let (address, size) = (cursor.address(), LeafSize::Size4KiB);
    let pages = u64::from(record.region.fault_around);
    let first = address & !(pages * size.bytes() - 1);
    for page in (0..pages).map(|index| first + index * size.bytes()) {
        if !record.region.contains(VirtAddr::new_truncate(page)) {
            continue;
        }
        cursor.seek(page);
        if cursor.level() > 1 {
            break;
        }
        if cursor.entry() != Entry::UNUSED {
            continue;
        }
        let content = if let Backing::Object { .. } = record.region.backing {
            match present(&record.region, VirtAddr::new_truncate(page), memory) {
                Some(content) => content,
                None => continue,
            }
        } else if record.region.backing == Backing::Zero {
            Content::Zero(memory.zero_frame().start_address())
        } else if let Ok(private) = memory.new_private(size) {
            Content::Private(private.into_leaf())
        } else {
            break;
        };
        cursor.fill(content.leaf(size, record.rights, false));
        resident += content.resident(size);
    }
    cursor.seek(address);
    resident
}
