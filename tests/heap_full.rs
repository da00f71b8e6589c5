//! The heap when frames run out: there is no block, and all else goes on; once
//! something is freed, there are blocks again.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::alloc::{alloc, dealloc};
use alloc::vec::Vec;
use common::block::Block;
use common::{PAGE, audit, counts, heap_notes, set_limit};
use core::alloc::Layout;
use core::ptr::null_mut;
use kernel::heap::{self, usage};

kernel::test_kernel!(test_main);

/// Blocks of one layout, each of which begins with a link to the one before.
struct Chain {
    layout: Layout,
    last: *mut *mut u8,
    count: u64,
}

impl Chain {
    /// As many blocks as there are; each page of them is written.
    fn all(size: usize) -> Self {
        let layout = Layout::from_size_align(size, 8).expect("a layout");
        let mut chain = Self {
            layout,
            last: null_mut(),
            count: 0,
        };
        loop {
            // SAFETY: the size is not 0.
            let block = unsafe { alloc(layout) };
            if block.is_null() {
                return chain;
            }
            for page in (0..size).step_by(PAGE as usize) {
                // SAFETY: the byte is the block's.
                unsafe { block.add(page).write_volatile(0x5a) };
            }
            let block = block.cast::<*mut u8>();
            // SAFETY: the block is ours, aligned, and has room for a link.
            unsafe { block.write(chain.last.cast()) };
            chain.last = block;
            chain.count += 1;
        }
    }

    /// Frees the last `count` blocks.
    fn free(&mut self, count: u64) {
        for _ in 0..count {
            let block = self.last;
            // SAFETY: the chain's blocks begin with links, and are freed once.
            unsafe {
                self.last = block.read().cast();
                dealloc(block.cast(), self.layout);
            }
            self.count -= 1;
        }
    }
}

#[test_case]
fn small_blocks_end_with_the_frames_and_come_back_with_them() {
    for size in [24, 1000, 8000] {
        heap::trim();
        set_limit(Some(300));
        let mut chain = Chain::all(size);
        let left = counts().limit.expect("the limit that was just set");
        assert!(left <= 11, "{:?}", counts());
        assert!(
            chain.count * (size as u64 + 16) > 180 * PAGE,
            "{}",
            chain.count
        );
        assert!(Vec::<u64>::new().try_reserve_exact(100_000).is_err());
        audit_beside_the_limit();

        let half = chain.count / 2;
        chain.free(half);
        let mut other = Vec::<u64>::new();
        assert!(other.try_reserve_exact(10_000).is_ok());
        other.resize(10_000, 7);
        assert_eq!(other.iter().sum::<u64>(), 70_000);
        drop(other);
        chain.free(chain.count);
        set_limit(None);
        assert_eq!((usage().in_use, counts().kept_back), (0, 0));
    }
    audit();
}

/// Audits with as many frames more than the limit leaves as its notes need: half a byte for each
/// frame, and tables.
fn audit_beside_the_limit() {
    let left = counts().limit.unwrap_or(0);
    set_limit(Some(left + counts().total / 2 / PAGE + 20));
    audit();
    set_limit(Some(left));
}

#[test_case]
fn a_reservation_outlasts_a_limit_that_is_set_later() {
    heap::trim();
    set_limit(Some(700));
    let block = Block::new(500 * PAGE, PAGE);
    assert!(counts().kept_back >= 499);
    assert!(
        Vec::<u8>::new()
            .try_reserve_exact(500 * PAGE as usize)
            .is_err()
    );
    set_limit(Some(0));
    for page in 0..500 {
        block.write(page * PAGE, page as u8);
    }
    assert!((0..500).all(|page| block.read(page * PAGE) == page as u8));
    assert!(counts().kept_back <= 1);
    drop(block);
    set_limit(None);
    assert_eq!((usage().in_use, counts().kept_back), (0, 0));
}

#[test_case]
fn the_whole_machine_can_be_reserved_and_touched_and_lives_on() {
    heap::trim();
    let before = counts();
    let layout = Layout::from_size_align(1 << 20, 8).expect("a layout");
    let most = ((before.free * PAGE) >> 20) as usize;
    let mut blocks = Vec::with_capacity(most);
    loop {
        // SAFETY: the size is not 0.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            break;
        }
        assert!(blocks.len() < most, "there are more than {most}");
        blocks.push(block);
    }
    let full = counts();
    assert!(blocks.len() > most * 3 / 4, "{} of {most}", blocks.len());
    assert!(full.free - full.kept_back < 300, "{full:?}");
    assert!(usage().growths > 1);
    for &block in &blocks {
        for page in 0..256 {
            // SAFETY: the byte is the block's.
            unsafe { block.add(page * PAGE as usize).write_volatile(1) };
        }
    }
    assert!(counts().free < 300);
    assert!(Vec::<u8>::new().try_reserve_exact(2 << 20).is_err());
    for &block in &blocks {
        // SAFETY: allocated above, with this layout.
        unsafe { dealloc(block, layout) };
    }
    drop(blocks);
    heap::trim();
    assert_eq!((usage().in_use, counts().kept_back), (0, 0));
    let own = 16 + heap_notes(usage().size as u64) / PAGE;
    assert!(
        counts().free + own >= before.free,
        "{:?} {before:?}",
        counts()
    );
    audit();
}
