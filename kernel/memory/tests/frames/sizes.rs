//! Frames of 4 KiB, 2 MiB and 1 GiB: which are handed out, and what comes of
//! them, from no memory at all to a terabyte.

use std::collections::BTreeSet;

use faultline_memory::frames::{Frame, FrameKind, Layout, OutOfFrames, State};
use faultline_memory::memory_map::FrameRange;
use x86_64::PhysAddr;
use x86_64::structures::paging::{Size1GiB, Size2MiB, Size4KiB};

use crate::simulated::{frames_over, range};
use crate::{GIB, MIB, TIB, large, small};

#[test]
fn every_frame_is_handed_out_once_and_then_there_are_none() {
    let mut frames = frames_over(&[range(MIB, 9 * MIB + 0x3000)]);
    let mut seen = BTreeSet::new();
    while let Ok(frame) = frames.allocate::<Size4KiB>(FrameKind::Kernel) {
        assert!((MIB..9 * MIB + 0x3000).contains(&frame.start().as_u64()));
        assert!(seen.insert(frame.start()), "{frame:?} was handed out twice");
    }
    assert_eq!(seen.len(), 2051);
    let counts = frames.counts();
    assert_eq!((counts.total, counts.free, counts.kernel), (2051, 0, 2051));
    assert_eq!(
        frames.allocate::<Size4KiB>(FrameKind::Kernel),
        Err(OutOfFrames)
    );
}

#[test]
fn memory_that_came_back_is_handed_out_again_as_large_frames() {
    let mut frames = frames_over(&[range(2 * MIB, 10 * MIB)]);
    for _ in 0..3 {
        let all: Vec<Frame> = (0..2048).map(|_| small(&mut frames)).collect();
        assert_eq!(
            frames.allocate::<Size2MiB>(FrameKind::Private),
            Err(OutOfFrames)
        );
        all.into_iter().rev().for_each(|frame| frames.free(frame));
        let all: Vec<_> = (0..4).map(|_| large(&mut frames)).collect();
        assert_eq!(frames.counts().free, 0);
        all.into_iter().for_each(|frame| frames.free(frame));
        assert_eq!((frames.free_2m_blocks(), frames.largest_run()), (4, 2048));
    }
}

#[test]
fn single_frames_leave_whole_blocks_whole() {
    let mut frames = frames_over(&[range(2 * MIB, 34 * MIB)]);
    let singles: Vec<Frame> = (0..513).map(|_| small(&mut frames)).collect();
    assert_eq!(frames.free_2m_blocks(), 14);
    // Holes are filled before another block is broken.
    for (n, frame) in singles.into_iter().enumerate() {
        if n % 2 == 0 {
            frames.free(frame);
        }
    }
    for _ in 0..512 {
        let _lost = small(&mut frames);
        assert_eq!(frames.free_2m_blocks(), 14);
    }
}

#[test]
fn the_last_frame_in_the_hand_completes_a_large_one() {
    let mut frames = frames_over(&[range(2 * MIB, 4 * MIB)]);
    let frame = small(&mut frames);
    assert_eq!(frames.free_2m_blocks(), 0);
    frames.free(frame);
    assert_eq!((frames.free_2m_blocks(), frames.largest_run()), (1, 512));
    assert_eq!(large(&mut frames).start().as_u64(), 2 * MIB);
}

#[test]
fn large_frames_need_whole_aligned_memory() {
    let mut frames = frames_over(&[range(3 * MIB, 5 * MIB), range(7 * MIB, 9 * MIB - 0x1000)]);
    assert_eq!(frames.counts().free, 1023);
    assert_eq!(
        frames.allocate::<Size2MiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
}

#[test]
fn a_gigabyte_frame_comes_from_aligned_memory_and_goes_back() {
    let mut frames = frames_over(&[range(MIB, 3 * GIB - MIB)]);
    let giga: Frame<Size1GiB> = frames
        .allocate(FrameKind::Shared)
        .expect("1 GiB to 2 GiB is free");
    assert_eq!(giga.start().as_u64(), GIB);
    assert_eq!(frames.counts().shared, 1 << 18);
    assert_eq!(
        frames.allocate::<Size1GiB>(FrameKind::Shared),
        Err(OutOfFrames)
    );
    frames.free(giga);
    assert_eq!(frames.counts().shared, 0);
    let giga: Frame<Size1GiB> = frames.allocate(FrameKind::Shared).expect("it came back");
    let mut pieces = giga.split();
    assert_eq!(pieces.len(), 512);
    frames.free(pieces.next().expect("512 of them"));
    assert_eq!(frames.counts().shared, (1 << 18) - 512);
    assert_eq!(
        frames.state_of(PhysAddr::new(GIB + 2 * MIB)),
        Some(State::Used)
    );
}

#[test]
fn a_large_frame_can_be_freed_piece_by_piece() {
    let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
    let pieces: Vec<Frame> = large(&mut frames).split().collect();
    assert_eq!(pieces.len(), 512);
    assert_eq!(pieces[511].start().as_u64(), 4 * MIB - 0x1000);
    for (n, piece) in pieces.into_iter().enumerate() {
        assert_eq!(frames.counts().private, 512 - n as u64);
        frames.free(piece);
    }
    assert_eq!(frames.free_2m_blocks(), 2);
}

#[test]
fn a_frame_that_changes_its_use_is_counted_as_the_new_one() {
    let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
    let frame = small(&mut frames);
    let frame = frames.reclassify(frame, FrameKind::Table);
    assert_eq!(
        (
            frame.kind(),
            frames.counts().private,
            frames.counts().tables
        ),
        (FrameKind::Table, 0, 1)
    );
    frames.free(frame);
    assert_eq!(frames.counts().used, 0);
}

#[test]
fn no_memory_at_all_is_managed_too() {
    let mut frames = frames_over::<FrameRange>(&[]);
    assert_eq!(
        (
            frames.counts().total,
            frames.largest_run(),
            frames.states().count()
        ),
        (0, 0, 0)
    );
    assert_eq!(
        frames.allocate::<Size4KiB>(FrameKind::Table),
        Err(OutOfFrames)
    );
    assert_eq!(
        frames.allocate::<Size2MiB>(FrameKind::Table),
        Err(OutOfFrames)
    );
    assert_eq!(
        frames.allocate::<Size1GiB>(FrameKind::Table),
        Err(OutOfFrames)
    );
}

#[test]
fn far_apart_ranges_cost_bitmap_only_for_what_exists() {
    let near = Layout::of([range(MIB, 17 * MIB)].into_iter());
    let far = [
        range(MIB, 9 * MIB),
        range(TIB - 4 * MIB, TIB),
        range(900 * TIB, 900 * TIB + 4 * MIB),
    ];
    let apart = Layout::of(far.into_iter());
    assert!(
        apart.words() < near.words() + 32,
        "{apart:?} against {near:?}"
    );
    let mut frames = frames_over(&far);
    let all: Vec<Frame> = (0..4096).map(|_| small(&mut frames)).collect();
    assert_eq!(frames.counts().free, 0);
    assert!(all.iter().any(|frame| frame.start().as_u64() >= 900 * TIB));
    all.into_iter().for_each(|frame| frames.free(frame));
    assert_eq!(
        (frames.counts().free, frames.free_2m_blocks()),
        (4096, 3 + 2 + 2)
    );
}

#[test]
fn a_terabyte_is_handed_out_to_the_last_frame() {
    let ranges = [range(MIB, 2 * GIB), range(4 * GIB, TIB + 2 * GIB)];
    let mut frames = frames_over(&ranges);
    let total = (TIB - MIB) / 4096;
    assert_eq!(frames.counts().total, total);
    let _giga: Frame<Size1GiB> = frames
        .allocate(FrameKind::Shared)
        .expect("a free 1 GiB frame");
    let mut larges = 0;
    while let Ok(frame) = frames.allocate::<Size2MiB>(FrameKind::Private) {
        larges += 1;
        if frame.start().as_u64() == TIB {
            frames.free(frame);
            break;
        }
    }
    let address = small(&mut frames).start().as_u64();
    assert!(
        (MIB..2 * MIB).contains(&address),
        "the ragged block is used first"
    );
    assert_eq!(frames.counts().private, (larges - 1) * 512 + 1);
    while frames.allocate::<Size2MiB>(FrameKind::Private).is_ok() {}
    while frames.allocate::<Size4KiB>(FrameKind::Private).is_ok() {}
    let counts = frames.counts();
    assert_eq!((counts.free, counts.private), (0, total - (1 << 18)));
    assert_eq!(frames.largest_run(), 0);
}
