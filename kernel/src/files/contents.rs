//! The bytes of a file: in memory, or on the disk of the archive.

use archive::Place;
use memory::frames::Frame;

use super::Archived;
use super::cache::CacheError;
use crate::disk::{self, Which};
use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;
/// Bytes of a sector of a disk.
const SECTOR: u64 = PAGE / disk::SECTORS;

/// Where the bytes of a file, or of a part of it, lie. Two of the same place and
/// size are the same file.
#[derive(Debug, Clone, Copy)]
pub enum Contents {
    /// Here.
    Memory(&'static [u8]),
    /// At this place of the disk of the archive.
    Disk(Place),
}

impl Contents {
    /// How many bytes there are.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(place) => place.size as u64,
        }
    }

    /// How many pages they take.
    #[must_use]
    pub const fn pages(self) -> u64 {
        self.size().div_ceil(PAGE)
    }

    /// The part that ends after `size` bytes, or all if there are no more.
    #[must_use]
    pub fn shortened(self, size: u64) -> Self {
        let size = size.min(self.size()) as usize;
        match self {
            Self::Memory(bytes) => Self::Memory(&bytes[..size]),
            Self::Disk(Place { start, .. }) => Self::Disk(Place { start, size }),
        }
    }

    /// Whether the other is this file, or a part of it that ends at another byte.
    #[must_use]
    pub fn is_part_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::Memory(one), Self::Memory(other)) => one.as_ptr() == other.as_ptr(),
            (Self::Disk(one), Self::Disk(other)) => one.start == other.start,
            (Self::Memory(_), Self::Disk(_)) | (Self::Disk(_), Self::Memory(_)) => false,
        }
    }

    /// The sector of the disk from which on a page lies, if it lies on one.
    pub(super) fn sector(self, page: u64) -> Option<u64> {
        let start = page
            .checked_mul(PAGE)
            .filter(|start| *start < self.size())?;
        match self {
            Self::Memory(_) => None,
            Self::Disk(place) => Some((place.start as u64 + start) / SECTOR),
        }
    }

    /// Hands the bytes of a page to `take`: those that the file has of it. `None` past its end.
    pub(super) fn page<R>(
        self,
        page: u64,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Option<Result<R, CacheError>> {
        let count = self.bytes_of(page);
        match self {
            _ if count == 0 => None,
            Self::Memory(bytes) => Some(Ok(take(&bytes[(page * PAGE) as usize..][..count]))),
            Self::Disk(_) => {
                let mut bytes = [0; PAGE as usize];
                let read = disk::read_from(Which::Files, self.sector(page)?, &mut bytes);
                let read = read.map_err(CacheError::Disk);
                Some(read.map(|()| take(&bytes[..count])))
            }
        }
    }

    /// Makes those bytes of a page zeroes that lie behind the end of the file.
    pub(super) fn end_page(self, page: u64, frame: &mut Frame) {
        let count = self.bytes_of(page);
        let bytes = spaces::memory().direct_map().address_of(frame.start());
        // SAFETY: the frame is ours alone, and the direct map shows it; a page has no more
        // bytes of a file than a frame has.
        unsafe {
            let end = bytes.as_mut_ptr::<u8>().add(count);
            end.write_bytes(0, PAGE as usize - count);
        }
    }

    /// How many bytes the file has of a page.
    fn bytes_of(self, page: u64) -> usize {
        let rest = self.size().saturating_sub(page.saturating_mul(PAGE));
        rest.min(PAGE) as usize
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        self.size() == other.size() && self.is_part_of(*other)
    }
}

impl Eq for Contents {}

impl From<&'static [u8]> for Contents {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Memory(bytes)
    }
}

impl From<Place> for Contents {
    /// The contents of a file of the archive.
    fn from(place: Place) -> Self {
        match super::archived() {
            Archived::Memory(bytes) => Self::Memory(&bytes[place.range()]),
            Archived::Disk | Archived::Nowhere => Self::Disk(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_shorter_part_is_a_file_of_its_own_that_begins_where_the_file_does() {
        static BYTES: [u8; 5000] = [7; 5000];
        let place = Place {
            start: 512,
            size: 5000,
        };
        for whole in [Contents::Memory(&BYTES), Contents::Disk(place)] {
            let part = whole.shortened(4097);
            assert_eq!((whole.size(), whole.pages()), (5000, 2));
            assert_eq!((part.size(), part.pages()), (4097, 2));
            assert!(part.is_part_of(whole) && part != whole);
            assert_eq!(whole.shortened(9999), whole);
        }
        assert!(!Contents::Memory(&BYTES).is_part_of(Contents::Disk(place)));
    }
}
