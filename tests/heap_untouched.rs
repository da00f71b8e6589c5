//! The heap from its first byte on: virtual memory in plenty, and a frame only
//! for what is touched.
//!
//! The list of holes stands in the free memory itself: one node at the start,
//! and one right behind a block that is carved out, written while the heap's
//! lock is held. A kernel of its own, since pages stay with the heap.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::block::Block;
use common::{LARGE_PAGE, NOTHING, PAGE, cost, counts};
use kernel::heap::{Usage, usage};
use kernel::spaces;
use kernel::tour::meter::measure;
use memory::Outcome;
use memory::space::{Backing, Region, Resident};

kernel::test_kernel!(test_main);

fn region() -> Region {
    spaces::kernel_half(|space, _, _| space.regions().find(|region| region.label == "heap"))
        .expect("the heap has a region of that name")
}

/// Asserts that so many pages of the heap have a frame.
fn assert_resident(private: u64) {
    let region = region();
    let resident = spaces::kernel_half(|space, physical, _| space.resident(&region, physical));
    let expected = Resident {
        private,
        ..Resident::default()
    };
    assert_eq!(resident, expected);
}

#[test_case]
fn a_frame_is_spent_when_a_page_is_touched_and_not_before() {
    only_the_header_has_a_frame();
    a_block_costs_the_node_behind_it();
    touching_a_whole_block_costs_each_page_once();
}

fn only_the_header_has_a_frame() {
    let heap = region();
    assert_eq!(heap.backing, Backing::Demand);
    assert!(heap.size >= counts().total * PAGE / 8);
    let size = heap.size as usize;
    assert_eq!(usage(), Usage { size, in_use: 0 });
    assert_eq!(heap.faults, 1);
    assert_resident(1);
}

fn a_block_costs_the_node_behind_it() {
    let size = 1 << 20;
    let (block, measured) = measure(|| Block::new(size, PAGE));
    assert_eq!(measured.cost, cost(1, 1, 0));
    assert_eq!(usage().in_use, size as usize);
    assert_resident(2);

    // The fault came while the heap's lock was held: the heap itself wrote there.
    let [event] = measured.faults() else {
        panic!("{:?}", measured.faults());
    };
    assert_eq!(
        event.fault.address.align_down(PAGE).as_u64(),
        block.range().end
    );
    assert_eq!(event.outcome, Outcome::Demand);
    assert_eq!(event.region, region().base);

    let touch = |offset| measure(|| block.write(offset, 1)).1.cost;
    assert_eq!(touch(size / 2), cost(1, 1, 0));
    assert_eq!(touch(size / 2 + PAGE - 1), NOTHING);
    assert_eq!(touch(size - 1), cost(1, 1, 0));
    assert_eq!(measure(|| drop(block)).1.cost, NOTHING);
    assert_eq!(usage().in_use, 0);
    assert_resident(4);
}

fn touching_a_whole_block_costs_each_page_once() {
    let size = 2 * LARGE_PAGE;
    let pages = size / PAGE;
    let (block, measured) = measure(|| Block::new(size, PAGE));
    // The node behind it is the first page of another 2 MiB: one more table.
    assert_eq!(measured.cost, cost(1, 1, 1));
    let ((), measured) = measure(|| {
        for page in 0..pages {
            block.write(page * PAGE, page as u8);
        }
    });
    // Four of its pages were touched above.
    let new = pages - 4;
    assert_eq!(measured.cost, cost(new, new.cast_signed(), 1));
    assert!((0..pages).all(|page| block.read(page * PAGE) == page as u8));
    assert_eq!(measure(|| drop(block)).1.cost, NOTHING);
    assert_eq!(usage().in_use, 0);
    assert_resident(pages + 1);
}
