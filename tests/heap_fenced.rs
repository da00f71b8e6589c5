//! Heap blocks with pages of their own: an access past the end, or after the
//! block was freed, is refused.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::boxed::Box;
use alloc::vec::Vec;
use common::{audit, counts};
use kernel::cpu::access::{Refused, try_read};
use kernel::fault::{self, Reason};
use kernel::heap::{FENCED_LABEL, fence_blocks, usage};
use kernel::layout::FENCED_BLOCKS;
use kernel::spaces;
use memory::Refusal;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// Asserts that there is no region at the address.
fn assert_refused(address: u64) {
    // SAFETY: only read, and nothing is there, or bytes of the test's own.
    let Err(Refused::PageFault(fault)) = (unsafe { try_read(address) }) else {
        panic!("the byte at {address:#x} can be read");
    };
    let no_region = Some(Reason::Space(Refusal::NoRegion));
    assert_eq!(fault::reason_of(&fault), no_region);
}

fn address<T: ?Sized>(value: &T) -> u64 {
    (&raw const *value).cast::<u8>().addr() as u64
}

#[test_case]
fn the_first_byte_past_the_end_is_refused_and_so_is_a_freed_block() {
    let before = counts();
    fence_blocks(true);
    let block = Box::new([7_u8; 100]);
    let other = Box::new([8_u64; 1000]);
    fence_blocks(false);
    let (start, far) = (address(&*block), address(&*other));
    assert!(start >= FENCED_BLOCKS.as_u64() && far > start);
    let region = spaces::kernel_half(|space, _| space.region_at(VirtAddr::new(start)));
    assert_eq!(region.map(|region| region.label), Some(FENCED_LABEL));
    assert_refused(start + 100);
    assert_refused(far + 8000);
    // SAFETY: bytes of the blocks.
    let bytes = unsafe { (try_read(start + 99), try_read(far + 7999)) };
    assert_eq!(bytes, (Ok(7), Ok(0)));
    audit();
    drop((block, other));
    assert_refused(start);
    assert_refused(far);
    assert_eq!(counts().private, before.private);
    audit();
}

#[test_case]
fn values_of_all_kinds_work_apart_and_cross_over() {
    let mut numbers: Vec<u64> = (0..100).collect();
    fence_blocks(true);
    let in_use = usage().in_use;
    numbers.extend(100..5000);
    assert!(usage().in_use < in_use, "moved to pages of its own");
    let zeroes = alloc::vec![0_u32; 3000];
    fence_blocks(false);
    numbers.extend(5000..6000);
    assert!(numbers.iter().copied().eq(0..6000));
    assert_eq!(zeroes.iter().sum::<u32>(), 0);
    audit();
}
