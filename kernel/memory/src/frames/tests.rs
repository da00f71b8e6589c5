//! The hand and the recount from inside: what no caller outside of this crate sees.

extern crate std;

use std::vec;

use super::tally::Tally;
use super::*;

const MIB: u64 = 1 << 20;

fn frames_over(ranges: &[(u64, u64)]) -> Frames<'static> {
    let ranges = ranges
        .iter()
        .map(|&(start, end)| FrameRange::new(PhysAddr::new(start), PhysAddr::new(end)));
    let words = Layout::of(ranges.clone()).words();
    let storage = vec![0; words].leak();
    Frames::new(ranges, storage, FrameRange::empty()).expect("sorted ranges")
}

#[test]
fn a_filled_hand_gives_the_lowest_frame_and_counts_it() {
    let mut frames = frames_over(&[(2 * MIB, 4 * MIB)]);
    assert!(frames.at_hand().is_none());
    assert!(frames.fill_hand() && !frames.fill_hand());
    for taken in 0..2 {
        let hand = frames.at_hand().expect("it was filled");
        let frame = hand.take(Use::Table);
        assert_eq!(frame.start().as_u64(), 2 * MIB + taken * 4096);
        assert_eq!(frames.counts().tables, taken + 1);
    }
}

#[test]
fn a_hand_is_filled_behind_a_limit_that_leaves_a_whole_word_only() {
    for (limit, is_filled) in [(63, false), (64, true)] {
        let mut frames = frames_over(&[(2 * MIB, 4 * MIB)]);
        frames.set_limit(Some(limit));
        assert_eq!(frames.fill_hand(), is_filled, "{limit}");
    }
}

#[test]
fn a_large_frame_leaves_the_hand_as_it_is_unless_frames_are_kept_back() {
    for (limit, is_at_hand) in [(None, true), (Some(1000), false)] {
        let mut frames = frames_over(&[(2 * MIB, 8 * MIB)]);
        frames.set_limit(limit);
        let _small: Frame = frames.allocate(Use::Private).expect("a free frame");
        let _large: Frame<Size2MiB> = frames.allocate(Use::Private).expect("2 MiB");
        assert_eq!(frames.at_hand().is_some(), is_at_hand);
    }
}

#[test]
fn a_limit_is_what_is_left_beside_the_promised_frames() {
    let mut frames = frames_over(&[(2 * MIB, 4 * MIB)]);
    frames.reserve(12).expect("512 are free");
    frames.set_limit(Some(100));
    assert_eq!(frames.counts().limit, Some(100));
    assert!(frames.can_allocate(100) && !frames.can_allocate(101));
}

#[test]
fn a_flipped_bit_is_found_in_every_block_of_every_range() {
    let ranges = [
        (2 * MIB, 6 * MIB),
        (9 * MIB, 12 * MIB),
        (64 * MIB, 66 * MIB),
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
fn a_tally_or_a_set_that_alone_is_wrong_is_found() {
    type Spoil = fn(&mut Blocks<'_>);
    let cases: [Spoil; 3] = [
        |blocks| blocks.tallies.set(1, Tally::of(&[1; 8])),
        |blocks| blocks.whole.remove_if(1, true),
        |blocks| blocks.partial.insert(1),
    ];
    for spoil in cases {
        let mut frames = frames_over(&[(2 * MIB, 8 * MIB)]);
        assert!(frames.recount().is_ok());
        spoil(&mut frames.blocks);
        assert_eq!(frames.recount(), Err(PhysAddr::new(4 * MIB)));
    }
}

#[test]
fn the_summary_of_whole_blocks_is_right_after_each_large_frame() {
    // 130 blocks take three words of the summary, and one above them.
    let mut frames = frames_over(&[(2 * MIB, 262 * MIB)]);
    for taken in 0..130 {
        assert!(frames.recount().is_ok(), "{taken} are taken");
        let _lost: Frame<Size2MiB> = frames.allocate(Use::Private).expect("2 MiB");
    }
    assert!(frames.recount().is_ok());
    assert_eq!(frames.allocate::<Size2MiB>(Use::Private), Err(OutOfFrames));
}
