//! Large pages that are broken up when little else is left, so that their parts can go
//! to slots one by one.

use faultline_memory::paging::{EntryKind, LeafSize};
use faultline_memory::policy::Clock;
use faultline_memory::space::{Backing, EvictError, Eviction, Hand, Request, Resident};
use x86_64::VirtAddr;

use super::evict::{BASE, evict_all};
use crate::common::evict::{Failed, First};
use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const GIB: u64 = 1 << 30;
/// Where small pages are.
const SMALL: u64 = BASE + 4 * GIB;

/// A machine with slots and a private page of this size at [`BASE`], of whose first
/// pages number `n` begins with `n + 1`, and so does its last.
fn large(size: LeafSize, slots: u64) -> Machine {
    let mut machine = match size {
        LeafSize::Size1GiB => Machine::with_ranges(&[(0x10_0000, 2 * GIB + BIG)]),
        LeafSize::Size2MiB | LeafSize::Size4KiB => Machine::new(),
    };
    machine.memory.set_slots(slots).expect("frames");
    let request = Request::new(size.bytes(), Backing::Demand).page_size(size);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in 0..4 {
        machine
            .write(BASE + page * PAGE, 1 + page as u8)
            .expect("writable");
    }
    machine
        .write(BASE + size.bytes() - PAGE, 9)
        .expect("writable");
    assert_eq!(machine.leaf_size(LOW, BASE), size.bytes());
    machine
}

fn evict(machine: &mut Machine, hand: &mut Hand) -> Eviction {
    let evicted = machine.try_evict(0, hand, &mut First).expect("slots");
    machine.check();
    evicted
}

fn kind(machine: &mut Machine, address: u64) -> EntryKind {
    let end = machine.space(0).walk(VirtAddr::new(address)).end();
    end.entry.kind(end.level)
}

#[test]
fn a_large_page_is_broken_up_with_no_frame_left_and_then_goes_in_parts() {
    let mut machine = large(LeafSize::Size2MiB, 1024);
    machine.limit(0);
    let before = machine.counts();
    let mut hand = Hand::default();
    let lap = Eviction::EndOfLap { candidates: 512 };
    assert_eq!(evict(&mut machine, &mut hand), lap);
    assert!(hand.takes_large(), "there is nothing else");
    assert_eq!(machine.leaf_size(LOW, BASE), BIG, "not in the first lap");

    let broken_up = Eviction::BrokenUp { written: 1 };
    assert_eq!(evict(&mut machine, &mut hand), broken_up);
    let now = machine.counts();
    assert_eq!(now.private, before.private - 1);
    // The leaf table, and four tables for the count of the slot, out of those kept back.
    assert_eq!(now.tables, before.tables + 1 + 4);
    assert!(matches!(kind(&mut machine, BASE), EntryKind::Swapped(_)));
    assert_eq!(machine.leaf_size(LOW, BASE + PAGE), PAGE);
    let region = machine.space(0).regions().next().expect("one");
    let resident = Resident {
        private: 511,
        swapped: 1,
        ..Resident::default()
    };
    assert_eq!(machine.space(0).resident(&region), resident);

    for _ in 0..511 {
        let evicted = evict(&mut machine, &mut hand);
        assert!(matches!(evicted, Eviction::Written(_)), "{evicted:?}");
    }
    assert_eq!(machine.counts().private, 0);
    machine.limit(u64::MAX);
    for page in 0..4 {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(1 + page as u8));
    }
    assert_eq!(machine.read(BASE + 4 * PAGE), Ok(0));
    assert_eq!(machine.read(BASE + BIG - PAGE), Ok(9));
    machine.check();
}

#[test]
fn a_page_of_1_gib_is_broken_up_with_two_tables_and_keeps_its_other_large_parts() {
    let mut machine = large(LeafSize::Size1GiB, 16);
    machine.limit(0);
    let before = machine.counts();
    let mut hand = Hand::default();
    evict(&mut machine, &mut hand);
    let broken_up = Eviction::BrokenUp { written: 2 };
    assert_eq!(evict(&mut machine, &mut hand), broken_up);
    assert_eq!(machine.counts().private, before.private - 2);
    let sizes = [2 * PAGE, BIG, GIB - PAGE].map(|offset| machine.leaf_size(LOW, BASE + offset));
    assert_eq!(sizes, [PAGE, BIG, BIG]);
    machine.limit(u64::MAX);
    for page in 0..4 {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(1 + page as u8));
    }
    assert_eq!(machine.read(BASE + GIB - PAGE), Ok(9));
    machine.check();
}

#[test]
fn as_long_as_an_eighth_could_go_in_small_pages_large_ones_stay() {
    for (small, is_taken) in [(64, false), (63, true)] {
        let mut machine = large(LeafSize::Size2MiB, 1024);
        let request = Request::new(small * PAGE, Backing::Demand);
        machine.allocate(LOW, request.placement(at(SMALL)));
        for page in 0..small {
            machine.write(SMALL + page * PAGE, 7).expect("writable");
        }
        let (mut hand, mut clock) = (Hand::default(), Clock);
        (0..2).for_each(|processor| machine.load(processor, None));
        let lap = machine.try_evict(0, &mut hand, &mut clock);
        let candidates = 512 + small;
        assert_eq!(lap, Ok(Eviction::EndOfLap { candidates }));
        assert_eq!(hand.takes_large(), is_taken, "beside {small}");
        machine.check();
    }
}

#[test]
fn the_policy_is_asked_and_a_large_page_in_use_is_aged_first() {
    let mut machine = large(LeafSize::Size2MiB, 1024);
    (0..2).for_each(|processor| machine.load(processor, None));
    let (mut hand, mut clock) = (Hand::default(), Clock);
    let lap = Ok(Eviction::EndOfLap { candidates: 512 });
    for what in ["it is not taken yet", "it was accessed"] {
        let evicted = machine.try_evict(0, &mut hand, &mut clock);
        assert_eq!(evicted, lap, "{what}");
    }
    let evicted = machine.try_evict(0, &mut hand, &mut clock);
    assert_eq!(evicted, Ok(Eviction::BrokenUp { written: 1 }));
    machine.check();
}

#[test]
fn a_write_that_fails_leaves_the_large_page_whole() {
    for (size, writes) in [(LeafSize::Size2MiB, 1), (LeafSize::Size1GiB, 2)] {
        for failing in 0..writes {
            let mut machine = large(size, 16);
            let mut hand = Hand::default();
            evict(&mut machine, &mut hand);
            let (before, slots) = (Snapshot::of(&machine), machine.memory.slots());
            let mut written = 0;
            let space = machine.spaces[0].as_mut().expect("it is there");
            let failed = space.evict(&mut hand, &mut First, &machine.memory, |_, _| {
                written += 1;
                if written > failing {
                    Err(Failed)
                } else {
                    Ok(())
                }
            });
            assert!(
                matches!(failed, Err(EvictError::Write { .. })),
                "{failed:?}"
            );
            before.assert_unchanged(&Snapshot::of(&machine), "a write that failed");
            assert_eq!(machine.memory.slots().used, slots.used);
            machine.check();
            assert_eq!(machine.read(BASE), Ok(1));
        }
    }
}

#[test]
fn without_enough_slots_the_large_page_stays_whole() {
    for (size, slots) in [(LeafSize::Size2MiB, 0), (LeafSize::Size1GiB, 1)] {
        let mut machine = large(size, slots);
        let mut hand = Hand::default();
        evict(&mut machine, &mut hand);
        let before = Snapshot::of(&machine);
        let refused = machine.try_evict(0, &mut hand, &mut First);
        assert_eq!(refused, Err(EvictError::NoSlot));
        before.assert_unchanged(&Snapshot::of(&machine), "no slot");
        assert_eq!(machine.memory.slots().used, 0);
        machine.check();
    }
}

#[test]
fn a_large_page_that_a_fork_shares_stays() {
    let mut machine = large(LeafSize::Size2MiB, 1024);
    let child = machine.fork(0);
    for space in [0, child] {
        assert_eq!(evict_all(&mut machine, space), 0);
    }
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
}

#[test]
fn what_was_cached_of_a_large_page_does_not_outlive_it() {
    let mut machine = large(LeafSize::Size2MiB, 1024);
    for processor in 0..2 {
        assert_eq!(machine.read_on(processor, BASE), Ok(1));
    }
    let mut hand = Hand::default();
    evict(&mut machine, &mut hand);
    evict(&mut machine, &mut hand);
    // Its frame is a table: a write through a stale translation would break that.
    for processor in 0..2 {
        machine.write_on(processor, BASE, 20).expect("writable");
        machine
            .write_on(processor, BASE + PAGE, 21)
            .expect("writable");
    }
    machine.check();
    assert_eq!(machine.read(BASE), Ok(20));
    let slot = machine.memory.slots();
    assert_eq!((slot.written, slot.read), (1, 1));
}
