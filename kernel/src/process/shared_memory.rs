//! Shared memory: an object that several processes may map, with a size in bytes
//! (Linux: memfd).
//!
//! What must always hold: it holds its object as long as it is open, and gives it
//! back in the end, so that nobody else has to. What lies behind its end is 0.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use memory::object::{CreateError, Object, ObjectBytesRefusal, ObjectId, ObjectKind, ResizeError};

use super::calls::Errno;
use crate::{spaces, swap};

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Memory that several processes may map.
#[derive(Debug)]
pub struct SharedMemory {
    /// Only a value that is being dropped has none.
    object: Option<Object>,
    id: ObjectId,
    /// No other one has it.
    number: u64,
    size: AtomicU64,
}

/// The number of the next shared memory.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl SharedMemory {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// See [`CreateError`].
    pub fn new() -> Result<Self, CreateError> {
        let object = spaces::memory().create_object(ObjectKind::SharedMemory, 0)?;
        Ok(Self {
            id: object.id(),
            object: Some(object),
            number: NEXT_NUMBER.fetch_add(1, Relaxed),
            size: AtomicU64::new(0),
        })
    }

    /// Its pages, to be mapped.
    #[must_use]
    pub const fn object(&self) -> ObjectId {
        self.id
    }

    /// What tells it from all others that there were.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Gives it another size. What comes behind the old end is 0.
    ///
    /// # Errors
    ///
    /// See [`ResizeError`]: a page behind the new end may be mapped.
    pub fn resize(&self, size: u64) -> Result<(), ResizeError> {
        let memory = spaces::memory();
        memory.resize_object(self.id, size.div_ceil(PAGE))?;
        let before = self.size.swap(size, Relaxed);
        let end = size.min(before);
        let page = end / PAGE;
        let is_there = memory.object_page(self.id, page).is_some();
        if size != before && !end.is_multiple_of(PAGE) && is_there {
            // What lies in the last page behind the end: what was in the file there
            // before, or what a mapping has written.
            const ZEROES: [u8; 256] = [0; 256];
            let mut here = end;
            while here < (page + 1) * PAGE {
                let count = ((page + 1) * PAGE - here).min(ZEROES.len() as u64);
                // The page is there and this is its owner, so nothing is short.
                let _ = memory.write_object(self.id, here, &ZEROES[..count as usize]);
                here += count;
            }
        }
        Ok(())
    }

    /// Reads bytes, up to its end; returns how many.
    pub(super) fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let rest = self.size().saturating_sub(position);
        let count = rest.min(into.len() as u64) as usize;
        let result = spaces::memory().read_object(self.id, position, &mut into[..count]);
        match result {
            Ok(()) => Ok(count),
            // A page of shared memory that is not there reads as zeroes.
            Err(_) => Err(Errno::NO_MEMORY),
        }
    }

    /// Writes bytes, and moves its end if they go further; returns how many. No bytes
    /// move nothing.
    pub(super) fn write_at(&self, position: u64, from: &[u8]) -> Result<usize, Errno> {
        let before = self.size();
        let end = position.saturating_add(from.len() as u64);
        if from.is_empty() {
            return Ok(0);
        }
        if end > before {
            self.resize(end).map_err(|_| Errno::FILE_TOO_LARGE)?;
        }
        let write = || spaces::memory().write_object(self.id, position, from);
        // Without slots, what could be freed is needed for writes that were promised.
        let result = if swap::slots().total == 0 {
            write()
        } else {
            spaces::relieved(write)
        };
        let Err(error) = result else {
            return Ok(from.len());
        };
        debug_assert_eq!(error.refusal, ObjectBytesRefusal::OutOfFrames);
        if end > before {
            // No page behind the old end was mapped: there was none.
            let _ = self.resize(before.max(error.offset));
        }
        match error.offset - position {
            0 => Err(Errno::NO_SPACE),
            written => Ok(written as usize),
        }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            spaces::memory().release_object(object);
        }
    }
}
