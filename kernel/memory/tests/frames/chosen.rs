//! A range of frames that the caller chooses: all of it, or the first frame
//! that is in the way, and nothing changed.

use faultline_memory::frames::{AllocateAtError, FrameKind, Frames, State};
use faultline_memory::memory_map::{FrameRange, Kind, MapEntry};
use x86_64::PhysAddr;

use crate::simulated::{frames_over, picture, range};
use crate::{GIB, MIB, reclaim, small};

const PAGE: u64 = 4096;

/// Usable, the boot loader's and usable memory side by side, and some far away.
fn machine() -> Frames<'static> {
    let entry = |start, end, kind| MapEntry {
        range: range(start * MIB, end * MIB),
        kind,
    };
    frames_over(&[
        entry(2, 4, Kind::Usable),
        entry(4, 5, Kind::Reclaimable),
        entry(5, 8, Kind::Usable),
        entry(1024, 1026, Kind::Usable),
    ])
}

#[test]
fn a_chosen_range_is_handed_out_to_the_frame_and_goes_back() {
    let mut frames = machine();
    let chosen = range(6 * MIB - 3 * PAGE, 6 * MIB + 2 * PAGE);
    let run = frames
        .allocate_at(chosen, FrameKind::Kernel)
        .expect("it is free");
    assert_eq!((run.range(), run.kind()), (chosen, FrameKind::Kernel));
    let counts = frames.counts();
    assert_eq!((counts.kernel, counts.free), (5, 7 * 256 - 5));
    let states: Vec<_> = frames
        .states()
        .filter(|(_, state)| *state == State::Used)
        .collect();
    assert_eq!(states, [(chosen, State::Used)]);
    frames.free_run(run);
    assert_eq!((frames.counts().used, frames.counts().refused), (256, 0));
}

#[test]
fn a_chosen_frame_may_lie_in_the_cache() {
    let mut frames = machine();
    let first = small(&mut frames);
    // The ragged block comes first.
    let next = range(5 * MIB + PAGE, 5 * MIB + 2 * PAGE);
    let run = frames
        .allocate_at(next, FrameKind::Kernel)
        .expect("it is free");
    assert_eq!(small(&mut frames).start().as_u64(), 5 * MIB + 2 * PAGE);
    frames.free(first);
    frames.free_run(run);
    assert_eq!(frames.counts().private, 1);
}

#[test]
fn the_first_frame_in_the_way_is_named_and_nothing_changes() {
    let mut frames = machine();
    let used = small(&mut frames);
    let before = picture(&frames);
    let at = PhysAddr::new;
    let cases = [
        (FrameRange::empty(), AllocateAtError::Empty),
        (
            range(MIB, 3 * MIB),
            AllocateAtError::NotManaged { frame: at(MIB) },
        ),
        (
            range(7 * MIB, 9 * MIB),
            AllocateAtError::NotManaged { frame: at(8 * MIB) },
        ),
        (
            range(5 * MIB, 8 * MIB),
            AllocateAtError::InUse {
                frame: used.start(),
            },
        ),
        (
            range(3 * MIB, 9 * MIB),
            AllocateAtError::Reserved { frame: at(4 * MIB) },
        ),
    ];
    for (range, error) in cases {
        assert_eq!(frames.allocate_at(range, FrameKind::Kernel), Err(error));
    }
    assert_eq!(picture(&frames), before);
}

#[test]
fn a_chosen_range_stops_at_the_limit() {
    let mut frames = machine();
    frames.set_limit(Some(5));
    let chosen = range(GIB, GIB + 6 * PAGE);
    let refused = frames.allocate_at(chosen, FrameKind::Kernel);
    assert_eq!(refused, Err(AllocateAtError::OutOfFrames { available: 5 }));
    frames.set_limit(Some(6));
    let run = frames.allocate_at(chosen, FrameKind::Kernel);
    assert_eq!(run.expect("six are left").frames(), 6);
    assert_eq!(frames.counts().limit, Some(0));
}

#[test]
fn what_was_reclaimed_can_be_chosen_together_with_its_neighbours() {
    let mut frames = machine();
    let whole = range(2 * MIB, 8 * MIB);
    assert_eq!(reclaim(&mut frames, range(4 * MIB, 5 * MIB)), Ok(256));
    let run = frames.allocate_at(whole, FrameKind::Shared);
    let run = run.expect("all of it is free");
    assert_eq!((run.frames(), frames.free_2m_blocks()), (6 * 256, 1));
    run.split().for_each(|frame| frames.free(frame));
    assert_eq!((frames.counts().used, frames.free_2m_blocks()), (0, 4));
}
