//! The records of all objects, in one sparse array: eight words for each, a
//! cache line, at the place that its name says.
//!
//! ```text
//!            63     52 51            12 11   2   1        0
//!           +---------+----------------+------+------+--------+
//!   word 0  | 0       | root of pages  | 0    | file | handle |
//!           +---------+----------------+------+------+--------+
//!   word 1  | pages + 1, so that it is never 0                |
//!   word 2  | regions: how many hold it                       |
//!   word 3  | shared mappings among them that may write       |
//!   word 4  | mappings among them that may execute            |
//! ```
//!
//! The pages themselves are in a sparse array of each object's own: the address
//! of the frame, and bit 0.
//!
//! What must always hold: words 3 and 4 are not both above 0; an object without
//! handle and regions has no record.
#![allow(unsafe_code)]

use x86_64::{PhysAddr, VirtAddr};

use super::{Mapping, ObjectId, ObjectKind, Use, UseError};
use crate::direct_map::DirectMap;
use crate::frames::Frames;
use crate::paging::{NoTable, Sparse, Table};

/// Words from one record to the next.
const WORDS: u64 = 8;
const _: () = assert!(ObjectId::NUMBERS * WORDS <= Sparse::CAPACITY);

const HANDLE: u64 = 1 << 0;
const FILE: u64 = 1 << 1;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// What is set in the word of a page that is there.
const THERE: u64 = 1;

/// The records of all objects.
pub(crate) struct Objects {
    direct_map: DirectMap,
    records: Sparse,
    /// Where the memory that they are of sees its zero frame.
    zero_seen: VirtAddr,
    /// The number of the next one.
    next: u64,
}

/// What is kept of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) kind: ObjectKind,
    pub(crate) has_handle: bool,
    root: Option<Table>,
    pub(crate) pages: u64,
    pub(crate) regions: u64,
    pub(crate) writers: u64,
    pub(crate) executers: u64,
}

impl Objects {
    pub(crate) const fn new(direct_map: DirectMap, zero_seen: VirtAddr) -> Self {
        Self {
            direct_map,
            records: Sparse::new(direct_map),
            zero_seen,
            next: 0,
        }
    }

    /// The name of the next object, if one is left.
    pub(crate) fn next_name(&self) -> Option<ObjectId> {
        (self.next < ObjectId::NUMBERS).then(|| self.name(self.next))
    }

    /// Sees to it that the next object has room for its record.
    pub(crate) fn reach(&mut self, spare: &mut Option<Table>) -> Result<(), NoTable> {
        self.records.reach(self.next * WORDS, spare)
    }

    /// Records a new object, for which there is room, with a handle.
    pub(crate) fn create(&mut self, kind: ObjectKind, pages: u64) -> ObjectId {
        let object = self.name(self.next);
        self.next += 1;
        let record = Record {
            kind,
            has_handle: true,
            root: None,
            pages,
            regions: 0,
            writers: 0,
            executers: 0,
        };
        self.put(object, &record);
        object
    }

    fn name(&self, number: u64) -> ObjectId {
        ObjectId::new(self.zero_seen, number)
    }

    /// The record of an object, unless it is gone, or another memory's.
    pub(crate) fn get(&mut self, object: ObjectId) -> Option<Record> {
        if self.name(object.number()) != object {
            return None;
        }
        let first = object.number() * WORDS;
        let pages = self.records.get(first + 1).checked_sub(1)?;
        let head = self.records.get(first);
        let root = PhysAddr::new_truncate(head & ADDRESS);
        Some(Record {
            kind: if head & FILE != 0 {
                ObjectKind::File
            } else {
                ObjectKind::SharedMemory
            },
            has_handle: head & HANDLE != 0,
            // SAFETY: `put` wrote it, and its record goes with the last word.
            root: (root != PhysAddr::zero()).then(|| unsafe { Table::at(root, self.direct_map) }),
            pages,
            regions: self.records.get(first + 2),
            writers: self.records.get(first + 3),
            executers: self.records.get(first + 4),
        })
    }

    /// Writes the record of an object that has one.
    pub(crate) fn put(&mut self, object: ObjectId, record: &Record) {
        let file = match record.kind {
            ObjectKind::File => FILE,
            ObjectKind::SharedMemory => 0,
        };
        let root = record.root.map_or(0, |root| root.address().as_u64());
        let words = [
            root | file | (u64::from(record.has_handle) * HANDLE),
            record.pages + 1,
            record.regions,
            record.writers,
            record.executers,
        ];
        for (index, word) in words.into_iter().enumerate() {
            self.records
                .set(object.number() * WORDS + index as u64, word);
        }
    }

    /// Takes the record of an object out.
    pub(crate) fn remove(&mut self, object: ObjectId, frames: &mut Frames) {
        let first = object.number() * WORDS;
        (0..WORDS).for_each(|index| self.records.set(first + index, 0));
        self.records.trim(first, frames);
    }

    /// Gives back what was made room with for an object that is not created.
    pub(crate) fn trim(&mut self, frames: &mut Frames) {
        self.records.trim(self.next * WORDS, frames);
    }

    /// The words of an object's pages.
    pub(crate) fn pages_of(&self, record: &Record) -> Sparse {
        Sparse::below(record.root, self.direct_map)
    }

    /// Counts a region of an object.
    pub(crate) fn hold(&mut self, mapping: Mapping) -> Result<(), UseError> {
        let object = mapping.object;
        let mut record = self.get(object).ok_or(UseError::Gone { object })?;
        record.allow(object, mapping.usage)?;
        record.regions += 1;
        self.put(object, &record);
        Ok(())
    }

    /// Counts a region of an object less. Returns the record if nothing holds the
    /// object any more.
    pub(crate) fn let_go(&mut self, mapping: Mapping) -> Option<Record> {
        let mut record = self.get(mapping.object)?;
        record.regions -= 1;
        match mapping.usage {
            Use::Read => {}
            Use::Write => record.writers -= 1,
            Use::Execute => record.executers -= 1,
        }
        self.put(mapping.object, &record);
        record.is_unheld().then_some(record)
    }

    // --- audits ---------------------------------------------------------------

    /// The root of the records, for an audit, if there are any.
    pub(crate) fn root(&self) -> Option<Table> {
        self.records.root()
    }

    /// A look at all records.
    pub(crate) fn look(&self) -> Self {
        Self {
            direct_map: self.direct_map,
            records: self.records.clone(),
            zero_seen: self.zero_seen,
            next: self.next,
        }
    }

    /// The first object from this number on.
    pub(crate) fn from(&mut self, number: u64) -> Option<(ObjectId, Record)> {
        let (index, _) = self
            .records
            .next(number.checked_mul(WORDS)?..Sparse::CAPACITY)?;
        let object = self.name(index / WORDS);
        Some((object, self.get(object)?))
    }
}

impl Record {
    /// Notes where the array of pages has its root now.
    pub(crate) fn note(&mut self, array: &Sparse) {
        self.root = array.root();
    }

    /// True if neither handle nor region holds the object.
    pub(crate) fn is_unheld(&self) -> bool {
        !self.has_handle && self.regions == 0
    }

    /// Counts one use more, if it goes with those that there are.
    fn allow(&mut self, object: ObjectId, usage: Use) -> Result<(), UseError> {
        match usage {
            Use::Read => {}
            Use::Write if self.executers > 0 => return Err(UseError::Executed { object }),
            Use::Write => self.writers += 1,
            Use::Execute if self.writers > 0 => return Err(UseError::Written { object }),
            Use::Execute => self.executers += 1,
        }
        Ok(())
    }
}

/// The frame that the word of a page names, if the page is there.
pub(crate) fn frame_of(word: u64) -> Option<PhysAddr> {
    (word & THERE != 0).then(|| PhysAddr::new_truncate(word & ADDRESS))
}

/// The word of a page that is there.
pub(crate) const fn word_of(frame: PhysAddr) -> u64 {
    frame.as_u64() | THERE
}
