//! The machine's frames: handed out, counted, given back, and really there.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec::Vec;
use common::{LARGE_PAGE, PAGE, counts, direct, frames, set_limit};
use kernel::cpu::{access, features};
use kernel::println;
use kernel::spaces;
use kernel::testing::boot_info;
use memory::frames::{
    Counts, Frame, FrameKind, Frames, FreeError, Layout, OutOfFrames, RunError, State,
};
use memory::memory_map::FrameRange;
use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size2MiB, Size4KiB};

kernel::test_kernel!(test_main);

const GIB: u64 = 1 << 30;

fn take(kind: FrameKind) -> Frame {
    spaces::memory()
        .allocate_frame::<Size4KiB>(kind)
        .expect("a frame is free")
}

fn take_large() -> Frame<Size2MiB> {
    spaces::memory()
        .allocate_frame::<Size2MiB>(FrameKind::Kernel)
        .expect("2 MiB are free in a row")
}

/// Writes the first and the last byte of memory that the test owns, and reads them back.
fn holds_what_is_written(start: PhysAddr, bytes: u64, seed: u8) -> bool {
    let memory = direct(start);
    let places = [(memory, seed), (memory + (bytes - 1), !seed)];
    for (place, byte) in places {
        // SAFETY: the frames are owned by the test, and nothing stands in them.
        unsafe { access::write_byte(place, byte) };
    }
    // SAFETY: as above.
    places
        .iter()
        .all(|&(place, byte)| unsafe { access::read_byte(place) } == byte)
}

#[test_case]
fn what_is_handed_out_is_counted_by_use_and_what_comes_back_is_free() {
    let before = counts();
    let taken = [(); 100].map(|()| take(FrameKind::Kernel));
    let table = take(FrameKind::Table);
    let expected = Counts {
        free: before.free - 101,
        used: before.used + 101,
        kernel: before.kernel + 100,
        tables: before.tables + 1,
        ..before
    };
    assert_eq!(counts(), expected);
    for frame in taken {
        spaces::memory().free_frame(frame);
    }
    spaces::memory().free_frame(table);
    assert_eq!(counts(), before);
}

#[test_case]
fn total_is_free_and_used_and_used_is_the_sum_of_the_uses() {
    let frame = take(FrameKind::Shared);
    let counts = counts();
    assert_eq!(counts.total, counts.free + counts.used);
    let uses = counts.tables + counts.kernel + counts.private + counts.shared + counts.zero;
    assert_eq!(counts.used, counts.reserved + uses);
    assert_eq!((counts.shared, counts.zero), (1, 1));
    spaces::memory().free_frame(frame);
}

#[test_case]
fn no_frame_is_handed_out_twice_or_from_the_first_mib() {
    let taken: Vec<Frame> = (0..2000).map(|_| take(FrameKind::Kernel)).collect();
    let mut starts: Vec<u64> = taken.iter().map(|frame| frame.start().as_u64()).collect();
    starts.sort_unstable();
    assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(starts[0] >= 1 << 20);
    for frame in taken {
        spaces::memory().free_frame(frame);
    }
}

#[test_case]
fn a_frame_can_really_be_written() {
    let taken: Vec<Frame> = (0..64).map(|_| take(FrameKind::Kernel)).collect();
    for (seed, frame) in taken.iter().enumerate() {
        assert!(
            holds_what_is_written(frame.start(), PAGE, seed as u8),
            "{frame:?}"
        );
    }
    for frame in taken {
        spaces::memory().free_frame(frame);
    }
}

#[test_case]
fn a_frame_of_2_mib_is_aligned_counts_512_and_can_be_written() {
    let before = counts();
    let frame = take_large();
    assert!(frame.start().is_aligned(LARGE_PAGE));
    assert_eq!(counts().free, before.free - 512);
    assert_eq!(counts().kernel, before.kernel + 512);
    assert!(holds_what_is_written(frame.start(), LARGE_PAGE, 0x5a));
    spaces::memory().free_frame(frame);
    assert_eq!(counts(), before);
}

/// Runs `work` on a second allocator of this machine's map, with its bitmap in
/// frames of the first one's. No memory that it hands out is touched.
fn second_allocator(work: impl FnOnce(&mut Frames)) {
    let map = kernel::physical::map(boot_info().memory_regions, features::detect());
    let layout = Layout::of(map.managed());
    let run = spaces::memory()
        .allocate_run(layout.frames(), PAGE, 1 << 51, FrameKind::Kernel)
        .expect("there is room for a bitmap");
    let words = direct(run.start()).as_mut_ptr::<u64>();
    // SAFETY: the run is the test's own, mapped, aligned, and long enough, and
    // goes back after the last use. Any bits are valid words.
    let storage = unsafe { core::slice::from_raw_parts_mut(words, layout.words()) };
    // SAFETY: what it hands out is the first one's, but nobody touches it there;
    // its words lie in the run.
    let mut frames =
        unsafe { Frames::new(map.managed(), storage, run.range()) }.expect("the map is sorted");
    work(&mut frames);
    spaces::memory().free_run(run);
}

#[test_case]
fn the_raw_free_refuses_what_is_free_foreign_or_misaligned_and_changes_nothing() {
    second_allocator(|frames| {
        let mut take = || {
            frames
                .allocate::<Size4KiB>(FrameKind::Shared)
                .expect("a frame is free")
        };
        // One frame stays in use, so that it is the frame that is refused and not its kind.
        let (kept, free) = (take(), take());
        let gone = free.as_phys_frame();
        frames.free(free);
        let before = frames.counts();
        let mut raw = |frame: PhysFrame| {
            // SAFETY: not one of them is in use by anybody, and each is refused.
            unsafe { frames.free_raw(frame, FrameKind::Shared) }
        };
        let at = |start| PhysFrame::containing_address(PhysAddr::new(start));
        let foreign = |start| {
            Err(FreeError::Foreign {
                frame: PhysAddr::new(start),
            })
        };
        assert_eq!(
            raw(gone),
            Err(FreeError::NotAllocated {
                frame: gone.start_address()
            })
        );
        assert_eq!(raw(at(0)), foreign(0));
        assert_eq!(raw(at(0xa_0000)), foreign(0xa_0000));
        assert_eq!(raw(at(0xfec0_0000)), foreign(0xfec0_0000));
        // SAFETY: an address that is no multiple of 4096 is what is tested; the
        // frame is only handed to the call that refuses it.
        let crooked =
            unsafe { PhysFrame::from_start_address_unchecked(gone.start_address() + 0x123_u64) };
        assert_eq!(
            raw(crooked),
            Err(FreeError::Misaligned {
                start: gone.start_address() + 0x123_u64
            })
        );
        assert_eq!(frames.counts(), before);
        frames.free(kept);
    });
}

#[test_case]
fn the_raw_free_takes_back_a_frame_of_which_only_the_address_is_left() {
    second_allocator(|frames| {
        let before = frames.counts();
        let frame = frames.allocate::<Size4KiB>(FrameKind::Shared);
        let start = frame.expect("a frame is free").as_phys_frame();
        // SAFETY: the owned frame is gone, and nothing used the memory.
        let freed = unsafe { frames.free_raw(start, FrameKind::Shared) };
        assert_eq!(freed, Ok(()));
        assert_eq!(frames.counts(), before);
    });
}

#[test_case]
fn after_the_limit_is_spent_nothing_is_handed_out_until_something_comes_back() {
    let before = counts();
    set_limit(Some(3));
    let [a, b, c] = [(); 3].map(|()| take(FrameKind::Kernel));
    let refused = spaces::memory().allocate_frame::<Size4KiB>(FrameKind::Kernel);
    assert_eq!(refused, Err(OutOfFrames));
    assert_eq!(counts().limit, Some(0));
    spaces::memory().free_frame(b);
    let large = spaces::memory().allocate_frame::<Size2MiB>(FrameKind::Kernel);
    assert_eq!(large, Err(OutOfFrames));
    let b = take(FrameKind::Kernel);
    set_limit(None);
    for frame in [a, b, c] {
        spaces::memory().free_frame(frame);
    }
    assert_eq!(counts(), before);
}

#[test_case]
fn a_run_lies_in_a_row_below_its_bound_and_at_its_alignment() {
    let before = counts();
    let below = 16 << 20;
    let run = spaces::memory()
        .allocate_run(48, 0x1_0000, below, FrameKind::Kernel)
        .expect("there is room for a run for old devices");
    assert!(run.start().is_aligned(0x1_0000_u64));
    assert!(run.range().end() <= below);
    assert_eq!(counts().free, before.free - 48);
    assert!(holds_what_is_written(run.start(), 48 * PAGE, 0x33));
    spaces::memory().free_run(run);
    assert_eq!(counts(), before);
}

/// The usable memory that lies above 4 GiB.
fn above_4_gib() -> Option<FrameRange> {
    let map = kernel::physical::map(boot_info().memory_regions, features::detect());
    map.usable().find(|range| range.start().as_u64() >= 4 * GIB)
}

#[test_case]
fn memory_above_4_gib_is_handed_out_and_written_where_the_machine_has_it() {
    let highest = (1 << 52) - PAGE;
    let take = || spaces::memory().allocate_run(512, 4 * GIB, highest, FrameKind::Kernel);
    let Some(range) = above_4_gib() else {
        assert_eq!(take(), Err(RunError::NoRun { count: 512 }));
        return;
    };
    let run = take().expect("memory above 4 GiB begins at 4 GiB");
    assert_eq!(run.start(), range.start());
    assert!(holds_what_is_written(
        run.start(),
        run.frames() * PAGE,
        0xc3
    ));
    let state = frames(|frames| frames.state_of(run.start()));
    assert_eq!(state, Some(State::Used));
    println!("\nframes from {:#x} on hold what was written", run.start());
    spaces::memory().free_run(run);
    let state = frames(|frames| frames.state_of(range.start()));
    assert_eq!(state, Some(State::Free));
}
