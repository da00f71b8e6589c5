//! Memory for a heap, out of one large mapping of the host: a page of it holds
//! something once it was touched, which the host reports (`held`), so that held
//! and reserved pages are counted as a kernel counts frames.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use faultline_memory::heap::{GRAIN, Heap, PAGE, Pages, Source};
use memmap2::{MmapOptions, MmapRaw};

use crate::held::{Held, discard};

/// Bytes of addresses that there are.
pub(crate) const SPACE: usize = 512 << 20;

/// Whether blocks are checked.
pub(crate) const CHECKS: bool = cfg!(any(debug_assertions, feature = "checks"));

/// Bytes that the checks add to each block.
pub(crate) const CANARY: usize = if CHECKS { 16 } else { 0 };

/// What stands behind a heap under test.
pub(crate) struct Memory {
    mapping: MmapRaw,
    held: Held,
    /// The address of the first page, and the bytes up to the end of the last extent.
    base: usize,
    extents: usize,
    /// Which pages were reserved, by number, whether or not they are held.
    reserved: Vec<bool>,
    /// How many pages may be held or reserved.
    pub(crate) frames: Cell<usize>,
    /// Bytes of addresses that are left out in front of the next extent.
    pub(crate) gap: Cell<usize>,
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
            extents: 0,
            reserved: vec![false; SPACE / PAGE],
            frames: Cell::new(usize::MAX),
            gap: Cell::new(0),
            calls: Cell::new(usize::MAX),
            failures: Cell::new(0),
        }
    }

    /// Pages that hold something now.
    pub(crate) fn held(&self) -> usize {
        let held = self.all().map_or(Vec::new(), |all| self.held.which(all));
        held.into_iter().filter(|&held| held).count()
    }

    /// Pages that hold nothing and are reserved.
    pub(crate) fn reserved(&self) -> usize {
        let held = self.all().map_or(Vec::new(), |all| self.held.which(all));
        let both = held.iter().zip(&self.reserved);
        both.filter(|&(&held, &reserved)| reserved && !held).count()
    }

    /// From the first extent to the end of the last one.
    pub(crate) fn all(&self) -> Option<Pages> {
        Pages::new(self.base, self.extents)
    }

    /// Bytes up to the end of the last extent.
    pub(crate) fn size(&self) -> usize {
        self.extents
    }

    fn reserved_mut(&mut self, pages: Pages) -> &mut [bool] {
        let number = |address: usize| (address - self.base) / PAGE;
        let (start, end) = (number(pages.start()), number(pages.end()));
        assert!(end * PAGE <= self.extents, "{pages:?} are of no extent");
        &mut self.reserved[start..end]
    }

    /// Whether so many frames more can be reserved.
    fn can_reserve(&self, frames: usize) -> bool {
        let most = self.frames.get();
        let few = most == usize::MAX || self.held() + self.reserved() + frames <= most;
        let allowed = few && self.calls.get() > 0;
        if allowed {
            self.calls.set(self.calls.get() - 1);
        } else {
            self.failures.set(self.failures.get() + 1);
        }
        allowed
    }
}

// SAFETY: extents are pieces of the mapping, one behind the other, and can be
// touched at any time; the host keeps what was written, and gives zeroes where
// nothing was.
unsafe impl Source for Memory {
    fn grow(&mut self, size: usize, reserved: usize, _behind: Option<usize>) -> Option<Pages> {
        assert!(size.is_multiple_of(GRAIN) && reserved <= size);
        let start = self.extents + self.gap.get();
        if size > SPACE || start + size > SPACE {
            self.failures.set(self.failures.get() + 1);
            return None;
        }
        if !self.can_reserve(reserved / PAGE) {
            return None;
        }
        self.extents = start + size;
        if let Some(first) = Pages::new(self.base + start, reserved) {
            self.reserved_mut(first).fill(true);
        }
        Pages::new(self.base + start, size)
    }

    fn reserve(&mut self, pages: Pages) -> Option<usize> {
        let held = self.held.which(pages);
        let reserved = self.reserved_mut(pages).iter().zip(&held);
        let new = reserved.filter(|&(&reserved, &held)| !reserved && !held);
        let new = new.count();
        if !self.can_reserve(new) {
            return None;
        }
        self.reserved_mut(pages).fill(true);
        Some(held.iter().filter(|&&held| held).count())
    }

    unsafe fn unreserve(&mut self, pages: Pages) -> usize {
        self.reserved_mut(pages).fill(false);
        let held = self.held.which(pages);
        held.iter().filter(|&&held| held).count()
    }

    unsafe fn discard(&mut self, pages: Pages) -> usize {
        // SAFETY: as the caller vouches.
        let held = unsafe { self.unreserve(pages) };
        // SAFETY: the pages are the heap's, which does not need what they hold.
        unsafe { discard(&self.mapping, pages) };
        held
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        let held = self.held.which(pages);
        let first = held.iter().position(|&held| held)?;
        let count = held[first..].iter().take_while(|&&held| held).count();
        Pages::new(pages.start() + first * PAGE, count * PAGE)
    }
}

/// A heap with an extent of 4 MiB.
pub(crate) fn heap() -> Heap<Memory> {
    let mut heap = Heap::new(Memory::new());
    heap.grow(4 << 20).expect("room for 4 MiB");
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
