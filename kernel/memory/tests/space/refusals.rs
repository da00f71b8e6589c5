//! What a fault becomes when it is refused: each reason, and that nothing but
//! the fault log changed.

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Cause, Outcome, Refusal};

use crate::common::machine::{FEATURES, KERNEL_BASE, Machine};
use crate::common::operations::{KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

/// Makes an access that is refused, and checks that it changed nothing.
fn refusal(machine: &mut Machine, address: u64, access: Access, user: bool) -> Refusal {
    let before = Snapshot::of(machine);
    let refusal = machine
        .access(0, address, access, user)
        .expect_err("a refusal");
    before.assert_unchanged(&Snapshot::of(machine), "a refused access");
    let refused = Outcome::Refused(refusal);
    let last = machine
        .memory
        .fault_log(|log| log.last())
        .expect("an event");
    assert_eq!((last.outcome, last.fault.access()), (refused, access));
    assert_eq!(machine.memory.fault_log(|log| log.count(refused)), 1);
    refusal
}

fn machine_with(request: Request) -> Machine {
    let mut machine = Machine::new();
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn no_region_holds_the_address() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Demand));
    for address in [BASE - 1, BASE + PAGE, 0x7fff_ffff_f000, KERNEL_BASE] {
        let mut machine = Machine::new();
        let refused = refusal(&mut machine, address, Access::Read, false);
        assert_eq!(refused, Refusal::NoRegion, "{address:#x}");
    }
    assert_eq!(machine.read(BASE), Ok(0));
    let refused = refusal(&mut machine, BASE + PAGE, Access::Write, false);
    assert_eq!(refused, Refusal::NoRegion);
}

#[test]
fn the_null_page_is_named() {
    for address in [0, 8, 4095] {
        let mut machine = Machine::new();
        let refused = refusal(&mut machine, address, Access::Read, false);
        assert_eq!(refused, Refusal::NullPage, "{address:#x}");
    }
    let mut machine = Machine::new();
    let refused = refusal(&mut machine, 4096, Access::Read, false);
    assert_eq!(refused, Refusal::NoRegion);
}

#[test]
fn a_guard_refuses_every_access() {
    for access in [Access::Read, Access::Write, Access::Execute] {
        let mut machine = machine_with(Request::new(PAGE, Backing::Guard));
        let refused = refusal(&mut machine, BASE + 100, access, false);
        assert_eq!(refused, Refusal::Guard);
    }
}

#[test]
fn a_fixed_region_with_nothing_mapped_is_not_backed() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Fixed));
    let refused = refusal(&mut machine, BASE, Access::Read, false);
    assert_eq!(refused, Refusal::NotBacked);
}

#[test]
fn a_write_is_refused_where_only_reading_is_allowed() {
    for backing in [Backing::Demand, Backing::Zero, Backing::Immediate] {
        for rights in [Rights::Read, Rights::ReadExecute] {
            let mut machine = machine_with(Request::new(PAGE, backing).rights(rights));
            let refused = refusal(&mut machine, BASE, Access::Write, false);
            assert_eq!(refused, Refusal::Protection(Access::Write));
            assert_eq!(machine.read(BASE), Ok(0), "{backing} {rights}");
        }
    }
}

#[test]
fn a_write_is_refused_after_the_page_was_read() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Zero).rights(Rights::Read));
    assert_eq!(machine.read(BASE), Ok(0));
    let refused = refusal(&mut machine, BASE, Access::Write, false);
    assert_eq!(refused, Refusal::Protection(Access::Write));
    let by_cause = |cause| machine.memory.fault_log(|log| log.count_by_cause(cause));
    assert_eq!(
        (by_cause(Cause::Absent), by_cause(Cause::Protection)),
        (1, 1)
    );
}

#[test]
fn a_fetch_is_refused_from_data() {
    for backing in [Backing::Demand, Backing::Zero, Backing::Immediate] {
        let mut machine = machine_with(Request::new(PAGE, backing));
        let refused = refusal(&mut machine, BASE, Access::Execute, false);
        assert_eq!(refused, Refusal::Protection(Access::Execute));
    }
}

#[test]
fn without_no_execute_a_fetch_is_a_read() {
    let features = faultline_memory::Features {
        no_execute: false,
        ..FEATURES
    };
    let mut machine = Machine::with_features(features);
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    assert_eq!(machine.fetch(BASE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
}

#[test]
fn ring_3_is_refused_a_page_of_the_kernels() {
    for touched in [false, true] {
        let mut machine = machine_with(Request::new(PAGE, Backing::Demand));
        if touched {
            machine.write(BASE, 1).expect("writable");
        }
        let refused = refusal(&mut machine, BASE, Access::Read, true);
        assert_eq!(refused, Refusal::Protection(Access::Read), "{touched}");
    }
}

#[test]
fn ring_3_is_refused_the_kernel_half() {
    let mut machine = Machine::new();
    let request = Request::new(PAGE, Backing::Immediate).placement(at(KERNEL_BASE));
    machine.allocate(KERNEL, request);
    let refused = refusal(&mut machine, KERNEL_BASE, Access::Write, true);
    assert_eq!(refused, Refusal::Protection(Access::Write));
    assert_eq!(machine.write(KERNEL_BASE, 1), Ok(()));
}

#[test]
fn the_last_frame_is_for_the_page_and_the_tables_come_first() {
    for backing in [Backing::Demand, Backing::Zero] {
        for left in 0..4 {
            let mut machine = machine_with(Request::new(PAGE, backing));
            machine.limit(left);
            let refused = refusal(&mut machine, BASE, Access::Write, false);
            assert_eq!(refused, Refusal::OutOfFrames, "{left} frames left");
            machine.limit(left + 1);
            let works = machine.write(BASE, 1) == Ok(());
            assert_eq!(works, left == 3, "a page and three tables");
        }
    }
}

#[test]
fn a_zero_page_stays_readable_when_no_frame_is_left_to_write_it() {
    let mut machine = machine_with(Request::new(PAGE, Backing::Zero));
    assert_eq!(machine.read(BASE), Ok(0));
    machine.limit(0);
    let refused = refusal(&mut machine, BASE, Access::Write, false);
    assert_eq!(refused, Refusal::OutOfFrames);
    assert_eq!(machine.read(BASE), Ok(0));
    machine.limit(1);
    assert_eq!(machine.write(BASE, 1), Ok(()));
}

#[test]
fn a_reserved_bit_is_a_reason_of_its_own() {
    let features = faultline_memory::Features {
        physical_bits: 46,
        ..FEATURES
    };
    let mut machine = Machine::with_features(features);
    let request = Request::new(PAGE, Backing::Demand).placement(at(BASE));
    machine.allocate(LOW, request);
    machine.write(BASE, 1).expect("writable");
    let level_1 = machine
        .space(0)
        .walk(x86_64::VirtAddr::new(BASE))
        .steps()
        .nth(2);
    let table = level_1.expect("four levels").entry.bits() & 0x000f_ffff_ffff_f000;
    let entry = machine.bytes.entry(table);
    entry.fetch_or(1 << 51, std::sync::atomic::Ordering::Relaxed);
    machine.load(0, LOW);
    let refused = refusal(&mut machine, BASE, Access::Read, false);
    assert_eq!(refused, Refusal::ReservedBit);
    let counted = machine
        .memory
        .fault_log(|log| log.count_by_cause(Cause::ReservedBit));
    assert_eq!(counted, 1);
}

#[test]
fn no_leaf_that_the_processor_lacks_is_ever_made() {
    let features = faultline_memory::Features {
        gigabyte_pages: false,
        no_execute: false,
        global_pages: false,
        physical_bits: 46,
    };
    let mut machine = Machine::with_features(features);
    let device = Backing::Device(machine.device(), faultline_memory::paging::Cache::Uncached);
    let request = Request::new(1 << 30, device).page_size(LeafSize::Size1GiB);
    machine.allocate(KERNEL, request.placement(at(KERNEL_BASE)));
    assert_eq!(machine.write(KERNEL_BASE + 0x123_4567, 1), Ok(()));
    assert_eq!(machine.faults(), 0);
    assert_eq!(machine.memory.fallbacks(), 512, "2 MiB leaves stand in");
}
