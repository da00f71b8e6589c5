//! The kernel heap: values of every kind, blocks as asked for, all of it given
//! back. What the heap costs from its first byte on: `heap_untouched`.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use common::block::Block;
use common::{NOTHING, PAGE, audit};
use core::ops::Range;
use kernel::heap::usage;
use kernel::tour::meter::measure;

kernel::test_kernel!(test_main);

#[test_case]
fn boxes_vectors_strings_and_maps_work_and_leave_nothing_in_use() {
    assert_eq!(usage().in_use, 0);
    let boxed = Box::new([7_u64; 100]);
    let squares: Vec<u64> = (0..1000).map(|n| n * n).collect();
    let mut map = BTreeMap::new();
    for n in 0..1000_u64 {
        map.insert(
            n.reverse_bits(),
            String::from_iter(['a', 'b', 'c'].iter().cycle().take(n as usize % 20)),
        );
    }
    assert_eq!(boxed.iter().sum::<u64>(), 700);
    assert_eq!(squares.iter().sum::<u64>(), 332_833_500);
    assert_eq!(map.len(), 1000);
    assert!(
        map.iter()
            .all(|(n, text)| text.len() as u64 == n.reverse_bits() % 20)
    );
    assert!(usage().in_use >= 100 * 8 + 1000 * 8 + 1000 * 16);
    audit();
    drop((boxed, squares, map));
    assert_eq!(usage().in_use, 0);
}

#[test_case]
fn blocks_are_aligned_as_asked_and_lie_apart() {
    let mut blocks = Vec::with_capacity(64);
    for (index, align) in (0..=16)
        .map(|shift| 1 << shift)
        .cycle()
        .take(64)
        .enumerate()
    {
        let block = Block::new(1 + index as u64 * 37, align);
        assert!(block.range().start.is_multiple_of(align), "{align}");
        blocks.push(block);
    }
    let mut ranges: Vec<Range<u64>> = blocks.iter().map(Block::range).collect();
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
    drop((blocks, ranges));
    assert_eq!(usage().in_use, 0);
}

#[test_case]
fn freed_memory_is_used_again_without_a_fault() {
    assert_eq!(usage().in_use, 0);
    let fill = |byte| {
        let block = Block::new(16 * PAGE, PAGE);
        (0..16).for_each(|page| block.write(page * PAGE, byte));
        block.range()
    };
    let first = fill(1);
    let (second, measured) = measure(|| fill(2));
    assert_eq!(first, second);
    assert_eq!(measured.cost, NOTHING);
}

#[test_case]
fn freed_neighbours_grow_together_again() {
    assert_eq!(usage().in_use, 0);
    let quarter = (usage().size / 4) as u64;
    for _ in 0..4 {
        let blocks = [(); 3].map(|()| Block::new(quarter, 1));
        assert!(usage().in_use >= 3 * quarter as usize);
        drop(blocks);
        drop(Block::new(3 * quarter, 1));
    }
    assert_eq!(usage().in_use, 0);
}

#[test_case]
fn more_than_the_heap_holds_is_refused_and_costs_nothing() {
    let before = usage();
    let (result, measured) = measure(|| Vec::<u8>::new().try_reserve_exact(before.size + 1));
    assert!(result.is_err());
    assert_eq!(measured.cost, NOTHING);
    assert_eq!(usage(), before);
}
