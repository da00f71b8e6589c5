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
//! span" that runs out (a branch that nobody predicts). The price is the sweep,
//! which walks the lists; it comes only when the idle spans are a quarter of
//! all, so each block that is freed pays for at most four steps of it.
//!
//! What must always hold: a block is in its class's list or handed out, never
//! both; a span's count is that of its blocks that are handed out; every
//! carved block lies in pages that were committed.
#![allow(unsafe_code)]

mod sweep;

use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

use super::chunk::{Chunk, SPAN, memory_of, span_of};
use super::class::{CLASSES, SIZES};
use super::large::Large;
use super::lists::{self, Which};
use super::source::{PAGE, Pages, Source};
use super::{checks, fail};

/// Idle spans (32 KiB each) that are kept in any case.
const KEPT: u32 = 8;

/// A free block begins with the link to the next one in its class's list.
struct Block {
    next: *mut Block,
}

/// What one size class has.
struct Class {
    free: *mut Block,
    /// The address of the next block to carve, the end of the pages that were
    /// committed for it, and the end of its span.
    fresh: usize,
    committed: usize,
    end: usize,
    /// Spans of the class without a block in use.
    idle: u32,
}

/// All small blocks.
pub(super) struct Small {
    classes: [Class; CLASSES],
    spans: u32,
    idle: u32,
    /// The lists of all chunks, and of those with a free span.
    chunks: *mut Chunk,
    open: *mut Chunk,
    sweeps: u64,
}

/// What a size class holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassUsage {
    /// Bytes of a block.
    pub size: usize,
    /// Blocks that are handed out.
    pub blocks: usize,
    /// Spans of 32 KiB that hold its blocks.
    pub spans: usize,
}

impl Small {
    pub(super) const fn new() -> Self {
        Self {
            classes: [const {
                Class {
                    free: null_mut(),
                    fresh: 0,
                    committed: 0,
                    end: 0,
                    idle: 0,
                }
            }; CLASSES],
            spans: 0,
            idle: 0,
            chunks: null_mut(),
            open: null_mut(),
            sweeps: 0,
        }
    }

    /// Hands a free block of the class out; `None` if its list is empty.
    #[inline(always)]
    pub(super) fn take(&mut self, class: u8) -> Option<NonNull<u8>> {
        let own = &mut self.classes[usize::from(class) % CLASSES];
        let block = NonNull::new(own.free)?;
        // SAFETY: blocks in the list are free, so their first bytes are a link,
        // and their span's note is in the page of their chunk's header.
        unsafe {
            own.free = block.as_ref().next;
            let span = &mut *span_of(block.addr().get());
            if span.used == 0 {
                own.idle -= 1;
                self.idle -= 1;
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
    pub(super) unsafe fn put(&mut self, block: NonNull<u8>, class: u8) -> bool {
        let own = &mut self.classes[usize::from(class) % CLASSES];
        // SAFETY: the block is one of a chunk's, whose header has the note; the
        // block is ours again, and has room for a link.
        unsafe {
            let span = &mut *span_of(block.addr().get());
            if span.class != class {
                fail::not_of_this_size(block, SIZES[usize::from(class) % CLASSES].into());
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
        self.idle += 1;
        self.idle > KEPT + self.spans / 4
    }

    /// Fills the empty list of a class. `false` if the memory cannot be had.
    #[inline(never)]
    pub(super) fn refill<S: Source>(&mut self, class: u8, large: &mut Large<S>) -> bool {
        let size = usize::from(SIZES[usize::from(class)]);
        if self.classes[usize::from(class)].fresh + size > self.classes[usize::from(class)].end
            && !self.add_span(class, large)
        {
            return false;
        }
        let own = &mut self.classes[usize::from(class)];
        // What was committed is carved as far as blocks fit into it.
        let more = Pages {
            start: own.committed,
            end: (own.fresh + size).next_multiple_of(PAGE),
        };
        if large.source.commit(more).is_none() {
            return false;
        }
        own.committed = more.end;
        let mut last = &raw mut own.free;
        while own.fresh + size <= own.committed {
            let block: *mut Block = with_exposed_provenance_mut(own.fresh);
            // SAFETY: the block lies in a span of this class, in pages that
            // were committed, and nobody has had it yet; `last` is the list's
            // head or the link of the block before.
            unsafe {
                checks::poison(NonNull::new_unchecked(block).cast(), size);
                block.write(Block { next: null_mut() });
                last.write(block);
                last = &raw mut (*block).next;
            }
            own.fresh += size;
        }
        true
    }

    /// Gives the class a new span to carve.
    fn add_span<S: Source>(&mut self, class: u8, large: &mut Large<S>) -> bool {
        if self.open.is_null() {
            let Some(start) = large.take_chunk() else {
                return false;
            };
            // SAFETY: the chunk is ours now, and its first page is committed.
            unsafe {
                let chunk = Chunk::create(start);
                lists::push(&mut self.chunks, chunk, Which::All);
                lists::push(&mut self.open, chunk, Which::Open);
            }
        }
        // SAFETY: a chunk in the list has a header, and a free span.
        let span = unsafe {
            let chunk = &mut *self.open;
            let number = chunk.free.trailing_zeros() as usize;
            chunk.free &= chunk.free - 1;
            let span = &raw mut chunk.spans[number];
            if chunk.free == 0 {
                lists::remove(&mut self.open, chunk, Which::Open);
            }
            (*span).class = class;
            span
        };
        let memory = memory_of(span);
        let own = &mut self.classes[usize::from(class)];
        own.fresh = memory.start;
        own.committed = memory.start;
        own.end = memory.end;
        own.idle += 1;
        self.spans += 1;
        self.idle += 1;
        true
    }

    /// What each class holds, counted anew: O(spans).
    pub(super) fn usage(&self) -> [ClassUsage; CLASSES] {
        let mut usage = SIZES.map(|size| ClassUsage {
            size: size.into(),
            ..ClassUsage::default()
        });
        let mut chunk = self.chunks;
        while !chunk.is_null() {
            // SAFETY: a chunk in the list has a header.
            let header = unsafe { &*chunk };
            for span in &header.spans {
                if let Some(class) = usage.get_mut(usize::from(span.class)) {
                    class.blocks += span.used as usize;
                    class.spans += 1;
                }
            }
            chunk = header.all.next;
        }
        usage
    }

    /// How many sweeps have given pages back.
    pub(super) fn sweeps(&self) -> u64 {
        self.sweeps
    }
}

const _: () = assert!(SPAN / SIZES[CLASSES - 1] as usize >= 2);
