//! Reading and writing the bytes of an object, as the system calls `read` and
//! `write` do: through the direct map, a page at a time.
//!
//! What must always hold: a page is held while its bytes move, and no lock is.
#![allow(unsafe_code)]

use super::{Held, Memory, PageRefusal};
use crate::frames::{FrameKind, OutOfFrames};
use crate::object::{ObjectBytesError, ObjectBytesRefusal, ObjectId, ObjectKind, ProvideError};
use crate::paging::LeafSize;

const PAGE: u64 = LeafSize::Size4KiB.bytes();

impl Memory {
    /// Reads bytes of an object. A page of shared memory that is not there reads
    /// as zeroes, and stays away.
    ///
    /// # Errors
    ///
    /// [`ObjectBytesError`] names the first byte that could not be read; what was
    /// read before it is in `into`.
    pub fn read_object(
        &self,
        object: ObjectId,
        from: u64,
        into: &mut [u8],
    ) -> Result<(), ObjectBytesError> {
        each_page(object, from, into.len(), |page, offset, range| {
            let into = &mut into[range];
            match self.hold_present_page(object, page) {
                Ok(held) => {
                    // SAFETY: the page is held, so its frame is in use and shown;
                    // the bytes lie in it.
                    unsafe { self.direct_map.read(held.start() + offset, into) };
                    self.let_page_go(held);
                }
                Err(PageRefusal::Absent(ObjectKind::SharedMemory)) => into.fill(0),
                Err(refusal) => return Err(refusal),
            }
            Ok(())
        })
    }

    /// Writes bytes of an object. A page of shared memory that is not there gets
    /// a frame.
    ///
    /// # Errors
    ///
    /// [`ObjectBytesError`] names the first byte that could not be written; what
    /// comes before it was written.
    pub fn write_object(
        &self,
        object: ObjectId,
        to: u64,
        from: &[u8],
    ) -> Result<(), ObjectBytesError> {
        each_page(object, to, from.len(), |page, offset, range| {
            let held: Held = self.hold_page(object, page)?;
            // SAFETY: as in `read_object`; objects are mapped in low halves alone,
            // where no Rust reference points to.
            unsafe { self.direct_map.write(held.start() + offset, &from[range]) };
            self.let_page_go(held);
            Ok(())
        })
    }

    /// Provides a page that begins with these bytes (4096 at most count) and ends
    /// with zeroes, in a new frame.
    ///
    /// # Errors
    ///
    /// See [`ProvideError`]; nothing has changed then.
    pub fn provide_bytes(
        &self,
        object: ObjectId,
        page: u64,
        bytes: &[u8],
    ) -> Result<(), ProvideError> {
        let frame = self.allocate_frame(FrameKind::Private);
        let frame = frame.map_err(|OutOfFrames| ProvideError::OutOfFrames)?;
        self.direct_map.zero(&frame);
        let bytes = &bytes[..bytes.len().min(PAGE as usize)];
        // SAFETY: the frame is owned, so it is in use, shown, and nobody else's;
        // the bytes lie in it.
        unsafe { self.direct_map.write(frame.start(), bytes) };
        self.provide(object, page, frame).map_err(|(error, frame)| {
            self.free_frame(frame);
            error
        })
    }
}

/// Names the pages that `len` bytes from `start` on lie in to `work`: which page,
/// where in it, and which of the bytes.
fn each_page(
    object: ObjectId,
    start: u64,
    len: usize,
    mut work: impl FnMut(u64, u64, core::ops::Range<usize>) -> Result<(), PageRefusal>,
) -> Result<(), ObjectBytesError> {
    let mut done = 0;
    while done < len {
        let here = start.saturating_add(done as u64);
        let (page, offset) = (here / PAGE, here % PAGE);
        let end = len.min(done + (PAGE - offset) as usize);
        work(page, offset, done..end).map_err(|refusal| ObjectBytesError {
            offset: here,
            refusal: match refusal {
                PageRefusal::Gone => ObjectBytesRefusal::Gone { object },
                PageRefusal::PastEnd => ObjectBytesRefusal::PastEnd,
                PageRefusal::OutOfFrames => ObjectBytesRefusal::OutOfFrames,
                PageRefusal::TooManyOwners => ObjectBytesRefusal::TooManyOwners,
                // A page that is there is no reason to refuse anything here.
                PageRefusal::Absent(_) | PageRefusal::AlreadyThere => {
                    ObjectBytesRefusal::Absent { page }
                }
                PageRefusal::NotCounted => ObjectBytesRefusal::NotCounted { page },
            },
        })?;
        done = end;
    }
    Ok(())
}
