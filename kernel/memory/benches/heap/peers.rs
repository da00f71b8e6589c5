//! The allocators, all seen in the same way.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use faultline_memory::heap::Heap;
use talc::DefaultBinning;
use talc::base::Talc as TalcHeap;
use talc::source::Manual;

use crate::arena::Arena;

/// An allocator with memory of its own.
pub(crate) trait Peer {
    const NAME: &str;
    fn new() -> Self;
    fn take(&mut self, layout: Layout) -> NonNull<u8>;
    /// Frees what [`take`](Self::take) returned for this layout, once.
    fn give(&mut self, block: NonNull<u8>, layout: Layout);
    /// Bytes of its memory that were touched.
    fn resident(&self) -> usize;
}

const ROOM: &str = "half a gigabyte is enough";

pub(crate) struct Ours(Heap<Arena>);

impl Peer for Ours {
    const NAME: &str = crate::common::OURS;

    fn new() -> Self {
        let mut heap = Heap::new(Arena::new());
        heap.grow(64 << 20).expect(ROOM);
        Self(heap)
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.allocate(layout).expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { self.0.deallocate(block, layout) };
    }

    fn resident(&self) -> usize {
        self.0.source().resident()
    }
}

pub(crate) struct Talc(TalcHeap<Manual, DefaultBinning>, Arena);

impl Peer for Talc {
    const NAME: &str = "talc";

    fn new() -> Self {
        let arena = Arena::new();
        let (start, size) = arena.all();
        let mut talc = TalcHeap::new(Manual);
        // SAFETY: the memory is the allocator's as long as it lives.
        unsafe { talc.claim(start, size) }.expect(ROOM);
        Self(talc, arena)
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: no size is 0.
        unsafe { self.0.allocate(layout) }.expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { self.0.deallocate(block.as_ptr(), layout) };
    }

    fn resident(&self) -> usize {
        self.1.resident()
    }
}

pub(crate) struct Rlsf(rlsf::Tlsf<'static, u32, u32, 28, 32>, Arena);

impl Peer for Rlsf {
    const NAME: &str = "rlsf";

    fn new() -> Self {
        let arena = Arena::new();
        let (start, size) = arena.all();
        let memory = NonNull::slice_from_raw_parts(NonNull::new(start).expect(ROOM), size);
        let mut tlsf = rlsf::Tlsf::new();
        // SAFETY: the memory is the allocator's as long as it lives.
        unsafe { tlsf.insert_free_block_ptr(memory) }.expect(ROOM);
        Self(tlsf, arena)
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.allocate(layout).expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { self.0.deallocate(block, layout.align()) };
    }

    fn resident(&self) -> usize {
        self.1.resident()
    }
}

pub(crate) struct Buddy(buddy_system_allocator::Heap<33>, Arena);

impl Peer for Buddy {
    const NAME: &str = "buddy_system_allocator";

    fn new() -> Self {
        let arena = Arena::new();
        let (start, size) = arena.all();
        let mut heap = buddy_system_allocator::Heap::new();
        // SAFETY: the memory is the allocator's as long as it lives.
        unsafe { heap.init(start.addr(), size) };
        Self(heap, arena)
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.alloc(layout).expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { self.0.dealloc(block, layout) };
    }

    fn resident(&self) -> usize {
        self.1.resident()
    }
}

pub(crate) struct List(linked_list_allocator::Heap, Arena);

impl Peer for List {
    const NAME: &str = "linked_list_allocator";

    fn new() -> Self {
        let arena = Arena::new();
        let (start, size) = arena.all();
        // SAFETY: the memory is the allocator's as long as it lives.
        let heap = unsafe { linked_list_allocator::Heap::new(start, size) };
        Self(heap, arena)
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        self.0.allocate_first_fit(layout).expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { self.0.deallocate(block, layout) };
    }

    fn resident(&self) -> usize {
        self.1.resident()
    }
}

pub(crate) struct SystemMalloc;

impl Peer for SystemMalloc {
    const NAME: &str = "malloc";

    fn new() -> Self {
        Self
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: no size is 0.
        NonNull::new(unsafe { System.alloc(layout) }).expect(ROOM)
    }

    #[inline]
    fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as `give` asks of its callers.
        unsafe { System.dealloc(block.as_ptr(), layout) };
    }

    /// What the whole process holds: the callers take the difference.
    fn resident(&self) -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        pages.map_or(0, |pages: usize| pages * 4096)
    }
}
