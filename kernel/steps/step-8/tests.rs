//! Tests that run in the kernel: `cargo test -p steps`.
//!
//! `#[test_case]` puts a function into a list, and the compiler makes a function
//! that hands the list to [`run`]. `main` calls it. A test that fails panics, which
//! ends the machine.

use alloc::vec::Vec;
use core::any::type_name;
use core::ptr::NonNull;

use volatile::VolatilePtr;
use x86_64::PhysAddr;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PhysFrame;

use super::{Backing, FRAMES, FreeError, PAGE_SIZE, REGIONS, Refusal, Write};
use super::{counts, resolve, serial};

/// A test with a name.
pub(crate) trait Test {
    fn run(&self);
}

impl<F: Fn()> Test for F {
    fn run(&self) {
        self();
        println!("test {} ... ok", type_name::<F>());
    }
}

/// Runs all tests.
pub(crate) fn run(tests: &[&dyn Test]) {
    println!("running {} tests", tests.len());
    tests.iter().for_each(|test| test.run());
    println!("test result: ok. {} passed; 0 failed; 0 ignored", tests.len());
}

/// The first byte of a page of a region.
fn byte(backing: Backing, page: u64) -> VolatilePtr<'static, u8> {
    let region = REGIONS.iter().find(|region| region.backing == backing).expect("one of each");
    let address = region.addresses.start + page * PAGE_SIZE;
    let address = NonNull::new(address as *mut u8).expect("an address that is not 0");
    // SAFETY: a region holds it, and only these tests use it.
    unsafe { VolatilePtr::new(address) }
}

/// What something costs: page faults, pages with a frame of their own, tables.
fn cost(of: impl FnOnce()) -> [u64; 3] {
    let before = counts();
    of();
    let after = counts();
    [0, 1, 2].map(|which| after[which] - before[which])
}

#[test_case]
fn a_read_on_demand_takes_a_fault_and_a_frame_and_a_second_read_nothing() {
    assert_eq!(cost(|| assert_eq!(byte(Backing::Demand, 0).read(), 0))[..2], [1, 1]);
    assert_eq!(cost(|| assert_eq!(byte(Backing::Demand, 0).read(), 0)), [0, 0, 0]);
}

#[test_case]
fn a_read_of_a_zero_page_takes_no_frame_and_a_write_then_takes_one() {
    assert_eq!(cost(|| assert_eq!(byte(Backing::Zero, 0).read(), 0))[..2], [1, 0]);
    assert_eq!(cost(|| byte(Backing::Zero, 0).write(7))[..2], [1, 1]);
    assert_eq!(byte(Backing::Zero, 0).read(), 7);
    assert_eq!(byte(Backing::Zero, 1).read(), 0); // the zero frame was not written
}

#[test_case]
fn what_no_region_allows_is_refused_by_name() {
    let write = PageFaultErrorCode::CAUSED_BY_WRITE;
    let region = &REGIONS[0].addresses;
    assert_eq!(resolve(8, write), Err(Refusal::NullPage));
    assert_eq!(resolve(region.end, write), Err(Refusal::NoRegion));
    let fetch = PageFaultErrorCode::INSTRUCTION_FETCH;
    assert_eq!(resolve(region.start, fetch), Err(Refusal::NotExecutable));
}

#[test_case]
fn a_frame_is_freed_once() {
    let mut frames = FRAMES.lock();
    let frames = frames.as_mut().expect("`main` has put them there");
    let before = frames.free;
    let frame = frames.allocate().expect("a free frame");
    assert_eq!(frames.free(frame), Ok(()));
    assert_eq!(frames.free(frame), Err(FreeError::AlreadyFree));
    let zero = PhysFrame::containing_address(PhysAddr::zero());
    assert_eq!(frames.free(zero), Err(FreeError::NotManaged));
    assert_eq!(frames.free, before);
}

#[test_case]
fn a_vector_takes_frames_when_it_is_written_and_keeps_them_for_the_next_one() {
    let mut numbers = Vec::<u64>::new();
    let reserved = cost(|| numbers.reserve_exact(100_000));
    let written = cost(|| numbers.extend(0..100_000));
    assert!(reserved[1] <= 2, "{reserved:?}");
    // 800,000 bytes are 195.3 pages: on 196 or 197, two of which may be there already.
    assert!((194..=197).contains(&written[1]), "{written:?}");
    assert_eq!(numbers.iter().sum::<u64>(), 4_999_950_000);
    drop(numbers);
    assert_eq!(cost(|| drop(Vec::from_iter(0..100_000_u64))), [0, 0, 0]);
}

#[test_case]
fn a_request_that_is_too_large_is_refused_and_the_next_one_served() {
    let mut bytes = Vec::<u8>::new();
    assert!(bytes.try_reserve_exact((64 << 20) + 1).is_err());
    assert!(bytes.try_reserve_exact(1 << 20).is_ok());
}
