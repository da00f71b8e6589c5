//! What is not used goes back: by itself when there is much of it, all of it
//! when somebody asks.

use std::ptr::NonNull;

use faultline_memory::heap::{Heap, PAGE};

use crate::memory::{CANARY, Memory, allocate, free, heap, touch};

/// A few pages are the heap's own: the notes of its map.
const OWN: usize = 4;

/// A block of so many pages, all of which are held.
fn held(heap: &mut Heap<Memory>, pages: usize) -> (NonNull<u8>, usize) {
    let size = pages * PAGE - CANARY;
    let block = allocate(heap, size);
    touch(block, size);
    (block, size)
}

#[test]
fn after_100_mib_of_small_blocks_at_least_99_of_100_frames_are_back() {
    let mut heap = heap();
    let before = heap.source().held();
    let mut blocks = Vec::new();
    let (mut bytes, mut size) = (0, 16);
    while bytes < 100 << 20 {
        blocks.push((allocate(&mut heap, size), size));
        bytes += size;
        size = 16 + (size * 7 + 13) % 1009;
    }
    let peak = heap.source().held() - before;
    assert!(peak * PAGE >= 100 << 20);
    assert!(peak * PAGE <= 128 << 20, "{peak} pages");
    for (block, size) in blocks {
        free(&mut heap, block, size);
    }
    let left = heap.source().held() - before;
    assert!(left * 100 <= peak, "{left} of {peak} pages are still held");
    assert_eq!(heap.source().reserved(), 0);
    assert!(heap.usage().trims > 0);
    assert_eq!(heap.usage().in_use, 0);

    heap.trim();
    assert!(heap.source().held() <= before + OWN);
}

#[test]
fn a_few_idle_spans_are_kept_so_that_a_loop_costs_no_pages() {
    let mut heap = heap();
    let mut round = || {
        let blocks: Vec<_> = (0..1000).map(|_| allocate(&mut heap, 64)).collect();
        blocks
            .into_iter()
            .for_each(|block| free(&mut heap, block, 64));
        (heap.source().held(), heap.usage().trims)
    };
    let first = round();
    assert_eq!(first.1, 0);
    for _ in 0..100 {
        assert_eq!(round(), first);
    }
}

#[test]
fn a_large_block_that_comes_and_goes_keeps_its_pages() {
    let mut heap = heap();
    let size = 256 << 10;
    let mut round = || {
        let block = allocate(&mut heap, size);
        touch(block, size);
        free(&mut heap, block, size);
        (block, heap.source().held())
    };
    let first = round();
    assert!(first.1 >= size / PAGE);
    for _ in 0..100 {
        assert_eq!(round(), first);
    }
    assert_eq!(heap.usage().trims, 0);
    assert!(heap.trim() >= size / PAGE);
    assert!(heap.source().held() <= OWN);
}

#[test]
fn large_blocks_give_their_pages_back_when_many_are_idle() {
    let mut heap = heap();
    let (count, size) = (1000, 12 << 10);
    let blocks: Vec<_> = (0..count)
        .map(|_| {
            let block = allocate(&mut heap, size);
            touch(block, size);
            block
        })
        .collect();
    let peak = heap.source().held();
    assert!(peak >= 3 * count);
    for block in blocks {
        free(&mut heap, block, size);
    }
    let left = heap.source().held();
    assert!(left <= 128 + OWN, "{left} pages");
    heap.trim();
    assert!(heap.source().held() <= OWN);
}

#[test]
fn large_blocks_are_trimmed_above_128_idle_pages_and_a_quarter_of_those_in_use() {
    for in_use in [0, 400] {
        let mut heap = heap();
        if in_use > 0 {
            held(&mut heap, in_use);
        }
        let (most, size) = held(&mut heap, 128 + in_use / 4);
        let (last, last_size) = held(&mut heap, 3);
        free(&mut heap, most, size);
        assert_eq!(heap.usage().trims, 0, "{in_use}");
        free(&mut heap, last, last_size);
        assert_eq!(heap.usage().trims, 1, "{in_use}");
    }
}

#[test]
fn idle_pages_stay_counted_when_a_block_takes_others() {
    let mut heap = heap();
    let (first, first_size) = held(&mut heap, 100);
    let (last, last_size) = held(&mut heap, 60);
    free(&mut heap, first, first_size);
    // It does not fit into the hole.
    allocate(&mut heap, 120 * PAGE - CANARY);
    assert_eq!(heap.usage().trims, 0);
    // 160 are idle: 128 and a quarter of 120 are allowed.
    free(&mut heap, last, last_size);
    assert_eq!(heap.usage().trims, 1);
}

#[test]
fn small_blocks_are_swept_above_8_idle_spans_and_a_quarter_of_all() {
    let mut heap = heap();
    let size = 8192 - CANARY;
    for round in 0..3 {
        // 40 spans of 4 blocks; the first one has 3.
        let mut blocks: Vec<_> = (0..159).map(|_| allocate(&mut heap, size)).collect();
        blocks.sort();
        let mut free = |blocks: &[_]| {
            blocks
                .iter()
                .for_each(|&block| free(&mut heap, block, size));
            (heap.usage().medium.spans, heap.usage().trims)
        };
        assert_eq!(free(&blocks[..74]), (40, 2 * round));
        assert_eq!(free(&blocks[74..75]), (21, 2 * round + 1));
        // 14 idle ones of 21 are too many again, the last 7 are not.
        assert_eq!(free(&blocks[75..130]), (21, 2 * round + 1));
        assert_eq!(free(&blocks[130..131]), (7, 2 * round + 2));
        assert_eq!(free(&blocks[131..]), (7, 2 * round + 2));
    }
}

#[test]
fn a_page_with_a_block_in_it_stays_as_it_is() {
    let mut heap = heap();
    let blocks: Vec<_> = (0..10_000).map(|_| allocate(&mut heap, 500)).collect();
    for (index, &block) in blocks.iter().enumerate() {
        // SAFETY: the block is that long.
        unsafe { block.write_bytes(index as u8, 500) };
    }
    // One block in 200 stays: each keeps its span of 32 KiB.
    for (index, &block) in blocks.iter().enumerate() {
        if index % 200 != 0 {
            free(&mut heap, block, 500);
        }
    }
    heap.trim();
    let held = heap.source().held();
    assert!(held <= 50 * 8 + 3 + OWN, "{held} pages");
    for (index, &block) in blocks.iter().enumerate().step_by(200) {
        // SAFETY: the block is that long, and still ours.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), 500) };
        assert!(bytes.iter().all(|&byte| byte == index as u8));
        free(&mut heap, block, 500);
    }
    heap.trim();
    assert!(heap.source().held() <= OWN);
}

#[test]
fn trimming_says_how_many_pages_went_back_of_small_blocks_too() {
    let mut heap = heap();
    let blocks: Vec<_> = (0..3000).map(|_| allocate(&mut heap, 64)).collect();
    for block in blocks {
        touch(block, 64);
        free(&mut heap, block, 64);
    }
    let before = heap.source().held();
    let given = heap.trim();
    assert!(given > 1, "{given}");
    assert_eq!(heap.source().held(), before - given);
}
