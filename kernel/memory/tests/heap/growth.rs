//! Growth by whole extents, adjoining or not.

use memory::heap::{GRAIN, Heap};

use crate::memory::{Memory, allocate, free, heap, layout};

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
    heap.source().gap.set(GRAIN);
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
    while let Some(block) = heap.allocate(layout(3 << 20, 8)) {
        blocks.push(block);
    }
    assert!(blocks.len() > 100, "{}", blocks.len());
    let freed = blocks.pop().expect("more than one");
    free(&mut heap, freed, 3 << 20);
    assert_eq!(allocate(&mut heap, 3 << 20), freed);
}

#[test]
fn sixteen_runs_of_extents_and_no_more_are_served() {
    let mut heap = heap();
    heap.source().gap.set(GRAIN);
    let mut blocks = 0;
    while heap.allocate(layout(3 << 20, 8)).is_some() {
        blocks += 1;
    }
    assert_eq!(
        (heap.usage().growths, heap.source().failures.get()),
        (16, 0)
    );
    assert!(blocks >= 16, "{blocks}");
}

#[test]
fn an_extent_has_room_for_the_bits_in_front_of_its_block() {
    let mut heap = Heap::new(Memory::new());
    heap.source().gap.set(GRAIN);
    // Of the bits in the first page, those for 20 MiB are left.
    allocate(&mut heap, 106 << 20);
    assert_eq!(heap.usage().size, 108 << 20);
    let more = heap.allocate(layout((20 << 20) + 8192, GRAIN));
    assert!(more.is_some_and(|block| block.addr().get().is_multiple_of(GRAIN)));
    assert_eq!((heap.usage().size, heap.usage().growths), (132 << 20, 2));
}

#[cfg(target_os = "linux")]
#[test]
fn growing_needs_8_free_frames() {
    // Pages for nodes and bits, and 4 for the record.
    let mut heap = Heap::new(Memory::new());
    heap.source().frames.set(7);
    assert!(heap.allocate(layout(100, 8)).is_none());
    assert_eq!(heap.source().size(), 0);
    heap.source().frames.set(8);
    assert!(heap.allocate(layout(100, 8)).is_some());
    assert_eq!(heap.usage().growths, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_extent_that_cannot_be_set_up_waits_for_4_frames() {
    let mut heap = Heap::new(Memory::new());
    heap.source().frames.set(8);
    heap.source().record.set(5);
    assert!(heap.allocate(layout(100, 8)).is_none());
    let reserved = heap.source().size();
    assert_eq!((reserved, heap.source().frames), (2 * GRAIN, 3));
    assert!(heap.allocate(layout(100, 8)).is_none());
    assert_eq!((heap.usage().size, heap.usage().growths), (0, 0));
    heap.source().frames.set(4);
    assert!(
        heap.allocate(layout(100, 8)).is_none(),
        "too few for its page"
    );
    assert_eq!((heap.usage().size, heap.usage().growths), (reserved, 1));
    heap.source().frames.set(10);
    assert!(heap.allocate(layout(100, 8)).is_some());
    assert_eq!(heap.source().size(), reserved);
}

#[test]
fn an_extent_that_waits_is_used_before_another_is_reserved() {
    let mut heap = Heap::new(Memory::new());
    // Those that look for room and reserve an extent; the fifth would set it up.
    heap.source().calls.set(4);
    assert!(heap.allocate(layout(20_000, 8)).is_none());
    heap.source().calls.set(usize::MAX);
    allocate(&mut heap, 20_000);
    assert_eq!((heap.usage().size, heap.usage().growths), (GRAIN, 1));
    assert_eq!(heap.source().size(), GRAIN);
}

#[test]
fn an_extent_that_waits_and_is_too_small_is_not_lost() {
    let mut heap = Heap::new(Memory::new());
    for size in [20_000, 10 << 20] {
        heap.source().calls.set(4);
        assert!(heap.allocate(layout(size, 8)).is_none());
    }
    heap.source().calls.set(usize::MAX);
    for size in [10 << 20, 20_000] {
        allocate(&mut heap, size);
    }
    assert_eq!(heap.usage().size, heap.source().size());
    assert_eq!(heap.usage().size, (2 << 20) + (12 << 20));
}
