//! What is caught: in every build what goes wrong by whole blocks, with checks
//! each byte.

use std::panic::{AssertUnwindSafe, catch_unwind};

use faultline_memory::heap::{Heap, PAGE};

use crate::memory::{CHECKS, Memory, allocate, free, heap, layout};

/// The words of the panic that `work` ends in.
fn caught(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("a panic was expected");
    panic
        .downcast_ref::<String>()
        .cloned()
        .expect("the heap says more than a constant")
}

#[test]
fn a_block_that_is_freed_with_another_layout_is_caught() {
    let mut heap = heap();
    let block = allocate(&mut heap, 1000);
    // SAFETY: it is what the heap refuses, before it changes anything.
    let words = caught(|| unsafe { heap.deallocate(block, layout(64, 8)) });
    assert!(words.starts_with("heap: "), "{words}");
}

#[test]
fn a_large_block_that_is_freed_twice_is_caught() {
    let mut heap = heap();
    let block = allocate(&mut heap, 100_000);
    free(&mut heap, block, 100_000);
    let words = caught(|| free(&mut heap, block, 100_000));
    assert!(words.contains("it was freed before"), "{words}");
}

#[test]
fn a_medium_block_that_is_freed_twice_is_caught() {
    let mut heap = heap();
    let blocks = [0; 2].map(|_| allocate(&mut heap, 5000));
    free(&mut heap, blocks[0], 5000);
    let words = caught(|| free(&mut heap, blocks[0], 5000));
    let expected = if CHECKS {
        "is freed twice"
    } else {
        "Bad free?"
    };
    assert!(words.contains(expected), "{words}");
}

#[test]
fn a_block_that_is_freed_as_one_of_another_kind_is_caught() {
    for (size, other) in [(5000, 900), (900, 5000), (5000, 100_000), (900, 100_000)] {
        let mut heap = heap();
        let block = allocate(&mut heap, size);
        // SAFETY: it is what the heap refuses, before it changes anything.
        let words = caught(|| unsafe { heap.deallocate(block, layout(other, 8)) });
        assert!(words.starts_with("heap: "), "{size} as {other}: {words}");
    }
}

#[test]
fn an_extent_that_is_not_aligned_is_caught() {
    let mut heap = Heap::new(Memory::new());
    heap.source().gap.set(PAGE);
    let words = caught(|| _ = heap.allocate(layout(100, 8)));
    assert!(words.contains("is aligned to 2 MiB"), "{words}");
    assert_eq!(heap.usage().size, 0);
}

#[test]
fn a_small_block_that_is_freed_twice_is_caught() {
    let mut heap = heap();
    let block = allocate(&mut heap, 40);
    free(&mut heap, block, 40);
    let words = caught(|| free(&mut heap, block, 40));
    let expected = if CHECKS {
        format!("the block of 40 bytes at {block:p} is freed twice")
    } else {
        format!("{block:p} is freed, and all blocks around it are free already")
    };
    assert!(words.contains(&expected), "{words}");
}

#[cfg(any(debug_assertions, feature = "checks"))]
#[test]
fn a_byte_past_the_end_is_caught_when_the_block_is_freed() {
    for size in [1, 40, 48, 5000, 100_000] {
        let mut heap = heap();
        let block = allocate(&mut heap, size);
        // SAFETY: the byte is in the canary's room, which is why this is caught.
        unsafe { block.add(size + 2).write(0) };
        let words = caught(|| free(&mut heap, block, size));
        let plural = if size == 1 { "" } else { "s" };
        let expected = format!(
            "past the end of the block of {size} byte{plural} at {block:p}, to byte {} of it",
            size + 2
        );
        assert!(words.contains(&expected), "{words}");
    }
}

#[cfg(any(debug_assertions, feature = "checks"))]
#[test]
fn a_write_after_free_is_caught_when_the_block_is_handed_out_again() {
    let mut heap = heap();
    let block = allocate(&mut heap, 100);
    free(&mut heap, block, 100);
    // SAFETY: the memory is the heap's, still mapped, and looked at by nobody else.
    unsafe { block.add(50).write(0) };
    let words = caught(|| _ = heap.allocate(layout(100, 8)));
    assert!(
        words.contains("somebody wrote to byte 50 of the block"),
        "{words}"
    );
}

#[cfg(any(debug_assertions, feature = "checks"))]
#[test]
fn freed_memory_holds_nothing_of_the_caller() {
    let mut heap = heap();
    for size in [100, 8000, 50_000] {
        let block = allocate(&mut heap, size);
        // SAFETY: the block is that long.
        unsafe { block.write_bytes(0x77, size) };
        free(&mut heap, block, size);
        // SAFETY: the memory is the heap's, still mapped, and changed by nobody.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
        // A link of the heap's may have such a byte in its address, but not eight.
        let mut words = bytes.chunks_exact(8);
        assert!(words.all(|word| word != [0x77; 8]), "{size}");
    }
}
