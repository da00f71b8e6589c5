//! What others got wrong about shared pages, each with its numbers.

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};

use super::fork::{BASE, forked, owners};
use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};

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
