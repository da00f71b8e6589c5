//! The fault log: every fault is counted by cause and outcome, written down once,
//! and lost events are counted.

use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Cause, Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::{EVENTS, Machine};
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

fn machine_with(pages: u64) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, Backing::Zero);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

#[test]
fn an_event_names_the_fault_its_region_and_its_frame() {
    let mut machine = machine_with(2);
    machine.write(BASE + PAGE + 0x123, 1).expect("writable");
    let frame = machine.physical_of(0, BASE + PAGE).expect("mapped");
    let event = machine.memory.next_event().expect("one event");
    assert_eq!(event.fault.address.as_u64(), BASE + PAGE + 0x123);
    assert_eq!(event.fault.code.bits(), 0b10);
    assert_eq!(event.fault.instruction.as_u64(), 0x1000);
    assert_eq!(event.outcome, Outcome::ZeroWrite);
    assert_eq!(event.region.as_u64(), BASE);
    assert_eq!(event.frame.as_u64(), frame);
    assert_eq!(machine.memory.next_event(), None);
}

#[test]
fn a_refused_event_has_no_frame_and_no_region_where_there_is_none() {
    let mut machine = machine_with(1);
    assert!(machine.read(0x7000).is_err());
    let event = machine
        .memory
        .fault_log(|log| log.last())
        .expect("one event");
    assert_eq!(event.outcome, Outcome::Refused(Refusal::NoRegion));
    assert_eq!((event.region.as_u64(), event.frame.as_u64()), (0, 0));
    assert!(machine.fetch(BASE).is_err());
    let event = machine.memory.fault_log(|log| log.last()).expect("another");
    assert_eq!((event.region.as_u64(), event.frame.as_u64()), (BASE, 0));
}

#[test]
fn events_come_out_in_the_order_of_the_faults() {
    let mut machine = machine_with(10);
    for page in 0..10 {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    for page in 0..10 {
        let event = machine.memory.next_event().expect("ten events");
        assert_eq!(event.fault.address.as_u64(), BASE + page * PAGE);
    }
    assert_eq!(machine.memory.next_event(), None);
    assert_eq!(machine.memory.fault_log(|log| log.lost()), 0);
}

#[test]
fn the_oldest_events_are_lost_and_counted() {
    let mut machine = machine_with(EVENTS as u64 + 7);
    for page in 0..EVENTS as u64 + 7 {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    assert_eq!(machine.memory.fault_log(|log| log.lost()), 7);
    let event = machine.memory.next_event().expect("an event");
    assert_eq!(event.fault.address.as_u64(), BASE + 7 * PAGE);
    let rest = std::iter::from_fn(|| machine.memory.next_event()).count();
    assert_eq!(rest, EVENTS - 1);
    assert_eq!(machine.memory.fault_log(|log| log.lost()), 7);
    assert_eq!(machine.faults(), EVENTS as u64 + 7, "counted all the same");
}

#[test]
fn faults_are_counted_by_cause_and_by_outcome() {
    let mut machine = machine_with(3);
    machine.read(BASE).expect("readable");
    machine.read(BASE + PAGE).expect("readable");
    machine.write(BASE, 1).expect("writable");
    machine.write(BASE + 2 * PAGE, 1).expect("writable");
    assert!(machine.fetch(BASE).is_err());
    assert!(machine.read(0).is_err());
    let counted = machine
        .memory
        .fault_log(|log| Outcome::ALL.map(|outcome| log.count(outcome)));
    let expected = [
        0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
    ];
    assert_eq!(counted, expected);
    let causes = [Cause::Absent, Cause::Protection, Cause::ReservedBit];
    let by_cause = |cause| machine.memory.fault_log(|log| log.count_by_cause(cause));
    assert_eq!(causes.map(by_cause), [4, 2, 0]);
    assert_eq!(machine.faults(), 6);
}

#[test]
fn the_same_spurious_fault_twice_is_no_progress() {
    let mut machine = machine_with(1);
    machine.write(BASE, 1).expect("writable");
    let fault = machine
        .memory
        .fault_log(|log| log.last())
        .expect("one event")
        .fault;
    let mut again = |fault| {
        let outcome = machine.with(LOW, |space, memory| space.resolve(&fault, memory));
        (outcome, machine.memory.fault_log(|log| log.is_stuck()))
    };
    assert_eq!(again(fault), (Outcome::Spurious, false));
    assert_eq!(again(fault), (Outcome::Spurious, true));
    let elsewhere = faultline_memory::Fault {
        instruction: fault.instruction + 1,
        ..fault
    };
    assert_eq!(again(elsewhere), (Outcome::Spurious, false));
}

/// Wider rights are not flushed: each time the access meets the older translation once.
#[test]
fn the_same_spurious_fault_after_a_change_of_rights_is_progress() {
    let mut machine = machine_with(1);
    machine.write(BASE, 1).expect("writable");
    let event = machine.memory.fault_log(|log| log.last());
    let fault = event.expect("one event").fault;
    for _ in 0..3 {
        for rights in [Rights::Read, Rights::ReadWrite] {
            machine
                .with(LOW, |space, memory| {
                    space.protect(VirtAddr::new(BASE), PAGE, rights, memory)
                })
                .expect("a page of a region");
        }
        let outcome = machine.with(LOW, |space, memory| space.resolve(&fault, memory));
        assert_eq!(outcome, Outcome::Spurious);
        assert!(!machine.memory.fault_log(|log| log.is_stuck()));
    }
    machine.with(LOW, |space, memory| space.resolve(&fault, memory));
    assert!(machine.memory.fault_log(|log| log.is_stuck()));
}
