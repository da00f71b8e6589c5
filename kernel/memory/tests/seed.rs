//! The worked example: `alloc(5)`, `alloc(10)` and `alloc(100)` over a region at
//! 0x10000, under each backing, in any order of touching, and across a page
//! boundary. Every count is of frames and faults, by number.

mod common;

use common::machine::{FIRST_TABLES, Machine};
use common::operations::LOW;
use faultline_memory::Outcome;
use faultline_memory::paging::{LeafSize, index_at, offset_in_page};
use faultline_memory::space::{Backing, Placement, Request};
use x86_64::VirtAddr;

const BASE: u64 = 0x1_0000;
/// The space's root and one table at each of the levels 3, 2 and 1.
const TABLES_ON_THE_WAY: u64 = 4;

/// Hands out bytes one behind the other, each object at a multiple of `step`.
struct ByteAllocator {
    next: u64,
    step: u64,
}

impl ByteAllocator {
    fn alloc(&mut self, size: u64) -> u64 {
        let address = self.next.next_multiple_of(self.step);
        self.next = address + size;
        address
    }

    /// The three objects of the example.
    fn three(mut self) -> [u64; 3] {
        [5, 10, 100].map(|size| self.alloc(size))
    }
}

/// Three objects that follow each other without a gap, from 0x10000 on.
fn packed() -> [u64; 3] {
    let bytes = ByteAllocator {
        next: BASE,
        step: 1,
    };
    bytes.three()
}

/// Three objects in 16-byte steps but for the first, which begins at `start`.
fn stepped(start: u64) -> [u64; 3] {
    let mut bytes = ByteAllocator {
        next: start,
        step: 1,
    };
    let first = bytes.alloc(5);
    bytes.step = 16;
    [first, bytes.alloc(10), bytes.alloc(100)]
}

/// A machine with two pages of one backing at 0x10000.
fn with(backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(0x2000, backing).placement(Placement::At(VirtAddr::new(BASE)));
    let region = machine.allocate(LOW, request);
    assert_eq!((region.base.as_u64(), region.size), (BASE, 0x2000));
    machine
}

/// Private frames and faults so far.
fn frames_and_faults(machine: &Machine) -> (u64, u64) {
    let private = machine.memory.counts().private;
    (private, machine.memory.fault_log(|log| log.faults()))
}

/// Writes every byte of an object.
fn fill(machine: &mut Machine, address: u64, size: u64) {
    for byte in address..address + size {
        machine.write(byte, byte as u8).expect("a writable byte");
    }
}

#[test]
fn five_ten_and_a_hundred_bytes_lie_one_behind_the_other() {
    assert_eq!(packed(), [0x1_0000, 0x1_0005, 0x1_000f]);
}

#[test]
fn an_object_at_0x10010_takes_steps_of_sixteen_bytes() {
    assert_eq!(stepped(BASE), [0x1_0000, 0x1_0010, 0x1_0020]);
}

#[test]
fn demand_backing_spends_nothing_before_the_first_touch() {
    let machine = with(Backing::Demand);
    assert_eq!(frames_and_faults(&machine), (0, 0));
    assert_eq!(machine.memory.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn demand_backing_takes_one_fault_and_one_frame_for_all_three() {
    let mut machine = with(Backing::Demand);
    let [a, b, c] = packed();
    fill(&mut machine, a, 5);
    assert_eq!(frames_and_faults(&machine), (1, 1));
    fill(&mut machine, b, 10);
    assert_eq!(frames_and_faults(&machine), (1, 1));
    fill(&mut machine, c, 100);
    assert_eq!(frames_and_faults(&machine), (1, 1));
    let tables = machine.memory.counts().tables;
    assert_eq!(tables, FIRST_TABLES + TABLES_ON_THE_WAY);
}

#[test]
fn touching_b_first_maps_the_page_that_holds_all_three() {
    let mut machine = with(Backing::Demand);
    let [a, b, c] = packed();
    fill(&mut machine, b, 10);
    let event = machine
        .memory
        .fault_log(|log| log.last())
        .expect("one fault");
    assert_eq!(event.fault.address.as_u64(), 0x1_0005);
    assert_eq!(
        event.fault.code.bits(),
        0b00010,
        "a write to an absent page"
    );
    assert_eq!(event.outcome, Outcome::Demand);
    fill(&mut machine, a, 5);
    fill(&mut machine, c, 100);
    assert_eq!(frames_and_faults(&machine), (1, 1));
}

#[test]
fn the_byte_five_further_on_lies_five_further_on_in_the_frame() {
    let mut machine = with(Backing::Demand);
    fill(&mut machine, BASE, 5);
    let frame = machine.physical_of(0, BASE).expect("mapped");
    assert_eq!(machine.physical_of(0, BASE + 5), Some(frame + 5));
    assert_eq!(machine.physical_of(0, BASE + 0xfff), Some(frame + 0xfff));
    assert_eq!(machine.physical_of(0, BASE + 0x1000), None);
}

#[test]
fn immediate_backing_takes_two_frames_at_once_and_no_fault_ever() {
    let mut machine = with(Backing::Immediate);
    assert_eq!(frames_and_faults(&machine), (2, 0));
    for (address, size) in packed().into_iter().zip([5, 10, 100]) {
        fill(&mut machine, address, size);
    }
    fill(&mut machine, BASE + 0x1fff, 1);
    assert_eq!(frames_and_faults(&machine), (2, 0));
}

#[test]
fn immediate_pages_are_neighbours_whatever_their_frames_are() {
    let mut machine = with(Backing::Immediate);
    fill(&mut machine, BASE + 0xffe, 4);
    for byte in BASE + 0xffe..BASE + 0x1002 {
        assert_eq!(machine.read(byte), Ok(byte as u8));
    }
}

#[test]
fn zero_backing_reads_without_a_frame_and_writes_with_one() {
    let mut machine = with(Backing::Zero);
    let [a, b, c] = packed();
    assert_eq!(machine.read(a), Ok(0));
    assert_eq!(machine.outcomes, [Outcome::ZeroRead]);
    assert_eq!(frames_and_faults(&machine), (0, 1));
    assert_eq!(machine.read(c + 99), Ok(0));
    assert_eq!(frames_and_faults(&machine), (0, 1));
    fill(&mut machine, b, 10);
    assert_eq!(frames_and_faults(&machine), (1, 2));
    fill(&mut machine, a, 5);
    fill(&mut machine, c, 100);
    assert_eq!(frames_and_faults(&machine), (1, 2));
}

#[test]
fn zero_backing_that_is_written_first_takes_one_fault() {
    let mut machine = with(Backing::Zero);
    fill(&mut machine, BASE, 5);
    assert_eq!(
        machine
            .memory
            .fault_log(|log| log.count(Outcome::ZeroWrite)),
        1
    );
    assert_eq!(frames_and_faults(&machine), (1, 1));
}

#[test]
fn objects_at_0x10985_and_0x10990_do_not_leave_the_page() {
    let objects = stepped(0x1_0985);
    assert_eq!(objects, [0x1_0985, 0x1_0990, 0x1_09a0]);
    let mut machine = with(Backing::Demand);
    for (address, size) in objects.into_iter().zip([5, 10, 100]) {
        fill(&mut machine, address, size);
    }
    assert_eq!(frames_and_faults(&machine), (1, 1));
}

#[test]
fn objects_at_0x10f85_and_0x10f90_push_the_hundred_bytes_over_the_boundary() {
    let objects = stepped(0x1_0f85);
    assert_eq!(objects, [0x1_0f85, 0x1_0f90, 0x1_0fa0]);
    assert_eq!(objects[2] + 100, 0x1_1004, "four bytes in the next page");
    let mut machine = with(Backing::Demand);
    fill(&mut machine, objects[0], 5);
    fill(&mut machine, objects[1], 10);
    assert_eq!(frames_and_faults(&machine), (1, 1));
    fill(&mut machine, objects[2], 96);
    assert_eq!(frames_and_faults(&machine), (1, 1));
    fill(&mut machine, objects[2] + 96, 4);
    assert_eq!(frames_and_faults(&machine), (2, 2));
}

#[test]
fn the_straddling_object_takes_two_faults_under_demand_and_none_under_immediate() {
    for (backing, expected) in [
        (Backing::Demand, (2, 2)),
        (Backing::Zero, (2, 2)),
        (Backing::Immediate, (2, 0)),
    ] {
        let mut machine = with(backing);
        fill(&mut machine, 0x1_0fa0, 100);
        assert_eq!(frames_and_faults(&machine), expected, "{backing}");
    }
}

#[test]
fn the_address_0x10010_lies_in_the_page_0x10000() {
    let address = VirtAddr::new(0x1_0010);
    assert_eq!(address.align_down(4096_u64).as_u64(), 0x1_0000);
    assert_eq!(offset_in_page(address, LeafSize::Size4KiB), 0x10);
    assert_eq!(
        [4, 3, 2, 1].map(|level| index_at(address, level)),
        [0, 0, 0, 16]
    );
}

#[test]
fn twelve_twenty_one_and_thirty_bits_are_offset() {
    for (size, bits, page) in [
        (LeafSize::Size4KiB, 12, 0xffff_ffff_ffff_f000_u64),
        (LeafSize::Size2MiB, 21, 0xffff_ffff_ffe0_0000),
        (LeafSize::Size1GiB, 30, 0xffff_ffff_c000_0000),
    ] {
        let offset = offset_in_page(VirtAddr::new(u64::MAX), size);
        assert_eq!(offset, (1 << bits) - 1);
        assert_eq!(!offset, page, "the mask has 64 digits in binary");
        assert_eq!(page.count_ones() + bits, 64);
        assert_eq!(page.count_zeros(), bits);
    }
}

#[test]
fn bits_12_to_47_select_the_page_and_the_rest_repeat_bit_47() {
    let lowest = VirtAddr::new(0);
    for bit in 0..48 {
        let address = VirtAddr::new_truncate(1 << bit);
        let differs = (1..=4).any(|level| index_at(address, level) != index_at(lowest, level));
        assert_eq!(differs, bit >= 12, "bit {bit}");
    }
    assert_eq!(
        VirtAddr::new_truncate(1 << 47).as_u64(),
        0xffff_8000_0000_0000
    );
    assert!(VirtAddr::try_new(1 << 48).is_err());
}
