//! The sweep: spans without a block in use leave the lists, and their pages go back.
//!
//! ```text
//! lists of free blocks ─> notes of idle spans ─> pages discarded ─> span free in its chunk
//!                         (their blocks taken out)                  last one: chunk put back
//! ```
//!
//! What must always hold: no block of a span that is given back stays in a list,
//! and no span that was idle is left.
#![allow(unsafe_code)]

use core::ptr::{NonNull, null_mut};

use super::super::chunk::{NO_CLASS, Span, chunk_of, memory_of, number_of, span_of};
use super::super::large::Large;
use super::super::lists::{self, Which};
use super::super::source::Source;
use super::Small;

impl Small {
    /// Takes all spans without a block in use out of the lists, and gives their
    /// pages back. Returns how many pages that were.
    #[inline(never)]
    pub(in crate::heap) fn sweep<S: Source>(&mut self, large: &mut Large<S>) -> usize {
        let mut swept: *mut Span = null_mut();
        let mut meet = |span: *mut Span| {
            // SAFETY: the note of a span with blocks, in its chunk's header.
            unsafe {
                if (*span).used == 0 && !(*span).swept {
                    (*span).swept = true;
                    (*span).next_swept = swept;
                    swept = span;
                }
                (*span).swept
            }
        };
        for own in self.classes.iter_mut().filter(|own| own.idle > 0) {
            let mut last = &raw mut own.free;
            let mut block = own.free;
            while !block.is_null() {
                // SAFETY: a block in the list is free and begins with a link;
                // `last` is the list's head or the link of a block that stays.
                unsafe {
                    let next = (*block).next;
                    if !meet(span_of(block.addr())) {
                        last.write(block);
                        last = &raw mut (*block).next;
                    }
                    block = next;
                }
            }
            // SAFETY: as above.
            unsafe { last.write(null_mut()) };
            if own.end != 0 {
                // Of a fresh span that could not be committed no block is in the list.
                meet(span_of(own.end - 1));
            }
        }
        let mut pages = 0;
        while !swept.is_null() {
            // SAFETY: a note that was just met; its blocks are in no list.
            let next = unsafe { (*swept).next_swept };
            pages += self.give_back(swept, large);
            swept = next;
        }
        debug_assert!(self.idle == 0 && self.classes.iter().all(|own| own.idle == 0));
        self.sweeps += u64::from(pages > 0);
        pages
    }

    /// Gives back a span none of whose blocks is in use or in the list.
    fn give_back<S: Source>(&mut self, span: *mut Span, large: &mut Large<S>) -> usize {
        let memory = memory_of(span);
        // SAFETY: the note of a span of ours.
        let span_note = unsafe { &mut *span };
        let own = &mut self.classes[usize::from(span_note.class)];
        if own.end == memory.end {
            (own.fresh, own.committed, own.end) = (0, 0, 0);
        }
        own.idle -= 1;
        self.spans -= 1;
        self.idle -= 1;
        span_note.class = NO_CLASS;
        span_note.swept = false;
        let pages = large.source.discard(memory);
        let chunk = chunk_of(span.addr());
        // SAFETY: the header of the span's chunk.
        unsafe {
            if (*chunk).free == 0 {
                lists::push(&mut self.open, chunk, Which::Open);
            }
            (*chunk).free |= 1 << number_of(span);
            if (*chunk).free == u64::MAX {
                lists::remove(&mut self.open, chunk, Which::Open);
                lists::remove(&mut self.chunks, chunk, Which::All);
                large.put_chunk(NonNull::new_unchecked(chunk).cast());
            }
        }
        pages
    }
}
