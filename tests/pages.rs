//! What the pages of a region hold, and which of them a fault maps: zeroes,
//! what was written, read-only ones, fault-around, large pages, devices.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::collections::BTreeSet;
use common::{
    LARGE_PAGE, NOTHING, PAGE, allocate, cost, counts, direct, flags, free, level, pages_at,
    physical, read, set_limit, write, zero_frame,
};
use kernel::account::meter::{Cost, measure};
use kernel::cpu::access;
use kernel::spaces;
use memory::paging::{Cache, LeafSize};
use memory::space::{Backing, Placement, Region, Request, Resident, Rights};
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

kernel::test_kernel!(test_main);

/// Cost of reading, or writing, the first byte of each page in turn.
fn touch_pages(region: &Region, pages: core::ops::Range<u64>, byte: Option<u8>) -> Cost {
    let touch = |page: u64| match byte {
        Some(byte) => write(region, page * PAGE, byte),
        None => drop(read(region, page * PAGE)),
    };
    measure(|| pages.for_each(touch)).1.cost
}

fn resident(region: &Region) -> Resident {
    spaces::current(|space, _| space.resident(region))
}

#[test_case]
fn a_read_of_a_zero_page_takes_no_frame_and_sees_the_one_frame_of_zeroes() {
    let region = allocate(pages_at(0x10000, 16, Backing::Zero));
    assert_eq!(touch_pages(&region, 0..16, None), cost(16, 0, 3));
    for page in 0..16 {
        assert_eq!(physical(region.base + page * PAGE), Some(zero_frame()));
    }
    assert!((0..PAGE).all(|offset| read(&region, 5 * PAGE + offset) == 0));
    assert_eq!(
        resident(&region),
        Resident {
            zero: 16,
            ..Resident::default()
        }
    );
    assert_eq!(free(&region), 0);
}

#[test_case]
fn a_write_to_one_zero_page_leaves_the_others_and_the_zero_frame_alone() {
    let region = allocate(pages_at(0x10000, 4, Backing::Zero));
    assert_eq!(touch_pages(&region, 0..4, None), cost(4, 0, 3));
    assert_eq!(touch_pages(&region, 2..3, Some(7)), cost(1, 1, 0));
    assert_eq!(
        [0, 1, 2, 3].map(|page| read(&region, page * PAGE)),
        [0, 0, 7, 0]
    );
    assert_ne!(physical(region.base + 2 * PAGE), Some(zero_frame()));
    assert_eq!(physical(region.base + 3 * PAGE), Some(zero_frame()));
    let zeroes = direct(zero_frame());
    // SAFETY: the zero frame is there for everybody to read.
    assert!((0..PAGE).all(|offset| unsafe { access::read_byte(zeroes + offset) } == 0));
    assert_eq!(free(&region), 1);
}

#[test_case]
fn a_page_on_demand_begins_with_zeroes_whatever_its_frame_held_before() {
    let region = allocate(pages_at(0x10000, 8, Backing::Demand));
    assert!((0..8 * PAGE).step_by(64).all(|offset| {
        write(&region, offset, 0xa5);
        read(&region, offset) == 0xa5
    }));
    assert_eq!(free(&region), 8);
    let again = allocate(pages_at(0x10000, 8, Backing::Demand));
    assert!(
        (0..8 * PAGE)
            .step_by(64)
            .all(|offset| read(&again, offset) == 0)
    );
    assert_eq!(free(&again), 8);
}

#[test_case]
fn every_page_keeps_what_was_written_to_it_in_a_frame_of_its_own() {
    for backing in [Backing::Immediate, Backing::Demand, Backing::Zero] {
        let region = allocate(pages_at(0x40_0000, 64, backing).page_size(LeafSize::Size4KiB));
        for page in 0..64 {
            write(&region, page * PAGE + page, page as u8 + 1);
        }
        let mut frames = BTreeSet::new();
        for page in 0..64 {
            let offset = page * PAGE + page;
            assert_eq!(read(&region, offset), page as u8 + 1, "{backing}");
            let place = physical(region.base + offset).expect("it was just written");
            // SAFETY: the frame is the region's own, where no Rust value stands.
            let byte = unsafe { access::read_byte(direct(place)) };
            assert_eq!(byte, page as u8 + 1, "{backing}");
            frames.insert(place.align_down(PAGE));
        }
        assert_eq!(frames.len(), 64, "{backing}");
        assert_eq!(free(&region), 64, "{backing}");
    }
}

#[test_case]
fn what_is_read_only_is_mapped_without_the_right_to_write() {
    for (backing, frames) in [
        (Backing::Immediate, 1),
        (Backing::Demand, 1),
        (Backing::Zero, 0),
    ] {
        let region = allocate(pages_at(0x10000, 1, backing).rights(Rights::Read));
        assert_eq!(read(&region, 0), 0);
        let flags = flags(region.base);
        assert!(flags.contains(PageTableFlags::PRESENT), "{backing}");
        assert!(!flags.contains(PageTableFlags::WRITABLE), "{backing}");
        assert!(flags.contains(PageTableFlags::NO_EXECUTE), "{backing}");
        assert_eq!(free(&region), frames, "{backing}");
    }
}

#[test_case]
fn a_page_gets_the_rights_of_its_region_and_not_of_the_first_access() {
    let region = allocate(pages_at(0x10000, 1, Backing::Demand));
    assert_eq!(touch_pages(&region, 0..1, None), cost(1, 1, 3));
    assert!(flags(region.base).contains(PageTableFlags::WRITABLE));
    assert_eq!(touch_pages(&region, 0..1, Some(1)), NOTHING);
    free(&region);
}

#[test_case]
fn fault_around_maps_the_aligned_block_of_pages_in_one_fault() {
    let region = allocate(pages_at(0x10000, 64, Backing::Demand).fault_around(16));
    assert_eq!(touch_pages(&region, 21..22, Some(1)), cost(1, 16, 3));
    assert_eq!(touch_pages(&region, 16..32, Some(1)), NOTHING);
    assert_eq!(physical(region.base + 15 * PAGE), None);
    assert_eq!(physical(region.base + 32 * PAGE), None);
    assert_eq!(free(&region), 16);
}

#[test_case]
fn fault_around_stays_inside_its_region() {
    let region = allocate(pages_at(0x14000, 10, Backing::Demand).fault_around(16));
    // The block of 16 pages around page 0x15 is 0x10..0x20; the region has 0x14..0x1e of it.
    assert_eq!(touch_pages(&region, 1..2, None), cost(1, 10, 3));
    assert_eq!(physical(region.base - PAGE), None);
    assert_eq!(physical(region.base + 10 * PAGE), None);
    assert_eq!(free(&region), 10);
}

#[test_case]
fn fault_around_in_a_zero_region_takes_only_the_frame_of_the_written_page() {
    let region = allocate(pages_at(0x10000, 16, Backing::Zero).fault_around(8));
    assert_eq!(touch_pages(&region, 3..4, Some(1)), cost(1, 1, 3));
    assert_eq!(touch_pages(&region, 0..8, None), NOTHING);
    assert_eq!(touch_pages(&region, 0..3, Some(1)), cost(3, 3, 0));
    assert_eq!(free(&region), 4);
}

#[test_case]
fn fault_around_keeps_what_is_there() {
    let region = allocate(pages_at(0x10000, 8, Backing::Zero).fault_around(8));
    write(&region, 0, 9);
    spaces::current(|space, memory| space.discard(region.base + PAGE, 7 * PAGE, memory))
        .expect("the pages are the region's own");
    assert_eq!(touch_pages(&region, 7..8, None), cost(1, 0, 0));
    assert_eq!(read(&region, 0), 9);
    assert_eq!(free(&region), 1);
}

/// A region of two large pages, whose memory is asked for in large pages.
fn large(backing: Backing) -> Region {
    let request = Request::new(2 * LARGE_PAGE, backing)
        .placement(Placement::At(VirtAddr::new(0x4000_0000)))
        .page_size(LeafSize::Size2MiB);
    allocate(request)
}

#[test_case]
fn a_large_page_on_demand_takes_one_fault_and_512_frames() {
    let region = large(Backing::Demand);
    let touch = |offset| measure(|| write(&region, offset, 3)).1.cost;
    assert_eq!(touch(LARGE_PAGE - 1), cost(1, 512, 2));
    assert_eq!(touch(0), NOTHING);
    assert_eq!(touch(LARGE_PAGE), cost(1, 512, 0));
    assert_eq!(level(region.base), 2);
    let frame = physical(region.base).expect("it was touched");
    assert!(frame.is_aligned(LARGE_PAGE));
    assert_eq!(physical(region.base + 0x12345_u64), Some(frame + 0x12345));
    assert_eq!(
        [0, 1, LARGE_PAGE - 1].map(|at| read(&region, at)),
        [3, 0, 3]
    );
    assert_eq!(free(&region), 1024);
}

#[test_case]
fn a_large_page_of_zeroes_takes_its_512_frames_at_the_first_write() {
    let region = large(Backing::Zero);
    assert_eq!(measure(|| read(&region, 0)).1.cost, cost(1, 0, 3));
    assert_eq!(measure(|| read(&region, PAGE)).1.cost, cost(1, 0, 0));
    assert_eq!(measure(|| write(&region, 5, 8)).1.cost, cost(1, 512, -1));
    assert_eq!(level(region.base), 2);
    assert_eq!(
        [0, 5, PAGE, LARGE_PAGE - 1].map(|at| read(&region, at)),
        [0, 8, 0, 0]
    );
    assert_eq!(free(&region), 512);
}

#[test_case]
fn immediate_backing_uses_the_largest_pages_that_fit() {
    let from = 0x4000_0000 - PAGE;
    let request = pages_at(from, 2 + LARGE_PAGE / PAGE, Backing::Immediate);
    let (region, measured) = measure(|| allocate(request));
    // A page before the large one and one behind it, each with a table of its
    // own; the first lies in another GiB, which takes one more.
    let cost_of_three_leaves = Cost {
        records: 1,
        ..cost(0, 514, 5)
    };
    assert_eq!(measured.cost, cost_of_three_leaves);
    assert_eq!(
        [0, PAGE, PAGE + LARGE_PAGE].map(|at| level(region.base + at)),
        [1, 2, 1]
    );
    assert_eq!(free(&region), 514);
}

#[test_case]
fn where_no_large_frame_is_free_small_pages_stand_in_and_are_counted() {
    let region = large(Backing::Demand);
    let fallbacks = || spaces::memory().fallbacks();
    let before = fallbacks();
    set_limit(Some(100));
    let (_, measured) = measure(|| write(&region, 0, 1));
    set_limit(None);
    assert_eq!(measured.cost, cost(1, 1, 3));
    assert_eq!(fallbacks() - before, 1);
    assert_eq!(free(&region), 1);
}

#[test_case]
fn a_devices_memory_is_borrowed_and_counted_apart() {
    // The registers of the I/O APIC, which every chipset here has.
    let registers = PhysAddr::new(0xfec0_0000);
    let borrowed = || spaces::memory().borrowed();
    let before = (counts().free, borrowed());
    let backing = Backing::Device(registers, Cache::Uncached);
    let region = allocate(pages_at(0x10000, 1, backing));
    assert_eq!(borrowed() - before.1, 1);
    assert_eq!(physical(region.base), Some(registers));
    assert!(flags(region.base).contains(PageTableFlags::NO_CACHE));
    assert_eq!(measure(|| read(&region, 0)).1.cost, NOTHING);
    assert_eq!(free(&region), 0);
    assert_eq!((counts().free, borrowed()), before);
}
