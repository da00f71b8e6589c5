//! The blocks of the live machine against its counters, and rows of made-up memory.

use memory::space::{Backing, Request};

use super::*;
use crate::spaces::{Parked, Room};

/// Asserts that the blocks say what the counters say.
fn assert_as_counted() {
    let memory = spaces::memory();
    let (counts, borrowed) = (memory.counts(), memory.borrowed());
    with(|blocks| {
        let expected = [
            (FrameState::Free, counts.free),
            (FrameState::Reserved, counts.reserved),
            (FrameState::Table, counts.tables),
            (FrameState::Zero, 1),
            (FrameState::Private, counts.private),
            (FrameState::Shared, counts.shared),
            (FrameState::Kernel, counts.kernel),
            (FrameState::Borrowed, borrowed),
        ];
        for (state, count) in expected {
            assert_eq!(blocks.total(state), count, "{}", state.name());
            let blocks = blocks.rows().iter().flat_map(Row::blocks);
            let sum: u64 = blocks.map(|block| u64::from(block.of(state))).sum();
            assert_eq!(sum, count, "{}", state.name());
        }
    });
}

/// A new space that is not loaded, with so many pages.
fn parked(pages: u64) -> Parked {
    let room = Room::new().expect("room for a space");
    let mut space = spaces::create().expect("a frame");
    let request = Request::new(pages * FRAME, Backing::Immediate);
    let region = space.allocate(request, spaces::memory());
    region.expect("frames enough");
    room.park(space)
}

#[test_case]
fn the_blocks_have_as_many_frames_of_each_state_as_the_counters_say() {
    assert_as_counted();
    let private = || with(|blocks| blocks.total(FrameState::Private));
    let other = parked(5);
    assert_as_counted();
    let with_it = private();
    let other = other.unpark();
    assert_eq!(with_it - private(), 5);
    assert_eq!(spaces::destroy(other), 5);
}

#[test_case]
fn a_frame_that_two_spaces_share_is_one_frame_of_its_block() {
    let (parent, room) = (parked(5), Room::new().expect("room for a space"));
    let child = parent.change(|space| space.fork(spaces::memory()));
    let child = room.park(child.expect("frames enough"));
    assert_as_counted();
    let shared = || with(|blocks| blocks.total(FrameState::Shared));
    assert_eq!(shared(), 5);
    spaces::destroy(parent.unpark());
    assert_as_counted();
    assert_eq!(shared(), 5);
    spaces::destroy(child.unpark());
    assert_as_counted();
    assert_eq!(shared(), 0);
}

#[test_case]
fn blocks_are_as_small_as_their_number_allows() {
    let total = spaces::memory().counts().total * FRAME;
    with(|blocks| {
        let most = (MANAGED_ROWS * COLUMNS) as u64;
        assert!(blocks.block_size().is_power_of_two());
        assert!(blocks.block_size() * most >= total);
        assert!(blocks.rows().len() <= MOST_ROWS);
        assert!(blocks.rows().is_sorted_by_key(|row| row.start));
    });
}

#[test_case]
fn holes_take_no_rows_and_too_many_rows_are_refused() {
    let mut blocks = alloc::boxed::Box::new(Blocks::new());
    let gib = 1 << 30;
    let ranges = [(FRAME, 3 * FRAME), (gib, gib + 65 * FRAME)];
    assert!(blocks.begin(ranges.into_iter()));
    let starts: alloc::vec::Vec<u64> = blocks.rows().iter().map(|row| row.start).collect();
    assert_eq!(starts, [0, gib, gib + 64 * FRAME]);
    assert!(!blocks.begin((0..17).map(|n| (n * gib, n * gib + FRAME))));
}

#[test_case]
fn borrowed_memory_gets_two_rows_and_is_counted_beyond() {
    let mut blocks = alloc::boxed::Box::new(Blocks::new());
    assert!(blocks.begin((0..16).map(|n| (n << 30, (n << 30) + FRAME))));
    for gib in [20_u64, 30, 40] {
        blocks.borrow(gib << 30, (gib << 30) + 5 * FRAME);
    }
    assert_eq!(blocks.rows().len(), MOST_ROWS);
    let blocks_of = |row| Row::blocks(row).map(|block| block.of(FrameState::Borrowed));
    let shown: u32 = blocks.rows().iter().flat_map(blocks_of).sum();
    assert_eq!((shown, blocks.total(FrameState::Borrowed)), (10, 15));
}
