//! Out of frames: no block, nothing changed, and all goes on once something
//! was freed. Every failure of the source in turn.

use faultline_memory::heap::{Heap, PAGE};

use crate::memory::{CANARY, Memory, allocate, free, heap, layout, touch};

/// Allocates until there is no more, touching all of it.
fn fill(heap: &mut Heap<Memory>, size: usize) -> Vec<std::ptr::NonNull<u8>> {
    std::iter::from_fn(|| heap.allocate(layout(size, 8)))
        .inspect(|&block| touch(block, size))
        .collect()
}

#[test]
fn a_heap_never_reserves_more_than_there_is() {
    for size in [16, 100, 1024, 5000, 8192, 20_000, 300_000] {
        let mut heap = heap();
        heap.source().frames.set(1000);
        let blocks = fill(&mut heap, size);
        let used = heap.source().held() + heap.source().reserved();
        assert!(used <= 1000, "{size}: {used}");
        // Lost are notes and headers, what spans and pages have left over, and
        // with checks the canaries.
        let bytes = blocks.len() * (size + CANARY);
        assert!(bytes + size >= 660 * PAGE, "{size}: only {bytes} bytes");

        let half = blocks.len() / 2;
        for &block in &blocks[half..] {
            free(&mut heap, block, size);
        }
        let again = fill(&mut heap, size);
        assert!(
            again.len() + 3 >= blocks.len() - half,
            "{size}: {}",
            again.len()
        );
        for &block in again.iter().chain(&blocks[..half]) {
            free(&mut heap, block, size);
        }
        heap.trim();
        assert_eq!((heap.usage().in_use, heap.source().reserved()), (0, 0));
        assert!(heap.source().held() <= 8, "{size}");
    }
}

#[test]
fn untouched_pages_count_as_reserved_and_not_as_held() {
    let mut heap = heap();
    heap.source().frames.set(1000);
    let before = heap.source().held();
    let block = allocate(&mut heap, 800 * PAGE);
    assert!(heap.source().held() - before <= 3);
    assert!(heap.source().reserved() >= 799);
    assert!(heap.allocate(layout(300 * PAGE, 8)).is_none());
    // SAFETY: allocated above.
    let grown = unsafe { heap.reallocate(block, layout(800 * PAGE, 8), 1200 * PAGE) };
    assert!(grown.is_none());
    touch(block, 800 * PAGE);
    assert!(heap.source().held() <= 1000);
    free(&mut heap, block, 800 * PAGE);
    let other = allocate(&mut heap, 900 * PAGE);
    touch(other, 900 * PAGE);
    free(&mut heap, other, 900 * PAGE);
}

#[test]
fn idle_pages_are_given_back_before_a_block_is_refused() {
    let mut heap = heap();
    let small: Vec<_> = (0..4000).map(|_| allocate(&mut heap, 64)).collect();
    heap.source().frames.set(200);
    small
        .into_iter()
        .for_each(|block| free(&mut heap, block, 64));
    assert!(heap.source().held() > 60, "kept for the next blocks");
    let block = allocate(&mut heap, 180 * PAGE);
    touch(block, 180 * PAGE);
    free(&mut heap, block, 180 * PAGE);
}

#[test]
fn idle_pages_are_given_back_before_a_small_block_is_refused() {
    let mut heap = heap();
    let large = allocate(&mut heap, 100 * PAGE);
    touch(large, 100 * PAGE);
    free(&mut heap, large, 100 * PAGE);
    heap.source().frames.set(heap.source().held());
    let block = allocate(&mut heap, 64);
    assert_eq!((heap.usage().trims, heap.usage().growths), (1, 1));
    free(&mut heap, block, 64);
}

#[test]
fn when_nothing_is_idle_a_block_is_tried_once() {
    let mut heap = heap();
    heap.source().calls.set(0);
    for size in [64, 5000, 20_000] {
        let before = heap.source().failures.get();
        assert!(heap.allocate(layout(size, 8)).is_none());
        // There are holes enough, so an extent more is not asked for.
        assert_eq!(heap.source().failures.get() - before, 1, "{size}");
    }
}

#[test]
fn a_hole_that_was_too_small_once_is_found_when_there_is_no_other_memory() {
    let mut heap = heap();
    // Three fit into the first span and leave 4.5 KiB, four into the second.
    let blocks: Vec<_> = (0..7).map(|_| allocate(&mut heap, 8000)).collect();
    assert_eq!(heap.usage().medium.spans, 2);
    heap.source().calls.set(0);
    let block = allocate(&mut heap, 4000);
    assert!(blocks[2] < block && block < blocks[3]);
    assert!(heap.allocate(layout(4000, 8)).is_none());
    for (block, size) in blocks
        .into_iter()
        .map(|block| (block, 8000))
        .chain([(block, 4000)])
    {
        free(&mut heap, block, size);
    }
    assert_eq!(heap.usage().in_use, 0);
}

#[test]
fn the_heap_does_not_grow_for_a_block_that_there_are_no_frames_for() {
    let mut heap = heap();
    heap.source().frames.set(2000);
    assert!(heap.allocate(layout(3000 * PAGE, 8)).is_none());
    assert_eq!((heap.usage().size, heap.usage().growths), (4 << 20, 1));
    let block = allocate(&mut heap, 1500 * PAGE);
    assert_eq!(heap.usage().growths, 2);
    free(&mut heap, block, 1500 * PAGE);
}

/// A little of everything.
fn work(heap: &mut Heap<Memory>) -> Result<(), ()> {
    let mut blocks = Vec::new();
    let mut result = Ok(());
    for step in 0..60 {
        let size = [24, 700, 6000, 9000, 70_000, 1 << 20][step % 6] + step * 8;
        let align = if step % 5 == 0 { 1 << (step % 22) } else { 8 };
        let mut layout = layout(size, align);
        let Some(mut block) = heap.allocate(layout) else {
            result = Err(());
            break;
        };
        touch(block, size);
        if step % 3 == 0 {
            // SAFETY: just allocated.
            if let Some(grown) = unsafe { heap.reallocate(block, layout, size * 3) } {
                touch(grown, size * 3);
                (block, layout) = (grown, crate::memory::layout(size * 3, align));
            } else {
                result = Err(());
            }
        }
        blocks.push((block, layout));
    }
    for (block, layout) in blocks {
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
    result
}

#[test]
fn every_refusal_of_the_source_in_turn_is_a_refusal_of_the_heap() {
    let mut refused = 0;
    for calls in 0.. {
        let mut heap = heap();
        heap.source().calls.set(calls);
        let result = work(&mut heap);
        assert_eq!(heap.usage().in_use, 0, "after {calls} calls");
        assert_eq!(heap.source().reserved(), 0, "after {calls} calls");
        if heap.source().failures.get() == 0 {
            assert_eq!(result, Ok(()));
            break;
        }
        refused += u32::from(result.is_err());
        heap.source().calls.set(usize::MAX);
        assert_eq!(work(&mut heap), Ok(()), "after {calls} calls");
        heap.trim();
        assert!(heap.source().held() <= 8, "after {calls} calls");
    }
    assert!(refused > 50, "{refused}");
}
