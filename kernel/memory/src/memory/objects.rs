//! Objects: made, given another size, counted, and given back with the last who
//! holds them.
//!
//! What must always hold: no table is made while the lock is held; a page goes
//! only when nobody but the object owns its frame, or when the object ends.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{Memory, Shared};
use crate::frames::OutOfFrames;
use crate::object::{
    CreateError, MOST_PAGES, Mapping, Object, ObjectId, ObjectKind, ObjectStatus, Record,
    ResizeError, UseError, frame_of,
};
use crate::paging::{NoTable, Sparse, Table};

impl Memory {
    /// Makes an object of so many pages, none of which is there. It takes no frame
    /// but for its record: a table for 64 of them, and the tables above that.
    ///
    /// # Errors
    ///
    /// See [`CreateError`]; nothing has changed then.
    pub fn create_object(&self, kind: ObjectKind, pages: u64) -> Result<Object, CreateError> {
        if pages > MOST_PAGES {
            return Err(CreateError::TooLarge { pages });
        }
        let created = self.with_tables(|shared, spare| {
            if shared.objects.next_name().is_none() {
                return Ok(Err(CreateError::NoNameLeft));
            }
            shared.objects.reach(spare)?;
            Ok(Ok(Object(shared.objects.create(kind, pages))))
        });
        created.unwrap_or_else(|OutOfFrames| {
            let mut shared = self.lock();
            let Shared {
                objects, frames, ..
            } = &mut *shared;
            objects.trim(frames);
            Err(CreateError::OutOfFrames)
        })
    }

    /// Gives the handle of an object back. The object goes with its frames if no
    /// region holds it, or else with the last that does.
    ///
    /// # Panics
    ///
    /// If another `Memory` made it.
    pub fn release_object(&self, object: Object) {
        let Object(id) = object;
        let mut shared = self.lock();
        // It lasts as long as its handle.
        let Some(mut record) = shared.objects.get(id) else {
            drop(shared);
            panic!("an object goes back to the `Memory` that made it");
        };
        record.has_handle = false;
        shared.objects.put(id, &record);
        if record.is_unheld() {
            shared.end_object(id, record);
        }
    }

    /// What an object is now; `None` if it is gone.
    #[must_use]
    pub fn object(&self, object: ObjectId) -> Option<ObjectStatus> {
        let record = self.lock().objects.get(object)?;
        Some(status_of(&record))
    }

    /// The first object with this number or a higher one: the way to look at all
    /// of them.
    #[must_use]
    pub fn object_from(&self, number: u64) -> Option<(ObjectId, ObjectStatus)> {
        let (object, record) = self.lock().objects.from(number)?;
        Some((object, status_of(&record)))
    }

    /// How many pages of an object are there. Costs a walk over them.
    #[must_use]
    pub fn pages_held(&self, object: ObjectId) -> u64 {
        let mut shared = self.lock();
        let Some(record) = shared.objects.get(object) else {
            return 0;
        };
        let mut array = shared.objects.pages_of(&record);
        let (mut held, mut rest) = (0, 0..record.pages);
        while let Some((page, _)) = array.next(rest.clone()) {
            held += 1;
            rest.start = page + 1;
        }
        held
    }

    /// Gives an object another number of pages. Those behind the new end go.
    /// Returns how many that were.
    ///
    /// # Errors
    ///
    /// See [`ResizeError`]; nothing has changed then.
    pub fn resize_object(&self, object: ObjectId, pages: u64) -> Result<u64, ResizeError> {
        if pages > MOST_PAGES {
            return Err(ResizeError::TooLarge { pages });
        }
        self.lock().resize_object(object, pages)
    }

    /// Lets a page of a file go that no leaf maps: it can be read again. What was
    /// written to it is lost. False if the page is not there, is mapped, or is one of
    /// shared memory, which nobody else has.
    pub fn drop_object_page(&self, object: ObjectId, page: u64) -> bool {
        self.lock().drop_object_page(object, page)
    }

    /// Counts a region of an object.
    ///
    /// # Errors
    ///
    /// See [`UseError`].
    pub(crate) fn hold_object(&self, mapping: Mapping) -> Result<(), UseError> {
        self.lock().objects.hold(mapping)
    }

    /// Counts a region of an object less.
    pub(crate) fn let_object_go(&self, mapping: Mapping) {
        self.lock().let_object_go(mapping);
    }

    /// Tries until no table is missing: they are made without the lock.
    pub(super) fn with_tables<T>(
        &self,
        mut attempt: impl FnMut(&mut Shared, &mut Option<Table>) -> Result<T, NoTable>,
    ) -> Result<T, OutOfFrames> {
        let mut spare = None;
        let done = loop {
            let attempted = attempt(&mut self.lock(), &mut spare);
            match attempted {
                Ok(done) => break done,
                Err(NoTable) => spare = Some(self.new_table()?),
            }
        };
        if let Some(table) = spare {
            // SAFETY: it was not linked.
            self.free_frame(unsafe { table.into_frame() });
        }
        Ok(done)
    }
}

fn status_of(record: &Record) -> ObjectStatus {
    ObjectStatus {
        kind: record.kind,
        pages: record.pages,
        regions: record.regions,
    }
}

#[cfg(test)]
impl Memory {
    /// Changes what is kept of an object, right or wrong.
    pub(crate) fn spoil_object(&self, object: ObjectId, spoil: impl FnOnce(&mut Record)) {
        let mut shared = self.lock();
        let mut record = shared.objects.get(object).expect("it is there");
        spoil(&mut record);
        shared.objects.put(object, &record);
    }
}

impl Shared {
    fn resize_object(&mut self, object: ObjectId, pages: u64) -> Result<u64, ResizeError> {
        let record = self.objects.get(object);
        let mut record = record.ok_or(ResizeError::Gone { object })?;
        let mut array = self.objects.pages_of(&record);
        let behind = |page| page..record.pages;
        let mut next = array.next(behind(pages));
        while let Some((page, word)) = next {
            if frame_of(word).is_some_and(|frame| self.owners_of(frame) > 1) {
                return Err(ResizeError::Mapped { page });
            }
            next = array.next(behind(page + 1));
        }
        let freed = self.drop_pages(&mut array, behind(pages));
        record.note(&array);
        record.pages = pages;
        self.objects.put(object, &record);
        Ok(freed)
    }

    fn drop_object_page(&mut self, object: ObjectId, page: u64) -> bool {
        let Some(mut record) = self.objects.get(object) else {
            return false;
        };
        let mut array = self.objects.pages_of(&record);
        let frame = frame_of(array.get(page));
        let may_go = record.kind == ObjectKind::File
            && page < record.pages
            && frame.is_some_and(|frame| self.owners_of(frame) == 1);
        if may_go {
            self.drop_pages(&mut array, page..page + 1);
            record.note(&array);
            self.objects.put(object, &record);
        }
        may_go
    }

    /// Counts a region of an object less, which goes with the last.
    pub(super) fn let_object_go(&mut self, mapping: Mapping) {
        if let Some(unheld) = self.objects.let_go(mapping) {
            self.end_object(mapping.object, unheld);
        }
    }

    /// Gives back an object that nothing holds, and its pages.
    fn end_object(&mut self, object: ObjectId, record: Record) {
        let mut pages = self.objects.pages_of(&record);
        self.drop_pages(&mut pages, 0..record.pages);
        // Somebody may be about to put a page there, with some of its tables made.
        pages.clear(&mut self.frames);
        self.objects.remove(object, &mut self.frames);
    }

    /// Takes those of these pages that are there away from their object. Returns
    /// how many that were.
    fn drop_pages(&mut self, array: &mut Sparse, mut pages: Range<u64>) -> u64 {
        let mut dropped = 0;
        while let Some((page, word)) = array.next(pages.clone()) {
            pages.start = page + 1;
            array.set(page, 0);
            array.trim(page, &mut self.frames);
            if let Some(frame) = frame_of(word) {
                // SAFETY: the object has it no more, and no processor knew it
                // from there.
                unsafe { self.drop_owner(frame) };
            }
            dropped += 1;
        }
        dropped
    }
}
