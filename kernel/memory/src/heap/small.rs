//! Small blocks: a list of free ones for each size class.
//!
//! ```text
//! take: list -> block, its span counts one more      put: the reverse
//! list empty: carve the next page of the class's fresh span, or take a new span
//! too many spans idle: sweep them out of the lists, give their pages back
//! ```
//!
//! One list for a class, not one for each span: a block that was freed last,
//! which is still in the cache, is handed out next, and there is no "current
//! span" that runs out. The price is the sweep, which walks the lists; it comes
//! only when the idle spans are a quarter of all, so each block that is freed
//! pays for at most four steps of it.
//!
//! What must always hold: a block is in its class's list or handed out, never
//! both; a span's count is that of its blocks that are handed out; every
//! carved block lies in pages that are reserved.
#![allow(unsafe_code)]

use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

use super::chunk::{SPAN, Span, memory_of, span_of};
use super::class::{CLASSES, LARGEST, SIZES};
use super::large::Large;
use super::source::{PAGE, Pages, Source};
use super::spans::Spans;
use super::{checks, fail};

/// A free block begins with the link to the next one in its class's list.
struct Block {
    next: *mut Block,
}

/// What one size class has.
struct Class {
    free: *mut Block,
    /// The address of the next block to carve, the end of the pages that were
    /// reserved for it, and the end of its span.
    fresh: usize,
    reserved: usize,
    end: usize,
    /// Spans of the class without a block in use.
    idle: u32,
}

/// All small blocks.
pub(super) struct Small {
    classes: [Class; CLASSES],
}

impl Small {
    pub(super) const fn new() -> Self {
        Self {
            classes: [const {
                Class {
                    free: null_mut(),
                    fresh: 0,
                    reserved: 0,
                    end: 0,
                    idle: 0,
                }
            }; CLASSES],
        }
    }

    /// Hands a free block of the class out; `None` if its list is empty.
    #[inline(always)]
    pub(super) fn take(&mut self, class: u8, spans: &mut Spans) -> Option<NonNull<u8>> {
        let own = &mut self.classes[usize::from(class)];
        let block = NonNull::new(own.free)?;
        // SAFETY: blocks in the list are free, so their first bytes are a link,
        // and their span's note is in the page of their chunk's header.
        unsafe {
            own.free = block.as_ref().next;
            let span = &mut *span_of(block.addr().get());
            if span.used == 0 {
                own.idle -= 1;
                spans.idle -= 1;
            }
            span.used += 1;
        }
        Some(block.cast())
    }

    /// Takes a block of the class back. True if a sweep is due.
    ///
    /// # Safety
    ///
    /// The block was handed out by [`take`](Self::take) for this class, and
    /// nobody uses it any more.
    #[inline(always)]
    pub(super) unsafe fn put(&mut self, block: NonNull<u8>, class: u8, spans: &mut Spans) -> bool {
        let own = &mut self.classes[usize::from(class)];
        // SAFETY: the block is one of a chunk's, whose header has the note; the
        // block is ours again, and has room for a link.
        unsafe {
            let span = &mut *span_of(block.addr().get());
            if span.class != class {
                fail::not_of_this_size(block, SIZES[usize::from(class)].into());
            }
            let block = block.cast::<Block>();
            block.write(Block { next: own.free });
            own.free = block.as_ptr();
            span.used = span.used.wrapping_sub(1);
            // One branch for "none left" and for "one more than there were".
            if span.used.cast_signed() > 0 {
                return false;
            }
            if span.used != 0 {
                fail::freed_too_often(block.cast());
            }
        }
        own.idle += 1;
        spans.idle += 1;
        spans.are_too_many_idle()
    }

    /// Fills the empty list of a class. `None` if there is no memory for that.
    pub(super) fn refill(
        &mut self,
        class: u8,
        spans: &mut Spans,
        large: &mut Large<dyn Source + '_>,
    ) -> Option<()> {
        let own = &mut self.classes[usize::from(class)];
        let size = usize::from(SIZES[usize::from(class)]);
        if own.fresh + size > own.end {
            let memory = memory_of(spans.take(class, large)?);
            own.fresh = memory.start();
            own.reserved = memory.start();
            own.end = memory.end();
            own.idle += 1;
        }
        // What is reserved is carved as far as blocks fit into it.
        let end = (own.fresh + size).next_multiple_of(PAGE);
        large.source.reserve(Pages::between(own.reserved, end))?;
        own.reserved = end;
        let mut last = &raw mut own.free;
        while own.fresh + size <= own.reserved {
            let block: *mut Block = with_exposed_provenance_mut(own.fresh);
            // SAFETY: the block lies in a span of this class, in pages that are
            // reserved, and nobody has had it yet; `last` is the list's head or
            // the link of the block before.
            unsafe {
                checks::poison(NonNull::new_unchecked(block).cast(), size);
                block.write(Block { next: null_mut() });
                last.write(block);
                last = &raw mut (*block).next;
            }
            own.fresh += size;
        }
        Some(())
    }

    /// Takes all spans without a block in use out of the lists, and gives their
    /// pages back. Returns how many pages that were.
    pub(super) fn sweep(&mut self, spans: &mut Spans, large: &mut Large<dyn Source + '_>) -> usize {
        let mut pages = 0;
        for own in self.classes.iter_mut().filter(|own| own.idle > 0) {
            let mut swept = own.sweep();
            while !swept.is_null() {
                // SAFETY: the note of an idle span, none of whose blocks is in the
                // list any more, and which is taken off this list before it goes.
                unsafe {
                    let span = swept;
                    swept = (*span).next;
                    (*span).listed = false;
                    pages += spans.give_back(span, large);
                }
                own.idle -= 1;
            }
            debug_assert!(own.idle == 0);
        }
        pages
    }
}

impl Class {
    /// Takes the blocks of idle spans out of the list. Returns a list of these
    /// spans; the fresh one is among them if it is idle, and no longer fresh.
    fn sweep(&mut self) -> *mut Span {
        let mut swept: *mut Span = null_mut();
        let mut meet = |span: *mut Span| {
            // SAFETY: the note of a span of this class, in its chunk's header.
            unsafe {
                if (*span).used == 0 && !(*span).listed {
                    (*span).listed = true;
                    (*span).next = swept;
                    swept = span;
                }
                (*span).listed
            }
        };
        let mut last = &raw mut self.free;
        let mut block = self.free;
        while !block.is_null() {
            // SAFETY: a block in the list is free and begins with a link; `last`
            // is the list's head or the link of a block that stays.
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
        // Of a fresh span without reserved pages no block is in the list.
        if self.end != 0 && meet(span_of(self.end - 1)) {
            (self.fresh, self.reserved, self.end) = (0, 0, 0);
        }
        swept
    }
}

const _: () = assert!(SPAN / LARGEST >= 2);
