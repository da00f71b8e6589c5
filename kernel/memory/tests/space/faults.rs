//! What a fault becomes when it is resolved: each outcome, with frames, tables,
//! flushes and entry bits.

use faultline_memory::paging::Cache;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Outcome};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

fn machine_with(backing: Backing) -> Machine {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(4 * PAGE, backing).placement(at(BASE)));
    machine
}

/// The flags of the leaf at an address of the first space.
fn flags(machine: &mut Machine, address: u64) -> Flags {
    let walk = machine.space(0).walk(VirtAddr::new(address));
    walk.end().entry.flags()
}

#[test]
fn a_read_of_a_demand_page_takes_a_frame_of_zeroes() {
    let mut machine = machine_with(Backing::Demand);
    assert_eq!(machine.read(BASE + 5), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.counts().private, 1);
    let frame = machine.physical_of(0, BASE).expect("mapped");
    assert!(
        machine
            .bytes
            .copy(frame, PAGE)
            .iter()
            .all(|&byte| byte == 0)
    );
}

#[test]
fn a_demand_page_has_all_rights_of_its_region_whatever_came_first() {
    let mut machine = machine_with(Backing::Demand);
    assert_eq!(machine.read(BASE), Ok(0));
    assert_eq!(machine.write(BASE, 7), Ok(()));
    assert_eq!(machine.outcome(), None, "no second fault");
    assert_eq!(machine.read(BASE), Ok(7));
}

#[test]
fn accessed_is_set_from_the_start_and_dirty_by_the_first_write() {
    let mut machine = machine_with(Backing::Demand);
    let clean = Flags::PRESENT | Flags::WRITABLE | Flags::ACCESSED | Flags::NO_EXECUTE;
    machine.read(BASE).expect("readable");
    assert_eq!(flags(&mut machine, BASE), clean);
    machine.write(BASE, 1).expect("writable");
    assert_eq!(flags(&mut machine, BASE), clean | Flags::DIRTY);
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(flags(&mut machine, BASE + PAGE), clean | Flags::DIRTY);
    machine.read(BASE + 2 * PAGE).expect("readable");
    assert_eq!(flags(&mut machine, BASE + 2 * PAGE), clean);
}

#[test]
fn absent_to_present_flushes_nothing() {
    for backing in [Backing::Demand, Backing::Zero, Backing::Immediate] {
        let mut machine = machine_with(backing);
        machine.write(BASE, 1).expect("writable");
        machine.read(BASE + PAGE).expect("readable");
        assert_eq!(machine.processors().flushed, [], "{backing}");
    }
}

#[test]
fn a_read_of_a_zero_page_takes_no_frame_but_the_tables() {
    let mut machine = machine_with(Backing::Zero);
    let before = machine.counts();
    for page in 0..4 {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(0));
        assert_eq!(machine.outcome(), Some(Outcome::ZeroRead));
    }
    let after = machine.counts();
    assert_eq!((after.private, after.zero), (0, 1));
    assert_eq!(after.used - before.used, 3, "tables at levels 3, 2 and 1");
    let zero = machine.memory.zero_frame().start_address().as_u64();
    assert_eq!(machine.physical_of(0, BASE + 3 * PAGE), Some(zero));
    assert!(!flags(&mut machine, BASE).contains(Flags::WRITABLE));
}

#[test]
fn a_write_to_the_zero_frame_gets_a_private_frame_and_flushes_that_page() {
    let mut machine = machine_with(Backing::Zero);
    machine.read(BASE).expect("readable");
    machine.write(BASE, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
    assert_eq!(machine.counts().private, 1);
    assert_eq!(machine.processors().flushed.len(), 1);
    assert_eq!((machine.read(BASE), machine.read(BASE + 1)), (Ok(9), Ok(0)));
    let zero = machine.memory.zero_frame().start_address().as_u64();
    assert!(machine.bytes.copy(zero, PAGE).iter().all(|&byte| byte == 0));
}

#[test]
fn a_first_write_to_a_zero_page_takes_one_fault_and_one_frame() {
    let mut machine = machine_with(Backing::Zero);
    machine.write(BASE, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ZeroWrite));
    assert_eq!((machine.faults(), machine.counts().private), (1, 1));
}

#[test]
fn immediate_pages_never_fault_and_hold_zeroes() {
    let mut machine = machine_with(Backing::Immediate);
    assert_eq!(machine.counts().private, 4);
    for byte in (BASE..BASE + 4 * PAGE).step_by(64) {
        assert_eq!(machine.read(byte), Ok(0));
    }
    assert_eq!(machine.faults(), 0);
}

#[test]
fn a_wider_right_costs_another_processor_one_spurious_fault() {
    let mut machine = machine_with(Backing::Demand);
    machine.write(BASE, 3).expect("writable");
    machine.protect(LOW, BASE, 4 * PAGE, Rights::Read);
    assert_eq!(machine.read_on(1, BASE), Ok(3));
    machine.processors().flushed.clear();
    machine.protect(LOW, BASE, 4 * PAGE, Rights::ReadWrite);
    assert_eq!(machine.processors().flushed, [], "only more is allowed");
    assert_eq!(machine.write_on(1, BASE, 4), Ok(()));
    assert_eq!(machine.outcome(), Some(Outcome::Spurious));
    assert_eq!(machine.write_on(1, BASE, 5), Ok(()));
    assert_eq!(machine.outcome(), None);
    assert_eq!(machine.read(BASE), Ok(5));
    let region = machine.space(0).region_at(VirtAddr::new(BASE)).expect("it");
    assert_eq!(region.faults, 2, "the first write and the spurious one");
}

#[test]
fn a_device_is_mapped_at_once_uncached_and_borrowed() {
    let mut machine = Machine::new();
    let device = machine.device();
    let request = Request::new(2 * PAGE, Backing::Device(device, Cache::Uncached));
    machine.allocate(LOW, request.placement(at(BASE)));
    assert_eq!(machine.write(BASE + PAGE + 8, 0x5a), Ok(()));
    assert_eq!(machine.faults(), 0);
    assert_eq!(machine.bytes.read(device.as_u64() + 0x1008), 0x5a);
    assert_eq!(
        (machine.counts().private, machine.memory.borrowed()),
        (0, 2)
    );
    let uncached = Flags::WRITE_THROUGH | Flags::NO_CACHE;
    assert!(flags(&mut machine, BASE).contains(uncached));
    assert_eq!(machine.free(LOW, BASE), 0, "no private frame");
    assert_eq!(machine.memory.borrowed(), 0);
}

#[test]
fn write_combining_is_the_write_through_bit_alone() {
    let mut machine = Machine::new();
    let device = machine.device();
    let request = Request::new(PAGE, Backing::Device(device, Cache::WriteCombining));
    machine.allocate(LOW, request.placement(at(BASE)));
    let cache = flags(&mut machine, BASE) & (Flags::WRITE_THROUGH | Flags::NO_CACHE);
    assert_eq!(cache, Flags::WRITE_THROUGH);
}

#[test]
fn kernel_leaves_are_global_and_low_ones_are_not() {
    let mut machine = Machine::new();
    let request = Request::new(PAGE, Backing::Demand);
    machine.allocate(KERNEL, request.placement(at(KERNEL_BASE)));
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(KERNEL_BASE, 1).expect("writable");
    machine.write(BASE, 1).expect("writable");
    let is_global = |entry: faultline_memory::paging::Entry| entry.flags().contains(Flags::GLOBAL);
    let walk = machine.kernel.walk(VirtAddr::new(KERNEL_BASE));
    let on_the_way: Vec<_> = walk.steps().map(|step| is_global(step.entry)).collect();
    assert_eq!(on_the_way, [false, false, false, true]);
    assert!(!flags(&mut machine, BASE).contains(Flags::GLOBAL));
}

#[test]
fn code_can_be_fetched_and_not_written() {
    let mut machine = Machine::new();
    let request = Request::new(PAGE, Backing::Demand).rights(Rights::ReadExecute);
    machine.allocate(LOW, request.placement(at(BASE)));
    assert_eq!(machine.fetch(BASE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.read(BASE), Ok(0));
    assert!(machine.write(BASE, 1).is_err());
    let expected = Flags::PRESENT | Flags::ACCESSED;
    assert_eq!(flags(&mut machine, BASE), expected);
}

#[test]
fn a_user_region_serves_ring_3_and_the_kernel() {
    let mut machine = Machine::new();
    let request = Request::new(2 * PAGE, Backing::Demand).user();
    machine.allocate(LOW, request.placement(at(BASE)));
    assert!(machine.access(0, BASE, Access::Write, true).is_ok());
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert!(machine.access(0, BASE, Access::Write, false).is_ok());
    assert_eq!(machine.outcome(), None);
    assert!(flags(&mut machine, BASE).contains(Flags::USER_ACCESSIBLE));
}

#[test]
fn a_region_counts_the_faults_that_were_resolved_in_it() {
    let mut machine = machine_with(Backing::Zero);
    machine.read(BASE).expect("readable");
    machine.write(BASE, 1).expect("writable");
    assert!(machine.fetch(BASE).is_err());
    let region = machine.space(0).region_at(VirtAddr::new(BASE)).expect("it");
    assert_eq!(region.faults, 2);
}
