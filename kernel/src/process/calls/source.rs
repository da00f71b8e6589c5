//! What a mapping is of.
//!
//! | asked for | backing |
//! |---|---|
//! | private, anonymous | zero: pages become physical when they are touched |
//! | shared, anonymous | an object of its own, which lasts as long as a mapping of it |
//! | a file of the archive | its object in the page cache; shared, it is only read |
//! | a `memfd` | its object |
//!
//! What is written to a private mapping of a file or a `memfd` is a copy, page by page.

use archive::Kind;
use memory::object::{Object, ObjectKind, Sharing};
use memory::space::{Backing, Rights};

use super::super::Process;
use super::super::open_file::{File, OpenFile, OpenFlags};
use super::Errno;
use super::range::PAGE;
use crate::files::cache;
use crate::spaces;

/// What a mapping is of. An object that nothing else holds lasts as long as this
/// does, and then as long as a region of it.
pub(super) struct Source {
    pub(super) backing: Backing,
    own: Option<Object>,
}

impl Source {
    /// Anonymous memory of so many bytes, a multiple of [`PAGE`].
    ///
    /// # Errors
    ///
    /// ENOMEM: there is no room for an object.
    pub(super) fn anonymous(size: u64, sharing: Sharing) -> Result<Self, Errno> {
        if sharing == Sharing::Private {
            let backing = Backing::Zero;
            return Ok(Self { backing, own: None });
        }
        let made = spaces::memory().create_object(ObjectKind::SharedMemory, size / PAGE);
        let object = made.map_err(|_| Errno::NO_MEMORY)?;
        let backing = Backing::Object {
            object: object.id(),
            offset_in_pages: 0,
            sharing,
        };
        let own = Some(object);
        Ok(Self { backing, own })
    }

    /// The bytes of an open file from `offset` on, a multiple of [`PAGE`].
    ///
    /// # Errors
    ///
    /// EACCES: the file is not open for that; ENODEV: it has no pages; ENOMEM: the
    /// page cache has no room for it.
    pub(super) fn file(
        file: &OpenFile,
        offset: u64,
        sharing: Sharing,
        rights: Rights,
    ) -> Result<Self, Errno> {
        let is_written = sharing == Sharing::Shared && rights == Rights::ReadWrite;
        if !file.flags().can_read() || is_written && !file.flags().can_write() {
            return Err(Errno::NO_ACCESS);
        }
        let object = match file.file() {
            File::Console | File::Reader(_) | File::Writer(_) => return Err(Errno::NO_DEVICE),
            File::SharedMemory(memory) => memory.object(),
            File::Entry(entry) => {
                let Kind::File(place) = entry.kind else {
                    return Err(Errno::NO_DEVICE);
                };
                cache::object_of(place.into())?
            }
        };
        let backing = Backing::Object {
            object,
            offset_in_pages: offset / PAGE,
            sharing,
        };
        Ok(Self { backing, own: None })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(object) = self.own.take() {
            spaces::memory().release_object(object);
        }
    }
}

/// The open file that is to be mapped.
///
/// # Errors
///
/// EBADF: there is none, or it is only named.
pub(super) fn mapped_file(process: &Process, descriptor: u64) -> Result<&OpenFile, Errno> {
    let file = process.descriptors.get(descriptor)?;
    if file.flags().contains(OpenFlags::PATH) {
        return Err(Errno::BAD_FILE);
    }
    Ok(file)
}

/// True for a shared mapping of what nobody may write to: a file of the archive.
pub(super) fn is_never_written(backing: Backing) -> bool {
    let Backing::Object {
        object,
        sharing: Sharing::Shared,
        ..
    } = backing
    else {
        return false;
    };
    let status = spaces::memory().object(object);
    status.is_some_and(|status| status.kind == ObjectKind::File)
}
