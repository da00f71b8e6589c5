//! Frames that are not handed out: behind a limit, the boot loader's until they
//! are reclaimed, and those that the bitmap itself lies in.

use faultline_memory::frames::{
    FrameKind, Frames, Layout, NewError, OutOfFrames, ReclaimError, RunError, Shortage, State,
};
use faultline_memory::memory_map::{FrameRange, Kind, MapEntry};
use x86_64::PhysAddr;
use x86_64::structures::paging::{Size2MiB, Size4KiB};

use crate::simulated::{frames_over, picture, range};
use crate::{GIB, MIB, large, reclaim, small};

fn entry(start: u64, end: u64, kind: Kind) -> MapEntry {
    MapEntry {
        range: range(start, end),
        kind,
    }
}

#[test]
fn a_limit_counts_down_and_up_again() {
    let mut frames = frames_over(&[range(2 * MIB, 10 * MIB)]);
    frames.set_limit(Some(2));
    assert_eq!(frames.counts().limit, Some(2));
    assert!(frames.can_allocate(2) && !frames.can_allocate(3));
    assert_eq!(
        frames.allocate::<Size2MiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
    let run = frames.allocate_run(3, 1, GIB, FrameKind::Private);
    assert_eq!(
        run,
        Err(RunError::OutOfFrames(Shortage {
            needed: 3,
            available: 2
        }))
    );
    let (first, _second) = (small(&mut frames), small(&mut frames));
    assert_eq!(frames.counts().limit, Some(0));
    assert_eq!(
        frames.allocate::<Size4KiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
    frames.free(first);
    assert_eq!(frames.counts().limit, Some(1));
    let _third = small(&mut frames);
    assert_eq!(
        frames.allocate::<Size4KiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
    assert_eq!(frames.counts().free, 2046);
    frames.set_limit(None);
    assert_eq!(frames.counts().limit, None);
    assert_eq!((0..2046).map(|_| small(&mut frames)).count(), 2046);
}

#[test]
fn what_a_limit_leaves_after_a_large_frame_is_handed_out_to_the_last_and_no_more() {
    let mut frames = frames_over(&[range(2 * MIB, 10 * MIB)]);
    frames.set_limit(Some(520));
    // From here on a whole word of frames is at hand, all of which may go,
    let _first = small(&mut frames);
    // until the large one has taken most of what the limit allows.
    let _large = large(&mut frames);
    assert_eq!(frames.counts().limit, Some(7));
    assert_eq!((0..7).map(|_| small(&mut frames)).count(), 7);
    assert_eq!(
        frames.allocate::<Size4KiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
    assert_eq!(frames.counts().limit, Some(0));
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

    assert_eq!(
        reclaim(&mut frames, range(4 * MIB, 4 * MIB + 0x3000)),
        Ok(3)
    );
    assert_eq!((frames.counts().free, frames.counts().reserved), (515, 509));
    let wrong = |frame| {
        Err(ReclaimError::NotReclaimable {
            frame: PhysAddr::new(frame),
        })
    };
    let before = picture(&frames);
    assert_eq!(
        reclaim(&mut frames, range(4 * MIB + 0x2000, 5 * MIB)),
        wrong(4 * MIB + 0x2000)
    );
    assert_eq!(
        reclaim(&mut frames, range(4 * MIB + 0x3000, 7 * MIB)),
        wrong(6 * MIB)
    );
    assert_eq!(
        reclaim(&mut frames, range(3 * MIB, 5 * MIB)),
        wrong(3 * MIB)
    );
    assert_eq!(picture(&frames), before);

    assert_eq!(
        reclaim(&mut frames, range(4 * MIB + 0x3000, 6 * MIB)),
        Ok(509)
    );
    assert_eq!((frames.free_2m_blocks(), frames.largest_run()), (2, 1024));
    let (first, second) = (large(&mut frames), large(&mut frames));
    frames.free(second);
    frames.free(first);
    assert_eq!((frames.counts().used, frames.counts().refused), (0, 0));
}

#[test]
fn each_of_several_ranges_of_the_loaders_is_reclaimed_for_itself() {
    let loaders = |start, end| entry(start * MIB, end * MIB, Kind::Reclaimable);
    let mut frames = frames_over(&[loaders(2, 4), loaders(6, 9), loaders(12, 13)]);
    assert_eq!(frames.counts().reserved, 1536);
    let ranges = [(2, 4), (6, 9), (12, 13)].map(|(start, end)| range(start * MIB, end * MIB));
    let (free, kept) = (State::Free, State::Reserved);
    let steps = [
        (2, 256, [kept, kept, free]),
        (0, 512, [free, kept, free]),
        (1, 768, [free, free, free]),
    ];
    for (next, count, states) in steps {
        assert_eq!(reclaim(&mut frames, ranges[next]), Ok(count));
        let expected = [0, 1, 2].map(|n| (ranges[n], states[n]));
        assert_eq!(picture(&frames), expected);
    }
    assert_eq!((frames.counts().reserved, frames.counts().free), (0, 1536));
}

#[test]
#[allow(unsafe_code)]
fn the_storage_of_the_bitmap_is_never_handed_out() {
    let ranges = [range(MIB, 3 * MIB), range(16 * MIB, 64 * MIB)];
    let layout = Layout::of(ranges.into_iter());
    let held = layout
        .place(ranges.into_iter())
        .expect("48 MiB are room enough");
    assert_eq!(held.frames(), layout.frames());
    assert_eq!(held.end(), 64 * MIB);
    for held in [held, range(20 * MIB, 20 * MIB + held.bytes())] {
        let storage = vec![0; layout.words()].leak();
        // SAFETY: no memory is behind the frames.
        let frames = unsafe { Frames::new(ranges.into_iter(), storage, held) };
        let mut frames = frames.expect("it fits");
        assert_eq!(frames.counts().reserved, held.frames());
        assert_eq!(frames.counts().total, 50 * MIB / 4096);
        assert_eq!(frames.state_of(held.start()), Some(State::Reserved));
        while let Ok(frame) = frames.allocate::<Size4KiB>(FrameKind::Private) {
            assert!(!held.contains(frame.start()));
        }
        assert_eq!(frames.counts().private, 50 * MIB / 4096 - held.frames());
        assert!(reclaim(&mut frames, held).is_err());
    }
}

#[test]
#[allow(unsafe_code)]
fn the_storage_may_lie_in_the_middle_of_the_only_range() {
    for (kind, reserved) in [(Kind::Usable, 1), (Kind::Reclaimable, 512)] {
        let map = [entry(2 * MIB, 4 * MIB, kind)];
        let layout = Layout::of(map.into_iter());
        let held = range(2 * MIB + 0xa000, 2 * MIB + 0xb000);
        // Neither part that it leaves is a multiple of 64 frames.
        let storage = vec![0; layout.words()].leak();
        // SAFETY: as above.
        let frames = unsafe { Frames::new(map.into_iter(), storage, held) };
        let mut frames = frames.expect("room enough");
        assert_eq!(frames.counts().reserved, reserved);
        let states: Vec<_> = frames.states().map(|(_, state)| state).collect();
        let (free, kept) = (State::Free, State::Reserved);
        match kind {
            Kind::Usable => assert_eq!(states, [free, kept, free]),
            _ => {
                assert_eq!(states, [kept]);
                assert_eq!(
                    reclaim(&mut frames, range(2 * MIB, 2 * MIB + 0xa000)),
                    Ok(10)
                );
                assert_eq!(
                    reclaim(&mut frames, range(2 * MIB + 0xb000, 4 * MIB)),
                    Ok(501)
                );
            }
        }
    }
}

#[test]
fn the_storage_is_24_words_for_2_mib_and_34_mib_for_a_terabyte() {
    let usable = Layout::of([range(2 * MIB, 4 * MIB)].into_iter());
    assert_eq!((usable.words(), usable.frames()), (24, 1));
    let loaders = entry(2 * MIB, 4 * MIB, Kind::Reclaimable);
    let loaders = Layout::of([loaders].into_iter());
    assert_eq!(loaders.words(), usable.words() + 8);
    let terabyte = Layout::of([range(0, 1024 * GIB)].into_iter());
    assert_eq!((terabyte.words(), terabyte.frames()), (4_473_107, 8737));
}

#[test]
#[allow(unsafe_code)]
fn storage_that_is_too_short_and_unsorted_ranges_are_refused() {
    let ranges = [range(MIB, 3 * MIB), range(16 * MIB, 64 * MIB)];
    let new = |ranges: &[FrameRange], words| {
        let storage = vec![0; words].leak();
        // SAFETY: as above.
        unsafe { Frames::new(ranges.iter().copied(), storage, FrameRange::empty()) }
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
