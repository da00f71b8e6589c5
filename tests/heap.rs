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
use common::{NOTHING, PAGE, audit, counts, heap_notes};
use core::ops::Range;
use kernel::account::meter::measure;
use kernel::heap::{self, usage};

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
    let before = usage();
    let quarter = (before.largest_free / 4) as u64;
    for _ in 0..4 {
        let blocks = [(); 3].map(|()| Block::new(quarter, 1));
        assert!(usage().in_use >= 3 * quarter as usize);
        drop(blocks);
        drop(Block::new(3 * quarter, 1));
    }
    assert_eq!((usage().in_use, usage().growths), (0, before.growths));
}

#[test_case]
fn more_than_the_machine_has_is_refused_and_costs_nothing() {
    heap::trim();
    let before = usage();
    for size in [counts().free * PAGE, isize::MAX as u64] {
        let reserve = || Vec::<u8>::new().try_reserve_exact(size as usize);
        let (result, measured) = measure(reserve);
        assert!(result.is_err());
        assert_eq!(measured.cost, NOTHING);
        assert_eq!(usage(), before);
    }
}

#[test_case]
fn a_heap_that_is_used_up_grows_in_one_piece() {
    let before = usage();
    let block = Block::new(before.size as u64, PAGE);
    let after = usage();
    assert_eq!(after.growths, before.growths + 1);
    assert!(after.size >= 2 * before.size);
    block.write(before.size as u64 - 1, 7);
    audit();
    drop(block);
    assert_eq!(usage().in_use, 0);
    // But for a few pages of the heap's own, all of it is one hole; or two, where
    // the notes of the first extent left no room for those of the second.
    let one = heap_notes(after.size as u64) == heap_notes(before.size as u64);
    let whole = if one { after.size } else { after.size / 2 };
    assert!(usage().largest_free + 16 * PAGE as usize >= whole);
    audit();
}

#[test_case]
fn a_vector_that_grows_stays_where_it_is_while_there_is_room_behind_it() {
    let mut bytes = Vec::with_capacity(100_000);
    let start = bytes.as_ptr();
    for n in 0..1_000_000_u32 {
        bytes.push(n as u8);
    }
    assert_eq!(bytes.as_ptr(), start);
    assert!(bytes.iter().zip(0_u32..).all(|(&byte, n)| byte == n as u8));
    bytes.truncate(10);
    bytes.shrink_to_fit();
    assert_eq!(bytes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    drop(bytes);
    assert_eq!(usage().in_use, 0);
}

#[test_case]
fn a_large_vector_of_zeroes_is_not_touched() {
    heap::trim();
    let (zeroes, measured) = measure(|| alloc::vec![0_u8; 8 << 20]);
    // The list's node behind it, the canary at its end, and tables.
    assert!(
        measured.cost.frames <= 2 && measured.cost.faults <= 2,
        "{}",
        measured.cost
    );
    assert!(zeroes.iter().step_by(100_000).all(|&byte| byte == 0));
    drop(zeroes);
    assert_eq!(usage().in_use, 0);
}
