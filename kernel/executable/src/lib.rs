//! What a program's file asks for before it can run.
//!
//! ```text
//!  file            memory
//!  ELF header
//!  segment 1  ───> code       read, execute
//!  segment 2  ───> data       read, write; the file's bytes, then zeroes
//!                  heap       grows up from `Executable::end`
//!                  ...
//!                  stack      grows down; what `stack::Start` writes lies on top
//! ```
//!
//! [`Executable::parse`] checks a static ELF64 file; [`stack`] writes what the
//! program's first instruction finds on its stack. What must always hold:
//! parsing reads the first [`HEAD`] bytes of the file and nothing else, so that
//! no page of a program is read before it is touched; and whatever the bytes are,
//! an executable that comes out of it lies within its [`Room`] and its file.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod header;
mod segment;
pub mod stack;

use core::ops::Range;

use arrayvec::ArrayVec;

pub use error::Error;
pub use segment::{Rights, Segment};

use header::Header;

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// The first bytes of a file: the ELF header and the program headers lie in them.
pub const HEAD: usize = PAGE as usize;
/// Segments that an executable may have.
pub const MOST_SEGMENTS: usize = 16;
/// Bytes of memory that the segments may have together.
pub const MOST_BYTES: u64 = 4 << 30;

/// Where programs may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The first address that a segment may have.
    pub start: u64,
    /// The end of the last.
    pub end: u64,
    /// Where a position-independent program begins, rounded up to the alignment
    /// that it asks for.
    pub base: u64,
}

/// Whether a file says where its program lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It does (`ET_EXEC`).
    Fixed,
    /// It can lie anywhere: a static PIE (`ET_DYN`), which relocates itself.
    PositionIndependent,
}

/// A file that can be run: checked, and with the addresses that it will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// Whether the file chose these addresses.
    pub kind: Kind,
    /// The first instruction.
    pub entry: u64,
    /// What is added to the file's addresses; 0 for a fixed one. It wraps.
    pub bias: u64,
    /// Where the program headers lie in memory, if a segment brings them there.
    pub headers: Option<u64>,
    /// How many program headers there are.
    pub header_count: u16,
    segments: ArrayVec<Segment, MOST_SEGMENTS>,
}

impl Executable {
    /// Checks a file of `size` bytes, of which `head` holds the first [`HEAD`],
    /// or all if it has fewer.
    ///
    /// Ignored are the headers for thread-local storage and for relocations
    /// (start-up code sees to them), and a wish for a stack with code on it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn parse(head: &[u8], size: u64, room: Room) -> Result<Self, Error> {
        let header = Header::read(head)?;
        let bias = header.bias(room)?;
        let mut segments = ArrayVec::<Segment, MOST_SEGMENTS>::new();
        let (mut end, mut total) = (0, 0);
        for load in header.loads() {
            let Some(segment) = Segment::check(load, bias, size, room)? else {
                continue;
            };
            let pages = segment.pages();
            if pages.start < end {
                let address = pages.start;
                return Err(Error::Overlap { address, end });
            }
            end = pages.end;
            total += pages.end - pages.start;
            if total > MOST_BYTES {
                return Err(Error::TooLarge { bytes: total });
            }
            if segments.try_push(segment).is_err() {
                return Err(Error::TooManySegments);
            }
        }
        if segments.is_empty() {
            return Err(Error::NoSegment);
        }
        let entry = header.entry().wrapping_add(bias);
        let is_code = |segment: &Segment| segment.rights.execute && segment.holds(entry);
        if !segments.iter().any(is_code) {
            return Err(Error::EntryOutside { entry });
        }
        Ok(Self {
            kind: header.kind(),
            entry,
            bias,
            headers: header.address(&segments),
            header_count: header.count(),
            segments,
        })
    }

    /// The segments, by address. No two have a page in common.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The end of the last page: where the heap of `brk` begins.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.pages().end)
    }

    /// All bytes of memory that the segments cover, gaps included.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.segments.first().map_or(0, |first| first.pages().start)..self.end()
    }
}
