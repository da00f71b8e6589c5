//! Which frame comes next, to the very address; and that what was freed in one
//! way is not freed again in another.

use faultline_memory::frames::{Frame, FrameKind, Frames, FreeError, State};
use faultline_memory::memory_map::{Kind, MapEntry};
use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size2MiB, Size4KiB};

use crate::simulated::{frames_over, range};
use crate::{GIB, MIB, large, reclaim, small};

const PAGE: u64 = 4096;

/// Takes the next `count` frames and returns where they start.
fn starts(frames: &mut Frames<'_>, count: u64) -> Vec<u64> {
    (0..count).map(|_| small(frames).start().as_u64()).collect()
}

/// Frees a private frame of which only the address is left.
#[allow(unsafe_code)]
fn free_4k(frames: &mut Frames<'_>, start: u64) -> Result<(), FreeError> {
    let frame = PhysFrame::<Size4KiB>::containing_address(PhysAddr::new(start));
    // SAFETY: no memory is behind the frames, and nobody has a `Frame` of it.
    unsafe { frames.free_raw(frame, FrameKind::Private) }
}

/// The same for 2 MiB.
#[allow(unsafe_code)]
fn free_2m(frames: &mut Frames<'_>, start: u64) -> Result<(), FreeError> {
    let frame = PhysFrame::<Size2MiB>::containing_address(PhysAddr::new(start));
    // SAFETY: as above.
    unsafe { frames.free_raw(frame, FrameKind::Private) }
}

fn not_allocated(start: u64) -> Result<(), FreeError> {
    let frame = PhysAddr::new(start);
    Err(FreeError::NotAllocated { frame })
}

#[test]
fn behind_a_narrow_limit_frames_come_lowest_first_from_any_word_and_block() {
    // The first free frames are bit 62 of word 1 of the second block there is.
    let first = 6 * MIB + 126 * PAGE;
    let mut frames = frames_over(&[range(MIB, MIB + PAGE), range(first, 8 * MIB)]);
    assert_eq!(starts(&mut frames, 1), [MIB]);
    frames.set_limit(Some(4));
    let expected = [0, 1, 2, 3].map(|page| first + page * PAGE);
    assert_eq!(starts(&mut frames, 4), expected);
}

#[test]
fn what_is_freed_when_the_cache_is_used_up_is_handed_out_next() {
    // A large frame in between is another matter.
    for large_frames in [0, 1] {
        let mut frames = frames_over(&[range(2 * MIB, 4 * MIB), range(GIB, GIB + 4 * MIB)]);
        let mut taken: Vec<Frame> = (0..192).map(|_| small(&mut frames)).collect();
        for _ in 0..large_frames {
            let _lost = large(&mut frames);
        }
        let high = taken.remove(70);
        let low = taken.remove(5);
        let places = [high.start().as_u64(), low.start().as_u64()];
        // Word 2 is in the cache, used up, and gives way to that of the higher
        // one; the other goes into the bitmap.
        frames.free(high);
        frames.free(low);
        assert_eq!(starts(&mut frames, 2), places);
    }
}

#[test]
fn the_last_few_frames_are_in_the_cache_too() {
    let start = 2 * MIB;
    let mut frames = frames_over(&[range(start, start + 158 * PAGE)]);
    let all = starts(&mut frames, 129);
    // 29 are left, all in the cache, and come before what is freed now.
    assert_eq!(free_4k(&mut frames, all[70]), Ok(()));
    let mut expected: Vec<u64> = (129..158).map(|page| start + page * PAGE).collect();
    expected.push(all[70]);
    assert_eq!(starts(&mut frames, 30), expected);
}

#[test]
fn a_frame_that_is_free_in_the_bitmap_is_not_freed_into_the_cache() {
    let mut frames = frames_over(&[range(2 * MIB, 4 * MIB)]);
    let all = starts(&mut frames, 192);
    // The first goes into the cache, the second beside it, the others elsewhere.
    for free in [0, 1, 64, 65] {
        assert_eq!(free_4k(&mut frames, all[free]), Ok(()));
    }
    for free in [0, 1, 64, 65] {
        assert_eq!(free_4k(&mut frames, all[free]), not_allocated(all[free]));
    }
    assert_eq!(frames.counts().private, 188);
    let mut again = starts(&mut frames, 4);
    again.sort_unstable();
    assert_eq!(again, [all[0], all[1], all[64], all[65]]);
}

#[test]
fn a_block_that_is_freed_while_its_last_word_is_cached_is_free_for_good() {
    // Two blocks, all of their frames handed out one by one.
    for last in [2 * MIB, 4 * MIB] {
        let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
        let all = starts(&mut frames, 1024);
        assert_eq!(all.last(), Some(&(6 * MIB - PAGE)));
        assert_eq!(free_2m(&mut frames, last), Ok(()));
        for word in 0..8 {
            let inside = last + (word * 64 + 63) * PAGE;
            assert_eq!(free_4k(&mut frames, inside), not_allocated(inside));
        }
        let counts = frames.counts();
        assert_eq!((counts.free, counts.private), (512, 512));
        assert_eq!(frames.free_2m_blocks(), 1);
    }
}

#[test]
fn neighbouring_ranges_of_one_state_are_told_as_one() {
    let entry = |start, end, kind| MapEntry {
        range: range(start, end),
        kind,
    };
    let mut frames = frames_over(&[
        entry(2 * MIB, 4 * MIB, Kind::Usable),
        entry(4 * MIB, 6 * MIB, Kind::Reclaimable),
        entry(GIB, GIB + MIB, Kind::Usable),
    ]);
    assert_eq!(reclaim(&mut frames, range(4 * MIB, 5 * MIB)), Ok(256));
    let states: Vec<_> = frames.states().collect();
    let expected = [
        (range(2 * MIB, 5 * MIB), State::Free),
        (range(5 * MIB, 6 * MIB), State::Reserved),
        (range(GIB, GIB + MIB), State::Free),
    ];
    assert_eq!(states, expected);
}

#[test]
fn the_one_block_with_free_frames_is_found_wherever_it_lies() {
    const BLOCKS: u64 = 300;
    for block in [0, 1, 63, 64, 65, 127, 128, 191, 192, 255, 256, 299] {
        let mut frames = frames_over(&[range(0, BLOCKS * 2 * MIB)]);
        let mut all: Vec<Frame<Size2MiB>> = (0..BLOCKS).map(|_| large(&mut frames)).collect();
        all.sort_by_key(Frame::start);
        frames.free(all.remove(block as usize));
        let start = block * 2 * MIB;
        // The first frame breaks the block, so that the run is sought in part of one.
        assert_eq!(small(&mut frames).start().as_u64(), start);
        let run = frames.allocate_run(64, 1, u64::MAX >> 12, FrameKind::Private);
        let run = run.expect("511 are free");
        assert_eq!(run.start().as_u64(), start + 0x1000);
        for number in 65..512 {
            assert_eq!(small(&mut frames).start().as_u64(), start + number * 0x1000);
        }
        assert!(frames.allocate::<Size4KiB>(FrameKind::Private).is_err());
    }
}

#[test]
fn a_run_is_sought_in_block_after_block() {
    const BLOCKS: u64 = 300;
    for (narrow, wide) in [(0, 1), (0, 63), (63, 64), (70, 71), (70, 200), (130, 299)] {
        let mut frames = frames_over(&[range(0, BLOCKS * 2 * MIB)]);
        for _ in 0..BLOCKS {
            let _lost = large(&mut frames);
        }
        let starts = [narrow, wide].map(|block| block * 2 * MIB);
        for (start, free) in starts.into_iter().zip([63, 64]) {
            for number in 0..free {
                assert_eq!(free_4k(&mut frames, start + number * PAGE), Ok(()));
            }
        }
        let below = u64::MAX >> 12;
        let run = frames.allocate_run(64, 1, below, FrameKind::Private);
        assert_eq!(run.expect("64 in a row").start().as_u64(), starts[1]);
        assert!(
            frames
                .allocate_run(64, 1, below, FrameKind::Private)
                .is_err()
        );
    }
}
