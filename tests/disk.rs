//! Pages of the swap disk: written, read back, read while others run, and refused.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{audit, counts};
use kernel::disk::{self, Cause, DiskError, MOST_READS, Which};
use kernel::spaces;
use memory::frames::{Frame, FrameKind};
use x86_64::instructions::interrupts;

kernel::test_kernel!(test_main);

/// A page that no other has.
fn pattern(page: u64, round: u8) -> [u8; 4096] {
    core::array::from_fn(|index| (page as u8).wrapping_mul(31) ^ (index / 7) as u8 ^ round)
}

fn read(page: u64) -> Result<[u8; 4096], DiskError> {
    let mut bytes = [0xaa; 4096];
    disk::read_page(Which::Swap, page, &mut bytes).map(|()| bytes)
}

fn write(page: u64, bytes: &[u8; 4096]) {
    disk::write_page(Which::Swap, page, bytes).unwrap_or_else(|error| panic!("{error}"));
}

fn refused(page: u64, cause: Cause) -> DiskError {
    DiskError {
        disk: Which::Swap,
        sector: page.saturating_mul(8),
        cause,
    }
}

fn frame() -> Frame {
    let frame = spaces::memory().allocate_frame(FrameKind::Private);
    frame.expect("there are frames")
}

/// What a frame holds; it goes back.
fn bytes_of(frame: Frame) -> [u8; 4096] {
    let address = spaces::memory().direct_map().address_of(frame.start());
    // SAFETY: the frame is owned, and the direct map shows it.
    let bytes = unsafe { *address.as_ptr::<[u8; 4096]>() };
    spaces::memory().free_frame(frame);
    bytes
}

/// Begins a read, and returns its ticket and the start of its frame.
fn begin(page: u64) -> (disk::Ticket, u64) {
    let frame = frame();
    let start = frame.start().as_u64();
    match disk::begin_read(Which::Swap, page, frame) {
        Ok(ticket) => (ticket, start),
        Err((error, _)) => panic!("{error}"),
    }
}

/// Waits for a read.
fn wait() -> disk::Done {
    loop {
        if let Some(done) = disk::poll() {
            return done;
        }
        core::hint::spin_loop();
    }
}

#[test_case]
fn the_disk_has_the_size_that_was_asked_for_and_there_is_no_other() {
    assert_eq!(disk::sectors(Which::Swap), Some(2048));
    assert_eq!(disk::pages(Which::Swap), 256);
    assert_eq!(disk::sectors(Which::Files), None);
    assert_eq!(disk::pages(Which::Files), 0);
}

#[test_case]
fn a_page_that_was_never_written_is_zero() {
    assert_eq!(read(200), Ok([0; 4096]));
}

#[test_case]
fn what_was_written_is_read_back_and_its_neighbours_stay() {
    for round in [0, 0xff] {
        for page in [0, 1, 2, 100, 254, 255] {
            write(page, &pattern(page, round));
        }
        write(1, &pattern(77, round));
        for page in [0, 2, 100, 254, 255] {
            assert_eq!(read(page), Ok(pattern(page, round)), "page {page}");
        }
        assert_eq!(read(1), Ok(pattern(77, round)));
        assert_eq!(read(3), Ok([0; 4096]));
        assert_eq!(read(253), Ok([0; 4096]));
    }
}

#[test_case]
fn a_page_past_the_end_is_refused_with_the_last_one() {
    let cause = Cause::PastEnd { sectors: 2048 };
    for page in [256, 257, 1 << 61, u64::MAX] {
        assert_eq!(read(page), Err(refused(page, cause)));
        let written = disk::write_page(Which::Swap, page, &[1; 4096]);
        assert_eq!(written, Err(refused(page, cause)));
        let (error, frame) = disk::begin_read(Which::Swap, page, frame()).unwrap_err();
        spaces::memory().free_frame(frame);
        assert_eq!(error, refused(page, cause));
    }
    assert_eq!(disk::under_way(), 0);
}

#[test_case]
fn a_disk_that_is_not_there_is_refused_by_name() {
    let error = disk::read_page(Which::Files, 3, &mut [0; 4096]).unwrap_err();
    assert_eq!((error.disk, error.cause), (Which::Files, Cause::Missing));
}

#[test_case]
fn with_interrupts_off_it_is_the_same() {
    interrupts::without_interrupts(|| {
        write(7, &pattern(7, 1));
        assert_eq!(read(7), Ok(pattern(7, 1)));
        assert!(!interrupts::are_enabled());
    });
}

#[test_case]
fn several_reads_are_under_way_and_each_comes_out_with_its_own_frame_and_page() {
    let free = counts().free;
    for page in 0..MOST_READS as u64 {
        write(20 + page, &pattern(20 + page, 3));
    }
    let begun: [_; MOST_READS] = core::array::from_fn(|page| begin(20 + page as u64));
    assert_eq!(disk::under_way(), MOST_READS);
    let (error, back) = disk::begin_read(Which::Swap, 9, frame()).unwrap_err();
    spaces::memory().free_frame(back);
    assert_eq!(error, refused(9, Cause::Full));
    for _ in 0..MOST_READS {
        let (ticket, frame, result) = wait();
        assert_eq!(result, Ok(()));
        let index = begun.iter().position(|begun| begun.0 == ticket);
        let index = index.expect("the ticket was given");
        assert_eq!(frame.start().as_u64(), begun[index].1);
        assert_eq!(bytes_of(frame), pattern(20 + index as u64, 3));
    }
    assert!(disk::poll().is_none());
    assert_eq!((disk::under_way(), counts().free), (0, free));
}

#[test_case]
fn a_transfer_that_is_waited_for_overtakes_the_reads_and_loses_none() {
    for page in 30..40 {
        write(page, &pattern(page, 4));
    }
    for round in 0..100_u64 {
        let first = begin(30 + round % 4);
        let second = begin(34 + round % 4);
        let waited_for = 38 + round % 2;
        assert_eq!(read(waited_for), Ok(pattern(waited_for, 4)));
        let mut pages = [(first.0, 30 + round % 4), (second.0, 34 + round % 4)];
        for _ in 0..2 {
            let (ticket, frame, result) = wait();
            assert_eq!(result, Ok(()));
            let page = pages.iter_mut().find(|page| page.0 == ticket);
            let (_, page) = page.expect("the ticket was given");
            assert_eq!(bytes_of(frame), pattern(core::mem::replace(page, 99), 4));
        }
    }
    assert_eq!(disk::under_way(), 0);
}

#[test_case]
fn after_so_many_requests_that_the_queues_index_comes_round_the_answers_are_right() {
    write(60, &[60; 4096]);
    write(61, &[61; 4096]);
    let mut bytes = [0; 4096];
    // Three at a time, and the index has 16 bits.
    for _ in 0..(1 << 16) / 3 + 2 {
        let begun = [begin(60).0, begin(60).0];
        disk::read_page(Which::Swap, 61, &mut bytes).expect("the page can be read");
        assert_eq!((bytes[0], bytes[4095]), (61, 61));
        for _ in begun {
            let (ticket, frame, result) = wait();
            assert!(result.is_ok() && begun.contains(&ticket));
            spaces::memory().free_frame(frame);
        }
    }
    assert_eq!(disk::under_way(), 0);
}

#[test_case]
fn the_frames_of_a_disk_are_the_kernels_in_the_audit() {
    write(50, &pattern(50, 5));
    audit();
}
