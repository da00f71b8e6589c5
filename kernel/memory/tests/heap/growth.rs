//! Growth by whole extents, adjoining or not.

use faultline_memory::heap::{GRAIN, Heap, PAGE};

use crate::memory::{CANARY, Memory, SPACE, allocate, free, heap, layout};

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
    // Its hole may have joined a smaller one in front.
    let again = allocate(&mut heap, 3 << 20);
    assert!(again <= freed && freed.addr().get() - again.addr().get() < 3 << 20);
}

#[test]
fn extents_that_do_not_adjoin_are_added_until_the_address_space_is_used_up() {
    let mut heap = heap();
    heap.source().gap.set(GRAIN);
    let mut blocks = 0;
    while heap.allocate(layout(3 << 20, 8)).is_some() {
        blocks += 1;
    }
    let growths = heap.usage().growths;
    assert!(
        growths > 16 && heap.source().failures.get() > 0,
        "{growths}"
    );
    assert!(blocks > 100, "{blocks}");
}

#[test]
fn an_extent_has_room_for_the_notes_in_front_of_its_block() {
    let mut heap = Heap::new(Memory::new());
    heap.source().gap.set(GRAIN);
    // Of the notes in the first page, those for 2 MiB are left.
    allocate(&mut heap, 108 << 20);
    assert_eq!(heap.usage().size, 110 << 20);
    let more = heap.allocate(layout((20 << 20) + 8192, GRAIN));
    assert!(more.is_some_and(|block| block.addr().get().is_multiple_of(GRAIN)));
    assert_eq!((heap.usage().size, heap.usage().growths), (134 << 20, 2));
}

#[test]
fn what_cannot_be_added_is_refused_and_changes_nothing() {
    let mut heap = heap();
    let before = heap.usage();
    for size in [usize::MAX, isize::MAX as usize, 1 << 46, SPACE] {
        assert_eq!(heap.grow(size), None, "{size:#x}");
    }
    assert_eq!(heap.usage(), before);
    // The step is still the first extent's.
    for size in [3 << 20, 2 << 20] {
        allocate(&mut heap, size);
    }
    assert_eq!(heap.usage().size, 2 * before.size);
}

#[cfg(target_os = "linux")]
#[test]
fn a_first_block_needs_3_free_frames() {
    // For the notes of the extent, the header of the chunk, and the block.
    let mut heap = Heap::new(Memory::new());
    heap.source().frames.set(2);
    assert!(heap.allocate(layout(100, 8)).is_none());
    heap.source().frames.set(3);
    assert!(heap.allocate(layout(100, 8)).is_some());
    assert_eq!((heap.usage().growths, heap.source().held()), (1, 3));
}

#[test]
fn an_extent_that_cannot_be_noted_is_not_added() {
    let mut heap = Heap::new(Memory::new());
    heap.source().frames.set(0);
    for size in [100, 20_000, 10 << 20] {
        assert!(heap.allocate(layout(size, 8)).is_none());
    }
    assert_eq!((heap.source().size(), heap.usage().size), (0, 0));
}

#[test]
fn an_extent_comes_with_the_block_that_it_is_added_for_or_not_at_all() {
    let mut heap = Heap::new(Memory::new());
    heap.source().frames.set(2000);
    assert!(heap.allocate(layout(3000 * PAGE, 8)).is_none());
    assert!(heap.allocate(layout(2000 * PAGE, 8)).is_none());
    assert_eq!((heap.source().size(), heap.usage().growths), (0, 0));
    let block = allocate(&mut heap, 1999 * PAGE - CANARY);
    assert_eq!((heap.usage().size, heap.usage().growths), (4 * GRAIN, 1));
    free(&mut heap, block, 1999 * PAGE - CANARY);
}

#[test]
fn a_large_block_is_found_behind_thousands_of_holes_that_are_too_small() {
    let mut heap = heap();
    heap.source().gap.set(GRAIN);
    let size = 3 * PAGE - CANARY;
    let blocks: Vec<_> = (0..20_000).map(|_| allocate(&mut heap, size)).collect();
    assert!(heap.usage().growths > 16);
    for block in blocks.into_iter().step_by(2) {
        free(&mut heap, block, size);
    }
    let growths = heap.usage().growths;
    for _ in 0..20_000 {
        let block = allocate(&mut heap, size + PAGE);
        free(&mut heap, block, size + PAGE);
    }
    assert!(heap.usage().growths <= growths + 1);
}
