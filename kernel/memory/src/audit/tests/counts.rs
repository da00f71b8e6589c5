//! Invariants 1 and 6: every counter is exact, nothing is lost, and no frame
//! is two things at once.

use super::*;
use crate::frames::Frame;

fn miscounted(counter: Counter, says: u64, found: u64) -> Broken {
    Broken::Count {
        counter,
        says,
        found,
    }
}

/// Takes a frame and forgets it.
fn lose(machine: &Machine, usage: FrameKind) {
    let frame = machine.memory.allocate_frame::<Size4KiB>(usage);
    let _lost = frame.unwrap().into_entry();
}

#[test]
fn a_frame_that_was_lost_is_missed_by_its_counter() {
    let lost = [
        (FrameKind::Table, miscounted(Counter::Tables, 7, 6)),
        (FrameKind::Private, miscounted(Counter::Private, 1, 0)),
        (FrameKind::Shared, miscounted(Counter::Shared, 1, 0)),
        (FrameKind::Zero, miscounted(Counter::Zero, 2, 1)),
        (FrameKind::Kernel, miscounted(Counter::Kernel, 1, 0)),
    ];
    for (usage, expected) in lost {
        let machine = Machine::new();
        assert!(machine.audit().is_ok());
        lose(&machine, usage);
        assert_eq!(machine.broken(), expected);
        assert_eq!(expected.invariant(), 1);
    }
}

#[test]
fn a_borrowed_frame_too_many_is_missed() {
    let machine = Machine::new();
    machine.memory.count_borrowed(2);
    assert_eq!(machine.broken(), miscounted(Counter::Borrowed, 2, 0));
}

#[test]
fn a_resident_frame_that_no_leaf_maps_is_missed() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(2 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    assert!(machine.audit().is_ok());
    machine.half(low).miscount_resident();
    assert_eq!(machine.broken(), miscounted(Counter::Resident, 2, 1));
}

#[test]
fn a_frame_that_could_not_be_given_back_is_named() {
    let machine = Machine::new();
    let foreign = PhysFrame::<Size4KiB>::containing_address(PhysAddr::new(DEVICE));
    // SAFETY: nobody owns it, and it is only given back, which is refused.
    let frame = unsafe { Frame::from_entry(foreign, FrameKind::Private) };
    machine.memory.free_frame(frame);
    assert_eq!(machine.broken(), miscounted(Counter::Refused, 1, 0));
}

#[test]
fn a_frame_that_was_freed_behind_the_counters_is_found_in_the_bitmap() {
    let machine = Machine::new();
    let frame = machine.memory.zero_frame().start_address();
    let free = machine.memory.counts().free;
    machine
        .memory
        .with_frames(|frames| frames.free_uncounted(frame));
    assert_eq!(machine.broken(), miscounted(Counter::Free, free, free + 1));
}

#[test]
fn a_bit_that_was_flipped_is_found_beside_its_count() {
    let machine = Machine::new();
    let frame = PhysAddr::new(24 * MIB + 7 * PAGE);
    machine.memory.with_frames(|frames| frames.flip_bit(frame));
    assert_eq!(
        machine.broken(),
        Broken::Bitmap {
            block: PhysAddr::new(24 * MIB)
        }
    );
}

#[test]
fn a_batch_that_was_dropped_is_a_leak() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(2 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    let (space, memory) = machine.space(low);
    space.half_mut().lose(LOW, LOW + 2 * PAGE, memory);
    // The page, and the three tables on the way to it.
    assert_eq!(machine.broken(), Broken::Leaked { count: 4 });
    assert_eq!(Broken::Leaked { count: 4 }.invariant(), 6);
}

/// A machine with one private page at `LOW`, and room for more behind it.
fn with_a_page() -> (Machine, Scope, Region) {
    let mut machine = Machine::new();
    let low = machine.low();
    let region = machine.allocate(low, LOW, Request::new(8 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    (machine, low, region)
}

fn conflict(space: Scope, address: u64, frame: u64, conflict: Conflict) -> Broken {
    Broken::Leaf {
        space,
        address: VirtAddr::new(address),
        frame: PhysAddr::new(frame),
        defect: LeafDefect::Frame { conflict },
    }
}

#[test]
fn a_leaf_may_not_map_a_frame_that_is_something_else() {
    let (mut machine, low, region) = with_a_page();
    let table = machine.entry(low, LOW, 2).get().table_address().as_u64();
    let cases = [
        (machine.frame_at(low, LOW).as_u64(), Conflict::Private),
        (machine.free_frame().as_u64(), Conflict::Free),
        (LOADER + PAGE, Conflict::Reserved),
        (DEVICE, Conflict::Unmanaged),
        (table, Conflict::Table),
        (
            super::regions::frame_of_records(&machine).as_u64(),
            Conflict::Records,
        ),
    ];
    for (memory, expected) in cases {
        let address = LOW + PAGE;
        machine.put_leaf(low, address, memory, &region);
        assert_eq!(machine.broken(), conflict(low, address, memory, expected));
        machine.entry(low, address, 1).set(0);
        machine.entry(low, address, 2).count_one_less();
        assert!(machine.audit().is_ok());
    }
}

#[test]
fn two_spaces_may_not_own_one_frame() {
    let (mut machine, low, region) = with_a_page();
    let other = machine.new_space();
    machine.allocate(other, LOW, Request::new(8 * PAGE, Backing::Demand));
    machine.write(other, LOW + PAGE);
    let memory = machine.frame_at(low, LOW).as_u64();
    machine.put_leaf(other, LOW, memory, &region);
    let expected = conflict(other, LOW, memory, Conflict::Private);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_large_leaf_is_checked_frame_by_frame() {
    let mut machine = Machine::new();
    let low = machine.low();
    let start = free_large_frame(&machine).as_u64();
    let large = Request::new(2 * MIB, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(low, LOW, large);
    machine.write(low, LOW);
    assert_eq!(machine.frame_at(low, LOW).as_u64(), start);
    let region = machine.allocate(low, 2 * LOW, Request::new(2 * PAGE, Backing::Demand));
    machine.write(low, 2 * LOW);
    let inside = start + 300 * PAGE;
    machine.put_leaf(low, 2 * LOW + PAGE, inside, &region);
    let expected = conflict(low, 2 * LOW + PAGE, inside, Conflict::Private);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_frame_in_the_middle_of_a_large_leaf_may_not_be_free() {
    let mut machine = Machine::new();
    let low = machine.low();
    let large = Request::new(2 * MIB, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(low, LOW, large);
    machine.write(low, LOW);
    let inside = machine.frame_at(low, LOW) + 77 * PAGE;
    let frame = PhysFrame::<Size4KiB>::containing_address(inside);
    // SAFETY: nothing uses the memory; that a leaf still maps it is the point.
    let freed = machine
        .memory
        .with_frames(|frames| unsafe { frames.free_raw(frame, FrameKind::Private) });
    freed.unwrap();
    let expected = conflict(low, LOW, inside.as_u64(), Conflict::Free);
    assert_eq!(machine.broken(), expected);
}
