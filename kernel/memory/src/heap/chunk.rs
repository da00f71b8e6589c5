//! Chunks: 2 MiB of spans, and what is noted about each of these.
//!
//! ```text
//! 0        4 KiB       32 KiB      64 KiB                          2 MiB
//! +--------+-----------+-----------+------- ... -------------------+
//! | header | span 0    | span 1    |            span 63            |
//! +--------+-----------+-----------+------- ... -------------------+
//!    ^ a `Span` and a list each        small blocks of one class, or medium ones
//! ```
//!
//! A chunk is aligned to its size, so the address of a block names its chunk and
//! its span by two masks. The notes stand together in the header's page, not in
//! the spans: blocks lie at page boundaries, an overrun does not reach the notes,
//! and a span that is empty is given back whole.
#![allow(unsafe_code)]

use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

use linked_list_allocator::hole::HoleList;

use super::source::{GRAIN, PAGE, Pages};

/// Bytes of a chunk.
pub(super) const CHUNK: usize = GRAIN;

/// Spans of a chunk.
const SPANS: usize = 64;

/// Bytes of a span; the first one of a chunk has a page less.
pub(super) const SPAN: usize = CHUNK / SPANS;

/// In the place of a class: the span holds medium blocks.
pub(super) const MEDIUM: u8 = u8::MAX - 1;

/// In the place of a class: the span holds no blocks.
pub(super) const NO_CLASS: u8 = u8::MAX;

/// What is noted about one span: 16 bytes, with pointers of 32 bits, too.
#[repr(align(16))]
pub(super) struct Span {
    /// What is handed out: blocks of the class, or steps of medium blocks.
    pub(super) used: u32,
    /// The class of its blocks, [`MEDIUM`] or [`NO_CLASS`].
    pub(super) class: u8,
    /// Whether it is in a list of spans, and the next one there.
    pub(super) listed: bool,
    pub(super) next: *mut Span,
}

/// The header of a chunk, at its start.
pub(super) struct Chunk {
    pub(super) spans: [Span; SPANS],
    /// The holes of spans that hold medium blocks.
    lists: [HoleList; SPANS],
    /// Bit n: span n holds no blocks.
    pub(super) free: u64,
    /// Neighbours in the list of chunks with a free span; null is none.
    pub(super) next: *mut Chunk,
    pub(super) previous: *mut Chunk,
}

const _: () = assert!(size_of::<Chunk>() <= PAGE);

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
                        listed: false,
                        next: null_mut(),
                    }
                }; SPANS],
                lists: [const { HoleList::empty() }; SPANS],
                free: u64::MAX,
                next: null_mut(),
                previous: null_mut(),
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
    let note = (address / SPAN % SPANS) * size_of::<Span>();
    with_exposed_provenance_mut(address & !(CHUNK - 1) | note)
}

/// The list of holes of the span with this note.
pub(super) fn list_of(span: *const Span) -> *mut HoleList {
    let chunk = chunk_of(span.addr());
    let list = core::mem::offset_of!(Chunk, lists) + number_of(span) * size_of::<HoleList>();
    chunk.wrapping_byte_add(list).cast()
}

/// The memory that the span of this note has for blocks.
pub(super) fn memory_of(span: *const Span) -> Pages {
    let number = number_of(span);
    let start = chunk_of(span.addr()).addr() + number * SPAN;
    let header = if number == 0 { PAGE } else { 0 };
    Pages::between(start + header, start + SPAN)
}

/// Which of its chunk's spans this note is about.
pub(super) fn number_of(span: *const Span) -> usize {
    (span.addr() & (CHUNK - 1)) / size_of::<Span>()
}

/// The notes of all spans of the chunk at this address.
pub(super) fn spans_of(chunk: usize) -> impl Iterator<Item = *mut Span> {
    (0..SPANS).map(move |number| span_of(chunk + number * SPAN))
}
