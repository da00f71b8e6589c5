//! Reading and writing a space that no processor has loaded: the same faults,
//! resolved in software.

use faultline_memory::paging::Cache;
use faultline_memory::space::{Backing, BytesError, BytesRefusal, HALF, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{BIG, Half, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// A machine with a second space, which is not loaded, and a region there.
fn machine_with(request: Request) -> (Machine, Half) {
    let mut machine = Machine::new();
    let other = Some(machine.new_space());
    machine.allocate(other, request.placement(at(BASE)));
    (machine, other)
}

fn read(machine: &mut Machine, half: Half, from: u64, size: usize) -> Result<Vec<u8>, BytesError> {
    let mut bytes = vec![0xee; size];
    let from = VirtAddr::new(from);
    let result = machine.with(half, |space, memory| space.read(from, &mut bytes, memory));
    machine.check();
    result.map(|()| bytes)
}

fn write(machine: &mut Machine, half: Half, to: u64, bytes: &[u8]) -> Result<(), BytesError> {
    let to = VirtAddr::new(to);
    let result = machine.with(half, |space, memory| space.write(to, bytes, memory));
    machine.check();
    result
}

fn stopped_at(address: u64, refusal: BytesRefusal) -> BytesError {
    BytesError { address, refusal }
}

#[test]
fn bytes_written_from_outside_are_there_when_the_space_is_loaded() {
    let (mut machine, other) = machine_with(Request::new(3 * PAGE, Backing::Demand));
    let bytes: Vec<u8> = (0..PAGE as usize + 200).map(|index| index as u8).collect();
    assert_eq!(write(&mut machine, other, BASE + 4000, &bytes), Ok(()));
    assert_eq!(machine.counts().private, 3, "it touches three pages");
    machine.load(0, other);
    for (index, &byte) in bytes.iter().enumerate() {
        assert_eq!(machine.read(BASE + 4000 + index as u64), Ok(byte));
    }
    assert_eq!(machine.faults(), 3, "and none by the processor");
    assert_eq!(
        read(&mut machine, other, BASE + 4000, bytes.len()),
        Ok(bytes)
    );
}

#[test]
fn a_read_from_outside_maps_what_a_read_maps() {
    let (mut machine, other) = machine_with(Request::new(2 * PAGE, Backing::Zero));
    let zeroes = vec![0; 2 * PAGE as usize];
    assert_eq!(read(&mut machine, other, BASE, zeroes.len()), Ok(zeroes));
    let read = machine.memory.fault_log(|log| log.count(Outcome::ZeroRead));
    assert_eq!((read, machine.faults()), (2, 2));
    assert_eq!(machine.counts().private, 0);
}

#[test]
fn a_write_from_outside_to_the_zero_frame_copies_it() {
    let (mut machine, other) = machine_with(Request::new(PAGE, Backing::Zero));
    machine.load(1, other);
    assert_eq!(machine.read_on(1, BASE), Ok(0));
    assert_eq!(write(&mut machine, other, BASE, &[1, 2, 3]), Ok(()));
    assert_eq!(machine.read_on(1, BASE + 2), Ok(3), "it sees the copy");
    assert_eq!(
        machine
            .memory
            .fault_log(|log| log.count(Outcome::PrivateCopy)),
        1
    );
}

#[test]
fn a_write_from_outside_makes_the_page_dirty() {
    let (mut machine, other) = machine_with(Request::new(PAGE, Backing::Immediate));
    assert_eq!(read(&mut machine, other, BASE, 1), Ok(vec![0]));
    let dirty = |machine: &mut Machine| {
        let walk = machine.space(1).walk(VirtAddr::new(BASE));
        let flags = walk.end().entry.flags();
        flags.contains(x86_64::structures::paging::PageTableFlags::DIRTY)
    };
    assert!(!dirty(&mut machine));
    assert_eq!(write(&mut machine, other, BASE, &[1]), Ok(()));
    assert!(dirty(&mut machine));
}

#[test]
fn bytes_of_a_large_page_are_one_stretch() {
    let mut machine = Machine::new();
    machine.allocate(
        LOW,
        Request::new(BIG, Backing::Immediate).placement(at(BASE)),
    );
    let bytes: Vec<u8> = (0..BIG as usize).map(|index| (index / 97) as u8).collect();
    assert_eq!(write(&mut machine, LOW, BASE, &bytes), Ok(()));
    assert_eq!(machine.read(BASE + 0x1f_fff1), Ok((0x1f_fff1 / 97) as u8));
    assert_eq!(read(&mut machine, LOW, BASE, bytes.len()), Ok(bytes));
}

#[test]
fn what_comes_before_a_refused_byte_is_done() {
    let (mut machine, other) = machine_with(Request::new(PAGE, Backing::Demand));
    let refused = write(&mut machine, other, BASE + PAGE - 3, &[1, 2, 3, 4, 5]);
    let no_region = BytesRefusal::Fault {
        refusal: Refusal::NoRegion,
    };
    assert_eq!(refused, Err(stopped_at(BASE + PAGE, no_region)));
    let done = read(&mut machine, other, BASE + PAGE - 3, 3);
    assert_eq!(done, Ok(vec![1, 2, 3]));
}

#[test]
fn rights_hold_from_outside_too() {
    let request = Request::new(PAGE, Backing::Immediate).rights(Rights::Read);
    let (mut machine, other) = machine_with(request);
    assert_eq!(read(&mut machine, other, BASE + 1, 1), Ok(vec![0]));
    let protection = BytesRefusal::Fault {
        refusal: Refusal::Protection(Access::Write),
    };
    let refused = write(&mut machine, other, BASE + 1, &[1]);
    assert_eq!(refused, Err(stopped_at(BASE + 1, protection)));
}

#[test]
fn a_device_is_not_touched_from_outside() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(LOW, Request::new(PAGE, device).placement(at(BASE)));
    let refused = read(&mut machine, LOW, BASE + 5, 1);
    assert_eq!(refused, Err(stopped_at(BASE + 5, BytesRefusal::Device)));
    let refused = write(&mut machine, LOW, BASE + 5, &[1]);
    assert_eq!(refused, Err(stopped_at(BASE + 5, BytesRefusal::Device)));
}

#[test]
fn guards_and_the_null_page_refuse_from_outside() {
    let (mut machine, other) = machine_with(Request::new(PAGE, Backing::Guard));
    let guard = BytesRefusal::Fault {
        refusal: Refusal::Guard,
    };
    assert_eq!(
        read(&mut machine, other, BASE, 1),
        Err(stopped_at(BASE, guard))
    );
    let before = machine.faults();
    let refused = read(&mut machine, other, 0, 1);
    assert_eq!(refused, Err(stopped_at(0, BytesRefusal::OutsideHalf)));
    assert_eq!(machine.faults(), before);
}

#[test]
fn the_other_half_is_outside() {
    let mut machine = Machine::new();
    let top = 0x7fff_ffff_f000;
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(top)));
    let refused = write(&mut machine, LOW, top + 4094, &[1, 2, 3]);
    assert_eq!(refused, Err(stopped_at(HALF, BytesRefusal::OutsideHalf)));
    assert_eq!(read(&mut machine, LOW, top + 4094, 2), Ok(vec![1, 2]));
    let refused = read(&mut machine, None, BASE, 1);
    assert_eq!(refused, Err(stopped_at(BASE, BytesRefusal::OutsideHalf)));
}

#[test]
fn no_frame_left_stops_a_write_where_the_frames_ended() {
    let (mut machine, other) = machine_with(Request::new(4 * PAGE, Backing::Demand));
    machine.limit(3 + 2);
    let refused = write(&mut machine, other, BASE, &[7; 3 * PAGE as usize]);
    let out = BytesRefusal::Fault {
        refusal: Refusal::OutOfFrames,
    };
    assert_eq!(refused, Err(stopped_at(BASE + 2 * PAGE, out)));
    let last = read(&mut machine, other, BASE + 2 * PAGE - 1, 1);
    assert_eq!(last, Ok(vec![7]));
}

#[test]
fn nothing_to_read_or_write_is_nothing() {
    let mut machine = Machine::new();
    assert_eq!(read(&mut machine, LOW, 0, 0), Ok(vec![]));
    assert_eq!(write(&mut machine, LOW, 0, &[]), Ok(()));
    assert_eq!(machine.faults(), 0);
}

#[test]
fn what_stopped_is_named_with_its_address() {
    let text = |refusal| stopped_at(BASE, refusal).to_string();
    assert_eq!(
        text(BytesRefusal::Fault {
            refusal: Refusal::NoRegion
        }),
        "0x40000000: no region holds the address"
    );
    assert!(
        text(BytesRefusal::Device)
            .ends_with("a device's memory, which is not touched from outside")
    );
    assert!(text(BytesRefusal::OutsideHalf).ends_with("outside this half of the address space"));
}

#[test]
fn what_is_mapped_is_read_and_written_without_a_fault() {
    let (mut machine, other) = machine_with(Request::new(2 * PAGE, Backing::Immediate));
    assert_eq!(
        write(&mut machine, other, BASE + PAGE - 2, &[1, 2, 3, 4]),
        Ok(())
    );
    assert_eq!(
        read(&mut machine, other, BASE + PAGE - 1, 2),
        Ok(vec![2, 3])
    );
    machine.protect(other, BASE, 2 * PAGE, Rights::Read);
    assert_eq!(read(&mut machine, other, BASE + PAGE, 1), Ok(vec![3]));
    assert_eq!(machine.faults(), 0);
}

#[test]
fn the_first_byte_of_the_lower_half_can_be_read() {
    let mut machine = Machine::new();
    let region = machine.allocate(LOW, Request::new(PAGE, Backing::Demand));
    let first = region.base.as_u64();
    assert_eq!(read(&mut machine, LOW, first, 1), Ok(vec![0]));
    let below = stopped_at(first - 1, BytesRefusal::OutsideHalf);
    assert_eq!(read(&mut machine, LOW, first - 1, 1), Err(below));
}
