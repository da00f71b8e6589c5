//! Growth by whole extents, adjoining or not.

use memory::heap::{GRAIN, Heap};

use crate::memory::{Memory, allocate, free, heap};

#[test]
fn nothing_is_reserved_before_the_first_block() {
    let mut heap = Heap::new(Memory::new());
    assert_eq!(heap.usage().size, 0);
    let block = allocate(&mut heap, 100);
    assert_eq!((heap.usage().size, heap.usage().growths), (2 * GRAIN, 1));
    free(&mut heap, block, 100);
}

#[test]
fn extents_that_adjoin_are_one_piece_of_memory() {
    let mut heap = heap();
    let blocks: Vec<_> = (0..10).map(|_| allocate(&mut heap, 3 << 20)).collect();
    assert!(heap.usage().growths >= 7);
    blocks
        .into_iter()
        .for_each(|block| free(&mut heap, block, 3 << 20));
    let usage = heap.usage();
    assert_eq!(usage.in_use, 0);
    // Larger than any extent: what there is but for the maps' pages.
    assert!(usage.largest_free >= usage.size / 2, "{usage:?}");
    let block = allocate(&mut heap, usage.largest_free - 16);
    assert_eq!(heap.usage().growths, usage.growths);
    free(&mut heap, block, usage.largest_free - 16);
}

#[test]
fn extents_that_do_not_adjoin_serve_as_well() {
    let mut heap = heap();
    heap.source_mut().gap = GRAIN;
    let blocks: Vec<_> = (0..10).map(|_| allocate(&mut heap, 3 << 20)).collect();
    let usage = heap.usage();
    assert!(usage.growths >= 9);
    blocks
        .into_iter()
        .for_each(|block| free(&mut heap, block, 3 << 20));
    for _ in 0..3 {
        let blocks: Vec<_> = (0..10).map(|_| allocate(&mut heap, 3 << 20)).collect();
        assert_eq!(heap.usage().growths, usage.growths, "holes are used again");
        blocks
            .into_iter()
            .for_each(|block| free(&mut heap, block, 3 << 20));
    }
    assert_eq!(heap.usage().in_use, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_block_larger_than_an_extent_gets_one_of_its_own() {
    let mut heap = heap();
    let size = 100 << 20;
    let block = allocate(&mut heap, size);
    assert_eq!(heap.usage().growths, 2);
    assert!(heap.source().held() <= 8, "none of it was touched");
    free(&mut heap, block, size);
    assert!(heap.usage().largest_free >= size);
}

#[test]
fn when_the_address_space_is_used_up_there_are_no_more_blocks() {
    let mut heap = heap();
    let mut blocks = Vec::new();
    while let Some(block) = heap.allocate(crate::memory::layout(3 << 20, 8)) {
        blocks.push(block);
    }
    assert!(blocks.len() > 100, "{}", blocks.len());
    let freed = blocks.pop().expect("more than one");
    free(&mut heap, freed, 3 << 20);
    assert_eq!(allocate(&mut heap, 3 << 20), freed);
}
