//! Memory that is mapped already, as the source of a heap: each page is there
//! from the start and stays, so nothing is reserved and nothing given back.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use super::source::{GRAIN, Pages, Source};

/// A span of memory that is mapped already. A heap over it never grows beyond it.
///
/// ```
/// use core::alloc::Layout;
/// use faultline_memory::heap::{Heap, MappedMemory};
///
/// #[repr(align(0x20_0000))]
/// struct Room([u8; 8 << 20]);
/// static mut ROOM: Room = Room([0; 8 << 20]);
///
/// let room = core::ptr::NonNull::new(&raw mut ROOM).unwrap().cast();
/// // SAFETY: nobody else uses the room.
/// let mut heap = Heap::new(unsafe { MappedMemory::new(room, 8 << 20) });
/// let block = heap.allocate(Layout::new::<[u64; 100]>()).expect("there is room");
/// // SAFETY: allocated with this layout.
/// unsafe { heap.deallocate(block, Layout::new::<[u64; 100]>()) };
/// ```
#[derive(Debug)]
pub struct MappedMemory {
    /// Bytes of no extent yet: whole grains.
    start: usize,
    end: usize,
}

impl MappedMemory {
    /// No memory: what a static heap is made with, before there is some.
    #[must_use]
    pub const fn empty() -> Self {
        Self { start: 0, end: 0 }
    }

    /// The `size` bytes from `start` on. What lies in front of the first
    /// multiple of [`GRAIN`] and behind the last one is not used.
    ///
    /// # Safety
    ///
    /// - The bytes can be read and written, for ever.
    /// - They are nobody else's, for ever.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, size: usize) -> Self {
        let start = start.as_ptr().expose_provenance();
        let end = start.saturating_add(size) / GRAIN * GRAIN;
        start
            .checked_next_multiple_of(GRAIN)
            .filter(|&start| start < end)
            .map_or(Self::empty(), |start| Self { start, end })
    }
}

// SAFETY:
// - Extents are pieces of the span, each handed out once, at multiples of a
//   grain. The span is the heap's for ever, as the caller of `new` vouches, and
//   its provenance is exposed.
// - Each page can be touched at any time.
// - Pages count as holding something, always, and are changed by nobody here.
unsafe impl Source for MappedMemory {
    fn grow(&mut self, size: usize, _reserved: usize, _behind: Option<usize>) -> Option<Pages> {
        if size > self.end - self.start {
            return None;
        }
        let extent = Pages::new(self.start, size)?;
        self.start += size;
        Some(extent)
    }

    fn reserve(&mut self, pages: Pages) -> Option<usize> {
        Some(pages.count())
    }

    unsafe fn unreserve(&mut self, pages: Pages) -> usize {
        pages.count()
    }

    unsafe fn discard(&mut self, _pages: Pages) -> usize {
        0
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        Some(pages)
    }
}
