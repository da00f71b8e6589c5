//! A visit to all tables below a root, in the order of addresses: read only.
//!
//! Each table is announced before any of its entries is read and again when the
//! visit leaves it, so whoever looks can refuse to enter a frame that is no
//! table. It goes down four levels at most, whatever the entries say.
//!
//! What must always hold: nothing is written; an entry is read once. Neighbours:
//! `cursor` edits tables, `walk` describes the way to one address.
#![allow(unsafe_code)]

use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::entry::{Entry, EntryKind};
use super::geometry::{LeafSize, span_of};
use super::table::Table;
use crate::direct_map::DirectMap;
use crate::slot::Slot;

/// Rights that every entry on the way must give.
const GIVEN: PageTableFlags = PageTableFlags::WRITABLE.union(PageTableFlags::USER_ACCESSIBLE);

/// A table, and the entry that points to it.
#[derive(Clone, Copy)]
pub(crate) struct TableSeen {
    /// The entry.
    pub(crate) entry: Entry,
    /// The level of the table, 3 to 1.
    pub(crate) level: u8,
    /// The first address that the table spans.
    pub(crate) address: u64,
}

/// A leaf.
#[derive(Clone, Copy)]
pub(crate) struct LeafSeen {
    /// The entry.
    pub(crate) entry: Entry,
    /// How much it maps.
    pub(crate) size: LeafSize,
    /// The first address that it maps.
    pub(crate) address: u64,
    /// Its flags, with the rights that the whole way to it gives.
    pub(crate) flags: PageTableFlags,
}

/// What a visit meets next.
pub(crate) enum Visit {
    /// A table: what follows, up to its `Leave`, lies in it.
    Enter(TableSeen),
    /// A leaf.
    Leaf(LeafSeen),
    /// The entry of a reserved page, for this address.
    Reserved(u64),
    /// The entry for this address, of a page that is in this slot.
    Swapped(u64, Slot),
    /// An entry, for this address, that nobody here wrote.
    Unknown(u64, Entry),
    /// All entries of the table were seen, and so many of them are in use.
    Leave(TableSeen, u64),
}

/// The iterator over what lies below a root.
pub(crate) struct Visits {
    direct_map: DirectMap,
    /// The level of the table stood in, 4 to 1.
    level: u8,
    /// The slot of the root behind the last one to visit.
    end: u64,
    /// By level, the lowest first: where the visit stands.
    places: [Place; 4],
}

/// How far the visit has come in the table of one level.
#[derive(Clone, Copy)]
struct Place {
    seen: TableSeen,
    next: u64,
    in_use: u64,
    /// `GIVEN` flags that the way to the table gives, and NO_EXECUTE if it takes that right.
    flags: PageTableFlags,
}

impl Visits {
    /// A visit to the given slots (0 to 512) of a root and all below them.
    ///
    /// # Safety
    ///
    /// Whatever [`Visit::Enter`] names is in a frame that the direct map shows,
    /// or the visit is dropped there.
    pub(crate) unsafe fn new(direct_map: DirectMap, root: Table, slots: Range<u16>) -> Self {
        let place = Place {
            seen: TableSeen {
                entry: Entry::table(root.address(), 0, false),
                level: 4,
                address: 0,
            },
            next: u64::from(slots.start),
            in_use: 0,
            flags: GIVEN,
        };
        Self {
            direct_map,
            level: 4,
            end: u64::from(slots.end),
            places: [place; 4],
        }
    }

    /// What an entry in use amounts to; goes down into a table.
    fn met(&mut self, entry: Entry, address: u64) -> Visit {
        let way = self.places[usize::from(self.level - 1)].flags;
        let flags = (entry.flags() & way & GIVEN)
            | ((entry.flags() | way) & PageTableFlags::NO_EXECUTE)
            | (entry.flags() - GIVEN - PageTableFlags::NO_EXECUTE);
        match entry.kind(self.level) {
            EntryKind::Leaf(_, size) => Visit::Leaf(LeafSeen {
                entry,
                size,
                address,
                flags,
            }),
            EntryKind::Table(_) if self.level > 1 => {
                self.level -= 1;
                let seen = TableSeen {
                    entry,
                    level: self.level,
                    address,
                };
                self.places[usize::from(self.level - 1)] = Place {
                    seen,
                    next: 0,
                    in_use: 0,
                    flags: flags & (GIVEN | PageTableFlags::NO_EXECUTE),
                };
                Visit::Enter(seen)
            }
            EntryKind::Reserved => Visit::Reserved(address),
            EntryKind::Swapped(slot) => Visit::Swapped(address, slot),
            // `kind` never says so of what is unused, or of a table at level 1.
            EntryKind::Unknown(_) | EntryKind::Unused | EntryKind::Table(_) => {
                Visit::Unknown(address, entry)
            }
        }
    }
}

impl Iterator for Visits {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        loop {
            let end = if self.level == 4 { self.end } else { 512 };
            let place = &mut self.places[usize::from(self.level - 1)];
            if place.next >= end {
                if self.level == 4 {
                    return None;
                }
                self.level += 1;
                return Some(Visit::Leave(place.seen, place.in_use));
            }
            let index = place.next;
            place.next += 1;
            // SAFETY: the root is a table; of all others whoever made the visit
            // has seen to it, see `new`.
            let table = unsafe { Table::at(place.seen.entry.table_address(), self.direct_map) };
            let entry = Entry::from_bits(table.entries()[index as usize].load(Relaxed));
            if entry != Entry::UNUSED {
                place.in_use += 1;
                let address = place.seen.address + index * span_of(self.level);
                return Some(self.met(entry, VirtAddr::new_truncate(address).as_u64()));
            }
        }
    }
}
