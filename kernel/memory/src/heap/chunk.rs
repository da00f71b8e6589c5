//! Chunks: 2 MiB of small blocks, and what is noted about them.
//!
//! ```text
//! 0        4 KiB       32 KiB      64 KiB                          2 MiB
//! +--------+-----------+-----------+------- ... -------------------+
//! | header | span 0    | span 1    |            span 63            |
//! +--------+-----------+-----------+------- ... -------------------+
//!    ^ one `Span` each: class, blocks in use     blocks of one class, no header
//! ```
//!
//! A chunk is aligned to its size, so the address of a block names its chunk and
//! its span by two masks, without a look at anything. The notes stand together
//! in the header's page, not in the spans: blocks lie at page boundaries, an
//! overrun does not reach the notes, a span that is empty is given back whole,
//! and the notes of neighbours share cache lines instead of all of them falling
//! into the same set.
#![allow(unsafe_code)]

use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

use super::source::{GRAIN, PAGE, Pages};

/// Bytes of a chunk.
pub(super) const CHUNK: usize = GRAIN;

/// Bytes of a span; the first one of a chunk has a page less.
pub(super) const SPAN: usize = CHUNK / 64;

/// The class of a span that holds no blocks.
pub(super) const NO_CLASS: u8 = u8::MAX;

/// What is noted about one span.
pub(super) struct Span {
    /// Blocks that are handed out.
    pub(super) used: u32,
    /// The class of its blocks, or [`NO_CLASS`].
    pub(super) class: u8,
    /// Whether a sweep has met it already.
    pub(super) swept: bool,
    /// The next one that the sweep has met.
    pub(super) next_swept: *mut Span,
}

/// The header of a chunk, at its start.
pub(super) struct Chunk {
    pub(super) spans: [Span; 64],
    /// Bit n: span n holds no blocks.
    pub(super) free: u64,
    /// Neighbours in the list of all chunks.
    pub(super) all: Links,
    /// Neighbours in the list of chunks with a free span.
    pub(super) open: Links,
}

const _: () = assert!(size_of::<Chunk>() <= PAGE);

/// Neighbours in a list of chunks; null is none.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) next: *mut Chunk,
    pub(super) previous: *mut Chunk,
}

impl Links {
    const NONE: Self = Self {
        next: null_mut(),
        previous: null_mut(),
    };
}

impl Chunk {
    /// Writes the header of a new chunk.
    ///
    /// # Safety
    ///
    /// The chunk at `start` is the caller's, aligned, and its first page can be
    /// written.
    pub(super) unsafe fn create(start: NonNull<u8>) -> *mut Self {
        let chunk = start.as_ptr().cast::<Self>();
        // SAFETY: the caller vouches for the page, which the header fits into.
        unsafe {
            chunk.write(Self {
                spans: [const {
                    Span {
                        used: 0,
                        class: NO_CLASS,
                        swept: false,
                        next_swept: null_mut(),
                    }
                }; 64],
                free: u64::MAX,
                all: Links::NONE,
                open: Links::NONE,
            });
        }
        chunk
    }
}

/// The chunk that an address lies in, if it lies in one.
#[inline(always)]
pub(super) fn chunk_of(address: usize) -> *mut Chunk {
    with_exposed_provenance_mut(address & !(CHUNK - 1))
}

/// What is noted about the span that an address lies in, if it lies in one.
///
/// The offset into the header is the span's number times the size of a note,
/// by one shift and one mask.
#[inline(always)]
pub(super) fn span_of(address: usize) -> *mut Span {
    const { assert!(size_of::<Span>() == 16 && core::mem::offset_of!(Chunk, spans) == 0) };
    let note = (address / SPAN % 64) * size_of::<Span>();
    with_exposed_provenance_mut(address & !(CHUNK - 1) | note)
}

/// The memory that the span of this note has for blocks.
pub(super) fn memory_of(span: *const Span) -> Pages {
    let chunk = span.addr() & !(CHUNK - 1);
    let number = (span.addr() - chunk) / size_of::<Span>();
    let start = chunk + number * SPAN;
    Pages {
        start: if number == 0 { start + PAGE } else { start },
        end: start + SPAN,
    }
}

/// Which of a chunk's 64 spans this note is about.
pub(super) fn number_of(span: *const Span) -> usize {
    (span.addr() & (CHUNK - 1)) / size_of::<Span>()
}
