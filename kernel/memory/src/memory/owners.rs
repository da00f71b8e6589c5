//! How many owners each shared frame has.
//!
//! A tree of tables like a page table: the index of a frame stands in the place
//! of an address, and a counter in that of a leaf. So there are counters only for
//! blocks of 2 MiB that share something, one table for each.
//!
//! ```text
//!  63            32 31             0
//! +----------------+----------------+
//! | met by audits  | owners         |   a counter: 0 for a frame that is not shared
//! +----------------+----------------+
//! ```
//!
//! What must always hold: a frame has a counter as long as a leaf says that it
//! is shared, and the counter says how many such leaves there are; it is checked
//! and never wraps; a table without a counter in use is not kept.
#![allow(unsafe_code)]

use core::convert::Infallible;
use core::ops::Range;

use x86_64::structures::paging::PhysFrame;

use crate::direct_map::DirectMap;
use crate::frames::Frames;
use crate::paging::{Cursor, Entry, LeafSize, Table};

/// Frames that the tree has room for: 256 TiB of them.
const MOST_FRAMES: u64 = 1 << 36;

/// The counters of all shared frames.
pub(crate) struct Owners {
    direct_map: DirectMap,
    /// None as long as nothing is shared.
    cursor: Option<Cursor>,
}

/// Why a frame cannot get one owner more. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncounted {
    /// A table is missing on the way to its counter: see [`Owners::link`].
    NoTable,
    /// Its counter is at the top.
    Full,
}

impl Owners {
    pub(super) const fn new(direct_map: DirectMap) -> Self {
        Self {
            direct_map,
            cursor: None,
        }
    }

    /// The owners of the frame with this index; 0 if it is not shared.
    pub(super) fn of(&mut self, index: u64) -> u32 {
        let cursor = self.cursor.as_mut();
        cursor.map_or(0, |cursor| counter(cursor, index).unwrap_or(0))
    }

    /// Whether one owner more of a frame can be counted.
    pub(super) fn check(&mut self, index: u64) -> Result<(), Uncounted> {
        if index >= MOST_FRAMES {
            return Err(Uncounted::Full);
        }
        let cursor = self.cursor.as_mut().ok_or(Uncounted::NoTable)?;
        match counter(cursor, index) {
            None => Err(Uncounted::NoTable),
            Some(u32::MAX) => Err(Uncounted::Full),
            Some(_) => Ok(()),
        }
    }

    /// Writes the counter of a frame, whose table is there. With 0 the frame is
    /// not shared any more.
    pub(super) fn set(&mut self, index: u64, owners: u32) {
        let cursor = self.cursor.as_mut().filter(|_| index < MOST_FRAMES);
        if let Some(cursor) = cursor
            && counter(cursor, index).is_some()
        {
            cursor.replace(Entry::from_bits(u64::from(owners)));
        }
    }

    /// How many tables are missing on the way to a counter.
    pub(super) fn missing(&mut self, index: u64) -> u8 {
        let Some(cursor) = &mut self.cursor else {
            return 4;
        };
        cursor.seek(place(index));
        cursor.level() - 1
    }

    /// Links one table of those that are missing on the way to a counter. It
    /// comes back if none is.
    pub(super) fn link(&mut self, index: u64, table: Table) -> Option<Table> {
        let Some(cursor) = &mut self.cursor else {
            self.cursor = Some(Cursor::new(self.direct_map, table, 4, place(index)));
            return None;
        };
        if counter(cursor, index).is_some() {
            return Some(table);
        }
        cursor.descend(table);
        None
    }

    /// Gives the tables on the way to a counter back that have none in use.
    pub(super) fn trim(&mut self, index: u64, frames: &mut Frames) {
        let Some(cursor) = &mut self.cursor else {
            return;
        };
        cursor.seek(place(index));
        while let Some(table) = cursor.prune() {
            // SAFETY: nothing points to it any more; no processor walks counters.
            frames.free(unsafe { table.into_frame() });
        }
        if cursor.level() == 4 && cursor.table_entries().all(|entry| entry == Entry::UNUSED) {
            let root = cursor.root();
            self.cursor = None;
            // SAFETY: the one cursor is gone, and no processor walks counters.
            frames.free(unsafe { root.into_frame() });
        }
    }

    /// Names the counters in use: index and owners.
    pub(super) fn each(&self, mut see: impl FnMut(u64, u32)) {
        let Ok(()) = self.met().each(0..MOST_FRAMES, |_, index, owners, _| {
            see(index, owners);
            Ok::<_, Infallible>(())
        });
    }

    /// Names the tables.
    pub(super) fn tables(&self, mut see: impl FnMut(PhysFrame)) {
        if let Some(cursor) = &self.cursor {
            see(cursor.root().frame());
            cursor.tables_below_root(0..512, &mut see);
        }
    }

    // --- audits -----------------------------------------------------------------

    /// The root of the tree, for an audit, if there is one.
    pub(crate) fn root(&self) -> Option<Table> {
        self.cursor.as_ref().map(Cursor::root)
    }

    /// A look at all counters, in which an audit notes what it meets.
    pub(crate) fn met(&self) -> Met {
        Met(self.cursor.clone())
    }
}

/// What an audit has met of the owners that are counted.
pub(crate) struct Met(Option<Cursor>);

impl Met {
    /// Forgets what audits met before.
    pub(crate) fn forget(&mut self, indices: Range<u64>) {
        self.each(indices, |cursor, _, owners, _| {
            cursor.replace(Entry::from_bits(u64::from(owners)));
            Ok::<_, ()>(())
        })
        .ok();
    }

    /// Notes an owner of a frame. Returns how many were met before, or `None` if
    /// the frame has no counter.
    pub(crate) fn note(&mut self, index: u64) -> Option<u32> {
        let (owners, met) = self.at(index)?;
        let bits = u64::from(met.wrapping_add(1)) << 32 | u64::from(owners);
        self.0.as_mut()?.replace(Entry::from_bits(bits));
        Some(met)
    }

    /// The owners that are counted of a frame, and those met; `None` if it has no
    /// counter.
    pub(crate) fn at(&mut self, index: u64) -> Option<(u32, u32)> {
        let cursor = self.0.as_mut()?;
        counter(cursor, index).filter(|owners| *owners > 0)?;
        let bits = cursor.entry().bits();
        Some((bits as u32, (bits >> 32) as u32))
    }

    /// Names the counters in use of these frames: index, owners, and those met.
    pub(crate) fn each<E>(
        &mut self,
        indices: Range<u64>,
        mut see: impl FnMut(&mut Cursor, u64, u32, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(cursor) = &mut self.0 else {
            return Ok(());
        };
        let mut index = indices.start;
        while index < indices.end.min(MOST_FRAMES) {
            cursor.seek(place(index));
            let (bits, next) = (cursor.entry().bits(), cursor.next_start() / place(1));
            if cursor.level() == 1 && bits != 0 {
                see(cursor, index, bits as u32, (bits >> 32) as u32)?;
            }
            index = next;
        }
        Ok(())
    }
}

/// Where the counter of a frame stands in the tree.
const fn place(index: u64) -> u64 {
    index * LeafSize::Size4KiB.bytes()
}

/// Moves to the counter of a frame, and reads it; `None` if its table is missing.
fn counter(cursor: &mut Cursor, index: u64) -> Option<u32> {
    cursor.seek(place(index));
    (cursor.level() == 1).then(|| cursor.entry().bits() as u32)
}
