//! Objects and their pages: made, provided, counted and given back, under the lock.
//!
//! ```text
//!   absent ──provide, first touch──> there, 1 owner ──hold_page──> 2 ──> ...
//!     ^                                   │ shrink, end of the object
//!     └───────────────────────────────────┘
//! ```
//!
//! What must always hold: whoever uses the frame of a page without the lock holds
//! it, as one more owner; so a page that anybody holds does not go. No frame is
//! zeroed, no table made while the lock is held.
#![allow(unsafe_code)]

use x86_64::PhysAddr;

use super::{Memory, Shared};
use crate::frames::{Frame, FrameKind, OutOfFrames};
use crate::object::{
    CreateError, MOST_PAGES, Mapping, Object, ObjectId, ObjectKind, ObjectStatus, ProvideError,
    Record, ResizeError, UseError, frame_of, word_of,
};
use crate::paging::{LeafSize, NoTable, Sparse, Table};

/// The size of an object's pages.
const SMALL: LeafSize = LeafSize::Size4KiB;

/// Why a page of an object cannot be held, or put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageRefusal {
    Gone,
    PastEnd,
    /// It is not there, in an object of this kind.
    Absent(ObjectKind),
    AlreadyThere,
    OutOfFrames,
    TooManyOwners,
}

/// A frame of an object, with an owner more than it had: some leaf's from now on,
/// or to be [let go](Memory::let_page_go).
#[must_use = "a page that is held has an owner too many unless a leaf takes it"]
pub(crate) struct Held {
    frame: PhysAddr,
    /// True if it was put there just now.
    pub(crate) is_new: bool,
}

impl Held {
    /// Where it starts.
    pub(crate) fn start(&self) -> PhysAddr {
        self.frame
    }

    /// The address, for the one leaf that owns it from now on.
    pub(crate) fn into_leaf(self) -> PhysAddr {
        self.frame
    }
}

impl Memory {
    // --- objects ----------------------------------------------------------------

    /// Makes an object of so many pages, none of which is there. It takes no frame
    /// but for its record, a table for 64 of them.
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
    pub fn release_object(&self, object: Object) {
        let Object(id) = object;
        let mut shared = self.lock();
        if let Some(mut record) = shared.objects.get(id) {
            record.has_handle = false;
            shared.objects.put(id, &record);
            if record.is_unheld() {
                shared.end_object(id, record);
            }
        }
    }

    /// What an object is now; `None` if it is gone.
    #[must_use]
    pub fn object(&self, object: ObjectId) -> Option<ObjectStatus> {
        let record = self.lock().objects.get(object)?;
        Some(ObjectStatus {
            kind: record.kind,
            pages: record.pages,
            regions: record.regions,
        })
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

    // --- pages ------------------------------------------------------------------

    /// The frame of a page, if the page is there.
    #[must_use]
    pub fn object_page(&self, object: ObjectId, page: u64) -> Option<PhysAddr> {
        self.lock().page_of(object, page).ok()
    }

    /// Puts a frame, with what it holds, there as a page of an object: how a page
    /// that was read from a file gets to all who wait for it. The object owns it
    /// from then on.
    ///
    /// # Errors
    ///
    /// See [`ProvideError`]; nothing has changed then, and the frame comes back.
    pub fn provide(
        &self,
        object: ObjectId,
        page: u64,
        frame: Frame,
    ) -> Result<(), (ProvideError, Frame)> {
        let error = match self.insert_page(object, page, frame.start(), frame.kind()) {
            Ok(()) => {
                let _ = frame.into_entry();
                return Ok(());
            }
            Err(PageRefusal::Gone) => ProvideError::Gone { object },
            Err(PageRefusal::PastEnd) => ProvideError::PastEnd { page },
            Err(PageRefusal::AlreadyThere) => ProvideError::AlreadyThere { page },
            Err(PageRefusal::OutOfFrames | PageRefusal::TooManyOwners | PageRefusal::Absent(_)) => {
                ProvideError::OutOfFrames
            }
        };
        Err((error, frame))
    }

    /// Holds a page. In shared memory one that is not there gets a zeroed frame.
    pub(crate) fn hold_page(&self, object: ObjectId, page: u64) -> Result<Held, PageRefusal> {
        let mut is_new = false;
        loop {
            let held = self.lock().hold_page(object, page);
            match held {
                Ok(frame) => return Ok(Held { frame, is_new }),
                Err(PageRefusal::Absent(ObjectKind::SharedMemory)) => {
                    self.insert_zeroes(object, page)?;
                    is_new = true;
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Holds a page if it is there.
    pub(crate) fn hold_present_page(
        &self,
        object: ObjectId,
        page: u64,
    ) -> Result<Held, PageRefusal> {
        let frame = self.lock().hold_page(object, page)?;
        let is_new = false;
        Ok(Held { frame, is_new })
    }

    /// Lets a page go that no leaf took over.
    pub(crate) fn let_page_go(&self, held: Held) {
        // SAFETY: the value was the owner, and no leaf has the frame from it.
        unsafe { self.lock().drop_owner(held.frame) };
    }

    fn insert_zeroes(&self, object: ObjectId, page: u64) -> Result<(), PageRefusal> {
        let private = self.new_private(SMALL)?;
        match self.insert_page(object, page, private.start(), FrameKind::Private) {
            Ok(()) => {
                private.into_leaf();
                Ok(())
            }
            Err(refusal) => {
                self.free_private(private, SMALL);
                match refusal {
                    PageRefusal::AlreadyThere => Ok(()),
                    other => Err(other),
                }
            }
        }
    }

    /// Makes a frame the page of an object, which is its first owner.
    fn insert_page(
        &self,
        object: ObjectId,
        page: u64,
        frame: PhysAddr,
        kind: FrameKind,
    ) -> Result<(), PageRefusal> {
        let inserted = self.with_tables(|shared, spare| {
            let room = shared.make_room(object, page, frame, spare)?;
            Ok(room.map(|()| shared.put_page(object, page, frame, kind)))
        });
        let inserted = inserted.unwrap_or(Err(PageRefusal::OutOfFrames));
        if inserted.is_err() {
            self.lock().trim_page(object, page, frame);
        }
        inserted
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

impl From<OutOfFrames> for PageRefusal {
    fn from(_: OutOfFrames) -> Self {
        Self::OutOfFrames
    }
}

impl Shared {
    /// The frame of a page that is there.
    fn page_of(&mut self, object: ObjectId, page: u64) -> Result<PhysAddr, PageRefusal> {
        let record = self.objects.get(object).ok_or(PageRefusal::Gone)?;
        if page >= record.pages {
            return Err(PageRefusal::PastEnd);
        }
        let word = self.objects.pages_of(&record).get(page);
        frame_of(word).ok_or(PageRefusal::Absent(record.kind))
    }

    /// Counts an owner more of a page that is there.
    fn hold_page(&mut self, object: ObjectId, page: u64) -> Result<PhysAddr, PageRefusal> {
        let frame = self.page_of(object, page)?;
        let counted = self.add_owners(frame, 1);
        counted.map_err(|_| PageRefusal::TooManyOwners)?;
        Ok(frame)
    }

    /// Sees to it that the tables for a new page and its frame's counter are there.
    fn make_room(
        &mut self,
        object: ObjectId,
        page: u64,
        frame: PhysAddr,
        spare: &mut Option<Table>,
    ) -> Result<Result<(), PageRefusal>, NoTable> {
        match self.page_of(object, page) {
            Err(PageRefusal::Absent(_)) => {}
            Ok(_) => return Ok(Err(PageRefusal::AlreadyThere)),
            Err(refusal) => return Ok(Err(refusal)),
        }
        let Some(counter) = self.countable(frame, 1) else {
            return Ok(Err(PageRefusal::TooManyOwners));
        };
        self.owners.reach(counter.start, spare)?;
        self.with_pages(object, |pages, _| pages.reach(page, spare))
            .unwrap_or(Ok(()))?;
        Ok(Ok(()))
    }

    /// Puts a page there, for which there is room.
    fn put_page(&mut self, object: ObjectId, page: u64, frame: PhysAddr, kind: FrameKind) {
        self.with_pages(object, |pages, _| pages.set(page, word_of(frame)));
        self.set_owners(frame, 1);
        self.frames.reclassify_mapped(1, kind, FrameKind::Shared);
    }

    /// Gives back the tables that were made for a page and its counter and are
    /// not needed.
    fn trim_page(&mut self, object: ObjectId, page: u64, frame: PhysAddr) {
        self.with_pages(object, |pages, shared| pages.trim(page, &mut shared.frames));
        self.trim_counters(frame, 1);
    }

    /// Changes the array of an object's pages, and notes where its root is then.
    fn with_pages<R>(
        &mut self,
        object: ObjectId,
        change: impl FnOnce(&mut Sparse, &mut Self) -> R,
    ) -> Option<R> {
        let mut record = self.objects.get(object)?;
        let mut pages = self.objects.pages_of(&record);
        let result = change(&mut pages, self);
        record.note(&pages);
        self.objects.put(object, &record);
        Some(result)
    }

    fn resize_object(&mut self, object: ObjectId, pages: u64) -> Result<u64, ResizeError> {
        let record = self.objects.get(object);
        let mut record = record.ok_or(ResizeError::Gone { object })?;
        let mut array = self.objects.pages_of(&record);
        let mut next = array.next(pages);
        while let Some((page, word)) = next {
            if frame_of(word).is_some_and(|frame| self.owners_of(frame) > 1) {
                return Err(ResizeError::Mapped { page });
            }
            next = array.next(page + 1);
        }
        let freed = self.drop_pages(&mut array, pages);
        record.note(&array);
        record.pages = pages;
        self.objects.put(object, &record);
        Ok(freed)
    }

    /// Counts a region of an object less, which goes with the last.
    pub(super) fn let_object_go(&mut self, mapping: Mapping) {
        if let Some(unheld) = self.objects.let_go(mapping) {
            self.end_object(mapping.object, unheld);
        }
    }

    /// Gives back an object that nothing holds, and its pages.
    fn end_object(&mut self, object: ObjectId, record: Record) {
        self.drop_pages(&mut self.objects.pages_of(&record), 0);
        self.objects.remove(object, &mut self.frames);
    }

    /// Takes the pages from `first` on away from their object. Returns how many
    /// that were.
    fn drop_pages(&mut self, array: &mut Sparse, first: u64) -> u64 {
        let (mut dropped, mut next) = (0, first);
        while let Some((page, word)) = array.next(next) {
            next = page + 1;
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
