//! A disk that fails at chosen sectors (QEMU's `blkdebug`, see the manifest): each
//! failure is an error that names its sector, and all else goes on.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::string::ToString;

use common::{audit, counts};
use kernel::disk::{self, Cause, DiskError, Which};
use kernel::spaces;
use memory::frames::FrameKind;

kernel::test_kernel!(test_main);

/// The page whose reads fail.
const READS_FAIL: u64 = 2;
/// The page whose writes fail.
const WRITES_FAIL: u64 = 5;

fn read(page: u64) -> Result<(), DiskError> {
    disk::read_page(Which::Swap, page, &mut [0; 4096])
}

fn write(page: u64) -> Result<(), DiskError> {
    disk::write_page(Which::Swap, page, &[page as u8; 4096])
}

fn failed(page: u64) -> Result<(), DiskError> {
    Err(DiskError {
        disk: Which::Swap,
        sector: page * 8,
        cause: Cause::Failed,
    })
}

#[test_case]
fn a_read_that_fails_names_its_sector_and_the_others_are_right() {
    for round in 0..20 {
        assert_eq!(read(READS_FAIL), failed(READS_FAIL), "round {round}");
        assert_eq!(read(READS_FAIL - 1), Ok(()));
        assert_eq!(read(READS_FAIL + 1), Ok(()));
    }
    let error = read(READS_FAIL).expect_err("it fails each time");
    let words = "sector 16 of the disk `swap`: the device reports an input or output error";
    assert_eq!(error.to_string(), words);
}

#[test_case]
fn a_write_that_fails_names_its_sector_and_the_others_are_right() {
    for round in 0..20 {
        assert_eq!(write(WRITES_FAIL), failed(WRITES_FAIL), "round {round}");
        assert_eq!(write(WRITES_FAIL - 1), Ok(()));
        assert_eq!(write(WRITES_FAIL + 1), Ok(()));
    }
    assert_eq!(read(WRITES_FAIL), Ok(()));
    assert_eq!(write(READS_FAIL), Ok(()));
}

#[test_case]
fn of_reads_that_are_under_way_only_the_one_fails_and_every_frame_comes_back() {
    let free = counts().free;
    let tickets = [1, READS_FAIL, 3].map(|page| {
        let frame = spaces::memory().allocate_frame(FrameKind::Private);
        let frame = frame.expect("there are frames");
        let begun = disk::begin_read(Which::Swap, page, frame);
        (begun.expect("the queue has room"), page)
    });
    for _ in tickets {
        // In any order.
        let (ticket, frame, result) = loop {
            if let Some(done) = disk::poll() {
                break done;
            }
        };
        spaces::memory().free_frame(frame);
        let asked = tickets.iter().find(|(given, _)| *given == ticket);
        let (_, page) = *asked.expect("the ticket was given");
        let expected = if page == READS_FAIL {
            failed(page)
        } else {
            Ok(())
        };
        assert_eq!(result, expected, "page {page}");
    }
    assert_eq!((disk::under_way(), counts().free), (0, free));
}

#[test_case]
fn a_write_to_a_disk_that_may_only_be_read_is_refused() {
    let error = disk::write_page(Which::Files, 1, &[0; 4096]).expect_err("it is read only");
    assert_eq!((error.sector, error.cause), (8, Cause::ReadOnly));
    assert_eq!(disk::read_page(Which::Files, 1, &mut [1; 4096]), Ok(()));
}

#[test_case]
fn the_machine_lives_on_and_all_invariants_hold() {
    assert_eq!(read(READS_FAIL), failed(READS_FAIL));
    audit();
}
