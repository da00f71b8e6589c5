//! Changes of what is there already, with too few frames: protecting, discarding,
//! making spaces, and bytes written into a space that is not loaded.

use faultline_memory::frames::Shortage;
use faultline_memory::space::{Backing, BytesRefusal, DiscardError, ProtectError, Request, Rights};
use faultline_memory::{KernelHalf, Refusal, Space};
use x86_64::VirtAddr;

use super::{BASE, OF_2M, frames_needed, machine_with};
use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

fn protection(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_protect(LOW, start, size, Rights::Read) {
        Ok(()) => Ok(()),
        Err(ProtectError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

fn discarding(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_discard(LOW, start, size) {
        Ok(_) => Ok(()),
        Err(DiscardError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

/// Fills the pool's frame of records, so that the next one takes a frame.
pub(super) fn fill_records(machine: &mut Machine) {
    let request = Request::new(PAGE, Backing::Guard);
    let frames = machine.space(0).record_frames();
    for index in 0.. {
        let place = at(2 * BASE + 2 * index * PAGE);
        let region = machine.allocate(LOW, request.placement(place));
        if machine.space(0).record_frames() > frames {
            machine.free(LOW, region.base.as_u64());
            return;
        }
    }
}

#[test]
fn protecting_the_middle_of_a_region() {
    let mut machine = machine_with(Request::new(8 * PAGE, Backing::Demand));
    machine.write(BASE + 2 * PAGE, 1).expect("writable");
    fill_records(&mut machine);
    let needed = frames_needed(&mut machine, protection(BASE + PAGE, 2 * PAGE));
    assert_eq!(
        needed, 4,
        "for each end a node and a root above it, at most"
    );
}

#[test]
fn protecting_the_middle_of_a_large_page() {
    let mut machine = machine_with(Request::new(BIG, Backing::Immediate));
    fill_records(&mut machine);
    let needed = frames_needed(&mut machine, protection(BASE + PAGE, 2 * PAGE));
    assert_eq!(
        needed, 5,
        "for each end a node and a root at most, and a table"
    );
}

#[test]
fn protecting_across_two_large_pages() {
    let mut machine = machine_with(Request::new(2 * BIG, Backing::Immediate));
    let needed = frames_needed(&mut machine, protection(BASE + PAGE, BIG));
    assert_eq!(needed, 2, "two tables");
}

#[test]
fn protecting_whole_large_pages_needs_no_table() {
    let mut machine = machine_with(Request::new(3 * BIG, Backing::Immediate));
    assert_eq!(frames_needed(&mut machine, protection(BASE + BIG, BIG)), 0);
}

#[test]
fn protecting_inside_a_gigabyte() {
    let size = 1 << 30;
    let cases = [
        (PAGE, PAGE, 2, "both ends in one block"),
        (PAGE, BIG, 3, "in two blocks"),
        (BIG, BIG, 1, "on the boundaries of blocks"),
        (PAGE, BIG - PAGE, 2, "one end on a boundary"),
        (PAGE, size - PAGE, 2, "to the end"),
        (0, PAGE, 2, "from the start on"),
        (0, size, 0, "all of it"),
        (size - PAGE, 2 * PAGE, 4, "in two gigabytes"),
    ];
    for (offset, bytes, expected, what) in cases {
        let mut machine = Machine::new();
        let device = Backing::Device(machine.device(), faultline_memory::paging::Cache::Uncached);
        machine.allocate(LOW, Request::new(2 * size, device).placement(at(BASE)));
        let needed = frames_needed(&mut machine, protection(BASE + offset, bytes));
        assert_eq!(needed, expected, "{what}");
    }
}

#[test]
fn discarding_inside_large_pages() {
    let cases = [
        (PAGE, PAGE, 1),
        (PAGE, BIG, 2),
        (0, BIG, 0),
        (0, BIG + PAGE, 1),
        (BIG - PAGE, PAGE, 1),
    ];
    for (offset, bytes, expected) in cases {
        let mut machine = machine_with(Request::new(2 * BIG, Backing::Demand).page_size(OF_2M));
        machine.write(BASE, 1).expect("writable");
        machine.write(BASE + BIG, 1).expect("writable");
        let needed = frames_needed(&mut machine, discarding(BASE + offset, bytes));
        assert_eq!(needed, expected, "{bytes:#x} bytes at {offset:#x}");
    }
}

#[test]
fn making_a_space() {
    let mut machine = Machine::new();
    let needed = frames_needed(&mut machine, |machine| {
        let made = Space::new(&machine.kernel, &machine.memory);
        machine.spaces.push(Some(made.map_err(|_| None)?));
        Ok(())
    });
    assert_eq!(needed, 1);
}

#[test]
fn making_a_kernel_half() {
    for left in 0..7 {
        let mut machine = Machine::new();
        machine.limit(left);
        let before = Snapshot::of(&machine);
        // SAFETY: no other half is used, or loaded, with it.
        let made = unsafe { KernelHalf::new(256..259, &[300..301, 301..302], &machine.memory) };
        assert_eq!(made.is_ok(), left == 6, "a root and five tables");
        if made.is_err() {
            before.assert_unchanged(&Snapshot::of(&machine), "a refused kernel half");
        }
    }
}

#[test]
fn writing_one_byte_of_a_space_that_is_not_loaded() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Demand));
    let needed = frames_needed(&mut machine, |machine| {
        let to = VirtAddr::new(BASE + 7);
        let written = machine.with(LOW, |space, memory| space.write(to, &[1], memory));
        written.map_err(|error| {
            let refusal = BytesRefusal::Fault {
                refusal: Refusal::OutOfFrames,
            };
            assert_eq!((error.address, error.refusal), (to.as_u64(), refusal));
            None
        })
    });
    assert_eq!(needed, 4);
}
