//! What no caller outside of the crate sees: reserved frames and the recount.

extern crate std;

#[path = "../../tests/frames_model/mod.rs"]
mod random;

use std::vec;

use x86_64::PhysAddr;
use x86_64::structures::paging::{Size2MiB, Size4KiB};

use super::{Counts, Frame, FrameKind, Frames, Layout, OutOfFrames};
use crate::memory_map::{FrameRange, MapEntry};

const MIB: u64 = 1 << 20;

fn range(start: u64, end: u64) -> FrameRange {
    FrameRange::new(PhysAddr::new(start), end)
}

#[allow(unsafe_code, reason = "tests of an unsafe function")]
fn frames_over<R: Into<MapEntry> + Copy>(ranges: &[R]) -> Frames<'static> {
    let ranges = ranges.iter().copied();
    let storage = vec![u64::MAX; Layout::of(ranges.clone()).words()].leak();
    // SAFETY: no memory is behind the frames.
    let frames = unsafe { Frames::new(ranges, storage, FrameRange::empty()) };
    frames.expect("sorted ranges")
}

fn taken(frames: &mut Frames<'_>, count: usize) -> usize {
    let next = || frames.allocate::<Size4KiB>(FrameKind::Private).ok();
    core::iter::from_fn(next).take(count).count()
}

#[test]
fn the_last_frames_are_kept_back_though_they_are_in_the_cache() {
    let mut frames = frames_over(&[range(2 * MIB, 2 * MIB + 64 * 4096)]);
    assert_eq!(taken(&mut frames, 54), 54);
    assert_eq!(frames.reserve(11), Err(OutOfFrames));
    assert_eq!(frames.reserve(4), Ok(()));
    assert_eq!(taken(&mut frames, 64), 6);
    for left in (0..4).rev() {
        let frame = frames.take_reserved(FrameKind::Kernel).expect("reserved");
        assert_eq!(frame.kind(), FrameKind::Kernel);
        assert_eq!(frames.counts().kept_back, left);
    }
    assert_eq!(frames.take_reserved(FrameKind::Kernel), Err(OutOfFrames));
    let counts = frames.counts();
    assert_eq!((counts.private, counts.kernel, counts.free), (60, 4, 0));
}

#[test]
fn a_large_frame_is_not_made_of_what_is_kept_back() {
    let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
    frames.reserve(513).expect("1024 are free");
    assert!(frames.allocate::<Size2MiB>(FrameKind::Private).is_err());
    frames.unreserve(1);
    let large: Frame<Size2MiB> = frames.allocate(FrameKind::Private).expect("2 MiB");
    assert_eq!(taken(&mut frames, 1), 0);
    frames.free(large);
    assert_eq!(
        (frames.counts().kept_back, frames.counts().free),
        (512, 1024)
    );
}

#[test]
fn a_limit_is_what_is_left_beside_the_reserved_frames() {
    let mut frames = frames_over(&[range(2 * MIB, 4 * MIB)]);
    frames.reserve(12).expect("512 are free");
    frames.set_limit(Some(100));
    assert_eq!(frames.counts().limit, Some(100));
    assert!(frames.can_allocate(100) && !frames.can_allocate(101));
    assert_eq!(taken(&mut frames, 512), 100);
    let reserved = frames.take_reserved(FrameKind::Private).expect("reserved");
    frames.free(reserved);
    assert_eq!(
        (frames.counts().limit, frames.counts().kept_back),
        (Some(1), 11)
    );
}

#[test]
fn a_limit_leaves_the_cache_alone() {
    let mut frames = frames_over(&[range(2 * MIB, 4 * MIB)]);
    assert_eq!(taken(&mut frames, 1), 1);
    frames.set_limit(Some(2));
    assert!(frames.recount().is_ok());
    assert_eq!(taken(&mut frames, 512), 2);
    frames.set_limit(None);
    assert_eq!(frames.counts().free, 509);
    assert_eq!(taken(&mut frames, 512), 509);
}

#[test]
fn a_flipped_bit_is_found_in_every_block_of_every_range() {
    let ranges = [
        range(2 * MIB, 6 * MIB),
        range(9 * MIB, 12 * MIB),
        range(64 * MIB, 66 * MIB),
    ];
    for block in [2, 4, 8, 10, 64].map(|mib| mib * MIB) {
        let mut frames = frames_over(&ranges);
        assert_eq!(
            frames.recount(),
            Ok(Counts {
                total: 2304,
                free: 2304,
                ..Counts::default()
            })
        );
        frames.flip_bit(PhysAddr::new(block + MIB + 4096));
        assert_eq!(frames.recount(), Err(PhysAddr::new(block)));
    }
}

#[test]
fn the_summary_of_whole_blocks_is_right_after_each_large_frame() {
    // 130 blocks take three words of the summary, and one above them.
    let mut frames = frames_over(&[range(2 * MIB, 262 * MIB)]);
    for taken in 0..130 {
        assert!(frames.recount().is_ok(), "{taken} are taken");
        let _lost: Frame<Size2MiB> = frames.allocate(FrameKind::Private).expect("2 MiB");
    }
    assert!(frames.recount().is_ok());
    assert_eq!(
        frames.allocate::<Size2MiB>(FrameKind::Private),
        Err(OutOfFrames)
    );
}
