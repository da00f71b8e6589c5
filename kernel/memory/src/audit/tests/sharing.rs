//! Invariants 1 and 3 of shared frames: each is counted as often as it is
//! mapped, and writable nowhere; and a count never wraps.

use super::*;
use crate::space::ForkError;

/// A machine with one page at `LOW`, shared by two spaces; and its frame.
fn shared() -> (Machine, Scope, PhysAddr) {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(8 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    let (space, memory) = machine.space(low);
    let child = space.fork(memory).expect("frames");
    machine.spaces.push(child);
    let frame = machine.frame_at(low, LOW);
    (machine, low, frame)
}

#[test]
fn a_shared_frame_is_counted_once_and_its_owners_are() {
    let (machine, _, frame) = shared();
    let report = machine.audit().expect("nothing is broken");
    assert_eq!((report.private, report.shared), (0, 1));
    assert_eq!(machine.memory.owners(frame), 2);
}

#[test]
fn a_count_of_owners_that_is_wrong_is_named_with_its_frame() {
    for says in [1, 3] {
        let (machine, _, frame) = shared();
        machine.memory.spoil_owners(frame, says);
        let found = 2;
        let expected = Broken::Owners { frame, says, found };
        assert_eq!(machine.broken(), expected);
        assert_eq!(expected.invariant(), 1);
    }
}

#[test]
fn a_shared_leaf_may_not_be_writable() {
    let (mut machine, low, _) = shared();
    let entry = machine.entry(low, LOW, 1);
    entry.set(entry.get().bits() | PageTableFlags::WRITABLE.bits());
    let broken = machine.broken();
    let defect = LeafDefect::SharedWritable;
    assert!(matches!(broken, Broken::Leaf { defect: found, .. } if found == defect));
    assert_eq!(broken.invariant(), 3);
}

#[test]
fn a_count_at_its_top_refuses_one_owner_more_and_changes_nothing() {
    let (mut machine, low, frame) = shared();
    machine.memory.spoil_owners(frame, u32::MAX);
    let before = machine.memory.counts();
    let (space, memory) = machine.space(low);
    let refused = space.fork(memory).map(|_| ());
    assert_eq!(refused, Err(ForkError::TooManyOwners { frame }));
    assert_eq!(machine.memory.counts(), before);
    assert_eq!(machine.memory.owners(frame), u32::MAX);
    machine.memory.spoil_owners(frame, 2);
    assert!(machine.audit().is_ok());
}
