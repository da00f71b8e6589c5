//! Blocks made larger and smaller: where they are if that can be, with their
//! bytes in any case.

use std::ptr::NonNull;

use faultline_memory::heap::{Heap, PAGE};

use crate::memory::{CANARY, CHECKS, Memory, allocate, free, heap, layout};

fn resize(heap: &mut Heap<Memory>, block: NonNull<u8>, old: usize, new: usize) -> NonNull<u8> {
    // SAFETY: the tests resize blocks of theirs and forget the old ones.
    unsafe { heap.reallocate(block, layout(old, 8), new) }.expect("there is room")
}

/// Pages that a large block of so many bytes has: checks add a canary.
fn pages(size: usize) -> usize {
    (size + CANARY).div_ceil(PAGE)
}

#[test]
fn a_block_stays_where_it_is_within_its_class() {
    let mut heap = heap();
    // With the canary or without: the class of 320 bytes.
    let block = allocate(&mut heap, 260);
    for (old, new) in [(260, 300), (300, 304), (304, 257), (257, 290)] {
        assert_eq!(resize(&mut heap, block, old, new), block);
    }
    let moved = resize(&mut heap, block, 290, 400);
    assert_ne!(moved, block);
    free(&mut heap, moved, 400);
}

#[test]
fn a_large_block_grows_into_the_hole_behind_it() {
    let mut heap = heap();
    let block = allocate(&mut heap, 20_000);
    // SAFETY: the block is that long.
    unsafe { block.write_bytes(7, 20_000) };
    let mut size = 20_000;
    for new in [20_100, 50_000, 200_000, 1 << 20] {
        assert_eq!(resize(&mut heap, block, size, new), block);
        size = new;
        assert_eq!(heap.usage().in_use, pages(size) * PAGE);
    }
    // SAFETY: the block is that long.
    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), 20_000) };
    assert!(bytes.iter().all(|&byte| byte == 7));
    free(&mut heap, block, size);
    assert_eq!(heap.usage().in_use, 0);
}

#[test]
fn growing_in_place_finds_its_hole_behind_others() {
    let mut heap = heap();
    let size = 5 * PAGE - 16;
    let blocks: Vec<_> = (0..8).map(|_| allocate(&mut heap, size)).collect();
    // Holes in front, and one behind the fifth.
    for index in [0, 2, 5] {
        free(&mut heap, blocks[index], size);
    }
    let largest = heap.usage().largest_free;
    let block = resize(&mut heap, blocks[4], size, size + 3 * PAGE);
    assert_eq!(block, blocks[4]);
    assert_eq!(heap.usage().largest_free, largest, "the others are back");
    assert_eq!(heap.usage().in_use, (4 * 5 + 8) * PAGE);
}

#[test]
fn a_large_block_that_is_boxed_in_moves_with_its_bytes() {
    let mut heap = heap();
    let first = allocate(&mut heap, 20_000);
    let second = allocate(&mut heap, 20_000);
    // SAFETY: the block is that long.
    unsafe { first.write_bytes(9, 20_000) };
    let moved = resize(&mut heap, first, 20_000, 60_000);
    assert_ne!(moved, first);
    // SAFETY: the block is that long.
    let bytes = unsafe { std::slice::from_raw_parts(moved.as_ptr(), 20_000) };
    assert!(bytes.iter().all(|&byte| byte == 9));
    free(&mut heap, second, 20_000);
    free(&mut heap, moved, 60_000);
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_block_that_shrinks_gives_its_tail_back() {
    let mut heap = heap();
    let block = allocate(&mut heap, 1 << 20);
    assert_eq!(resize(&mut heap, block, 1 << 20, 40_000), block);
    assert_eq!(heap.usage().in_use, pages(40_000) * PAGE);
    // The last page is the canary's.
    let held = usize::from(CHECKS);
    assert_eq!(heap.source().reserved() + held, pages(40_000));
    let behind = allocate(&mut heap, 100_000);
    assert_eq!(
        behind.addr().get(),
        block.addr().get() + pages(40_000) * PAGE
    );
    free(&mut heap, block, 40_000);
    free(&mut heap, behind, 100_000);
    assert_eq!(heap.source().reserved(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_block_that_cannot_grow_stays_as_it_was() {
    let mut heap = heap();
    let block = allocate(&mut heap, 20_000);
    // SAFETY: the block is that long.
    unsafe { block.write_bytes(3, 20_000) };
    let before = heap.usage();
    // SAFETY: the block is ours.
    let grown = unsafe { heap.reallocate(block, layout(20_000, 8), 1 << 40) };
    assert!(grown.is_none());
    assert_eq!(heap.usage(), before);
    // SAFETY: the block is that long.
    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), 20_000) };
    assert!(bytes.iter().all(|&byte| byte == 3));
    free(&mut heap, block, 20_000);
}

/// Resizes a block of zeroes, while the source refuses everything.
fn resize_without_memory(heap: &mut Heap<Memory>, size: usize, new: usize) -> NonNull<u8> {
    let block = allocate(heap, size);
    // SAFETY: the block is that long.
    unsafe { block.write_bytes(7, size) };
    heap.source().calls.set(0);
    let resized = resize(heap, block, size, new);
    heap.source().calls.set(usize::MAX);
    // SAFETY: the block is that long.
    let bytes = unsafe { std::slice::from_raw_parts(resized.as_ptr(), new) };
    assert!(bytes.iter().all(|&byte| byte == 7));
    resized
}

#[test]
fn a_block_is_made_smaller_without_memory() {
    let sizes = [1, 100, 900, 1000, 1100, 5000, 8000, 9000, 65_536, 3 << 20];
    for size in sizes {
        for new in sizes.into_iter().filter(|&new| new < size) {
            let mut heap = heap();
            // It leaves no room in a span for a smaller one.
            let block = resize_without_memory(&mut heap, size, new);
            assert_eq!(heap.usage().blocks, 1, "{size} to {new}");
            let others = [new, size].map(|size| allocate(&mut heap, size));
            free(&mut heap, block, new);
            free(&mut heap, others[0], new);
            free(&mut heap, others[1], size);
            assert_eq!((heap.usage().in_use, heap.usage().blocks), (0, 0));
        }
    }
}

#[test]
fn a_large_block_that_stays_for_lack_of_memory_keeps_one_page() {
    let mut heap = heap();
    let block = resize_without_memory(&mut heap, 65_536, 100);
    assert_eq!((heap.usage().in_use, heap.usage().blocks), (PAGE, 1));
    // It is as large as it has to be, and moves when there is memory again.
    let more = resize(&mut heap, block, 100, 90);
    assert_ne!(more, block);
    free(&mut heap, more, 90);
    assert_eq!(heap.usage().in_use, 0);
}

#[test]
fn a_block_that_stayed_for_lack_of_memory_can_be_made_larger_without_it() {
    for (size, small, larger) in [
        (1000, 10, 900),
        (65_536, 100, 4000),
        (3 << 20, 100, 1 << 20),
    ] {
        let mut heap = heap();
        let block = resize_without_memory(&mut heap, size, small);
        heap.source().calls.set(if larger > 4096 { 1 } else { 0 });
        assert_eq!(resize(&mut heap, block, small, larger), block);
        heap.source().calls.set(usize::MAX);
        free(&mut heap, block, larger);
        assert_eq!((heap.usage().in_use, heap.usage().blocks), (0, 0));
    }
}
