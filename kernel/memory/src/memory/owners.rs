//! How many owners each shared frame has, or each slot.
//!
//! A tree of tables like a page table: the index of a frame, or the number of a
//! slot, stands in the place of an address, and a counter in that of a leaf. So
//! there are counters only for blocks of 512 that share something, one table for
//! each.
//!
//! ```text
//!  63            32 31             0
//! +----------------+----------------+
//! | met by audits  | owners         |   a counter: 0 for a frame that is not shared
//! +----------------+----------------+
//! ```
//!
//! What must always hold: a frame has a counter as long as a leaf says that it
//! is shared, or an object has it as a page, and the counter says how many such
//! leaves and objects there are, and holds of a page that is in use; it is checked
//! and never wraps; a table without a counter in use is not kept.

use core::ops::Range;

use x86_64::structures::paging::PhysFrame;

use crate::direct_map::DirectMap;
use crate::frames::Frames;
use crate::paging::{NoTable, Row, Sparse, Table, Word};

/// The counters of all shared frames.
pub(crate) struct Owners(Sparse);

/// The counter of one frame.
pub(super) struct Counter<'a>(Word<'a>);

impl Counter<'_> {
    /// How many owners it counts; 0 if the frame is not shared.
    #[inline]
    pub(super) fn owners(&self) -> u32 {
        self.0.bits as u32
    }

    /// Writes it. With 0 the frame is not shared any more. Returns true if its
    /// table is empty then: it is to be [trimmed](Owners::trim).
    #[inline]
    pub(super) fn set(self, owners: u32) -> bool {
        self.0.set(u64::from(owners))
    }
}

impl Owners {
    pub(super) const fn new(direct_map: DirectMap) -> Self {
        Self(Sparse::new(direct_map))
    }

    /// The counter of the frame with this index. `NoTable` means that the frame is
    /// not shared.
    #[inline]
    pub(super) fn counter(&mut self, index: u64) -> Result<Counter<'_>, NoTable> {
        self.0.word(index).map(Counter)
    }

    /// The indices, cut into those whose counters stand in one table each.
    pub(super) fn rows(indices: Range<u64>) -> impl Iterator<Item = Range<u64>> + Clone {
        let mut start = indices.start;
        core::iter::from_fn(move || {
            let row = start..indices.end.min((start / 512 + 1) * 512);
            start = row.end;
            (!row.is_empty()).then_some(row)
        })
    }

    /// The first frame of a row that has as many owners as can be counted.
    pub(super) fn first_full(&mut self, row: Range<u64>) -> Result<Option<u64>, NoTable> {
        let first = row.start;
        let full = self
            .0
            .row(row)?
            .iter()
            .position(|word| word as u32 == u32::MAX);
        Ok(full.map(|position| first + position as u64))
    }

    /// Counts two owners of each frame of a row, which is not shared yet.
    pub(super) fn share(&mut self, row: Range<u64>) -> Result<(), NoTable> {
        self.0.row(row).map(|counters| counters.fill(2))
    }

    /// Counts one owner more of each frame of a row, which is shared, and not full.
    pub(super) fn add(&mut self, row: Range<u64>) -> Result<(), NoTable> {
        self.0.row(row).map(Row::increment)
    }

    /// How many tables are missing on the way to a counter.
    pub(super) fn missing(&mut self, index: u64) -> u8 {
        self.0.missing(index)
    }

    /// Sees to it that a frame can be counted, with the table that is at hand.
    pub(super) fn reach(&mut self, index: u64, spare: &mut Option<Table>) -> Result<(), NoTable> {
        self.0.reach(index, spare)
    }

    /// Gives the tables on the way to a counter back that have none in use.
    /// Returns how many that were.
    pub(super) fn trim(&mut self, index: u64, frames: &mut Frames) -> u64 {
        self.0.trim(index, frames)
    }

    /// The first of these indices that has no owner.
    pub(super) fn first_unowned(&mut self, indices: Range<u64>) -> Option<u64> {
        self.0.first_zero(indices)
    }

    /// Names the counters in use: index and owners.
    pub(super) fn each(&self, mut see: impl FnMut(u64, u32)) {
        let (mut words, mut indices) = (self.0.clone(), 0..Sparse::CAPACITY);
        while let Some((index, word)) = words.next(indices.clone()) {
            see(index, word as u32);
            indices.start = index + 1;
        }
    }

    /// Names the tables.
    pub(super) fn tables(&self, see: impl FnMut(PhysFrame)) {
        self.0.tables(see);
    }

    // --- audits -----------------------------------------------------------------

    /// The root of the tree, for an audit, if there is one.
    pub(crate) fn root(&self) -> Option<Table> {
        self.0.root()
    }

    /// A look at all counters, in which an audit notes what it meets.
    pub(crate) fn met(&self) -> Met {
        Met(self.0.clone())
    }
}

/// What an audit has met of the owners that are counted.
#[derive(Clone)]
pub(crate) struct Met(Sparse);

impl Met {
    /// Forgets what audits met before.
    pub(crate) fn forget(&mut self, mut indices: Range<u64>) {
        while let Some((index, word)) = self.0.next(indices.clone()) {
            self.0.set(index, word & u64::from(u32::MAX));
            indices.start = index + 1;
        }
    }

    /// Notes an owner of a frame. Returns how many were met before, or `None` if
    /// the frame has no counter.
    pub(crate) fn note(&mut self, index: u64) -> Option<u32> {
        let (owners, met) = self.at(index)?;
        let word = u64::from(met.wrapping_add(1)) << 32 | u64::from(owners);
        self.0.set(index, word);
        Some(met)
    }

    /// The owners that are counted of a frame, and those met; `None` if it has no
    /// counter.
    fn at(&mut self, index: u64) -> Option<(u32, u32)> {
        let word = self.0.get(index);
        (word as u32 > 0).then_some((word as u32, (word >> 32) as u32))
    }

    /// Names the counters in use of these frames: index, owners, and those met.
    pub(crate) fn each<E>(
        &mut self,
        mut indices: Range<u64>,
        mut see: impl FnMut(u64, u32, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((index, word)) = self.0.next(indices.clone()) {
            see(index, word as u32, (word >> 32) as u32)?;
            indices.start = index + 1;
        }
        Ok(())
    }
}
