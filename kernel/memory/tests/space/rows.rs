//! Faults in a row under one leaf table: each is resolved, counted and logged
//! exactly like the first.

use faultline_memory::fault::Cause;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Fault, Outcome, Refusal};
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;
/// Pages that are touched, one after the other; they lie under two tables.
const ROW: u64 = 6;

fn machine_with(backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let first = BASE + (512 - ROW / 2) * PAGE;
    machine.allocate(LOW, Request::new(ROW * PAGE, backing).placement(at(first)));
    machine
}

fn page(number: u64) -> u64 {
    BASE + (512 - ROW / 2 + number) * PAGE
}

/// Touches the row, and checks what is logged of each touch.
fn touch(machine: &mut Machine, access: Access, outcome: Outcome, cause: Cause) {
    let before = machine.faults();
    let counted = machine.memory.fault_log(|log| log.count_by_cause(cause));
    let ended = machine.memory.fault_log(|log| log.count(outcome));
    for number in 0..ROW {
        let address = page(number) + 8;
        match access {
            Access::Write => machine.write(address, number as u8 + 1).expect("writable"),
            _ => assert_eq!(machine.read(address), Ok(0)),
        }
        let event = machine.memory.fault_log(|log| log.last()).expect("a fault");
        assert_eq!(event.fault.address, VirtAddr::new(address));
        assert_eq!(event.fault.access(), access);
        assert_eq!(event.outcome, outcome, "{number}");
        assert_eq!(event.region, VirtAddr::new(page(0)), "{number}");
        let frame = machine.physical_of(0, page(number));
        assert_eq!(Some(event.frame.as_u64()), frame, "{number}");
        let (now_ended, now_counted) = machine
            .memory
            .fault_log(|log| (log.count(outcome), log.count_by_cause(cause)));
        assert_eq!(now_ended, ended + number + 1);
        assert_eq!(now_counted, counted + number + 1);
        let region = machine.space(0).region_at(VirtAddr::new(address));
        assert_eq!(region.expect("it is there").faults, before + number + 1);
        machine.check();
    }
}

#[test]
fn each_fault_of_a_row_is_logged_like_the_first() {
    for access in [Access::Read, Access::Write] {
        let mut machine = machine_with(Backing::Demand);
        touch(&mut machine, access, Outcome::Demand, Cause::Absent);
        assert_eq!(machine.counts().private, ROW);
    }
    let mut machine = machine_with(Backing::Zero);
    touch(
        &mut machine,
        Access::Write,
        Outcome::ZeroWrite,
        Cause::Absent,
    );
    assert_eq!(machine.counts().private, ROW);
    let mut machine = machine_with(Backing::Zero);
    touch(&mut machine, Access::Read, Outcome::ZeroRead, Cause::Absent);
    assert_eq!(machine.counts().private, 0);
    touch(
        &mut machine,
        Access::Write,
        Outcome::PrivateCopy,
        Cause::Protection,
    );
    assert_eq!(machine.counts().private, ROW);
    assert_eq!(machine.faults(), 2 * ROW);
}

#[test]
fn a_page_that_is_private_already_keeps_its_bytes_in_a_row() {
    let mut machine = machine_with(Backing::Zero);
    machine.write(page(0), 7).expect("writable");
    let size = ROW * PAGE;
    machine.protect(LOW, page(0), size, Rights::Read);
    assert_eq!(machine.read_on(1, page(0)), Ok(7));
    machine.protect(LOW, page(0), size, Rights::ReadWrite);
    for other in [1, 2] {
        assert_eq!(machine.read(page(other)), Ok(0));
    }
    // The other processor does not know yet that it may write.
    machine.write_on(1, page(0) + 1, 8).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::Spurious));
    assert_eq!(machine.read(page(0)), Ok(7));
    assert_eq!(machine.counts().private, 1);
    machine.check();
}

#[test]
fn a_row_refuses_what_its_region_refuses() {
    for backing in [Backing::Zero, Backing::Demand] {
        let mut machine = machine_with(backing);
        for number in [0, 1] {
            assert_eq!(machine.read(page(number)), Ok(0));
        }
        let before = machine.counts();
        let refused = Err(Refusal::Protection(Access::Execute));
        assert_eq!(machine.fetch(page(2)), refused);
        assert_eq!(machine.counts(), before);
        assert_eq!(machine.physical_of(0, page(2)), None);
    }
}

#[test]
fn a_read_of_the_zero_frame_that_faults_all_the_same_changes_nothing() {
    let mut machine = machine_with(Backing::Zero);
    for number in [0, 1] {
        assert_eq!(machine.read(page(number)), Ok(0));
    }
    let fault = Fault {
        address: VirtAddr::new(page(1)),
        code: PageFaultErrorCode::PROTECTION_VIOLATION,
        instruction: VirtAddr::zero(),
    };
    let outcome = machine.with(LOW, |space, memory| space.resolve(&fault, memory));
    assert_eq!(outcome, Outcome::Spurious);
    assert_eq!(machine.counts().private, 0);
    machine.check();
}
