//! Every allocation failing in turn: each operation is given no frame, one
//! frame, two, ... until it succeeds, and each failure leaves tables, frames,
//! regions and counters exactly as they were.

use memory::paging::LeafSize;
use memory::space::{
    AllocateError, Backing, BytesRefusal, DiscardError, ProtectError, Request, Rights,
};
use memory::{Access, Refusal, Space};
use x86_64::VirtAddr;

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;
const OF_2M: LeafSize = LeafSize::Size2MiB;

/// Runs an operation, which says whether it had frames enough, with 0, 1, 2, ...
/// frames left, each time on the machine as it was. Returns how many it needed.
fn frames_needed(
    machine: &mut Machine,
    mut operation: impl FnMut(&mut Machine) -> Result<(), ()>,
) -> u64 {
    let free = machine.counts().free;
    for left in 0..free {
        machine.limit(left);
        let before = Snapshot::of(machine);
        if operation(machine).is_ok() {
            machine.check();
            return left;
        }
        machine.check();
        let what = format!("with {left} frames left");
        before.assert_unchanged(&Snapshot::of(machine), &what);
    }
    panic!("not even {free} frames are enough");
}

fn allocation(request: Request) -> impl FnMut(&mut Machine) -> Result<(), ()> {
    move |machine| match machine.try_allocate(LOW, request) {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error, AllocateError::OutOfFrames);
            Err(())
        }
    }
}

fn access(address: u64, access: Access) -> impl FnMut(&mut Machine) -> Result<(), ()> {
    move |machine| match machine.access(0, address, access, false) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            assert_eq!(refusal, Refusal::OutOfFrames);
            Err(())
        }
    }
}

fn protection(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), ()> {
    move |machine| match machine.try_protect(LOW, start, size, Rights::Read) {
        Ok(()) => Ok(()),
        Err(error) => {
            assert_eq!(error, ProtectError::OutOfFrames);
            Err(())
        }
    }
}

fn discarding(start: u64, size: u64) -> impl FnMut(&mut Machine) -> Result<(), ()> {
    move |machine| match machine.try_discard(LOW, start, size) {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error, DiscardError::OutOfFrames);
            Err(())
        }
    }
}

fn machine_with(request: Request) -> Machine {
    let mut machine = Machine::new();
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn allocating_an_immediate_region_over_two_leaf_tables() {
    let mut machine = Machine::new();
    let request = Request::new(7 * PAGE, Backing::Immediate);
    let place = at(BASE + BIG - 3 * PAGE);
    let needed = frames_needed(&mut machine, allocation(request.placement(place)));
    assert_eq!(needed, 1 + 7 + 4, "a record, pages, tables");
}

#[test]
fn allocating_large_and_small_pages_at_once() {
    let mut machine = Machine::new();
    let request = Request::new(BIG + 2 * PAGE, Backing::Immediate);
    let place = at(BASE - PAGE);
    let needed = frames_needed(&mut machine, allocation(request.placement(place)));
    assert_eq!(
        needed,
        1 + 512 + 2 + 1 + 2 + 2,
        "two leaf tables, two above"
    );
}

#[test]
fn allocating_a_device_region() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), memory::paging::Cache::Uncached);
    let request = Request::new(BIG + PAGE, device).placement(at(BASE));
    let needed = frames_needed(&mut machine, allocation(request));
    assert_eq!(needed, 1 + 3);
}

#[test]
fn allocating_a_region_that_maps_nothing() {
    for backing in [
        Backing::Demand,
        Backing::Zero,
        Backing::Guard,
        Backing::Fixed,
    ] {
        let mut machine = Machine::new();
        let request = Request::new(PAGE, backing).placement(at(BASE));
        assert_eq!(frames_needed(&mut machine, allocation(request)), 1);
    }
}

#[test]
fn touching_a_page() {
    let cases = [
        (Backing::Demand, Access::Read, 4),
        (Backing::Demand, Access::Write, 4),
        (Backing::Zero, Access::Read, 3),
        (Backing::Zero, Access::Write, 4),
    ];
    for (backing, how, expected) in cases {
        let mut machine = machine_with(Request::new(PAGE, backing));
        let needed = frames_needed(&mut machine, access(BASE, how));
        assert_eq!(needed, expected, "{how} of {backing}");
    }
}

#[test]
fn touching_a_page_where_tables_exist() {
    let mut machine = machine_with(Request::new(3 * BIG, Backing::Demand));
    machine.write(BASE, 1).expect("writable");
    let needed = frames_needed(&mut machine, access(BASE + PAGE, Access::Write));
    assert_eq!(needed, 1);
    let needed = frames_needed(&mut machine, access(BASE + BIG, Access::Write));
    assert_eq!(needed, 2);
}

#[test]
fn touching_a_large_page_takes_a_small_one_if_it_must() {
    let mut machine = machine_with(Request::new(BIG, Backing::Demand).page_size(OF_2M));
    let needed = frames_needed(&mut machine, access(BASE, Access::Write));
    assert_eq!((needed, machine.counts().private), (4, 1));
}

#[test]
fn writing_to_the_zero_frame() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Zero));
    machine.read(BASE).expect("readable");
    let needed = frames_needed(&mut machine, access(BASE, Access::Write));
    assert_eq!(needed, 1);
}

#[test]
fn writing_to_the_zero_frame_of_a_block_that_could_be_large() {
    for page in [0, 1] {
        let mut machine = machine_with(Request::new(BIG, Backing::Zero).page_size(OF_2M));
        machine.read(BASE).expect("readable");
        let write = access(BASE + page * PAGE, Access::Write);
        assert_eq!(frames_needed(&mut machine, write), 1);
        assert_eq!(machine.physical.fallbacks(), 1, "only where it succeeded");
    }
}

#[test]
fn touching_a_page_in_the_kernel_half() {
    let mut machine = Machine::new();
    let request = Request::new(PAGE, Backing::Demand).placement(at(KERNEL_BASE));
    machine.allocate(KERNEL, request);
    let needed = frames_needed(&mut machine, access(KERNEL_BASE, Access::Write));
    assert_eq!(needed, 3, "its level 3 table is there from the start");
}

/// Fills the pool's frame of records, so that the next one takes a frame.
fn fill_records(machine: &mut Machine) {
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
    assert_eq!(needed, 1, "two records in one frame");
}

#[test]
fn protecting_the_middle_of_a_large_page() {
    let mut machine = machine_with(Request::new(BIG, Backing::Immediate));
    fill_records(&mut machine);
    let needed = frames_needed(&mut machine, protection(BASE + PAGE, 2 * PAGE));
    assert_eq!(needed, 2, "a frame of records and a table");
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
        (0, size, 0, "all of it"),
    ];
    for (offset, bytes, expected, what) in cases {
        let mut machine = Machine::new();
        let device = Backing::Device(machine.device(), memory::paging::Cache::Uncached);
        machine.allocate(LOW, Request::new(size, device).placement(at(BASE)));
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
        let made = Space::new(&machine.kernel, &mut machine.physical);
        machine.spaces.push(Some(made.map_err(|_| ())?));
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
        let made = Space::new_kernel_half(256..259, &[300..301, 301..302], &mut machine.physical);
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
        let written = machine.with(LOW, |space, physical, tlb| {
            space.write(to, &[1], physical, tlb)
        });
        written.map_err(|error| {
            let refusal = BytesRefusal::Fault(Refusal::OutOfFrames);
            assert_eq!((error.address, error.refusal), (to, refusal));
        })
    });
    assert_eq!(needed, 4);
}
