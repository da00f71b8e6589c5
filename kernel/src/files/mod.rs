//! The archive of files: what the runner packed, and either the boot loader read into
//! memory as its ramdisk, or lies on a disk.
//!
//! In memory it stays where the loader put it: its frames are never handed out, and are
//! mapped in the direct map alone, read-only. Of a disk the headers are read once, and a
//! page of a file when it is needed. Programs see both through [`cache`].

pub mod cache;
mod contents;
mod headers;

use archive::Archive;
use spin::Once;

use crate::disk::{self, Which};
use crate::{boot, spaces};

pub use contents::Contents;
pub use headers::FilesError;

static ARCHIVE: Once<Archive<'static>> = Once::new();

/// Where the archive lies.
enum Archived {
    /// Here.
    Memory(&'static [u8]),
    /// On a disk.
    Disk,
    /// The runner packed none.
    Nowhere,
}

/// The archive, empty if the runner packed none. It is checked when it is first asked for.
///
/// # Errors
///
/// See [`FilesError`].
///
/// # Panics
///
/// Before [`spaces::init`].
pub fn archive() -> Result<&'static Archive<'static>, FilesError> {
    ARCHIVE.try_call_once(|| match archived() {
        Archived::Memory(bytes) => Archive::new(bytes).map_err(FilesError::Archive),
        Archived::Disk => headers::read(),
        Archived::Nowhere => Ok(Archive::EMPTY),
    })
}

fn archived() -> Archived {
    match &boot::info().archive {
        // A disk goes first: somebody has asked for it.
        _ if disk::sectors(Which::Files).is_some() => Archived::Disk,
        Some(range) => {
            let start = spaces::memory().direct_map().address_of(range.start);
            let length = (range.end - range.start) as usize;
            // SAFETY: `kernel_half` maps these frames in the direct map, never gives them
            // back, and maps them nowhere writable.
            Archived::Memory(unsafe { core::slice::from_raw_parts(start.as_ptr(), length) })
        }
        None => Archived::Nowhere,
    }
}
