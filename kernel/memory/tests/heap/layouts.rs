//! What any layout gets: aligned, its own, and of its size.

use std::collections::BTreeMap;

use crate::memory::{CANARY, CHECKS, heap, layout};

#[test]
fn blocks_of_all_sizes_and_alignments_lie_apart() {
    let mut heap = heap();
    let mut taken = BTreeMap::new();
    let mut blocks = Vec::new();
    for shift in 0..=21 {
        let align = 1 << shift;
        for size in [0, 1, 7, 8, 16, 100, 1000, 4080, 4096, 8192, 8193, 40_000] {
            let layout = layout(size, align);
            let block = heap.allocate(layout).expect("there is room");
            let start = block.addr().get();
            assert!(start.is_multiple_of(align), "{layout:?} at {start:#x}");
            // SAFETY: the block is new and of that size.
            unsafe { block.write_bytes(0x11, size) };
            taken.insert(start, start + size.max(1));
            blocks.push((block, layout));
        }
    }
    assert_eq!(taken.len(), blocks.len());
    let ranges: Vec<_> = taken.into_iter().collect();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    assert_eq!(heap.usage().blocks, blocks.len());
    for (block, layout) in blocks {
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
    assert_eq!((heap.usage().in_use, heap.usage().blocks), (0, 0));
}

#[test]
fn a_span_of_32_kib_holds_as_many_blocks_as_fit() {
    // The first span of a chunk has 28 KiB.
    for (size, in_first, in_second) in [(16, 1792, 2048), (4096, 7, 8), (5120, 5, 6), (8192, 3, 4)]
    {
        let mut heap = heap();
        let mut spans_with = |blocks| {
            for _ in 0..blocks {
                heap.allocate(layout(size - CANARY, 8))
                    .expect("there is room");
            }
            let usage = heap.usage();
            let class = usage.classes.iter().find(|class| class.size == size);
            class.map_or(usage.medium.spans, |class| class.spans)
        };
        assert_eq!(spans_with(in_first), 1, "{size}");
        assert_eq!(spans_with(1), 2, "{size}");
        assert_eq!(spans_with(in_second - 1), 2, "{size}");
        assert_eq!(spans_with(1), 3, "{size}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sizes_that_nothing_holds_are_refused_and_change_nothing() {
    const PAGE: usize = faultline_memory::heap::PAGE;
    let mut heap = heap();
    let before = heap.usage();
    let most = isize::MAX as usize;
    for (size, align) in [
        (most, 1),
        (most - 4095, PAGE),
        (1 << 46, 8),
        (PAGE, 1 << 46),
    ] {
        assert!(heap.allocate(layout(size, align)).is_none(), "{size:#x}");
        assert!(heap.allocate_zeroed(layout(size, align)).is_none());
    }
    assert_eq!(heap.usage(), before);
}

#[test]
fn zeroed_blocks_are_zero_whatever_lay_there_before() {
    let mut heap = heap();
    for size in [1, 16, 100, 5000, 8192, 9000, 100_000, 3 << 20] {
        let layout = layout(size, 8);
        for _ in 0..2 {
            let block = heap.allocate_zeroed(layout).expect("there is room");
            // SAFETY: the block is that long, and all of it was written.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
            assert!(bytes.iter().all(|&byte| byte == 0), "{size}");
            // SAFETY: the block is that long, and freed once.
            unsafe {
                block.write_bytes(0xee, size);
                heap.deallocate(block, layout);
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_zeroed_block_of_fresh_pages_is_not_touched() {
    let mut heap = heap();
    let before = heap.source().held();
    let layout = layout(3 << 20, 8);
    let block = heap.allocate_zeroed(layout).expect("there is room");
    // With checks, the canary at its end.
    assert!(heap.source().held() - before <= usize::from(CHECKS));
    // SAFETY: the block is that long.
    assert_eq!(unsafe { block.add((3 << 20) - 1).read() }, 0);
    // SAFETY: allocated above.
    unsafe { heap.deallocate(block, layout) };
}
