//! Frees that are refused: another allocator's frames, and every way in which
//! a raw free can be wrong. Nothing has changed after each.

use faultline_memory::frames::{Frame, FrameKind, Frames, FreeError, Layout};
use faultline_memory::memory_map::{Kind, MapEntry};
use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size2MiB, Size4KiB};

use crate::simulated::{frames_over, picture, range};
use crate::{GIB, MIB, TIB, large, reclaim, small};

#[test]
fn a_frame_of_another_allocator_changes_nothing_and_is_counted() {
    let mut one = frames_over(&[range(2 * MIB, 4 * MIB)]);
    let mut other = frames_over(&[range(8 * MIB, 12 * MIB)]);
    let _mine = small(&mut one);
    let before = picture(&one);
    one.free(small(&mut other));
    one.free(large(&mut other));
    let run = other.allocate_run(2, 1, GIB, FrameKind::Private);
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
    let _table: Frame = frames.allocate(FrameKind::Table).expect("a free frame");
    let before = (picture(&frames), frames.counts());
    let mut refused = |start: u64, kind| {
        let start = PhysAddr::new(start);
        // SAFETY: none of these frees succeeds, and no memory is behind the frames.
        unsafe { frames.free_raw::<Size4KiB>(PhysFrame::from_start_address_unchecked(start), kind) }
            .expect_err("it must be refused")
    };
    let start = frame.start().as_u64();
    let at = |address| PhysAddr::new(address);
    // The word in the cache, the same block, a block that is free, and far away.
    for free in [start + 0x2000, start + 0x8_0000, 6 * MIB, TIB + 0x1000] {
        assert_eq!(
            refused(free, FrameKind::Private),
            FreeError::NotAllocated { frame: at(free) }
        );
        assert_eq!(
            refused(free, FrameKind::Zero),
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
            refused(foreign, FrameKind::Private),
            FreeError::Foreign { frame: at(foreign) }
        );
    }
    assert_eq!(
        refused(start + 8, FrameKind::Private),
        FreeError::Misaligned {
            start: at(start + 8)
        }
    );
    assert_eq!(
        refused(start, FrameKind::Zero),
        FreeError::WrongKind {
            kind: FrameKind::Zero
        }
    );

    let mut refused = |start: u64, kind| {
        let start = PhysAddr::new(start);
        // SAFETY: as above.
        unsafe { frames.free_raw::<Size2MiB>(PhysFrame::from_start_address_unchecked(start), kind) }
            .expect_err("it must be refused")
    };
    let start = block.start().as_u64();
    assert_eq!(
        refused(start + 0x1000, FrameKind::Private),
        FreeError::Misaligned {
            start: at(start + 0x1000)
        }
    );
    assert_eq!(
        refused(start, FrameKind::Table),
        FreeError::WrongKind {
            kind: FrameKind::Table
        }
    );
    assert_eq!(
        refused(TIB, FrameKind::Private),
        FreeError::NotAllocated { frame: at(TIB) }
    );
    assert_eq!(
        refused(8 * MIB, FrameKind::Private),
        FreeError::Foreign { frame: at(8 * MIB) }
    );
    assert_eq!(
        refused(0, FrameKind::Private),
        FreeError::Foreign { frame: at(0) }
    );
    assert_eq!((picture(&frames), frames.counts()), before);

    // SAFETY: the owned frame is not used after.
    let once = unsafe { frames.free_raw(frame.as_phys_frame(), FrameKind::Private) };
    assert_eq!(once, Ok(()));
    // SAFETY: a double free is refused.
    let twice = unsafe { frames.free_raw(frame.as_phys_frame(), FrameKind::Private) };
    assert_eq!(
        twice,
        Err(FreeError::NotAllocated {
            frame: frame.start()
        })
    );
}

#[test]
#[allow(unsafe_code)]
fn a_large_frame_that_reaches_past_its_range_is_foreign() {
    let mut frames = frames_over(&[range(2 * MIB, 5 * MIB)]);
    for _ in 0..768 {
        let _lost = small(&mut frames);
    }
    let start = PhysAddr::new(4 * MIB);
    let frame = PhysFrame::<Size2MiB>::from_start_address(start).expect("a multiple of 2 MiB");
    // SAFETY: the free does not succeed, and no memory is behind the frames.
    let refused = unsafe { frames.free_raw(frame, FrameKind::Private) };
    let past = PhysAddr::new(5 * MIB);
    assert_eq!(refused, Err(FreeError::Foreign { frame: past }));
    assert_eq!((frames.counts().free, frames.counts().private), (0, 768));
}

#[test]
#[allow(unsafe_code)]
fn the_frames_of_the_bitmap_are_foreign_to_the_last() {
    let (all, held) = (range(2 * MIB, 4 * MIB), range(3 * MIB, 3 * MIB + 0x2000));
    let storage = vec![0; Layout::of([all].into_iter()).words()].leak();
    // SAFETY: no memory is behind the frames.
    let frames = unsafe { Frames::new([all].into_iter(), storage, held) };
    let mut frames = frames.expect("room enough");
    for _ in 0..510 {
        let _lost = small(&mut frames);
    }
    for page in [3 * MIB, 3 * MIB + 0x1000].map(PhysAddr::new) {
        let frame = PhysFrame::<Size4KiB>::containing_address(page);
        // SAFETY: the free does not succeed, and no memory is behind the frames.
        let refused = unsafe { frames.free_raw(frame, FrameKind::Private) };
        assert_eq!(refused, Err(FreeError::Foreign { frame: page }));
    }
    assert_eq!((frames.counts().free, frames.counts().reserved), (0, 2));
}

#[test]
#[allow(unsafe_code)]
fn a_frame_of_the_loaders_is_foreign_until_it_is_reclaimed() {
    let map = [(2, Kind::Usable), (4, Kind::Reclaimable)].map(|(start, kind)| MapEntry {
        range: range(start * MIB, (start + 2) * MIB),
        kind,
    });
    let mut frames = frames_over(&map);
    assert_eq!(reclaim(&mut frames, range(4 * MIB, 5 * MIB)), Ok(256));
    for _ in 0..768 {
        let _lost = small(&mut frames);
    }
    let last_reclaimed = PhysAddr::new(5 * MIB - 0x1000);
    for page in [5 * MIB, 6 * MIB - 0x1000].map(PhysAddr::new) {
        let frame = PhysFrame::<Size4KiB>::containing_address(page);
        // SAFETY: the free does not succeed, and no memory is behind the frames.
        let refused = unsafe { frames.free_raw(frame, FrameKind::Private) };
        assert_eq!(refused, Err(FreeError::Foreign { frame: page }));
    }
    let frame = PhysFrame::<Size4KiB>::containing_address(last_reclaimed);
    // SAFETY: it was handed out, and nobody has a `Frame` of it.
    let freed = unsafe { frames.free_raw(frame, FrameKind::Private) };
    assert_eq!(freed, Ok(()));
    assert_eq!((frames.counts().free, frames.counts().private), (1, 767));
}

#[test]
#[allow(unsafe_code)]
fn a_large_frame_is_not_freed_over_a_free_frame_whichever_block_it_is() {
    for block in 0..4 {
        let mut frames = frames_over(&[range(0, 8 * MIB)]);
        let mut all: Vec<Frame<Size2MiB>> = (0..4).map(|_| large(&mut frames)).collect();
        all.sort_by_key(Frame::start);
        let whole = all.remove(block).as_phys_frame();
        let hole = PhysFrame::containing_address(whole.start_address() + 0x10_0000);
        // SAFETY: the owned frame is gone, and no memory is behind it.
        let freed = unsafe { frames.free_raw::<Size4KiB>(hole, FrameKind::Private) };
        assert_eq!(freed, Ok(()));
        // Out of the cache and into the bitmap.
        let run = frames.allocate_run(1, 1, GIB, FrameKind::Private);
        frames.free_run(run.expect("the hole"));
        let before = picture(&frames);
        // SAFETY: as above; it does not succeed.
        let refused = unsafe { frames.free_raw(whole, FrameKind::Private) };
        let free = hole.start_address();
        assert_eq!(refused, Err(FreeError::NotAllocated { frame: free }));
        assert_eq!(picture(&frames), before);
    }
}

#[test]
#[allow(unsafe_code)]
fn a_block_at_address_0_that_is_memory_by_half_is_not_freed() {
    let mut frames = frames_over(&[range(0, MIB), range(2 * MIB, 4 * MIB)]);
    let _large = large(&mut frames);
    for _ in 0..256 {
        let _lost = small(&mut frames);
    }
    let bottom = PhysFrame::<Size2MiB>::containing_address(PhysAddr::zero());
    // SAFETY: the free does not succeed, and no memory is behind the frames.
    let freed = unsafe { frames.free_raw(bottom, FrameKind::Private) };
    let frame = PhysAddr::new(MIB);
    assert_eq!(freed, Err(FreeError::Foreign { frame }));
    assert_eq!((frames.counts().private, frames.counts().free), (768, 0));
}
