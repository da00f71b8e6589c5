//! Every allocation failing in turn: each operation is given no frame, one
//! frame, two, ... until it succeeds, and each failure leaves tables, frames,
//! regions and counters exactly as they were.

mod changes;
mod forks;
mod ranges;

use faultline_memory::frames::Shortage;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{AllocateError, Backing, Request};
use faultline_memory::{Access, Refusal};

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;
const OF_2M: LeafSize = LeafSize::Size2MiB;

/// Runs an operation, which says whether it had frames enough and if not, what
/// there was and would have to be, with 0, 1, 2, ... frames left, each time on the
/// machine as it was. Returns how many it needed, and how many it said.
fn frames_needed_and_told(
    machine: &mut Machine,
    mut operation: impl FnMut(&mut Machine) -> Result<(), Option<Shortage>>,
) -> (u64, Option<u64>) {
    let (free, mut told) = (machine.counts().free, None);
    for left in 0..free {
        machine.limit(left);
        let before = Snapshot::of(machine);
        let Err(shortage) = operation(machine) else {
            machine.check();
            return (left, told);
        };
        machine.check();
        if let Some(Shortage { needed, available }) = shortage {
            assert!(available == left && needed > left, "{shortage:?}");
            assert_eq!(told.replace(needed).unwrap_or(needed), needed);
        }
        let what = format!("with {left} frames left");
        before.assert_unchanged(&Snapshot::of(machine), &what);
    }
    panic!("not even {free} frames are enough");
}

/// How many frames an operation needs; it says no other number.
fn frames_needed(
    machine: &mut Machine,
    operation: impl FnMut(&mut Machine) -> Result<(), Option<Shortage>>,
) -> u64 {
    let (needed, told) = frames_needed_and_told(machine, operation);
    assert_eq!(told.unwrap_or(needed), needed);
    needed
}

fn allocation(request: Request) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.try_allocate(LOW, request) {
        Ok(_) => Ok(()),
        Err(AllocateError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    }
}

fn access(
    address: u64,
    access: Access,
) -> impl FnMut(&mut Machine) -> Result<(), Option<Shortage>> {
    move |machine| match machine.access(0, address, access, false) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            assert_eq!(refusal, Refusal::OutOfFrames);
            Err(None)
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
    let allocation = allocation(request.placement(place));
    let (needed, told) = frames_needed_and_told(&mut machine, allocation);
    let expected = 1 + 512 + 2 + 1 + 2 + 2;
    assert_eq!(needed, expected, "two leaf tables, two above");
    assert_eq!(told, Some(expected + 1), "small pages need one more");
}

#[test]
fn allocating_a_device_region() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), faultline_memory::paging::Cache::Uncached);
    let request = Request::new(BIG + PAGE, device).placement(at(BASE));
    let (needed, told) = frames_needed_and_told(&mut machine, allocation(request));
    assert_eq!((needed, told), (1 + 3, Some(1 + 4)));
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
        assert_eq!(machine.memory.fallbacks(), 1, "only where it succeeded");
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
