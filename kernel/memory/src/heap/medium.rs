//! Medium blocks: pieces of spans that are reserved as a whole, cut and merged
//! by `linked_list_allocator`, first fit.
//!
//! ```text
//! span:  [ block ][ hole ][ block ][ block ][ hole ............... ]
//!                    └─────────────────────────^   its list, noted in the chunk
//! ```
//!
//! A list writes its nodes into its holes, which is why all pages of a span are
//! reserved before it has one. It is searched from its start, and so it is short: at most
//! one hole for each KiB or two of a span. A span that lacks room for a block
//! leaves the list of open ones, and comes back when a block in it is freed: so
//! each search that fails is paid for by a block that was freed.
//!
//! What must always hold: a span with blocks in use is reserved, an idle one is not,
//! and is open; a span's count is that of the steps of its blocks.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

use linked_list_allocator::hole::HoleList;

use super::chunk::{MEDIUM, Span, list_of, memory_of, span_of, spans_of};
use super::class::STEP;
use super::fail;
use super::large::Large;
use super::source::Source;
use super::spans::Spans;

/// All medium blocks.
pub(super) struct Medium {
    /// The list of open spans.
    open: *mut Span,
    pub(super) blocks: usize,
}

/// The layout in whole steps that a block has. Holes are then whole steps, too,
/// and a node fits into each.
fn whole_steps(layout: Layout) -> Layout {
    let size = layout.size().max(1).next_multiple_of(STEP);
    Layout::from_size_align(size, layout.align().max(STEP)).unwrap_or(layout)
}

/// Reserves all pages of an idle span, and makes them one hole. `None`, and
/// nothing changed, if there is no memory for them.
///
/// # Safety
///
/// The span is one for medium blocks, and has none.
unsafe fn prepare(span: *mut Span, large: &mut Large<dyn Source + '_>) -> Option<()> {
    let memory = memory_of(span);
    large.source.reserve(memory)?;
    // SAFETY: the pages are the span's, and reserved; its list is in its chunk's
    // header.
    unsafe {
        let hole = HoleList::new(memory.pointer().as_ptr(), memory.size());
        list_of(span).write(hole);
    }
    Some(())
}

impl Medium {
    pub(super) const fn new() -> Self {
        Self {
            open: null_mut(),
            blocks: 0,
        }
    }

    /// Hands out a block of an open span. `None` if none has room for it, or if
    /// there is no memory for an idle one.
    pub(super) fn take(
        &mut self,
        layout: Layout,
        spans: &mut Spans,
        large: &mut Large<dyn Source + '_>,
    ) -> Option<NonNull<u8>> {
        while !self.open.is_null() {
            let span = self.open;
            // SAFETY: a span in the list holds medium blocks; if it is idle, there
            // are none.
            unsafe {
                if (*span).used == 0 {
                    prepare(span, large)?;
                }
                if let Some(block) = self.take_from(span, layout, spans) {
                    return Some(block);
                }
                self.open = (*span).next;
                (*span).listed = false;
            }
        }
        None
    }

    /// Hands out a block of a new span. `None` if there is no memory for it.
    pub(super) fn take_fresh(
        &mut self,
        layout: Layout,
        spans: &mut Spans,
        large: &mut Large<dyn Source + '_>,
    ) -> Option<NonNull<u8>> {
        let span = spans.take(MEDIUM, large)?;
        // SAFETY: the span was just taken for medium blocks, and is given back
        // before any list leads to it.
        unsafe {
            if prepare(span, large).is_none() {
                spans.give_back(span, large);
                return None;
            }
            self.open(span);
            self.take_from(span, layout, spans)
        }
    }

    /// Takes a block back. True if a sweep is due.
    ///
    /// # Safety
    ///
    /// It was handed out, or [cut](Self::cut), with this layout, and nobody uses
    /// it any more.
    pub(super) unsafe fn put(
        &mut self,
        block: NonNull<u8>,
        layout: Layout,
        spans: &mut Spans,
        large: &mut Large<dyn Source + '_>,
    ) -> bool {
        // SAFETY: as the caller vouches.
        let span = unsafe { self.free(block, whole_steps(layout).size()) };
        self.blocks -= 1;
        // SAFETY: the note of a span that holds medium blocks.
        if unsafe { (*span).used } > 0 {
            return false;
        }
        // SAFETY: a span of ours, of which no block is in use.
        unsafe { large.source.unreserve(memory_of(span)) };
        spans.idle += 1;
        spans.are_too_many_idle()
    }

    /// Makes a block smaller where it is, or leaves its size as it is. `false`,
    /// and nothing changed, if it would have to be larger.
    ///
    /// # Safety
    ///
    /// It was handed out, or cut, with the layout `old`, and nobody uses what
    /// lies behind the bytes of `new`.
    pub(super) unsafe fn cut(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> bool {
        let (old, new) = (whole_steps(old).size(), whole_steps(new).size());
        if new < old {
            // SAFETY: the steps behind the new end are the block's.
            unsafe { self.free(block.add(new), old - new) };
        }
        new <= old
    }

    /// Opens all spans that hold medium blocks, however little room they have.
    pub(super) fn open_all(&mut self, large: &Large<dyn Source + '_>) {
        for chunk in large.chunks() {
            for span in spans_of(chunk) {
                // SAFETY: the note of a span, in the header of a chunk of ours.
                unsafe {
                    if (*span).class == MEDIUM {
                        self.open(span);
                    }
                }
            }
        }
    }

    /// Gives back the pages of all spans without a block in use. Returns how many
    /// pages that were.
    pub(super) fn sweep(&mut self, spans: &mut Spans, large: &mut Large<dyn Source + '_>) -> usize {
        let mut pages = 0;
        let mut link = &raw mut self.open;
        // SAFETY: `link` is the list's head or the link of a span that stays, and
        // a span is taken off the list before it is given back.
        unsafe {
            while !(*link).is_null() {
                let span = *link;
                if (*span).used > 0 {
                    link = &raw mut (*span).next;
                    continue;
                }
                *link = (*span).next;
                (*span).listed = false;
                pages += spans.give_back(span, large);
            }
        }
        pages
    }

    /// Hands out a block of this span, if it has room.
    ///
    /// # Safety
    ///
    /// The span holds medium blocks, or is [prepared](prepare) for them.
    unsafe fn take_from(
        &mut self,
        span: *mut Span,
        layout: Layout,
        spans: &mut Spans,
    ) -> Option<NonNull<u8>> {
        let layout = whole_steps(layout);
        // SAFETY: the note and the list are in the header of the span's chunk, and
        // all pages of the span are reserved.
        unsafe {
            let (block, _) = (*list_of(span)).allocate_first_fit(layout).ok()?;
            spans.idle -= u32::from((*span).used == 0);
            (*span).used += (layout.size() / STEP) as u32;
            self.blocks += 1;
            Some(block)
        }
    }

    /// Makes steps of a block a hole again. Returns their span.
    ///
    /// # Safety
    ///
    /// They are whole steps of a block that was handed out, and nobody uses them
    /// any more.
    unsafe fn free(&mut self, start: NonNull<u8>, size: usize) -> *mut Span {
        let span = span_of(start.addr().get());
        let steps = (size / STEP) as u32;
        // SAFETY: the block is one of a chunk's, whose header has the note and the
        // list. The list looks at no alignment when it takes something back.
        unsafe {
            if (*span).class != MEDIUM || (*span).used < steps {
                fail::not_of_this_size(start, size);
            }
            let layout = Layout::from_size_align_unchecked(size, STEP);
            (*list_of(span)).deallocate(start, layout);
            (*span).used -= steps;
            self.open(span);
        }
        span
    }

    /// Puts a span into the list, if it is not there already.
    ///
    /// # Safety
    ///
    /// The span holds medium blocks.
    unsafe fn open(&mut self, span: *mut Span) {
        // SAFETY: the note of a span, in its chunk's header.
        unsafe {
            if !(*span).listed {
                (*span).listed = true;
                (*span).next = self.open;
                self.open = span;
            }
        }
    }
}
