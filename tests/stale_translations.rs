//! After a page was discarded, freed, protected or made private, the old
//! translation is gone: the access faults, or sees the new frame.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{
    LARGE_PAGE, NOTHING, PAGE, allocate, cost, direct, flags, free, level, pages_at, physical,
    read, write, zero_frame,
};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kernel::account::meter::measure;
use kernel::cpu::access;
use kernel::cpu::tlb::Processor;
use kernel::spaces;
use memory::frames::FrameKind;
use memory::memory_map;
use memory::paging::LeafSize;
use memory::space::{Backing, Placement, Region, Request, Rights};
use memory::{Access, Fault, Flush, KernelHalf, Memory, Outcome, Scope, Space, Tlb};
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

kernel::test_kernel!(test_main);

fn discard(region: &Region, offset: u64, size: u64) -> u64 {
    spaces::current(|space, memory| space.discard(region.base + offset, size, memory))
        .expect("the pages are the region's own")
}

fn protect(region: &Region, pages: u64, rights: Rights) {
    spaces::current(|space, memory| space.protect(region.base, pages * PAGE, rights, memory))
        .expect("the pages are the region's own");
}

#[test_case]
fn a_discarded_page_faults_again_and_holds_zeroes() {
    let region = allocate(pages_at(0x10000, 3, Backing::Demand));
    (0..3).for_each(|page| write(&region, page * PAGE, 7));
    assert_eq!(discard(&region, PAGE, PAGE), 1);
    let (byte, measured) = measure(|| read(&region, PAGE));
    assert_eq!((byte, measured.cost), (0, cost(1, 1, 0)));
    let (others, measured) = measure(|| [0, 2].map(|page| read(&region, page * PAGE)));
    assert_eq!((others, measured.cost), ([7, 7], NOTHING));
    free(&region);
}

#[test_case]
fn a_discarded_page_of_a_zero_region_shows_the_zero_frame_again() {
    let region = allocate(pages_at(0x10000, 1, Backing::Zero));
    write(&region, 0, 7);
    assert_eq!(discard(&region, 0, PAGE), 1);
    let (byte, measured) = measure(|| read(&region, 0));
    assert_eq!((byte, measured.cost), (0, cost(1, 0, 3)));
    assert_eq!(physical(region.base), Some(zero_frame()));
    free(&region);
}

#[test_case]
fn a_page_discarded_out_of_a_large_one_leaves_the_rest_of_it() {
    let request = Request::new(LARGE_PAGE, Backing::Demand)
        .placement(Placement::At(VirtAddr::new(0x4000_0000)))
        .page_size(LeafSize::Size2MiB);
    let region = allocate(request);
    (0..3).for_each(|page| write(&region, page * PAGE, 7));
    assert_eq!(level(region.base), 2);
    assert_eq!(discard(&region, PAGE, PAGE), 1);
    assert_eq!(level(region.base), 1);
    let (bytes, measured) = measure(|| [0, PAGE, 2 * PAGE].map(|offset| read(&region, offset)));
    assert_eq!((bytes, measured.cost), ([7, 0, 7], cost(1, 1, 0)));
    assert_eq!(free(&region), 512);
}

#[test_case]
fn a_freed_region_leaves_no_translation_to_the_next_one_at_its_place() {
    let pages = 8;
    let old = allocate(pages_at(0x10000, pages, Backing::Demand));
    (0..pages).for_each(|page| write(&old, page * PAGE, 7));
    assert_eq!(free(&old), pages);
    assert_eq!(physical(old.base), None);
    let new = allocate(pages_at(0x10000, pages, Backing::Zero));
    let (sum, measured) = measure(|| (0..pages).map(|page| read(&new, page * PAGE)).sum::<u8>());
    assert_eq!((sum, measured.cost), (0, cost(pages, 0, 3)));
    free(&new);
}

#[test_case]
fn more_pages_than_are_flushed_one_by_one_are_gone_as_well() {
    let pages = 100;
    let region = allocate(pages_at(0x10000, pages, Backing::Demand));
    (0..pages).for_each(|page| write(&region, page * PAGE, 7));
    assert_eq!(discard(&region, 0, pages * PAGE), pages);
    let (sum, measured) = measure(|| {
        (0..pages)
            .map(|page| read(&region, page * PAGE))
            .sum::<u8>()
    });
    assert_eq!(sum, 0);
    assert_eq!(measured.cost, cost(pages, pages.cast_signed(), 3));
    free(&region);
}

#[test_case]
fn global_translations_of_the_kernel_half_are_gone_as_well() {
    let pages = 100;
    let request = Request::new(pages * PAGE, Backing::Demand);
    let region = spaces::kernel_half(|space, memory| space.allocate(request, memory))
        .expect("the kernel half has room");
    for count in [1, pages] {
        (0..pages).for_each(|page| write(&region, page * PAGE, 7));
        assert!(flags(region.base).contains(PageTableFlags::GLOBAL));
        // SAFETY: the region is the test's own, and nothing refers to it.
        let gone = spaces::kernel_half(|half, memory| unsafe {
            half.discard(region.base, count * PAGE, memory)
        });
        assert_eq!(gone, Ok(count));
        let (sum, measured) = measure(|| {
            (0..count)
                .map(|page| read(&region, page * PAGE))
                .sum::<u8>()
        });
        assert_eq!((sum, measured.cost.faults), (0, count));
    }
    // SAFETY: as above.
    let freed = spaces::kernel_half(|half, memory| unsafe { half.free(region.base, memory) });
    assert_eq!(freed, Ok(pages));
}

#[test_case]
fn after_zero_to_private_reads_see_the_private_frame() {
    let region = allocate(pages_at(0x10000, 1, Backing::Zero));
    assert_eq!(read(&region, 9), 0);
    assert_eq!(physical(region.base), Some(zero_frame()));
    write(&region, 9, 0x77);
    let (byte, measured) = measure(|| read(&region, 9));
    assert_eq!((byte, measured.cost), (0x77, NOTHING));
    assert_ne!(physical(region.base), Some(zero_frame()));
    free(&region);
}

/// The processor's translations, with a note of what was asked to go.
struct Noted {
    pages: AtomicU64,
    last: AtomicU64,
    everything: AtomicU64,
}

static NOTED: Noted = Noted {
    pages: AtomicU64::new(0),
    last: AtomicU64::new(0),
    everything: AtomicU64::new(0),
};

impl Noted {
    /// How many pages, and how often everything.
    fn counts(&self) -> (u64, u64) {
        (self.pages.load(Relaxed), self.everything.load(Relaxed))
    }
}

impl Tlb for Noted {
    fn flush(&self, scope: Scope, flush: Flush<'_>) {
        match flush {
            Flush::Pages(pages) => {
                self.pages.fetch_add(pages.len() as u64, Relaxed);
                let last = pages.last().expect("pages are flushed");
                self.last.store(last.as_u64(), Relaxed);
            }
            Flush::Everything => _ = self.everything.fetch_add(1, Relaxed),
        }
        Processor.flush(scope, flush);
    }
}

#[test_case]
fn zero_to_private_flushes_its_page_and_absent_to_present_flushes_nothing() {
    // Emulators drop the translation with the fault, so the flush itself is
    // counted: by a memory of the test's own, over a run of the machine's frames.
    let machine = spaces::memory();
    let run = machine
        .allocate_run(64, PAGE, 1 << 51, FrameKind::Kernel)
        .expect("64 frames are free in a row");
    let region = memory_map::Region {
        start: run.start().as_u64(),
        end: run.range().end(),
        kind: memory_map::Kind::Usable,
    };
    let offset = machine.direct_map().address_of(PhysAddr::zero());
    // SAFETY:
    // - The run is the test's own, and goes back after the last use; the direct
    //   map shows it.
    // - The features are the machine's; `Noted` flushes the one processor.
    let memory = unsafe { Memory::new([region], offset, machine.features(), &NOTED) }
        .expect("the run has room for a bitmap");
    // SAFETY: nothing is allocated in it, and it is never loaded.
    let kernel = unsafe { KernelHalf::new(511..512, &[], &memory) }.expect("two frames are free");
    let mut space = Space::new(&kernel, &memory).expect("a frame is free");
    let region = space
        .allocate(pages_at(0x10000, 2, Backing::Zero), &memory)
        .expect("the space is empty");

    let mut resolve = |address, access| space.resolve(&Fault::supervisor(address, access), &memory);
    let page = region.base + PAGE;
    assert_eq!(resolve(page, Access::Read), Outcome::ZeroRead);
    assert_eq!(NOTED.counts(), (0, 0));
    assert_eq!(resolve(page + 5, Access::Write), Outcome::PrivateCopy);
    assert_eq!(NOTED.counts(), (1, 0));
    let last = VirtAddr::new(NOTED.last.load(Relaxed));
    assert_eq!(last.align_down(PAGE), page);
    assert_eq!(resolve(region.base, Access::Write), Outcome::ZeroWrite);
    assert_eq!(NOTED.counts(), (1, 0));

    // SAFETY: it was never loaded.
    assert_eq!(unsafe { space.destroy(&memory) }, 2);
    machine.free_run(run);
}

#[test_case]
fn zero_to_private_makes_the_processor_forget_the_zero_frame() {
    // Resolved without a fault, so that only the flush can drop the translation.
    let region = allocate(pages_at(0x10000, 1, Backing::Zero));
    assert_eq!(read(&region, 9), 0);
    let fault = Fault::supervisor(region.base, Access::Write);
    let outcome = spaces::current(|space, memory| space.resolve(&fault, memory));
    assert_eq!(outcome, Outcome::PrivateCopy);
    let place = direct(physical(region.base + 9).expect("the page is mapped"));
    // SAFETY: the frame is the region's own, where no Rust value stands.
    unsafe { access::write_byte(place, 0x77) };
    let (byte, measured) = measure(|| read(&region, 9));
    assert_eq!((byte, measured.cost), (0x77, NOTHING));
    free(&region);
}

#[test_case]
fn what_may_be_written_from_now_on_takes_one_spurious_fault_at_most() {
    let region = allocate(pages_at(0x10000, 1, Backing::Demand).rights(Rights::Read));
    assert_eq!(read(&region, 0), 0);
    protect(&region, 1, Rights::ReadWrite);
    let ((), measured) = measure(|| write(&region, 0, 5));
    assert!(measured.cost.faults <= 1);
    assert!(
        measured
            .faults()
            .iter()
            .all(|event| event.outcome == Outcome::Spurious)
    );
    assert_eq!((read(&region, 0), measured.cost.frames), (5, 0));
    free(&region);
}

#[test_case]
fn pages_that_lose_the_right_to_write_keep_what_they_hold() {
    let region = allocate(pages_at(0x10000, 4, Backing::Demand));
    (0..4).for_each(|page| write(&region, page * PAGE, 7));
    protect(&region, 2, Rights::Read);
    let writable = |page| flags(region.base + page * PAGE).contains(PageTableFlags::WRITABLE);
    assert_eq!([0, 1, 2, 3].map(writable), [false, false, true, true]);
    let (bytes, measured) = measure(|| [0, 1, 2, 3].map(|page| read(&region, page * PAGE)));
    assert_eq!((bytes, measured.cost), ([7; 4], NOTHING));
    protect(&region, 4, Rights::ReadWrite);
    assert_eq!([0, 1, 2, 3].map(writable), [true; 4]);
    assert_eq!(free(&region), 4);
}

#[test_case]
fn the_zero_frame_stays_read_only_when_its_page_may_be_written() {
    let region = allocate(pages_at(0x10000, 1, Backing::Zero).rights(Rights::Read));
    assert_eq!(read(&region, 0), 0);
    protect(&region, 1, Rights::ReadWrite);
    assert!(!flags(region.base).contains(PageTableFlags::WRITABLE));
    assert_eq!(measure(|| write(&region, 0, 5)).1.cost, cost(1, 1, 0));
    assert_eq!(free(&region), 1);
}
