//! The monitor's `alloc`, `mmio`, `guard`, `free`, `protect` and `discard`,
//! by what they answer.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::vec::Vec;
use kernel::boot;
use kernel::spaces;
use memory::space::{Backing, HALF, Placement, Request};
use session::{Session, field, free_all};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

#[test_case]
fn alloc_tells_what_it_has_reserved() {
    let session = Session::script(&[
        "alloc demand 5",
        "alloc immediate 64K 4K",
        "alloc zero 0x3000 rights=r",
        "alloc demand 4M 2M rights=rw around=1",
        "alloc immediate 2m 2m rights=rx",
    ]);
    let expected = [
        ("0x1000", "0x2000", "demand", "4K", 1, 0),
        ("0x2000", "0x12000", "immediate", "4K", 16, 16),
        ("0x12000", "0x15000", "zero", "4K", 3, 0),
        ("0x200000", "0x600000", "demand", "2M", 2, 0),
        ("0x600000", "0x800000", "immediate", "2M", 1, 512),
    ];
    for (index, (region, end, backing, page, pages, frames)) in expected.into_iter().enumerate() {
        assert_eq!(session.field(index, "region"), region);
        assert_eq!(session.field(index, "end"), end);
        assert_eq!(session.field(index, "backing"), backing);
        assert_eq!(session.field(index, "page"), page);
        assert_eq!(session.number(index, "pages"), pages);
        assert_eq!(session.number(index, "frames"), frames);
    }
    free_all();
}

#[test_case]
fn alloc_says_what_is_wrong_with_each_argument() {
    let session = Session::script(&[
        "alloc",
        "alloc lazy 4K",
        "alloc demand",
        "alloc demand 0",
        "alloc demand 4X",
        "alloc demand 0x1_0000_0000_0000_0000",
        "alloc demand 0xffffffffffffffff",
        "alloc demand 0x8000_0000_0000",
        "alloc demand 4K 8K",
        "alloc demand 4K around=3",
        "alloc demand 4K around=100000",
        "alloc demand 4K rights=w",
        "alloc immediate 1024G",
        "alloc demand 4K 2M 4K",
        "alloc demand 4K 4k 4K",
        "alloc demand 4K around=8 4K around=1",
        "alloc demand 4K rights=r rights=rw",
        "regions",
    ]);
    session.fails(
        0,
        "<immediate|demand|zero> is missing: alloc <immediate|demand|zero> <size>",
    );
    session.fails(1, "`lazy` is none of immediate, demand and zero");
    session.fails(2, "<size> is missing");
    session.fails(3, "at least one byte");
    session.fails(
        4,
        "<size>: `4X` is no number: write it like 4096, 0x1000 or 1_000",
    );
    session.fails(5, "is too large: numbers have 64 bits");
    session.fails(6, "more than the space holds");
    session.fails(7, "no gap of that size");
    session.fails(8, "`8K` is one word too many");
    session.fails(9, "a power of two from 1 to 512, not 3");
    session.fails(10, "100000 is out of range: 1 to 512 is right");
    session.fails(11, "`w` is none of r, rw and rx");
    // The region begins at 0x1000, so that its end takes one more table of each level.
    let needed = (1 << 28) + (1 << 19) + 1 + (1 << 10) + 1 + 2 + 1 + 1;
    session.fails(
        12,
        &format!("with small pages the region needs {needed} frames, and "),
    );
    for (index, words) in [
        (13, "`2M` and `4K`"),
        (14, "`4k` and `4K`"),
        (15, "`around=8` and `around=1`"),
        (16, "`rights=r` and `rights=rw`"),
    ] {
        session.fails(index, words);
        session.fails(index, "are two words for the same: one of them is right");
    }
    assert!(session.answer(17).starts_with("region=0xffff"));
}

#[test_case]
fn protect_splits_a_region_and_discard_gives_frames_back() {
    let session = Session::script(&[
        "alloc demand 16K",
        "fill 0x1000 16K 1",
        "protect 0x2000 4K r",
        "regions",
        "discard 0x1000 8K",
        "read 0x2000",
        "protect 0x2000 4K rw",
        "regions",
        "free 0x2000",
        "free 0x1000",
    ]);
    assert_eq!(session.number(2, "pages"), 1);
    let regions = session.answer(3).split("region=").skip(1).take(3);
    let parts: Vec<_> = regions
        .map(|region| {
            (
                region.split(' ').next(),
                field(region, "rights"),
                field(region, "resident"),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("0x1000", "rw", "1"),
            ("0x2000", "r", "1"),
            ("0x3000", "rw", "2")
        ]
        .map(|(region, rights, resident)| (Some(region), Some(rights), Some(resident)))
    );
    assert_eq!(session.number(4, "frames"), 2);
    assert_eq!(session.cost(5), (1, 1));
    assert!(
        session.answer(5).contains("  00  "),
        "what comes back is zero"
    );
    assert_eq!(session.field(7, "end"), "0x5000");
    session.fails(8, "inside the allocation at 0x1000");
    assert_eq!(session.number(9, "frames"), 3);
}

#[test_case]
fn free_protect_and_discard_say_what_is_wrong() {
    let session = Session::script(&[
        "alloc demand 8K",
        "alloc immediate 4K",
        "free 0x9000",
        "free 0x8000_0000_0000",
        "free",
        "protect 0x1001 4K r",
        "protect 0x1000 0 r",
        "protect 0x1000 4K w",
        "protect 0x3000 64K r",
        "discard 0x1000 5",
        "discard 0x3000 4K",
        "discard 0x1000 0xfffffffffffff000",
        "protect 0x1000 0x800000000000 r",
    ]);
    session.fails(2, "no region holds 0x9000");
    session.fails(
        3,
        "0x800000000000 is no address: bits 48 to 63 must all be the same as bit 47",
    );
    session.fails(4, "<address> is missing: free <address>");
    session.fails(5, "not whole pages");
    session.fails(6, "not whole pages");
    session.fails(7, "`w` is none of r, rw and rx");
    session.fails(8, "no region holds 0x4000");
    session.fails(9, "not whole pages");
    session.fails(10, "immediate backing");
    session.fails(11, "18446744073709547520 bytes from 0x1000 on reach past");
    session.fails(12, "no region holds 0x4000");
    free_all();
}

#[test_case]
fn device_memory_is_borrowed_and_neither_memory_nor_the_kernels_devices_are() {
    let screen = boot::info()
        .screen
        .clone()
        .expect("the runner's machine has a screen");
    let frame =
        spaces::look(screen.start, |half| half.translate(screen.start)).expect("it is mapped");
    let taken = format!("mmio {:#x} 4K", frame.as_u64() + 4096);
    let before = format!("mmio {:#x} 8K", frame.as_u64() - 4096);
    let session = Session::script(&[
        "frames",
        "mmio 0xd0000000 8K",
        "frames",
        "read 0x1000",
        &taken,
        &before,
        "mmio 0x200000 4K",
        "mmio 0xd0000001 4K",
        "mmio 0xffff_ffff_ffff_f000 4K",
        "mmio 0xd0000000 0",
        "free 0x1000",
        "frames",
    ]);
    assert_eq!(
        (
            session.field(1, "backing"),
            session.number(1, "pages"),
            session.number(1, "frames")
        ),
        ("device", 2, 0)
    );
    let borrowed = [0, 2, 11].map(|index| session.number(index, "borrowed"));
    assert_eq!(borrowed, [borrowed[0], borrowed[0] + 2, borrowed[0]]);
    assert_eq!(session.cost(3), (0, 0));
    session.fails(4, "is the kernel's own, its framebuffer at 0xffffc1");
    session.fails(5, "its framebuffer");
    session.fails(6, "is ordinary memory");
    session.fails(7, "not page-aligned");
    session.fails(8, "past the processor's physical addresses");
    session.fails(9, "at least one byte");
}

#[test_case]
fn the_last_page_of_physical_memory_is_borrowed_like_any_other() {
    let end = spaces::memory().features().physical_end();
    let (last, past) = (end - 4096, format!("mmio {:#x} 8K", end - 4096));
    let session = Session::script(&[
        "frames",
        &format!("mmio {last:#x} 4K"),
        "walk 0x1fff",
        "regions",
        "map virtual",
        "map physical",
        "frames",
        "protect 0x1000 4K r",
        "free 0x1000",
        &past,
        "audit",
        "frames",
    ]);
    assert_eq!(session.field(1, "backing"), "device");
    assert_eq!(session.number(2, "physical"), end - 1);
    assert_eq!(session.field(3, "borrowed"), "1");
    assert_eq!(drawn(&session, 4), ["0x1000", "[b]"]);
    let borrowed = [0, 5, 6, 11].map(|index| session.number(index, "borrowed"));
    let none = borrowed[0];
    assert_eq!(borrowed, [none, none + 1, none + 1, none]);
    assert_eq!(session.answer(8), "freed=0x1000 frames=0");
    session.fails(9, "or past the processor's physical addresses");
    assert_eq!(session.field(10, "audit"), "ok");
}

/// The first region of `map virtual`: where it begins, and its pages.
fn drawn(session: &Session, index: usize) -> Vec<&str> {
    session.answer(index).split_whitespace().take(2).collect()
}

#[test_case]
fn a_region_may_end_where_the_low_half_does() {
    let base = VirtAddr::new(HALF - 3 * 4096);
    let request = Request::new(3 * 4096, Backing::Demand).placement(Placement::At(base));
    spaces::current(|space, memory| space.allocate(request, memory)).expect("room for a record");
    let session = Session::script(&[
        "touch 0x7fffffffd000 12K w",
        "regions",
        "map virtual",
        "walk 0x7fffffffffff",
        "protect 0x7fffffffe000 12K r",
        "discard 0x7fffffffd000 16K",
        "touch 0x7fffffffd000 20K r",
        "read 0x7fffffffffff",
        "read 0x7fffffffffff 2",
        "alloc demand 4K",
        "read 0xffffffffffffffff",
        "free 0x7fffffffd000",
        "free 0x1000",
        "audit",
    ]);
    assert_eq!(session.answer(0), "touched=3 faults=3 frames=3");
    assert_eq!(session.field(1, "end"), "0x800000000000");
    assert_eq!(drawn(&session, 2), ["0x7fffffffd000", "[###]"]);
    assert_eq!(session.number(3, "physical") & 0xfff, 0xfff);
    for index in [4, 5] {
        session.fails(index, "no region holds 0x800000000000");
    }
    let gone = "read of 0x800000000000 was refused: #GP";
    session.fails(6, gone);
    assert_eq!(session.cost(7), (0, 0));
    session.fails(8, gone);
    assert_eq!(session.field(9, "region"), "0x1000");
    session.fails(10, "no region holds the address; the address is ");
    assert_eq!(session.number(11, "frames"), 3);
    assert_eq!(session.field(13, "audit"), "ok");
}

#[test_case]
fn free_takes_a_range_over_several_regions_or_inside_of_one() {
    let session = Session::script(&[
        "alloc immediate 16K",
        "alloc demand 8K",
        "free 0x2000 16K",
        "regions 0",
        "free 0x2000 4K",
        "free 0x1001 4K",
        "free 0x1000 1",
        "free 0x1000 0",
        "free 0x1000 4K 4K",
        "free 0x1000 0xffff_ffff_ffff_f000",
        "free 0x1000 8K",
        "regions 0",
        "audit",
    ]);
    assert_eq!(session.answer(2), "freed=0x2000 frames=3");
    let left: Vec<&str> = session
        .answer(3)
        .lines()
        .filter(|line| line.starts_with("region="))
        .collect();
    assert!(left[0].starts_with("region=0x1000 end=0x2000 "), "{left:?}");
    assert!(left[1].starts_with("region=0x6000 end=0x7000 "), "{left:?}");
    assert_eq!(left.len(), 2);
    session.fails(4, "no region holds 0x2000");
    for index in [5, 6, 7] {
        session.fails(index, "whole pages");
    }
    session.fails(8, "`4K` is one word too many: free <address> [size]");
    session.fails(9, "leaves the half");
    assert_eq!(session.answer(10), "freed=0x1000 frames=1");
    assert_eq!(session.answer(11).lines().count(), 2);
    assert_eq!(session.field(12, "audit"), "ok");
    free_all();
}
