//! The archive of files: what the runner packed, and the boot loader read into
//! memory as its ramdisk.
//!
//! It stays where the loader put it. Its frames are never handed out, and are
//! mapped in the direct map alone, read-only. Programs see its files through
//! [`cache`].

pub mod cache;

use archive::{Archive, ArchiveError};
use spin::Once;

use crate::{boot, spaces};

static ARCHIVE: Once<Archive<'static>> = Once::new();

/// The archive, empty if the runner packed none. It is checked when it is first asked for.
///
/// # Errors
///
/// See [`ArchiveError`]: it is damaged, or there is no room for a list of its entries.
///
/// # Panics
///
/// Before [`spaces::init`].
pub fn archive() -> Result<&'static Archive<'static>, ArchiveError> {
    ARCHIVE.try_call_once(|| match &boot::info().archive {
        None => Ok(Archive::EMPTY),
        Some(range) => {
            let start = spaces::memory().direct_map().address_of(range.start);
            let length = (range.end - range.start) as usize;
            // SAFETY: `kernel_half` maps these frames in the direct map, never gives them
            // back, and maps them nowhere writable.
            Archive::new(unsafe { core::slice::from_raw_parts(start.as_ptr(), length) })
        }
    })
}
