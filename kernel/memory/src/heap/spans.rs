//! The spans of all chunks: taken one by one for small or medium blocks, given
//! back when no block in them is in use.
//!
//! What must always hold: `open` lists the chunks with a free span, each once. A
//! chunk all of whose spans are free is given back itself.
#![allow(unsafe_code)]

use core::ptr::{NonNull, null_mut};

use super::chunk::{Chunk, NO_CLASS, Span, chunk_of, memory_of, number_of};
use super::large::Large;
use super::source::Source;

/// Idle spans (32 KiB each) that are kept in any case.
const KEPT: u32 = 8;

/// Which spans there are.
pub(super) struct Spans {
    /// The list of chunks with a free span.
    open: *mut Chunk,
    /// Spans that were taken.
    count: u32,
    /// Those of them without a block in use.
    pub(super) idle: u32,
}

impl Spans {
    pub(super) const fn new() -> Self {
        Self {
            open: null_mut(),
            count: 0,
            idle: 0,
        }
    }

    /// Whether so many spans are idle that they should be given back.
    #[inline(always)]
    pub(super) fn are_too_many_idle(&self) -> bool {
        self.idle > KEPT + self.count / 4
    }

    /// Takes a span, which is idle. `None` if there is no memory for a chunk.
    pub(super) fn take(
        &mut self,
        class: u8,
        large: &mut Large<dyn Source + '_>,
    ) -> Option<*mut Span> {
        if self.open.is_null() {
            let start = large.take_chunk()?;
            // SAFETY: the chunk is ours now, and its first page is reserved.
            let chunk = unsafe { Chunk::create(start) };
            // SAFETY: the chunk has a header, and is in no list.
            unsafe { self.open(chunk) };
        }
        let chunk = self.open;
        // SAFETY: a chunk in the list has a header, and a free span.
        let span = unsafe {
            let number = (*chunk).free.trailing_zeros() as usize;
            (*chunk).free &= (*chunk).free - 1;
            let span = &raw mut (*chunk).spans[number];
            (*span).class = class;
            if (*chunk).free == 0 {
                self.close(chunk);
            }
            span
        };
        self.count += 1;
        self.idle += 1;
        Some(span)
    }

    /// Gives an idle span back. Returns how many pages that gave back.
    ///
    /// # Safety
    ///
    /// The span was taken, none of its blocks is in use, and no list leads to
    /// them or to it.
    pub(super) unsafe fn give_back(
        &mut self,
        span: *mut Span,
        large: &mut Large<dyn Source + '_>,
    ) -> usize {
        // SAFETY: a span of ours, of which no block is in use.
        let pages = unsafe { large.source.discard(memory_of(span)) };
        self.count -= 1;
        self.idle -= 1;
        let chunk = chunk_of(span.addr());
        // SAFETY: the note of a span of ours, in its chunk's header.
        unsafe {
            (*span).class = NO_CLASS;
            if (*chunk).free == 0 {
                self.open(chunk);
            }
            (*chunk).free |= 1 << number_of(span);
            if (*chunk).free == u64::MAX {
                self.close(chunk);
                large.put_chunk(NonNull::new_unchecked(chunk).cast());
            }
        }
        pages
    }

    /// Puts a chunk into the list.
    ///
    /// # Safety
    ///
    /// The chunk and all in the list have headers, and it is not in the list.
    unsafe fn open(&mut self, chunk: *mut Chunk) {
        // SAFETY: the caller vouches for the headers.
        unsafe {
            (*chunk).previous = null_mut();
            (*chunk).next = self.open;
            if !self.open.is_null() {
                (*self.open).previous = chunk;
            }
        }
        self.open = chunk;
    }

    /// Takes a chunk out of the list.
    ///
    /// # Safety
    ///
    /// The chunk and all in the list have headers, and it is in the list.
    unsafe fn close(&mut self, chunk: *mut Chunk) {
        // SAFETY: the caller vouches for the headers.
        unsafe {
            let (next, previous) = ((*chunk).next, (*chunk).previous);
            if previous.is_null() {
                self.open = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }
}
