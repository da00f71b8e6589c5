//! A heap over memory that is mapped already: no page comes, and none goes.

use std::ptr::NonNull;

use faultline_memory::heap::{GRAIN, Heap, MappedMemory, PAGE};
use memmap2::MmapMut;

use crate::memory::layout;

/// Memory that begins a page behind a multiple of 2 MiB, and its bytes.
fn room(size: usize) -> (MmapMut, NonNull<u8>) {
    let mut mapping = MmapMut::map_anon(size + GRAIN + PAGE).expect("the host has memory");
    let start = mapping.as_mut_ptr();
    let offset = start.addr().next_multiple_of(GRAIN) - start.addr();
    (
        mapping,
        NonNull::new(start.wrapping_add(offset + PAGE)).expect("not null"),
    )
}

fn heap(start: NonNull<u8>, size: usize) -> Heap<MappedMemory> {
    // SAFETY: the tests keep the mapping as long as the heap.
    Heap::new(unsafe { MappedMemory::new(start, size) })
}

#[test]
fn a_heap_never_grows_beyond_its_memory() {
    let size = 9 << 20;
    let (_mapping, start) = room(size);
    let mut heap = heap(start, size);
    let range = start.addr().get()..start.addr().get() + size;
    for size in [100, 5000, 20_000, 300_000, 1 << 20] {
        let mut blocks = Vec::new();
        while let Some(block) = heap.allocate(layout(size, 8)) {
            assert!(range.contains(&block.addr().get()));
            assert!(range.contains(&(block.addr().get() + size - 1)));
            // SAFETY: the block is that long.
            unsafe { block.write_bytes(0x5a, size) };
            blocks.push(block);
        }
        // Three grains are whole, and one page has notes.
        assert_eq!(heap.usage().size, 3 * GRAIN);
        assert!(
            (blocks.len() + 1) * size >= 3 << 20,
            "{size}: {}",
            blocks.len()
        );
        for block in blocks {
            // SAFETY: allocated above.
            unsafe { heap.deallocate(block, layout(size, 8)) };
        }
        assert_eq!((heap.usage().in_use, heap.trim()), (0, 0));
    }
    assert_eq!(heap.usage().largest_free, 3 * GRAIN - PAGE);
}

#[test]
fn zeroed_blocks_are_zero_on_memory_that_is_not_given_back() {
    let (_mapping, start) = room(8 << 20);
    let mut heap = heap(start, 8 << 20);
    // For the last one there is room once the chunk of the small ones is gone.
    for size in [100, 5000, 20_000, 3 << 20] {
        for _ in 0..2 {
            let block = heap
                .allocate_zeroed(layout(size, 8))
                .expect("there is room");
            // SAFETY: the block is that long, and freed once.
            unsafe {
                let bytes = std::slice::from_raw_parts(block.as_ptr(), size);
                assert!(bytes.iter().all(|&byte| byte == 0), "{size}");
                block.write_bytes(0xee, size);
                heap.deallocate(block, layout(size, 8));
            }
        }
    }
}

#[test]
fn memory_without_a_whole_2_mib_and_no_memory_serve_nothing() {
    let (_mapping, start) = room(GRAIN);
    let heaps = [heap(start, GRAIN), Heap::new(MappedMemory::empty())];
    for mut heap in heaps {
        assert!(heap.allocate(layout(1, 1)).is_none());
        assert!(heap.allocate(layout(1 << 20, PAGE)).is_none());
        assert_eq!(
            format!("{heap:?}"),
            "Heap { size: 0, in_use: 0, blocks: 0, .. }"
        );
    }
}
