//! `x86_64`'s `OffsetPageTable` and `page_table_multiarch`. Both take frames for
//! tables from a counter, the fastest allocator there can be.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use memory_addr::{PhysAddr as MultiPhys, VirtAddr as MultiVirt};
use page_table_entry::x86_64::X64PTE;
use page_table_multiarch::{MappingFlags, PageSize, PageTable64, PagingHandler, PagingMetaData};
use x86_64::structures::paging::mapper::Translate;
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB,
};
use x86_64::{PhysAddr, VirtAddr};

use crate::common::HostMemory;
use crate::{BASE, BYTES, PAGES, TARGET, Tables};

/// Memory for the tables of one contestant.
const TABLE_BYTES: usize = 8 << 20;

/// Hands out one frame after the other.
struct Counter {
    next: u64,
}

// SAFETY: each frame is handed out once until the counter is set back, when no
// table is left.
unsafe impl FrameAllocator<Size4KiB> for Counter {
    #[inline]
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        self.next += 4096;
        Some(PhysFrame::containing_address(PhysAddr::new(self.next)))
    }
}

/// `x86_64`'s mapper over memory that is seen at an offset.
pub(crate) struct Offset {
    tables: OffsetPageTable<'static>,
    frames: Counter,
}

impl Tables for Offset {
    const NAME: &str = "OffsetPageTable";

    fn new() -> Self {
        let memory = Box::leak(Box::new(HostMemory::new(TABLE_BYTES)));
        let offset = memory.offset();
        let root = (offset + HostMemory::START).as_mut_ptr::<PageTable>();
        // SAFETY: the root is zeroed and used by nobody else, and all frames
        // that the counter hands out are seen at the offset.
        let tables = unsafe { OffsetPageTable::new(&mut *root, offset) };
        let next = HostMemory::START;
        Self {
            tables,
            frames: Counter { next },
        }
    }

    fn map_range(&mut self) {
        (0..PAGES).for_each(|number| self.map(BASE + number * 4096, TARGET + number * 4096));
    }

    fn prepare(&mut self) {}

    #[inline]
    fn map_one(&mut self, address: u64) {
        self.map(address, TARGET);
    }

    #[inline]
    fn translate(&self, address: u64) -> Option<u64> {
        let physical = self.tables.translate_addr(VirtAddr::new(address));
        physical.map(PhysAddr::as_u64)
    }

    fn protect_range(&mut self, writable: bool) {
        let mut flags = FLAGS;
        flags.set(PageTableFlags::WRITABLE, writable);
        for number in 0..PAGES {
            // SAFETY: nothing is accessed through these tables.
            let flush = unsafe { self.tables.update_flags(page(BASE + number * 4096), flags) };
            flush.expect("mapped").ignore();
        }
    }

    fn unmap_range(&mut self) {
        for number in 0..PAGES {
            let unmapped = self.tables.unmap(page(BASE + number * 4096));
            unmapped.expect("mapped").1.ignore();
        }
    }

    fn reset(&mut self) {
        self.tables.level_4_table_mut().zero();
        self.frames.next = HostMemory::START;
    }
}

/// Leaves as this crate makes them: ACCESSED is set beforehand.
const FLAGS: PageTableFlags = PageTableFlags::PRESENT
    .union(PageTableFlags::WRITABLE)
    .union(PageTableFlags::ACCESSED)
    .union(PageTableFlags::NO_EXECUTE);

fn page(address: u64) -> Page {
    Page::containing_address(VirtAddr::new(address))
}

impl Offset {
    #[inline]
    fn map(&mut self, address: u64, to: u64) {
        let frame: PhysFrame = PhysFrame::containing_address(PhysAddr::new(to));
        // SAFETY: nothing is accessed through these tables.
        let mapped = unsafe {
            self.tables
                .map_to(page(address), frame, FLAGS, &mut self.frames)
        };
        mapped.expect("not mapped before").ignore();
    }
}

/// `page_table_multiarch` on the host: it flushes only on bare metal.
pub(crate) struct Multiarch(Option<PageTable64<HostX64, X64PTE, Handler>>);

/// Four levels, as its own description of the x86_64 has them.
struct HostX64;

impl PagingMetaData for HostX64 {
    const LEVELS: usize = 4;
    const PA_MAX_BITS: usize = 52;
    const VA_MAX_BITS: usize = 48;
    type VirtAddr = MultiVirt;

    fn flush_tlb(_: Option<MultiVirt>) {}
}

/// Where its tables come from: it knows functions, not objects.
struct Handler;

static MULTIARCH_NEXT: AtomicU64 = AtomicU64::new(0);
static MULTIARCH_OFFSET: AtomicU64 = AtomicU64::new(0);

impl PagingHandler for Handler {
    #[inline]
    fn alloc_frames(count: usize, _: usize) -> Option<MultiPhys> {
        let first = MULTIARCH_NEXT.load(Relaxed);
        MULTIARCH_NEXT.store(first + 4096 * count as u64, Relaxed);
        Some(MultiPhys::from(first as usize))
    }

    #[inline]
    fn dealloc_frames(_: MultiPhys, _: usize) {}

    #[inline]
    fn phys_to_virt(address: MultiPhys) -> MultiVirt {
        MultiVirt::from(MULTIARCH_OFFSET.load(Relaxed) as usize + address.as_usize())
    }
}

const MULTIARCH_FLAGS: MappingFlags = MappingFlags::READ.union(MappingFlags::WRITE);

impl Multiarch {
    fn tables(&mut self) -> &mut PageTable64<HostX64, X64PTE, Handler> {
        self.0.as_mut().expect("made anew by every reset")
    }
}

impl Tables for Multiarch {
    const NAME: &str = "page_table_multiarch";

    fn new() -> Self {
        let memory = Box::leak(Box::new(HostMemory::new(TABLE_BYTES)));
        MULTIARCH_OFFSET.store(memory.offset().as_u64(), Relaxed);
        let mut tables = Self(None);
        tables.reset();
        tables
    }

    fn map_range(&mut self) {
        let base = BASE as usize;
        self.tables()
            .cursor()
            .map_region(
                base.into(),
                |address| MultiPhys::from(address.as_usize() - base + TARGET as usize),
                BYTES as usize,
                MULTIARCH_FLAGS,
                false,
            )
            .expect("not mapped before");
    }

    fn prepare(&mut self) {}

    #[inline]
    fn map_one(&mut self, address: u64) {
        self.tables()
            .cursor()
            .map(
                (address as usize).into(),
                (TARGET as usize).into(),
                PageSize::Size4K,
                MULTIARCH_FLAGS,
            )
            .expect("not mapped before");
    }

    #[inline]
    fn translate(&self, address: u64) -> Option<u64> {
        let found = self.0.as_ref()?.query((address as usize).into()).ok()?;
        Some(found.0.as_usize() as u64)
    }

    fn protect_range(&mut self, writable: bool) {
        let mut flags = MULTIARCH_FLAGS;
        flags.set(MappingFlags::WRITE, writable);
        self.tables()
            .cursor()
            .protect_region((BASE as usize).into(), BYTES as usize, flags)
            .expect("mapped");
    }

    fn unmap_range(&mut self) {
        self.tables()
            .cursor()
            .unmap_region((BASE as usize).into(), BYTES as usize)
            .expect("mapped");
    }

    fn reset(&mut self) {
        self.0 = None;
        MULTIARCH_NEXT.store(HostMemory::START, Relaxed);
        self.0 = PageTable64::try_new().ok();
    }
}
