//! The processor really refuses what the kernel forbids itself: each access is
//! tried for real, and the machine goes on.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::boxed::Box;
use common::{PAGE, allocate, direct, free, pages_at, physical, write};
use core::hint::black_box;
use kernel::cpu::access::{Refused, Stopped, try_fill, try_read};
use kernel::fault::{Reason, reason_of};
use kernel::{spaces, stack};
use memory::space::Backing;
use memory::{Access, Refusal};
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::structures::paging::PageTableFlags;

kernel::test_kernel!(test_main);

static CONSTANT: [u8; 4] = [1, 2, 3, 4];

fn constant() -> VirtAddr {
    VirtAddr::from_ptr(black_box(&raw const CONSTANT))
}

/// An address in the kernel's code.
fn code() -> VirtAddr {
    VirtAddr::new(code as fn() -> _ as usize as u64)
}

/// Why a byte at `address` could not be written.
fn write_refused(address: VirtAddr) -> Option<Reason> {
    // SAFETY: that nothing is written is what is tested.
    let stopped = unsafe { try_fill(address.as_u64(), 1, 0xff) };
    match stopped.expect_err("the write should have been refused") {
        Stopped {
            done: 0,
            why: Refused::PageFault(fault),
        } => reason_of(&fault),
        other => panic!("a page fault at the first byte was expected, not {other:?}"),
    }
}

/// Why the byte at `address` could not be read.
fn read_refused(address: u64) -> Option<Reason> {
    // SAFETY: that nothing is read is what is tested.
    match unsafe { try_read(address) }.expect_err("the read should have been refused") {
        Refused::PageFault(fault) => reason_of(&fault),
        other => panic!("a page fault was expected, not {other:?}"),
    }
}

const READ_ONLY: Option<Reason> = Some(Reason::Space(Refusal::Protection(Access::Write)));

#[test_case]
fn code_and_constants_cannot_be_written() {
    assert_eq!(write_refused(code()), READ_ONLY);
    assert_eq!(write_refused(constant()), READ_ONLY);
    assert_eq!(black_box(CONSTANT), [1, 2, 3, 4]);
}

#[test_case]
fn code_and_constants_cannot_be_written_through_the_direct_map_either() {
    for address in [code(), constant()] {
        let alias = direct(physical(address).expect("the image is mapped"));
        // SAFETY: both show the same byte, which may be read.
        let bytes = unsafe { (try_read(address.as_u64()), try_read(alias.as_u64())) };
        assert_eq!(bytes.0, bytes.1);
        assert_eq!(write_refused(alias), READ_ONLY);
    }
}

#[test_case]
fn page_0_is_not_mapped() {
    let null = Some(Reason::Space(Refusal::NullPage));
    for address in [0, 8, PAGE - 1] {
        assert_eq!(read_refused(address), null);
        assert_eq!(write_refused(VirtAddr::new(address)), null);
    }
}

#[test_case]
fn the_low_half_of_a_fresh_space_is_empty() {
    let space = spaces::create().expect("a frame for its root");
    assert_eq!(space.region_count(), 0);
    for slot in 0..256_u64 {
        let end = space.walk(VirtAddr::new(slot << 39)).end();
        assert_eq!((end.level, end.entry.bits()), (4, 0), "slot {slot}");
    }
    assert_eq!(spaces::destroy(space), 0);
}

#[test_case]
fn the_guards_below_all_stacks_refuse() {
    let stacks: [_; 4] = core::array::from_fn(|index| match index {
        0 => stack::current().expect("known since boot"),
        _ => stack::exception_stacks()[index - 1],
    });
    for stack in stacks {
        for address in [stack.guard().start, stack.bottom() - 1] {
            let guard = Some(Reason::Space(Refusal::Guard));
            assert_eq!(read_refused(address.as_u64()), guard, "{}", stack.name());
        }
        // SAFETY: the stack is mapped, and reading it changes nothing.
        assert!(unsafe { try_read(stack.bottom().as_u64()) }.is_ok());
    }
}

#[test_case]
fn heap_stack_and_direct_map_are_not_executable() {
    let on_heap = Box::new(7_u8);
    let heap = VirtAddr::from_ptr(&raw const *on_heap);
    let on_stack = VirtAddr::from_ptr(&raw const on_heap);
    let shown = direct(physical(heap).expect("just written"));
    for address in [heap, on_stack, shown, constant()] {
        let mut leaves = 0;
        let walk = spaces::look(address, |half| half.walk(address));
        for step in walk.steps().filter(|step| step.level == walk.end().level) {
            assert!(step.entry.flags().contains(PageTableFlags::NO_EXECUTE));
            leaves += 1;
        }
        assert_eq!(leaves, 1, "{address:#x}");
    }
}

#[test_case]
fn a_page_of_user_programs_is_kept_from_the_kernel() {
    let region = allocate(pages_at(0x10000, 1, Backing::Demand).user());
    if Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION) {
        let why = Some(Reason::NoProgress);
        assert_eq!(write_refused(region.base), why, "absent, then SMAP twice");
        assert_eq!(read_refused(region.base.as_u64()), why);
        assert_eq!(free(&region), 1, "the first fault mapped the page");
    } else {
        write(&region, 0, 1);
        assert_eq!(free(&region), 1);
    }
}
