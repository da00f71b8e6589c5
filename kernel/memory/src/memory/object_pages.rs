//! The pages of objects: provided, held, and made room for, under the lock.
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

use super::{Memory, ShareError, Shared};
use crate::frames::{Frame, FrameKind, OutOfFrames};
use crate::object::{ObjectId, ObjectKind, ProvideError, frame_of, word_of};
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
    /// Its frame is one whose owners cannot be counted.
    NotCounted,
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
            Err(PageRefusal::NotCounted) => ProvideError::NotCounted {
                frame: frame.start(),
            },
            // A page that is not there is none, and its frame has no owner.
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
        counted.map_err(|error| match error {
            ShareError::OutOfFrames => PageRefusal::OutOfFrames,
            ShareError::TooManyOwners(_) | ShareError::TooManySlotOwners(_) => {
                PageRefusal::TooManyOwners
            }
            ShareError::NotCounted(_) => PageRefusal::NotCounted,
        })?;
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
            return Ok(Err(PageRefusal::NotCounted));
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
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use x86_64::VirtAddr;

    use super::*;
    use crate::memory::tests::over;

    #[test]
    fn an_object_that_ends_while_a_page_is_put_there_leaves_no_table() {
        #[repr(align(4096))]
        struct Frames(#[expect(dead_code, reason = "used through the offset")] [u8; 64 * 4096]);

        let host = vec![Frames([0; 64 * 4096])].leak();
        let offset = VirtAddr::new(host.as_mut_ptr().expose_provenance() as u64 - 256 * 4096);
        // SAFETY: all of it is shown there, and never given back.
        let memory = unsafe { over(&[(256, 320)], offset) }.expect("enough frames in a row");
        let before = memory.counts();
        let mut most = 0;
        // So many tables are linked, one at each attempt, when the object ends.
        for linked in 0..=8 {
            let object = memory.create_object(ObjectKind::SharedMemory, 1 << 30);
            let object = object.expect("frames");
            let (id, page) = (object.id(), 1 << 29);
            let private = memory.new_private(SMALL).expect("a frame");
            let frame = private.start();
            let made = memory.counts().tables;
            for _ in 0..linked {
                let mut spare = memory.new_table().ok();
                let mut shared = memory.lock();
                let room = shared.make_room(id, page, frame, &mut spare);
                assert_ne!(room, Ok(Err(PageRefusal::Gone)));
                drop(shared);
                if let Some(table) = spare {
                    // SAFETY: it was not linked.
                    memory.free_frame(unsafe { table.into_frame() });
                }
            }
            most = most.max(memory.counts().tables - made);
            memory.release_object(object);
            memory.lock().trim_page(id, page, frame);
            memory.free_private(private, SMALL);
            assert_eq!(memory.counts(), before, "{linked} attempts");
        }
        assert_eq!(
            most,
            4 + 4,
            "for the page, and for the counter of its frame"
        );
    }
}
