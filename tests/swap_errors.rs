//! A disk for slots that fails (QEMU's `blkdebug`, see the manifest): slot 2 cannot be
//! read, and slot 5 cannot be written. What could not be moved stays where it is.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;
#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel::cpu::ring3::Left;
use kernel::process::watch::Watch;
use kernel::process::{Ending, Process, Processes, Signal};
use kernel::swap;
use program::{CODE, audit, spawn};
use session::Session;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// Slots of the disk.
const SLOTS: u64 = 16;

kernel::programs! {
    /// Calls, and ends with status 0.
    calls: "mov eax, 24" "syscall" "xor edi, edi" "mov eax, 60" "syscall";
}

#[test_case]
fn a_slot_that_cannot_be_read_refuses_the_access_and_keeps_the_page() {
    while next_slot() != SLOTS {}
    let session = Session::script(&[
        "alloc demand 16K",
        "fill 0x1000 16K 1",
        "evict 4",
        "walk 0x1000",
        "walk 0x2000",
        "walk 0x3000",
        "walk 0x4000",
    ]);
    assert_eq!(session.number(2, "written"), 4);
    let is_there = |index: &usize| session.answer(2 + index).contains("page is in slot 2\n");
    let unreadable = (1..5).find(is_there).expect("slots 0 to 3 were free");
    let others = (1..5).filter(|index| *index != unreadable);
    let read = |index| format!("read {index}000", index = format_args!("{index:#x}"));
    let mut script: Vec<String> = others.map(read).collect();
    script.extend([
        read(unreadable),
        String::from("swap"),
        String::from("audit"),
    ]);
    script.extend(["free 0x1000", "swap", "audit"].map(String::from));
    let lines: Vec<&str> = script.iter().map(String::as_str).collect();
    let session = Session::script(&lines);
    for index in 0..3 {
        assert_eq!(session.number(index, "read"), 1);
    }
    session.fails(
        3,
        "slot 2, which could not be read: sector 16 of the disk `swap`: \
         the device reports an input or output error",
    );
    // The other three keep their slots.
    assert_eq!(
        (session.number(4, "used"), session.number(4, "saved")),
        (4, 3)
    );
    assert_eq!(session.field(5, "audit"), "ok");
    assert_eq!(session.number(7, "used"), 0);
    assert_eq!(session.field(8, "audit"), "ok");
}

#[test_case]
fn a_slot_that_cannot_be_written_leaves_the_page_where_it_is() {
    let session = Session::script(&[
        "alloc demand 32K",  // 0
        "fill 0x1000 32K 7", // 1
        "evict 8",           // 2
        "swap",              // 3
        "regions 0",         // 4
        "audit",             // 5
        "free 0x1000",       // 6
        "swap",              // 7
    ]);
    let (written, failed) = (session.number(2, "written"), session.number(3, "failed"));
    assert!(failed > 0, "a slot that is free again is tried again");
    assert_eq!(session.number(4, "swapped"), written);
    assert_eq!(session.number(4, "resident") + written, 8);
    assert!(session.answer(3).contains(
        "slot 5 could not be written: sector 40 of the disk `swap`: \
         the device reports an input or output error"
    ));
    assert_eq!(session.field(5, "audit"), "ok");
    assert_eq!(session.number(7, "used"), 0);
}

/// Evicts a program's page at its first call, to slot 2.
struct Evicts(bool);

impl Watch for Evicts {
    fn left(&mut self, _: &Process, why: Left) {
        if why == Left::SystemCall && !self.0 {
            self.0 = true;
            assert_eq!(swap::evict(1).written, 1);
        }
    }

    fn handled(&mut self, _: &Process) {}
}

#[test_case]
fn a_program_whose_page_cannot_be_read_is_killed_as_by_a_bus_error() {
    while next_slot() != 2 {}
    let mut processes = Processes::new();
    let id = spawn(&mut processes, calls());
    let summary = processes.run_watched(id, &mut Evicts(false));
    let ending = summary.map(|summary| summary.ending);
    let address = VirtAddr::new(CODE);
    assert!(
        matches!(ending, Some(Ending::Unreadable(at)) if at.align_down(4096_u64) == address),
        "{ending:?}"
    );
    assert_eq!(ending.and_then(|ending| ending.signal()), Some(Signal::BUS));
    audit();
    assert_eq!(swap::slots().used, 0);
}

/// The slot that is taken after this: a page goes to the one before it, and is freed.
fn next_slot() -> u64 {
    let session = Session::script(&[
        "alloc demand 4K",
        "write 0x1000 1",
        "evict 1",
        "walk 0x1000",
        "free 0x1000",
    ]);
    let answer = session.answer(3);
    let (_, slot) = answer.split_once("the page is in slot ").expect("it went");
    let digits = slot.split(|end: char| !end.is_ascii_digit()).next();
    let slot: u64 = digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number");
    slot + 1
}
