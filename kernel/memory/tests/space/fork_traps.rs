//! What others got wrong about shared pages, each with its numbers.

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, ForkError, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};

use super::fork::{BASE, forked, owners};
use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

#[test]
fn a_page_that_is_shared_already_keeps_its_right_to_be_written() {
    let (mut machine, child) = forked(1);
    let grandchild = machine.fork(child);
    assert_eq!(owners(&mut machine, 0, BASE), 3);
    machine.load(1, Some(grandchild));
    machine.write_on(1, BASE, 3).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    machine.load(1, Some(child));
    machine.write_on(1, BASE, 2).expect("writable");
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    assert_eq!(machine.counts().private, 3);
    machine.check();
}

#[test]
fn three_hundred_children_share_a_page() {
    let (mut machine, first) = forked(1);
    let children: Vec<usize> = (1..300).map(|_| machine.fork(0)).collect();
    assert_eq!(owners(&mut machine, 0, BASE), 301);
    assert_eq!(machine.counts().shared, 1);
    machine.load(1, LOW);
    for child in children.into_iter().chain([first]) {
        assert_eq!(machine.destroy(child), 0);
    }
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    machine.check();
}

#[test]
fn rights_that_are_taken_and_given_back_while_shared_change_no_owner() {
    let (mut machine, _) = forked(1);
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    let refused = Refusal::Protection(Access::Write);
    assert_eq!(machine.write(BASE, 1), Err(refused));
    machine.protect(LOW, BASE, PAGE, Rights::ReadWrite);
    assert_eq!(owners(&mut machine, 0, BASE), 2);
    machine.write(BASE, 7).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.read_on(1, BASE), Ok(1));
}

#[test]
fn a_page_that_one_may_execute_is_written_by_the_other_in_a_copy() {
    let (mut machine, child) = forked(1);
    machine.protect(Some(child), BASE, PAGE, Rights::ReadExecute);
    machine.load(0, Some(child));
    assert_eq!(machine.fetch(BASE), Ok(1));
    machine.load(1, LOW);
    machine.write_on(1, BASE, 8).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.fetch(BASE), Ok(1));
    machine.check();
}

#[test]
fn discarding_a_shared_page_gives_no_frame_back_until_the_last_does() {
    let (mut machine, child) = forked(1);
    assert_eq!(machine.discard(LOW, BASE, PAGE), 0);
    assert_eq!(machine.read_on(1, BASE), Ok(1));
    assert_eq!(machine.discard(Some(child), BASE, PAGE), 1);
    assert_eq!(machine.counts().shared, 0);
}

#[test]
fn a_shared_large_page_is_split_by_a_write_and_taken_over_whole() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE + PAGE, 5).expect("writable");
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    let child = machine.fork(0);
    machine.load(1, Some(child));
    assert_eq!(machine.counts().shared, 512);
    machine.write_on(1, BASE, 6).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.leaf_size(Some(child), BASE + PAGE), PAGE);
    assert_eq!(machine.read_on(1, BASE + PAGE), Ok(5));
    machine.check();
    machine.load(1, LOW);
    assert_eq!(machine.destroy(child), 1, "its copy");
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    assert_eq!(machine.counts().private, 512);
    machine.check();
}

/// Gives an operation 0, 1, 2, ... frames until it has enough; each failure
/// changes nothing. Returns how many it needed.
fn needed(machine: &mut Machine, mut operation: impl FnMut(&mut Machine) -> bool) -> u64 {
    for left in 0.. {
        machine.limit(left);
        let before = Snapshot::of(machine);
        if operation(machine) {
            machine.check();
            return left;
        }
        machine.check();
        before.assert_unchanged(&Snapshot::of(machine), "too few frames");
    }
    unreachable!()
}

#[test]
fn a_fork_with_too_few_frames_changes_nothing() {
    let mut machine = Machine::new();
    let small = Request::new(4 * PAGE, Backing::Demand);
    machine.allocate(LOW, small.placement(at(BASE)));
    let large = Request::new(BIG, Backing::Immediate);
    machine.allocate(LOW, large.placement(at(BASE + BIG)));
    machine.write(BASE, 1).expect("writable");
    let start = x86_64::VirtAddr::new(BASE + PAGE);
    let kept = machine.with(LOW, |space, memory| space.reserve(start, PAGE, memory));
    assert_eq!(kept, Ok(1));
    let fork = |machine: &mut Machine| match machine.try_fork(0) {
        Ok(_) => true,
        Err(ForkError::OutOfFrames) => false,
        Err(error) => panic!("{error}"),
    };
    // Root, three tables, records, a reserved page; two tables of counters and
    // three above them.
    assert_eq!(needed(&mut machine, fork), 1 + 3 + 1 + 1 + 5);
    // The next one finds the counters there.
    assert_eq!(needed(&mut machine, fork), 1 + 3 + 1 + 1);
}

#[test]
fn a_copy_with_too_few_frames_changes_nothing() {
    for (size, frames) in [(PAGE, 1), (BIG, 2)] {
        let mut machine = Machine::new();
        let request = Request::new(size, Backing::Immediate);
        machine.allocate(LOW, request.placement(at(BASE)));
        machine.fork(0);
        let write = |machine: &mut Machine| machine.write(BASE, 1).is_ok();
        assert_eq!(needed(&mut machine, write), frames);
        assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    }
}
