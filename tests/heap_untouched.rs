//! The heap from its first byte on: virtual memory in plenty, and a frame only
//! for what is touched.
//!
//! A large block has its frames reserved, and holds those of the pages that were
//! touched. The heap's own notes are apart from the free memory, which it never
//! writes to; but this is a debug build, with a canary in a block's last page,
//! written while the heap's lock is held. A kernel of its own, since pages stay
//! with the heap.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::block::Block;
use common::{LARGE_PAGE, NOTHING, PAGE, cost, counts, heap_notes};
use kernel::account::meter::measure;
use kernel::heap::{self, usage};
use kernel::layout::HEAP;
use kernel::spaces;
use memory::Outcome;
use memory::space::{Backing, Region, Resident};

kernel::test_kernel!(test_main);

fn region() -> Region {
    spaces::kernel_half(|space, _| space.regions().find(|region| region.label == "heap"))
        .expect("the heap has a region of that name")
}

/// Asserts that so many pages of the heap have a frame beside its map of pages, and so many a reserved one.
fn assert_pages(private: u64, reserved: u64) {
    let region = region();
    let private = heap_notes(region.size) / PAGE + private;
    let resident = spaces::kernel_half(|space, _| space.resident(&region));
    let expected = Resident {
        private,
        ..Resident::default()
    };
    assert_eq!(resident, expected);
    assert_eq!(counts().kept_back, reserved);
}

#[test_case]
fn a_frame_is_spent_when_a_page_is_touched_and_not_before() {
    only_the_heaps_own_notes_have_frames();
    a_block_costs_its_canary();
    touching_a_whole_block_costs_each_page_once();
    small_blocks_cost_the_page_they_are_carved_from();
}

fn only_the_heaps_own_notes_have_frames() {
    let heap = region();
    assert_eq!((heap.backing, heap.base), (Backing::Demand, HEAP));
    assert!(heap.size >= (counts().total * PAGE / 8).min(1 << 30));
    let usage = usage();
    assert_eq!((usage.size as u64, usage.in_use), (heap.size, 0));
    // The map of pages.
    let map = heap_notes(heap.size);
    assert_eq!(usage.largest_free as u64, heap.size - map);
    assert_eq!(heap.faults, map / PAGE);
    assert_pages(0, 0);
}

fn a_block_costs_its_canary() {
    let size = 1 << 20;
    let (block, measured) = measure(|| Block::new(size, PAGE));
    assert_eq!(measured.cost, cost(1, 1, 0));
    assert_eq!(usage().in_use as u64, size + PAGE);
    // The canary is in the block's last page, behind what was asked for.
    assert_pages(1, size / PAGE);

    // The fault came while the heap's lock was held: the heap itself wrote.
    let [canary] = measured.faults() else {
        panic!("{:?}", measured.faults());
    };
    let end = block.range().end;
    assert_eq!(canary.fault.address.as_u64() & !(PAGE - 1), end);
    assert_eq!(canary.outcome, Outcome::Demand);
    assert_eq!(canary.region, region().base);

    let touch = |offset| measure(|| block.write(offset, 1)).1.cost;
    assert_eq!(touch(size / 2), cost(1, 1, 0));
    assert_eq!(touch(size / 2 + PAGE - 1), NOTHING);
    assert_eq!(touch(size - 1), cost(1, 1, 0));
    assert_pages(3, size / PAGE - 2);
    assert_eq!(measure(|| drop(block)).1.cost, NOTHING);
    assert_eq!(usage().in_use, 0);
    assert_pages(3, 0);
}

fn touching_a_whole_block_costs_each_page_once() {
    heap::trim();
    assert_pages(0, 0);
    // Two large pages and the canary, if the heap does not have to grow for them.
    let tables = (region().size / LARGE_PAGE - 1).min(2);
    let size = tables * LARGE_PAGE;
    let pages = size / PAGE;
    let (block, measured) = measure(|| Block::new(size, PAGE));
    // The block begins in the first 2 MiB: its reservation makes a table for each of the others.
    assert_eq!(measured.cost, cost(1, 1, tables as i64));
    assert_pages(1, pages);
    let ((), measured) = measure(|| {
        for page in 0..pages {
            block.write(page * PAGE, page as u8);
        }
    });
    assert_eq!(measured.cost, cost(pages, pages as i64, 0));
    assert!((0..pages).all(|page| block.read(page * PAGE) == page as u8));
    // So many idle pages go back at once.
    let ((), measured) = measure(|| drop(block));
    assert_eq!(
        measured.cost,
        cost(0, -(pages as i64) - 1, -(tables as i64))
    );
    assert_eq!(usage().in_use, 0);
    assert_pages(0, 0);
}

fn small_blocks_cost_the_page_they_are_carved_from() {
    // The chunk's header, and the page itself.
    let (block, measured) = measure(|| Block::new(100, 1));
    assert_eq!(measured.cost.faults, 2);
    assert_pages(2, 0);
    let (more, measured) = measure(|| [(); 20].map(|()| Block::new(100, 1)));
    assert_eq!(measured.cost, NOTHING);
    drop((block, more));
    assert_eq!(usage().in_use, 0);
}
