//! The frame allocator, behaviour by behaviour, with numbers.

mod simulated;

use std::collections::BTreeSet;

use memory::frames::{
    Frame, Frames, FreeError, Layout, NewError, OutOfFrames, ReclaimError, RunError, State, Use,
};
use memory::memory_map::{FrameRange, Kind, MapEntry};
use simulated::{frames_over, picture, range};
use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size1GiB, Size2MiB, Size4KiB};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn entry(start: u64, end: u64, kind: Kind) -> MapEntry {
    MapEntry {
        range: range(start, end),
        kind,
    }
}

fn small(frames: &mut Frames<'_>) -> Frame {
    frames.allocate(Use::Private).expect("a free frame")
}

fn large(frames: &mut Frames<'_>) -> Frame<Size2MiB> {
    frames.allocate(Use::Private).expect("a free 2 MiB frame")
}

#[test]
fn every_frame_is_handed_out_once_and_then_there_are_none() {
    let mut frames = frames_over(&[range(MIB, 9 * MIB + 0x3000)]);
    let mut seen = BTreeSet::new();
    while let Ok(frame) = frames.allocate::<Size4KiB>(Use::Kernel) {
        assert!((MIB..9 * MIB + 0x3000).contains(&frame.start().as_u64()));
        assert!(seen.insert(frame.start()), "{frame:?} was handed out twice");
    }
    assert_eq!(seen.len(), 2051);
    let counts = frames.counts();
    assert_eq!((counts.total, counts.free, counts.kernel), (2051, 0, 2051));
    assert_eq!(frames.allocate::<Size4KiB>(Use::Kernel), Err(OutOfFrames));
}

#[test]
fn memory_that_came_back_is_handed_out_again_as_large_frames() {
    let mut frames = frames_over(&[range(2 * MIB, 10 * MIB)]);
    for _ in 0..3 {
        let all: Vec<Frame> = (0..2048).map(|_| small(&mut frames)).collect();
        assert_eq!(frames.allocate::<Size2MiB>(Use::Private), Err(OutOfFrames));
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
    assert_eq!(frames.allocate::<Size2MiB>(Use::Private), Err(OutOfFrames));
}

#[test]
fn a_gigabyte_frame_comes_from_aligned_memory_and_goes_back() {
    let mut frames = frames_over(&[range(MIB, 3 * GIB - MIB)]);
    let giga: Frame<Size1GiB> = frames
        .allocate(Use::Shared)
        .expect("1 GiB to 2 GiB is free");
    assert_eq!(giga.start().as_u64(), GIB);
    assert_eq!(frames.counts().shared, 1 << 18);
    assert_eq!(frames.allocate::<Size1GiB>(Use::Shared), Err(OutOfFrames));
    frames.free(giga);
    assert_eq!(frames.counts().shared, 0);
    let giga: Frame<Size1GiB> = frames.allocate(Use::Shared).expect("it came back");
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
    let frame = frames.reclassify(frame, Use::Table);
    assert_eq!(
        (
            frame.usage(),
            frames.counts().private,
            frames.counts().tables
        ),
        (Use::Table, 0, 1)
    );
    frames.free(frame);
    assert_eq!(frames.counts().used, 0);
}

#[test]
fn a_run_is_the_lowest_that_fits_alignment_and_bound() {
    let mut frames = frames_over(&[range(MIB, 2 * MIB), range(16 * MIB, 64 * MIB)]);
    let mut run = |count, align, below| {
        let run = frames.allocate_run(count, align, PhysAddr::new(below), Use::Kernel);
        run.map(|run| run.start().as_u64())
    };
    assert_eq!(run(3, 1, GIB), Ok(MIB));
    assert_eq!(run(1, 0x1_0000, GIB), Ok(MIB + 0x1_0000));
    assert_eq!(run(200, 0x1000, GIB), Ok(MIB + 0x1_1000));
    assert_eq!(run(300, 0x1000, GIB), Ok(16 * MIB));
    assert_eq!(run(4096, 32 * MIB, GIB), Ok(32 * MIB));
    assert_eq!(
        run(2, 0x1000, MIB + 0x4000),
        Err(RunError::NoRun { count: 2 })
    );
    assert_eq!(run(1, 0x1000, MIB + 0x4000), Ok(MIB + 0x3000));
    assert_eq!(run(0, 0x1000, GIB), Err(RunError::Empty));
    assert_eq!(
        run(1, 0x3000, GIB),
        Err(RunError::Alignment { align: 0x3000 })
    );
    assert_eq!(run(1, 0, GIB), Err(RunError::Alignment { align: 0 }));
    assert_eq!(run(10_000, 1, GIB), Err(RunError::OutOfFrames));
    assert_eq!(run(u64::MAX, 1 << 63, GIB), Err(RunError::OutOfFrames));
    assert_eq!(run(1, 1 << 63, GIB), Err(RunError::NoRun { count: 1 }));
}

#[test]
fn a_run_never_bridges_a_gap_between_ranges() {
    let mut frames = frames_over(&[
        range(2 * MIB, 4 * MIB),
        range(8 * MIB, 10 * MIB),
        range(TIB, TIB + 2 * MIB),
    ]);
    assert_eq!(frames.largest_run(), 512);
    let run = frames.allocate_run(513, 1, PhysAddr::new(2 * TIB), Use::Kernel);
    assert_eq!(run, Err(RunError::NoRun { count: 513 }));
}

#[test]
fn a_run_goes_back_whole_or_frame_by_frame() {
    let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
    let bound = PhysAddr::new(GIB);
    let run = frames
        .allocate_run(700, 1, bound, Use::Kernel)
        .expect("1,024 are free");
    assert_eq!(
        (run.frames(), run.range(), frames.counts().kernel),
        (700, range(2 * MIB, 2 * MIB + 700 * 4096), 700)
    );
    frames.free_run(run);
    assert_eq!((frames.counts().kernel, frames.free_2m_blocks()), (0, 2));
    let run = frames
        .allocate_run(700, 1, bound, Use::Kernel)
        .expect("it came back");
    run.split().for_each(|frame| frames.free(frame));
    assert_eq!((frames.counts().kernel, frames.free_2m_blocks()), (0, 2));
}

#[test]
fn a_limit_counts_down_and_up_again() {
    let mut frames = frames_over(&[range(2 * MIB, 10 * MIB)]);
    frames.set_limit(Some(2));
    assert_eq!(frames.counts().limit, Some(2));
    assert!(frames.can_allocate(2) && !frames.can_allocate(3));
    assert_eq!(frames.allocate::<Size2MiB>(Use::Private), Err(OutOfFrames));
    let run = frames.allocate_run(3, 1, PhysAddr::new(GIB), Use::Private);
    assert_eq!(run, Err(RunError::OutOfFrames));
    let (first, _second) = (small(&mut frames), small(&mut frames));
    assert_eq!(frames.counts().limit, Some(0));
    assert_eq!(frames.allocate::<Size4KiB>(Use::Private), Err(OutOfFrames));
    frames.free(first);
    assert_eq!(frames.counts().limit, Some(1));
    let _third = small(&mut frames);
    assert_eq!(frames.allocate::<Size4KiB>(Use::Private), Err(OutOfFrames));
    assert_eq!(frames.counts().free, 2046);
    frames.set_limit(None);
    assert_eq!(frames.counts().limit, None);
    assert_eq!((0..2046).map(|_| small(&mut frames)).count(), 2046);
}

#[test]
fn a_limit_above_what_is_free_is_none() {
    let mut frames = frames_over(&[range(2 * MIB, 4 * MIB)]);
    frames.set_limit(Some(512));
    assert_eq!(frames.counts().limit, None);
    frames.set_limit(Some(511));
    assert_eq!(frames.counts().limit, Some(511));
}

#[test]
fn reclaimable_frames_are_reserved_until_reclaimed_each_once() {
    let map = [
        entry(2 * MIB, 4 * MIB, Kind::Usable),
        entry(4 * MIB, 6 * MIB, Kind::Reclaimable),
    ];
    let mut frames = frames_over(&map);
    let counts = frames.counts();
    assert_eq!(
        (counts.total, counts.free, counts.reserved, counts.used),
        (1024, 512, 512, 512)
    );
    assert_eq!(
        frames.state_of(PhysAddr::new(4 * MIB)),
        Some(State::Reserved)
    );

    assert_eq!(frames.reclaim(range(4 * MIB, 4 * MIB + 0x3000)), Ok(3));
    assert_eq!((frames.counts().free, frames.counts().reserved), (515, 509));
    let wrong = |frame| {
        Err(ReclaimError::NotReclaimable {
            frame: PhysAddr::new(frame),
        })
    };
    let before = picture(&frames);
    assert_eq!(
        frames.reclaim(range(4 * MIB + 0x2000, 5 * MIB)),
        wrong(4 * MIB + 0x2000)
    );
    assert_eq!(
        frames.reclaim(range(4 * MIB + 0x3000, 7 * MIB)),
        wrong(6 * MIB)
    );
    assert_eq!(frames.reclaim(range(3 * MIB, 5 * MIB)), wrong(3 * MIB));
    assert_eq!(picture(&frames), before);

    assert_eq!(frames.reclaim(range(4 * MIB + 0x3000, 6 * MIB)), Ok(509));
    assert_eq!((frames.free_2m_blocks(), frames.largest_run()), (2, 1024));
    let (first, second) = (large(&mut frames), large(&mut frames));
    frames.free(second);
    frames.free(first);
    assert_eq!((frames.counts().used, frames.counts().refused), (0, 0));
}

#[test]
fn the_storage_of_the_bitmap_is_never_handed_out() {
    let ranges = [range(MIB, 3 * MIB), range(16 * MIB, 64 * MIB)];
    let layout = Layout::of(ranges.into_iter());
    let held = layout
        .place(ranges.into_iter())
        .expect("48 MiB are room enough");
    assert_eq!(held.frames(), layout.frames());
    assert_eq!(held.end.as_u64(), 64 * MIB);
    for held in [held, range(20 * MIB, 20 * MIB + held.bytes())] {
        let storage = vec![0; layout.words()].leak();
        let mut frames = Frames::new(ranges.into_iter(), storage, held).expect("it fits");
        assert_eq!(frames.counts().reserved, held.frames());
        assert_eq!(frames.counts().total, 50 * MIB / 4096);
        assert_eq!(frames.state_of(held.start), Some(State::Reserved));
        while let Ok(frame) = frames.allocate::<Size4KiB>(Use::Private) {
            assert!(!held.contains(frame.start()));
        }
        assert_eq!(frames.counts().private, 50 * MIB / 4096 - held.frames());
        assert!(frames.reclaim(held).is_err());
    }
}

#[test]
fn storage_that_is_too_short_and_unsorted_ranges_are_refused() {
    let ranges = [range(MIB, 3 * MIB), range(16 * MIB, 64 * MIB)];
    let new = |ranges: &[FrameRange], words| {
        let storage = vec![0; words].leak();
        Frames::new(ranges.iter().copied(), storage, FrameRange::empty())
            .map(|frames| frames.counts())
    };
    let Err(NewError::StorageTooShort { needed, given: 7 }) = new(&ranges, 7) else {
        panic!("7 words are too few");
    };
    assert!(new(&ranges, needed).is_ok());
    assert_eq!(
        new(&ranges, needed - 1),
        Err(NewError::StorageTooShort {
            needed,
            given: needed - 1
        })
    );
    let start = PhysAddr::new(MIB);
    assert_eq!(
        new(&[ranges[1], ranges[0]], 4096),
        Err(NewError::NotSorted { start })
    );
    assert_eq!(
        new(&[ranges[0], ranges[0]], 4096),
        Err(NewError::NotSorted { start })
    );
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
    assert_eq!(frames.allocate::<Size4KiB>(Use::Table), Err(OutOfFrames));
    assert_eq!(frames.allocate::<Size2MiB>(Use::Table), Err(OutOfFrames));
    assert_eq!(frames.allocate::<Size1GiB>(Use::Table), Err(OutOfFrames));
}

#[test]
fn a_frame_of_another_allocator_changes_nothing_and_is_counted() {
    let mut one = frames_over(&[range(2 * MIB, 4 * MIB)]);
    let mut other = frames_over(&[range(8 * MIB, 12 * MIB)]);
    let _mine = small(&mut one);
    let before = picture(&one);
    one.free(small(&mut other));
    one.free(large(&mut other));
    let run = other.allocate_run(2, 1, PhysAddr::new(GIB), Use::Private);
    one.free_run(run.expect("two are free"));
    assert_eq!(picture(&one), before);
    assert_eq!((one.counts().refused, one.counts().private), (515, 1));
}

#[test]
#[allow(unsafe_code)]
fn a_wrong_raw_free_is_refused_and_changes_nothing() {
    let mut frames = frames_over(&[range(MIB, 8 * MIB), range(TIB, TIB + 4 * MIB)]);
    let frame = small(&mut frames);
    let block = large(&mut frames);
    let _table: Frame = frames.allocate(Use::Table).expect("a free frame");
    let before = (picture(&frames), frames.counts());
    let mut refused = |start: u64, usage| {
        let start = PhysAddr::new(start);
        // SAFETY: none of these frees succeeds, and no memory is behind the frames.
        unsafe {
            frames.free_raw::<Size4KiB>(PhysFrame::from_start_address_unchecked(start), usage)
        }
        .expect_err("it must be refused")
    };
    let start = frame.start().as_u64();
    let at = |address| PhysAddr::new(address);
    // The word in hand, the same block, a block that is free, and far away.
    for free in [start + 0x2000, start + 0x8_0000, 6 * MIB, TIB + 0x1000] {
        assert_eq!(
            refused(free, Use::Private),
            FreeError::NotAllocated { frame: at(free) }
        );
        assert_eq!(
            refused(free, Use::Zero),
            FreeError::NotAllocated { frame: at(free) }
        );
    }
    for foreign in [
        0,
        MIB - 0x1000,
        8 * MIB,
        TIB - 0x1000,
        TIB + 4 * MIB,
        (1 << 52) - 0x1000,
    ] {
        assert_eq!(
            refused(foreign, Use::Private),
            FreeError::Foreign { frame: at(foreign) }
        );
    }
    assert_eq!(
        refused(start + 8, Use::Private),
        FreeError::Misaligned {
            start: at(start + 8)
        }
    );
    assert_eq!(
        refused(start, Use::Zero),
        FreeError::WrongUse { usage: Use::Zero }
    );

    let mut refused = |start: u64, usage| {
        let start = PhysAddr::new(start);
        // SAFETY: as above.
        unsafe {
            frames.free_raw::<Size2MiB>(PhysFrame::from_start_address_unchecked(start), usage)
        }
        .expect_err("it must be refused")
    };
    let start = block.start().as_u64();
    assert_eq!(
        refused(start + 0x1000, Use::Private),
        FreeError::Misaligned {
            start: at(start + 0x1000)
        }
    );
    assert_eq!(
        refused(start, Use::Table),
        FreeError::WrongUse { usage: Use::Table }
    );
    assert_eq!(
        refused(TIB, Use::Private),
        FreeError::NotAllocated { frame: at(TIB) }
    );
    assert_eq!(
        refused(8 * MIB, Use::Private),
        FreeError::Foreign { frame: at(8 * MIB) }
    );
    assert_eq!(
        refused(0, Use::Private),
        FreeError::Foreign { frame: at(0) }
    );
    assert_eq!((picture(&frames), frames.counts()), before);

    // SAFETY: the owned frame is not used after.
    let once = unsafe { frames.free_raw(frame.as_phys_frame(), Use::Private) };
    assert_eq!(once, Ok(()));
    // SAFETY: a double free is refused.
    let twice = unsafe { frames.free_raw(frame.as_phys_frame(), Use::Private) };
    assert_eq!(
        twice,
        Err(FreeError::NotAllocated {
            frame: frame.start()
        })
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
    let _giga: Frame<Size1GiB> = frames.allocate(Use::Shared).expect("a free 1 GiB frame");
    let mut larges = 0;
    while let Ok(frame) = frames.allocate::<Size2MiB>(Use::Private) {
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
    while frames.allocate::<Size2MiB>(Use::Private).is_ok() {}
    while frames.allocate::<Size4KiB>(Use::Private).is_ok() {}
    let counts = frames.counts();
    assert_eq!((counts.free, counts.private), (0, total - (1 << 18)));
    assert_eq!(frames.largest_run(), 0);
}
