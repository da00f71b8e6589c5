//! The headers of an archive that lies on a disk.
//!
//! ```text
//!  disk     header  contents ....................  header  contents ...
//!  region   header  absent                         header  absent
//! ```
//!
//! The region has an address for each byte of the disk, and a page only for what
//! was read: the pages in which headers lie. What must always hold: nobody reads the
//! contents of a file there; they are zeroes, or were never read.

use core::error::Error;
use core::fmt;

use archive::{Archive, ArchiveError, BLOCK, blocks_to_next};
use memory::space::{AllocateError, Backing, Request, Rights};

use crate::disk::{self, DiskError, Which};
use crate::spaces;

/// Bytes of a page.
const PAGE: usize = 4096;

/// Why the files of a disk are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesError {
    /// The archive is damaged, or there is no room for the list of its entries.
    Archive(ArchiveError),
    /// A header cannot be read.
    Disk(DiskError),
    /// There are no addresses for the headers.
    Region(AllocateError),
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => error.fmt(f),
            Self::Disk(error) => write!(f, "the archive of files cannot be read: {error}"),
            Self::Region(error) => write!(f, "no room for the headers of files: {error}"),
        }
    }
}

impl Error for FilesError {}

/// Reads the headers of the archive on the disk, and nothing else of it.
pub(super) fn read() -> Result<Archive<'static>, FilesError> {
    let pages = disk::pages(Which::Files) as usize;
    if pages == 0 {
        return Archive::new(&[]).map_err(FilesError::Archive);
    }
    let request = Request::new((pages * PAGE) as u64, Backing::Demand).label("headers of files");
    let region = spaces::kernel_half(|half, memory| half.allocate(request, memory));
    let base = region.map_err(FilesError::Region)?.base;
    // SAFETY: the region is new, and nobody else's; a page of it that was not
    // touched is a page of zeroes, which are bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(base.as_mut_ptr::<u8>(), pages * PAGE) };
    let size = bytes.len() as u64;
    let archive = match read_into(bytes) {
        Ok(()) => Archive::new(bytes).map_err(FilesError::Archive),
        Err(error) => Err(FilesError::Disk(error)),
    };
    spaces::kernel_half(|half, memory| match archive {
        // SAFETY: from here on the bytes are read, and nothing else.
        Ok(_) => unsafe { half.protect(base, size, Rights::Read, memory) }
            .expect("the region was allocated above"),
        // SAFETY: nothing of it has come out, so nobody has a reference to it.
        Err(_) => unsafe { half.free(base, memory) }
            .map(drop)
            .expect("the region was allocated above"),
    });
    archive
}

/// Follows the headers, and reads each page in which one lies.
fn read_into(bytes: &mut [u8]) -> Result<(), DiskError> {
    let (pages, _) = bytes.as_chunks_mut::<PAGE>();
    let (mut block, mut last) = (0, None);
    loop {
        let place = block * BLOCK;
        let Some(page) = pages.get_mut(place / PAGE) else {
            return Ok(());
        };
        if last.replace(place / PAGE) != Some(place / PAGE) {
            disk::read_page(Which::Files, (place / PAGE) as u64, page)?;
        }
        let (blocks, _) = page.as_chunks::<BLOCK>();
        match blocks_to_next(&blocks[place % PAGE / BLOCK]) {
            Some(next) => block += next,
            None => return Ok(()),
        }
    }
}
