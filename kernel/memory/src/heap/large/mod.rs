//! Large blocks: whole pages out of `linked_list_allocator`, which also hands
//! out the chunks of small ones.
//!
//! ```text
//! take: list ──> block of pages, nothing committed     put: the reverse
//! allocate = take + commit                             free = put + withdraw
//! no hole is large enough: an extent more              many held: trim
//! ```
//!
//! The list keeps a node of 16 bytes in the first page of each hole, and
//! writes it in the middle of an operation. So before each one the source is
//! asked whether a few pages, wherever they lie, can be touched: a node never
//! meets a page that cannot be had.
//!
//! How the heap grows is in `growth`. What must always hold: blocks are whole pages; `kept` is how many pages
//! outside of blocks and chunks are held, nodes' pages counted or not.
#![allow(unsafe_code)]

mod growth;
mod resize;

use core::alloc::Layout;
use core::ptr::NonNull;

use arrayvec::ArrayVec;
use linked_list_allocator::Heap as List;

use super::chunk::CHUNK;
use super::fail;
use super::map::Map;
use super::source::{GRAIN, PAGE, Pages, Source};

/// Lists that there can be: one for each run of extents that adjoin.
const MOST_LISTS: usize = 16;

/// Pages in which one operation of a list may write a node.
pub(super) const NODES: usize = 3;

/// Pages that are held outside of blocks and kept in any case.
const KEPT: usize = 128;

/// All that is not small.
pub(super) struct Large<S> {
    pub(super) source: S,
    lists: ArrayVec<List, MOST_LISTS>,
    map: Map,
    /// Bytes of the smallest extent that is asked for.
    step: usize,
    /// An extent that was reserved and could not be set up yet.
    pending: Option<Pages>,
    /// Pages outside of blocks and chunks that are held.
    kept: usize,
    /// Pages in blocks.
    used: usize,
    blocks: usize,
    growths: u64,
    trims: u64,
}

/// What the large blocks come to.
pub(super) struct LargeUsage {
    pub(super) size: usize,
    pub(super) used: usize,
    pub(super) blocks: usize,
    pub(super) largest_hole: usize,
    pub(super) growths: u64,
    pub(super) trims: u64,
}

impl<S> Large<S> {
    pub(super) const fn new(source: S) -> Self {
        Self {
            source,
            lists: ArrayVec::new_const(),
            map: Map::new(),
            step: GRAIN,
            pending: None,
            kept: 0,
            used: 0,
            blocks: 0,
            growths: 0,
            trims: 0,
        }
    }

    /// Sets the size of the smallest extent that is asked for.
    pub(super) fn set_step(&mut self, size: usize) {
        self.step = size.next_multiple_of(GRAIN).max(GRAIN);
    }
}

impl<S: Source> Large<S> {
    /// A block of whole pages that can be touched. Also returned: how many of
    /// them were not held.
    pub(super) fn allocate(&mut self, layout: Layout) -> Option<(NonNull<u8>, usize)> {
        let size = layout.size().checked_next_multiple_of(PAGE)?;
        let block = self.take(size, layout.align().max(PAGE), size)?;
        let pages = Pages::new(block.addr().get(), size);
        let Some(fresh) = self.source.commit(pages) else {
            // SAFETY: just taken; its first page was ready for a node.
            unsafe { self.put(block, size) };
            return None;
        };
        self.kept = self.kept.saturating_sub(pages.count() - fresh);
        self.used += pages.count();
        self.blocks += 1;
        Some((block, fresh))
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It was allocated with this size, and nobody uses it any more.
    pub(super) unsafe fn free(&mut self, block: NonNull<u8>, size: usize) {
        self.blocks = self.blocks.saturating_sub(1);
        // SAFETY: as the caller vouches.
        unsafe { self.free_pages(block, size.next_multiple_of(PAGE)) };
    }

    /// Checks that a block is handed out.
    pub(super) fn check(&self, block: NonNull<u8>, size: usize) {
        if !self.map.are_all(Pages::new(block.addr().get(), size), true) {
            fail::not_handed_out(block, size);
        }
    }

    /// A chunk for small blocks, of which the first page can be touched and no
    /// other is held.
    pub(super) fn take_chunk(&mut self) -> Option<NonNull<u8>> {
        let chunk = self.take(CHUNK, CHUNK, PAGE)?;
        let pages = Pages::new(chunk.addr().get(), CHUNK);
        let held = self.source.discard(pages);
        self.kept = self.kept.saturating_sub(held);
        let header = Pages::new(pages.start, PAGE);
        if self.source.commit(header).is_none() {
            // SAFETY: just taken. What `take` made ready has not been used up:
            // a failed commit takes nothing.
            unsafe { self.put(chunk, CHUNK) };
            return None;
        }
        Some(chunk)
    }

    /// Takes a chunk back that holds no page but its header's.
    ///
    /// # Safety
    ///
    /// It was taken, and nobody uses it any more.
    pub(super) unsafe fn put_chunk(&mut self, chunk: NonNull<u8>) {
        // SAFETY: as the caller vouches; the header's page is held.
        unsafe { self.put(chunk, CHUNK) };
        self.kept += 1;
        self.trim_if_due();
    }

    /// Gives back all that the holes hold, but for the pages of their nodes.
    /// Returns how many pages that were.
    #[inline(never)]
    pub(super) fn trim(&mut self) -> usize {
        let mut given = 0;
        for hole in self.map.holes().filter(|hole| hole.count() > 1) {
            given += self.source.discard(Pages {
                start: hole.start + PAGE,
                end: hole.end,
            });
        }
        self.kept = 0;
        self.trims += u64::from(given > 0);
        given
    }

    pub(super) fn usage(&self) -> LargeUsage {
        LargeUsage {
            size: self.map.size(),
            used: self.used * PAGE,
            blocks: self.blocks,
            largest_hole: self.map.holes().map(Pages::size).max().unwrap_or(0),
            growths: self.growths,
            trims: self.trims,
        }
    }

    /// Pages out of a list, of which nothing is said but that they are ours.
    /// The heap does not grow if the `wanted` bytes cannot be committed then.
    fn take(&mut self, size: usize, align: usize, wanted: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(size, align).ok()?;
        self.take_from_lists(layout).or_else(|| {
            if !self.source.has(wanted / PAGE) {
                return None;
            }
            self.grow(size, align)?;
            self.take_from_lists(layout)
        })
    }

    fn take_from_lists(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        if !self.source.ready(NODES) {
            return None;
        }
        let mut lists = self.lists.iter_mut();
        let block = lists.find_map(|list| list.allocate_first_fit(layout).ok())?;
        self.map
            .set(Pages::new(block.addr().get(), layout.size()), true);
        Some(block)
    }

    /// Gives pages back to their list.
    ///
    /// # Safety
    ///
    /// They were taken, nobody uses them any more, and the first one can be touched.
    unsafe fn put(&mut self, block: NonNull<u8>, size: usize) {
        let pages = Pages::new(block.addr().get(), size);
        self.check(block, size);
        self.map.set(pages, false);
        let range = |list: &List| list.bottom().addr()..list.top().addr();
        let list = self
            .lists
            .iter_mut()
            .find(|list| range(list).contains(&pages.start));
        // SAFETY: sizes are whole pages, whose alignment the list does not look at.
        unsafe {
            if let Some(list) = list {
                list.deallocate(block, Layout::from_size_align_unchecked(size, PAGE));
            }
        }
    }

    /// Gives pages of a block back.
    ///
    /// # Safety
    ///
    /// They are whole pages at the end of a block, or all of it, and nobody
    /// uses them any more.
    unsafe fn free_pages(&mut self, start: NonNull<u8>, size: usize) {
        // SAFETY: the pages of a block are committed, so the first one can be touched.
        unsafe { self.put(start, size) };
        let pages = Pages::new(start.addr().get(), size);
        let untouched = self.source.withdraw(pages);
        self.kept += pages.count() - untouched;
        self.used = self.used.saturating_sub(pages.count());
        self.trim_if_due();
    }

    fn trim_if_due(&mut self) {
        if self.kept > KEPT + self.used / 4 {
            self.trim();
        }
    }
}
