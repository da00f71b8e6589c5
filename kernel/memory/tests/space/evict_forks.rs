//! Pages in slots, and pages that still have one, that several spaces own.

use faultline_memory::Outcome;
use faultline_memory::policy::Clock;
use faultline_memory::space::{Eviction, Hand};

use super::evict::{BASE, evict_all, wanted, written};
use crate::common::operations::{LOW, PAGE};
use crate::common::snapshot::Snapshot;

#[test]
fn a_fork_shares_slots_and_each_brings_a_page_of_its_own_back() {
    let mut machine = written(2, 8);
    evict_all(&mut machine, 0);
    let slot = wanted(&mut machine, 0, 0);
    let child = machine.fork(0);
    machine.load(1, Some(child));
    assert_eq!(wanted(&mut machine, child, 0), slot);
    assert_eq!(machine.memory.slot_owners(slot), 2);
    machine.write(BASE, 10).expect("writable");
    assert_eq!(machine.read_on(1, BASE), Ok(1));
    assert_eq!(machine.counts().private, 2);
    assert_eq!(machine.memory.slot_owners(slot), 2, "both still have it");
    // The one that was written needs another slot, and the other one does not.
    let parents = evict_all(&mut machine, 0);
    let childs = evict_all(&mut machine, child);
    assert_eq!((parents, childs, machine.disk.writes), (1, 1, 3));
    assert_eq!(machine.memory.slot_owners(slot), 1);
    assert_eq!(wanted(&mut machine, child, 0), slot);
    assert_eq!(
        (machine.read(BASE), machine.read_on(1, BASE)),
        (Ok(10), Ok(1))
    );
    machine.load(1, LOW);
    assert_eq!(machine.destroy(child), 1);
    machine.free(LOW, BASE);
    assert_eq!(machine.memory.slots().used, 0);
}

#[test]
fn a_fork_that_fails_shares_no_slot() {
    let mut machine = written(600, 600);
    evict_all(&mut machine, 0);
    let slots = machine.memory.slots();
    let mut left = 0;
    let child = loop {
        machine.limit(left);
        match machine.try_fork(0) {
            Ok(child) => break child,
            Err(_) => assert_eq!(machine.memory.slots(), slots),
        }
        let slot = wanted(&mut machine, 0, 0);
        assert_eq!(machine.memory.slot_owners(slot), 1);
        left += 1;
    };
    assert!(left > 3, "root, tables and records");
    machine.memory.set_limit(None);
    assert_eq!(machine.destroy(child), 0);
    machine.check();
}

#[test]
fn a_page_of_several_owners_stays_and_that_of_the_last_one_goes() {
    let mut machine = written(1, 8);
    let child = machine.fork(0);
    machine.load(1, Some(child));
    assert_eq!(
        evict_all(&mut machine, 0) + evict_all(&mut machine, child),
        0
    );
    machine.write(BASE, 2).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    // Read-only and shared by its entry, the child's page has one owner.
    assert_eq!(evict_all(&mut machine, child), 1);
    assert_eq!(machine.counts().shared, 0);
    assert_eq!(machine.read_on(1, BASE), Ok(1));
    machine.write_on(1, BASE, 3).expect("writable");
    assert_eq!(machine.outcome(), None, "it is private now");
    machine.check();
}

#[test]
fn a_shared_page_that_was_aged_is_written_by_its_last_owner() {
    let mut machine = written(1, 8);
    let child = machine.fork(0);
    machine.load(1, Some(child));
    machine.write(BASE, 2).expect("writable");
    let mut hand = Hand::default();
    let lap = machine.try_evict(child, &mut hand, &mut Clock);
    assert_eq!(lap, Ok(Eviction::EndOfLap { candidates: 1 }));
    machine.write_on(1, BASE, 3).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    machine.check();
}

#[test]
fn a_page_that_was_shared_is_written_whatever_slot_it_has() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    machine.read(BASE).expect("readable");
    let child = machine.fork(0);
    machine.load(1, Some(child));
    machine.write(BASE, 2).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    let slots = machine.memory.slots();
    assert_eq!((slots.saved, slots.used), (1, 1));
    assert_eq!(evict_all(&mut machine, child), 1);
    let slots = machine.memory.slots();
    assert_eq!((slots.saved, slots.used, slots.written), (0, 1, 2));
    assert_eq!(machine.read_on(1, BASE), Ok(1));
    // Taken over by a write, it is dirty.
    let other = machine.fork(child);
    machine.load(1, LOW);
    machine.destroy(child);
    machine.load(1, Some(other));
    machine.write_on(1, BASE, 3).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    assert_eq!(evict_all(&mut machine, other), 1);
    assert_eq!(machine.memory.slots().written, 3);
    assert_eq!(machine.read_on(1, BASE), Ok(3));
}

#[test]
fn a_fork_that_fails_takes_no_slot_from_a_page_that_still_has_it() {
    let mut machine = written(3, 8);
    evict_all(&mut machine, 0);
    for page in 0..3 {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    let slots = machine.memory.slots();
    assert_eq!(slots.saved, 3);
    let mut left = 0;
    loop {
        machine.limit(left);
        let before = Snapshot::of(&machine);
        if machine.try_fork(0).is_ok() {
            break;
        }
        before.assert_unchanged(&Snapshot::of(&machine), "a fork that failed");
        assert_eq!(machine.memory.slots(), slots);
        left += 1;
    }
    assert!(left > 3, "root, tables, counters and records");
    assert_eq!(machine.memory.slots(), slots);
}
