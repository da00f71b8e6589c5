//! 100 MiB in small blocks, and all of them freed: the frames come back.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::boxed::Box;
use common::{PAGE, audit, counts};
use kernel::heap::{self, usage};
use kernel::testing::has_frames;

kernel::test_kernel!(test_main);

/// With its link, and in debug builds a canary, a block of the class of 1 KiB.
struct Node {
    next: Option<Box<Node>>,
    _bytes: [u64; 125],
}

#[test_case]
fn after_100_mib_of_small_blocks_at_least_99_of_100_frames_are_back() {
    // A frame in 25 more, for what the heap keeps beside the blocks.
    if !has_frames((104 << 20) / PAGE) {
        return;
    }
    let before = counts();
    let first = usage().size as u64;
    let mut list: Option<Box<Node>> = None;
    for n in 0..(100 << 20) / size_of::<Node>() as u64 {
        list = Some(Box::new(Node {
            next: list.take(),
            _bytes: [n; 125],
        }));
    }
    let full = counts();
    let taken = before.free - full.free;
    assert!(taken * PAGE >= 100 << 20);
    assert!(taken * PAGE <= 104 << 20, "{taken} frames");
    assert!(usage().in_use >= 100 << 20);
    if first < 100 << 20 {
        assert!(usage().growths > 1, "more than the first region holds");
    }

    while let Some(node) = list {
        list = node.next;
    }
    assert_eq!(usage().in_use, 0);
    let left = before.free - counts().free;
    assert!(
        left * 100 <= taken,
        "{left} of {taken} frames are still taken"
    );
    assert_eq!(counts().kept_back, 0);
    assert!(usage().trims > 0);

    // What is left was kept for the next blocks; now nobody wants it.
    assert!(heap::trim() > 0);
    let own = before.free - counts().free;
    assert!(own <= 16, "{own} frames");
    audit();
}
