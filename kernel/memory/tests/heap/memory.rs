//! Memory for a heap, out of one large mapping of the host: a page of it holds
//! something once it was touched, which the host tells (`held`), so that held and
//! promised pages are counted as a kernel counts frames.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use memory::heap::{GRAIN, Heap, PAGE, Pages, Source};

use crate::held::{Held, discard};

/// Bytes that there are to reserve.
pub(crate) const SPACE: usize = 512 << 20;

/// Bytes that debug builds add to each block.
pub(crate) const CANARY: usize = if cfg!(debug_assertions) { 16 } else { 0 };

/// What stands behind a heap under test.
pub(crate) struct Memory {
    mapping: MmapRaw,
    held: Held,
    /// The address of the first page, and the pages that were reserved.
    base: usize,
    reserved: usize,
    /// Pages that were committed, by number, whether or not they are held.
    committed: Vec<bool>,
    /// How many pages may be held or promised.
    pub(crate) frames: usize,
    /// How many of them each extent takes for itself, as its record does in a kernel.
    pub(crate) record: usize,
    /// Bytes of address space that are left out in front of the next extent.
    pub(crate) gap: usize,
    /// How many calls that may fail will still succeed.
    pub(crate) calls: Cell<usize>,
    /// Calls that have failed.
    pub(crate) failures: Cell<usize>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let mapping = MmapOptions::new()
            .len(SPACE + GRAIN)
            .no_reserve_swap()
            .map_anon()
            .expect("the host reserves 512 MiB of address space");
        let held = Held::of(&mapping);
        let mapping = MmapRaw::from(mapping);
        let base = mapping.as_mut_ptr().expose_provenance();
        Self {
            mapping,
            held,
            base: base.next_multiple_of(GRAIN),
            reserved: 0,
            committed: vec![false; SPACE / PAGE],
            frames: usize::MAX,
            record: 0,
            gap: 0,
            calls: Cell::new(usize::MAX),
            failures: Cell::new(0),
        }
    }

    /// Pages that hold something now.
    pub(crate) fn held(&self) -> usize {
        self.held
            .which(self.all())
            .into_iter()
            .filter(|&held| held)
            .count()
    }

    /// Pages that hold nothing and were promised something.
    pub(crate) fn promised(&self) -> usize {
        let held = self.held.which(self.all());
        let promised = held.iter().zip(&self.committed);
        promised
            .filter(|&(&held, &committed)| committed && !held)
            .count()
    }

    /// All that was reserved.
    pub(crate) fn all(&self) -> Pages {
        Pages::new(self.base, self.reserved)
    }

    fn number(&self, address: usize) -> usize {
        (address - self.base) / PAGE
    }

    fn committed_mut(&mut self, pages: Pages) -> &mut [bool] {
        let (start, end) = (self.number(pages.start), self.number(pages.end));
        assert!(end * PAGE <= self.reserved, "{pages:?} are of no extent");
        assert!(start < end, "asked about no page");
        &mut self.committed[start..end]
    }

    /// Whether so many frames more can be promised.
    fn can_promise(&self, frames: usize) -> bool {
        let few =
            self.frames == usize::MAX || self.held() + self.kept_back() + frames <= self.frames;
        let allowed = few && self.calls.get() > 0;
        if allowed {
            self.calls.set(self.calls.get() - 1);
        } else {
            self.failures.set(self.failures.get() + 1);
        }
        allowed
    }
}

// SAFETY: extents are pieces of the mapping, one behind the other; the host
// keeps what was written, and gives zeroes where nothing was.
unsafe impl Source for Memory {
    fn grow(&mut self, size: usize, _behind: Option<usize>) -> Option<Pages> {
        assert!(size.is_multiple_of(GRAIN) && size > 0);
        let start = self.reserved + self.gap;
        if start + size > SPACE {
            self.failures.set(self.failures.get() + 1);
            return None;
        }
        if !self.can_promise(0) {
            return None;
        }
        self.reserved = start + size;
        self.frames -= self.record;
        Some(Pages::new(self.base + start, size))
    }

    fn ready(&mut self, pages: usize) -> bool {
        self.can_promise(pages)
    }

    fn has(&self, pages: usize) -> bool {
        self.can_promise(pages)
    }

    fn commit(&mut self, pages: Pages) -> Option<usize> {
        let held = self.held.which(pages);
        let fresh = held.iter().filter(|&&held| !held).count();
        let promised = self.committed_mut(pages).iter().zip(&held);
        let new = promised
            .filter(|&(&committed, &held)| !committed && !held)
            .count();
        if !self.can_promise(new) {
            return None;
        }
        self.committed_mut(pages).fill(true);
        Some(fresh)
    }

    fn withdraw(&mut self, pages: Pages) -> usize {
        let held = self.held.which(pages);
        let committed = self.committed_mut(pages);
        let untouched = committed
            .iter()
            .zip(&held)
            .filter(|&(&committed, &held)| committed && !held);
        let count = untouched.count();
        committed.fill(false);
        count
    }

    fn discard(&mut self, pages: Pages) -> usize {
        self.committed_mut(pages).fill(false);
        let held = self.held.which(pages).iter().filter(|&&held| held).count();
        // SAFETY: the pages are the heap's, which does not need what they hold.
        unsafe { discard(&self.mapping, pages) };
        held
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        let held = self.held.which(pages);
        let first = held.iter().position(|&held| held)?;
        let count = held[first..].iter().take_while(|&&held| held).count();
        Some(Pages::new(pages.start + first * PAGE, count * PAGE))
    }
}

/// A heap with 4 MiB reserved.
pub(crate) fn heap() -> Heap<Memory> {
    let mut heap = Heap::new(Memory::new());
    heap.reserve(4 << 20).expect("room for 4 MiB");
    heap
}

pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a power of two")
}

/// A block that fits.
pub(crate) fn allocate(heap: &mut Heap<Memory>, size: usize) -> NonNull<u8> {
    heap.allocate(layout(size, 8)).expect("there is room")
}

/// Frees what [`allocate`] returned.
pub(crate) fn free(heap: &mut Heap<Memory>, block: NonNull<u8>, size: usize) {
    // SAFETY: the tests free what they allocated, once.
    unsafe { heap.deallocate(block, layout(size, 8)) };
}

/// Writes a byte into each page of a block.
#[cfg(target_os = "linux")]
pub(crate) fn touch(block: NonNull<u8>, size: usize) {
    for offset in (0..size).step_by(PAGE) {
        // SAFETY: the byte is the block's.
        unsafe { block.add(offset).write_volatile(1) };
    }
}
