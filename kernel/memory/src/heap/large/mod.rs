//! Large blocks: runs of whole pages, found in the map of all extents, which
//! also has the chunks of smaller blocks.
//!
//! ```text
//! allocate: find ─> reserve ─> note as handed out       free: unreserve, note
//! no hole is large enough: grow by an extent that has the block reserved
//! many pages outside of blocks are held: trim
//! ```
//!
//! What must always hold: the pages of a block are reserved as long as it is
//! handed out. A call that fails has changed nothing.
#![allow(unsafe_code)]

mod grain;
mod growth;
mod map;

use core::alloc::Layout;
use core::ops::ControlFlow;
use core::ptr::NonNull;

use map::Map;

use super::chunk::CHUNK;
use super::fail;
use super::source::{GRAIN, PAGE, Pages, Source};

/// Pages that are held outside of blocks and kept in any case.
const KEPT: usize = 128;

/// All extents, and the large blocks in them. What follows is for any source: its
/// type is forgotten ([`Blocks`](super::blocks::Blocks)).
pub(super) struct Large<S: ?Sized> {
    map: Map,
    /// Bytes of the smallest extent that is asked for.
    step: usize,
    /// Pages outside of blocks and chunks that are held.
    kept: usize,
    /// Pages in blocks.
    used: usize,
    pub(super) blocks: usize,
    pub(super) growths: u64,
    pub(super) trims: u64,
    pub(super) source: S,
}

impl<S> Large<S> {
    pub(super) const fn new(source: S) -> Self {
        Self {
            map: Map::new(),
            step: GRAIN,
            kept: 0,
            used: 0,
            blocks: 0,
            growths: 0,
            trims: 0,
            source,
        }
    }
}

impl Large<dyn Source + '_> {
    /// The addresses of all chunks.
    pub(super) fn chunks(&self) -> impl Iterator<Item = usize> + '_ {
        self.map.chunks()
    }

    /// Whether a block lies in a chunk.
    pub(super) fn is_in_chunk(&self, block: NonNull<u8>) -> bool {
        self.map.is_in_chunk(block.addr().get())
    }

    /// Bytes of all extents.
    pub(super) fn size(&self) -> usize {
        self.map.size()
    }

    /// Bytes in blocks.
    pub(super) fn in_use(&self) -> usize {
        self.used * PAGE
    }

    /// Adds an extent of `size` bytes, rounded up to [`GRAIN`], which is from
    /// then on the least by which the heap grows.
    pub(super) fn grow(&mut self, size: usize) -> Option<Pages> {
        let size = size.max(1).checked_next_multiple_of(GRAIN)?;
        let extent = self.add_extent(size, 0)?;
        self.step = size;
        Some(extent)
    }

    /// A block of whole pages that can be touched.
    pub(super) fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let size = layout.size().max(1).checked_next_multiple_of(PAGE)?;
        let pages = self.take(size, layout.align().max(PAGE), size)?;
        self.used += pages.count();
        self.blocks += 1;
        self.map.set(pages, true);
        Some(pages.pointer())
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It was allocated with this size, and nobody uses it any more.
    pub(super) unsafe fn free(&mut self, block: NonNull<u8>, size: usize) {
        self.check(block, size);
        self.blocks -= 1;
        // SAFETY: as the caller vouches.
        unsafe { self.free_pages(Pages::of(block, size)) };
    }

    /// Checks that a block is handed out.
    pub(super) fn check(&self, block: NonNull<u8>, size: usize) {
        let is_at_page = block.addr().get().is_multiple_of(PAGE);
        if !is_at_page || !self.map.are_handed_out(Pages::of(block, size)) {
            fail::not_handed_out(block, size);
        }
    }

    /// Makes a block larger or smaller where it is; `false`, and nothing
    /// changed, if that is not possible. It always is for a smaller one.
    ///
    /// # Safety
    ///
    /// The block was allocated, or resized, to `old` bytes, and nobody uses what
    /// lies behind the first `new` bytes.
    pub(super) unsafe fn resize(&mut self, block: NonNull<u8>, old: usize, new: usize) -> bool {
        self.check(block, old);
        let end = Pages::of(block, old).end();
        let wanted = new.max(1).checked_next_multiple_of(PAGE);
        let Some(new_end) = wanted.and_then(|size| size.checked_add(block.addr().get())) else {
            return false;
        };
        if new_end < end {
            // SAFETY: the end of the block, which the caller cuts off.
            unsafe { self.free_pages(Pages::between(new_end, end)) };
        } else if new_end > end {
            let more = Pages::between(end, new_end);
            if !self.map.are_free(more) {
                return false;
            }
            let Some(held) = self.source.reserve(more) else {
                return false;
            };
            self.kept = self.kept.saturating_sub(held);
            self.used += more.count();
            self.map.set(more, true);
        }
        true
    }

    /// Calls `work` with the offset and the size of each piece of a block whose
    /// pages hold something.
    pub(super) fn each_held(
        &self,
        block: NonNull<u8>,
        size: usize,
        mut work: impl FnMut(usize, usize),
    ) {
        let pages = Pages::of(block, size);
        let mut rest = Some(pages);
        while let Some(held) = rest.and_then(|rest| self.source.first_held(rest)) {
            let offset = held.start() - pages.start();
            work(offset, held.size().min(size - offset));
            rest = (held.end() < pages.end()).then(|| Pages::between(held.end(), pages.end()));
        }
    }

    /// A chunk, of which the first page can be touched and no other is held (if
    /// the source gives back what is discarded).
    pub(super) fn take_chunk(&mut self) -> Option<NonNull<u8>> {
        let chunk = self.take(CHUNK, CHUNK, PAGE)?;
        let rest = Pages::between(chunk.start() + PAGE, chunk.end());
        // SAFETY: pages of a block that was handed out just now.
        let given = unsafe { self.source.discard(rest) };
        self.kept = self.kept.saturating_sub(given);
        self.map.set_chunk(chunk.start(), true);
        Some(chunk.pointer())
    }

    /// Takes a chunk back that holds no page but its first.
    ///
    /// # Safety
    ///
    /// It was taken, and nobody uses it any more.
    pub(super) unsafe fn put_chunk(&mut self, chunk: NonNull<u8>) {
        self.map.set_chunk(chunk.addr().get(), false);
        // SAFETY: the chunk is ours, and nobody uses it any more.
        self.kept += unsafe { self.source.unreserve(Pages::of(chunk, PAGE)) };
        self.trim_if_due();
    }

    /// Gives back all that the holes hold. Returns how many pages that were.
    pub(super) fn trim(&mut self) -> usize {
        let mut given = 0;
        let _: ControlFlow<()> = self.map.each_hole(1, |hole| {
            // SAFETY: a hole in an extent.
            given += unsafe { self.source.discard(hole) };
            ControlFlow::Continue(())
        });
        self.kept = 0;
        self.trims += u64::from(given > 0);
        given
    }

    /// Bytes of the largest hole.
    pub(super) fn largest_hole(&self) -> usize {
        let mut largest = 0;
        let _: ControlFlow<()> = self.map.each_hole(1, |hole| {
            largest = largest.max(hole.size());
            ControlFlow::Continue(())
        });
        largest
    }

    /// # Safety
    ///
    /// The pages were handed out, and nobody uses them any more.
    unsafe fn free_pages(&mut self, pages: Pages) {
        self.map.set(pages, false);
        // SAFETY: as the caller vouches.
        self.kept += unsafe { self.source.unreserve(pages) };
        self.used -= pages.count();
        self.trim_if_due();
    }

    fn trim_if_due(&mut self) {
        if self.kept > KEPT + self.used / 4 {
            self.trim();
        }
    }

    /// Free pages of which the first `reserved` bytes are reserved: `size` bytes
    /// at a multiple of `align`. The caller notes them as handed out.
    fn take(&mut self, size: usize, align: usize, reserved: usize) -> Option<Pages> {
        match self.map.find(size, align) {
            Some(pages) => self.reserve_first(pages, reserved),
            None => self.grow_for(size, align, reserved),
        }
    }

    /// Reserves the first `reserved` bytes of free pages.
    fn reserve_first(&mut self, pages: Pages, reserved: usize) -> Option<Pages> {
        let first = Pages::between(pages.start(), pages.start() + reserved);
        self.kept = self.kept.saturating_sub(self.source.reserve(first)?);
        Some(pages)
    }
}
