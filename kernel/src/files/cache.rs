//! The page cache: pages of files that somebody has needed, one frame for each,
//! shared by all who read the file or map it.
//!
//! ```text
//!   a fault ─> Blocked ─> read_page ─> the object's page is there ─> the fault again
//! ```
//!
//! A file is known by where its bytes lie (see [`Contents`]); there is an object for
//! each that was opened or run. A part that begins where a file does counts as a
//! file of its own, which ends earlier: its last page is filled up with zeroes.
//! What must always hold: a page is read only when it is needed, and no lock of
//! `memory` is held meanwhile. Files that nobody maps are the first to go when a
//! page fault or the cache itself is short of frames. In the book: chapter 13, `docs/13-loading-on-demand.md`.

use core::error::Error;
use core::fmt;

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use memory::frames::{Frame, OutOfFrames};
use memory::object::{
    CreateError, Object, ObjectBytesError, ObjectBytesRefusal, ObjectId, ObjectKind, ProvideError,
};
use memory::space::WantedPage;
use spin::{Mutex, MutexGuard};

use super::Contents;
use crate::disk::DiskError;
use crate::spaces;

/// The files that have an object, in the order of the objects' names.
static FILES: Mutex<Vec<CachedFile>> = Mutex::new(Vec::new());

/// A file, and the pages of it that are there.
struct CachedFile {
    contents: Contents,
    object: Object,
}

/// Why a file, or a page of it, cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheError {
    /// The kernel heap has no room for an entry.
    Heap(TryReserveError),
    /// There is no object for the file.
    Object(CreateError),
    /// There is no frame for a page.
    OutOfFrames,
    /// Bytes of a page that is there cannot be read.
    Bytes(ObjectBytesError),
    /// A page cannot be read from the disk.
    Disk(DiskError),
    /// No file has this page.
    NoSuchPage(WantedPage),
    /// The cache is being changed.
    Busy,
}

impl Error for CacheError {}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heap(error) => write!(f, "no room on the heap for a file: {error}"),
            Self::Object(error) => error.fmt(f),
            Self::OutOfFrames => OutOfFrames.fmt(f),
            Self::Bytes(error) => error.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::NoSuchPage(wanted) => {
                write!(f, "no file has page {} of {}", wanted.page, wanted.object)
            }
            Self::Busy => f.write_str("the page cache was being changed"),
        }
    }
}

/// The object of the file with these contents, which is made if there is none. Not to
/// be kept: it lasts until frames are short, unless a region holds it.
///
/// # Errors
///
/// See [`CacheError`].
pub fn object_of(contents: Contents) -> Result<ObjectId, CacheError> {
    let mut files = FILES.lock();
    if let Some(file) = files.iter().find(|file| file.contents == contents) {
        return Ok(file.object.id());
    }
    files.try_reserve(1).map_err(CacheError::Heap)?;
    let pages = contents.pages();
    let made = retried(&mut files, || {
        let object = spaces::memory().create_object(ObjectKind::File, pages);
        object.map_err(|error| match error {
            CreateError::OutOfFrames => CacheError::OutOfFrames,
            other => CacheError::Object(other),
        })
    });
    let object = made?;
    let id = object.id();
    // Names ascend, so the order stays.
    files.push(CachedFile { contents, object });
    Ok(id)
}

/// Reads a page of a file that is not there, for all who wait for it.
///
/// # Errors
///
/// See [`CacheError`].
pub fn read_page(wanted: WantedPage) -> Result<(), CacheError> {
    // A page fault waits for no lock.
    let mut files = FILES.try_lock().ok_or(CacheError::Busy)?;
    read(&mut files, wanted)
}

/// The sector of the disk from which on a page of a file lies; `None` if the file is in
/// memory, or nobody knows it.
pub(crate) fn sector_of(wanted: WantedPage) -> Option<u64> {
    let files = FILES.try_lock()?;
    let WantedPage { object, page } = wanted;
    let index = files.binary_search_by_key(&object, |file| file.object.id());
    files[index.ok()?].contents.sector(page)
}

/// Hands in a page that was read from there into `frame`, for all who wait for it. What
/// is still in `frame` then was not needed.
///
/// # Errors
///
/// See [`CacheError`].
pub(crate) fn provide(wanted: WantedPage, frame: &mut Option<Frame>) -> Result<(), CacheError> {
    let no_such_page = CacheError::NoSuchPage(wanted);
    let WantedPage { object, page } = wanted;
    let contents = contents_of(object).ok_or(no_such_page.clone())?;
    let Some(mut read) = frame.take() else {
        return Err(no_such_page);
    };
    contents.end_page(page, &mut read);
    let Err((error, read)) = spaces::memory().provide(object, page, read) else {
        return Ok(());
    };
    *frame = Some(read);
    match error {
        ProvideError::AlreadyThere { .. } => Ok(()),
        ProvideError::OutOfFrames => Err(CacheError::OutOfFrames),
        _ => Err(no_such_page),
    }
}

fn read(files: &mut MutexGuard<'_, Vec<CachedFile>>, wanted: WantedPage) -> Result<(), CacheError> {
    let WantedPage { object, page } = wanted;
    let index = files.binary_search_by_key(&object, |file| file.object.id());
    let contents = index.map(|index| files[index].contents);
    let contents = contents.map_err(|_| CacheError::NoSuchPage(wanted))?;
    let provided = contents.page(page, |bytes| {
        retried(files, || {
            match spaces::memory().provide_bytes(object, page, bytes) {
                Ok(()) | Err(ProvideError::AlreadyThere { .. }) => Ok(()),
                Err(ProvideError::OutOfFrames) => Err(CacheError::OutOfFrames),
                Err(_) => Err(CacheError::NoSuchPage(wanted)),
            }
        })
    });
    provided.ok_or(CacheError::NoSuchPage(wanted))??
}

/// Reads bytes of the file from `offset` on, as far as it goes; returns how many
/// that were.
///
/// # Errors
///
/// See [`CacheError`].
pub fn read_bytes(contents: Contents, offset: u64, into: &mut [u8]) -> Result<usize, CacheError> {
    let rest = contents.size().saturating_sub(offset) as usize;
    let count = into.len().min(rest);
    let into = &mut into[..count];
    let (mut object, mut is_second) = (object_of(contents)?, false);
    loop {
        let Err(error) = spaces::memory().read_object(object, offset, into) else {
            return Ok(into.len());
        };
        let ObjectBytesRefusal::Absent { page } = error.refusal else {
            return Err(CacheError::Bytes(error));
        };
        let page_read = read(&mut FILES.lock(), WantedPage { object, page });
        match page_read {
            // Frames were short, and this file was let go with the others.
            Err(CacheError::NoSuchPage(_)) if !is_second => {
                is_second = true;
                object = object_of(contents)?;
            }
            other => other?,
        }
    }
}

/// Pages of the file that are there.
#[must_use]
pub fn pages_of(contents: impl Into<Contents>) -> u64 {
    let contents = contents.into();
    let files = FILES.lock();
    let pages = |file: &CachedFile| spaces::memory().pages_held(file.object.id());
    // The parts of a file that end earlier are pages of it, too.
    let is_part = |file: &&CachedFile| file.contents.is_part_of(contents);
    files.iter().filter(is_part).map(pages).sum()
}

/// The contents of the file that this is the object of.
#[must_use]
pub fn contents_of(object: ObjectId) -> Option<Contents> {
    let files = FILES.lock();
    let index = files.binary_search_by_key(&object, |file| file.object.id());
    index.ok().map(|index| files[index].contents)
}

/// Gives back the pages of all files that nobody maps. Returns whether there were any.
pub fn let_go() -> bool {
    FILES
        .try_lock()
        .is_some_and(|mut files| let_go_of(&mut files))
}

fn let_go_of(files: &mut Vec<CachedFile>) -> bool {
    let memory = spaces::memory();
    let before = files.len();
    let is_unused = |file: &mut CachedFile| {
        let status = memory.object(file.object.id());
        status.is_none_or(|status| status.regions == 0)
    };
    for file in files.extract_if(.., is_unused) {
        memory.release_object(file.object);
    }
    files.len() < before
}

/// Tries once more when frames were short, if some came back.
fn retried<T>(
    files: &mut Vec<CachedFile>,
    mut attempt: impl FnMut() -> Result<T, CacheError>,
) -> Result<T, CacheError> {
    match attempt() {
        Err(CacheError::OutOfFrames) if let_go_of(files) => attempt(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test_case]
    fn a_file_that_nobody_maps_gives_its_own_pages_for_those_that_are_read() {
        static CONTENTS: [u8; 3 * PAGE as usize] = [7; 3 * PAGE as usize];
        let contents = Contents::Memory(&CONTENTS);
        let mut byte = [0];
        assert_eq!(read_bytes(contents, 0, &mut byte), Ok(1));
        let memory = spaces::memory();
        let limit = memory.counts().limit;
        memory.set_limit(Some(0));
        let read = read_bytes(contents, PAGE, &mut byte);
        memory.set_limit(limit);
        assert_eq!((read, byte), (Ok(1), [7]));
        assert_eq!(pages_of(contents), 1);
        assert!(let_go());
    }
}
