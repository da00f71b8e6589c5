//! Invariant 6 of slots: each is free, or named as often as its count says; and what
//! goes with that: where entries may name one, and which frames still have one.

use super::*;
use crate::audit::SlotDefect;
use crate::policy::{Candidate, Choice, Policy};
use crate::slot::Slot;
use crate::space::{Eviction, ForkError, Hand};

/// Another leaf table.
const BIG: u64 = 2 * MIB;

/// Takes whatever it meets.
struct First;

impl Policy for First {
    fn choose(&mut self, _: &Candidate) -> Choice {
        Choice::Take
    }
}

/// A machine with 8 slots and a region of 8 pages at `LOW`, of which the first is in a
/// slot, and the second came back from one; and both slots.
fn swapped() -> (Machine, Scope, [Slot; 2]) {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.memory.set_slots(8).expect("frames");
    machine.allocate(low, LOW, Request::new(8 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    machine.write(low, LOW + PAGE);
    let mut hand = Hand::default();
    let slots = [(); 2].map(|()| {
        let (space, memory) = machine.space(low);
        let evicted = space.evict(&mut hand, &mut First, memory, |_, _| Ok::<(), ()>(()));
        let Ok(Eviction::Written(slot)) = evicted else {
            panic!("{evicted:?}");
        };
        slot
    });
    let (space, memory) = machine.space(low);
    let second = VirtAddr::new(LOW + PAGE);
    let back = space.swap_in(second, memory, |_, _| Ok::<(), ()>(()));
    assert_eq!(back, Ok(slots[1]));
    (machine, low, slots)
}

fn broken(slot: Slot, defect: SlotDefect) -> Broken {
    let broken = Broken::Slot { slot, defect };
    assert_eq!(broken.invariant(), 6);
    broken
}

#[test]
fn pages_in_slots_and_pages_that_still_have_one_are_counted() {
    let (machine, _, [first, second]) = swapped();
    let report = machine.audit().expect("nothing is broken");
    assert_eq!((report.private, report.swapped), (1, 1));
    assert_eq!(machine.memory.slot_owners(first), 1);
    assert_eq!(machine.memory.slot_owners(second), 1);
    // The four tables that the counts of 8 slots take are there, and as many of notes.
    assert_eq!(machine.memory.counts().kept_back, 7);
}

#[test]
fn a_count_of_a_slot_that_is_wrong_is_named_with_it() {
    let (machine, _, slots) = swapped();
    for slot in slots {
        machine.memory.spoil_slot(slot, 3);
        let defect = SlotDefect::Owners { says: 3, found: 1 };
        assert_eq!(machine.broken(), broken(slot, defect));
        machine.memory.spoil_slot(slot, 1);
    }
    assert!(machine.audit().is_ok());
}

#[test]
fn an_entry_that_was_lost_is_missed_by_its_slot() {
    let (mut machine, low, [slot, _]) = swapped();
    machine.entry(low, LOW, 1).set(0);
    machine.entry(low, LOW, 2).count_one_less();
    let defect = SlotDefect::Owners { says: 1, found: 0 };
    assert_eq!(machine.broken(), broken(slot, defect));
}

#[test]
fn an_entry_may_not_name_a_free_slot() {
    let (mut machine, low, _) = swapped();
    for number in [7, 8, crate::slot::MOST_SLOTS - 1, (1 << 40) - 1] {
        let slot = Slot(number);
        machine.entry(low, LOW, 1).set(Entry::swapped(slot).bits());
        assert_eq!(machine.broken(), broken(slot, SlotDefect::Free));
    }
}

#[test]
fn a_slot_behind_the_last_is_not_used() {
    let (machine, _, [_, second]) = swapped();
    machine.memory.spoil_slot_counts(|counts| counts.total = 1);
    let past_end = broken(second, SlotDefect::PastEnd);
    assert_eq!(machine.broken(), past_end);
}

#[test]
fn only_a_frame_of_a_page_still_has_a_slot() {
    let (mut machine, low, [_, second]) = swapped();
    let other = machine.frame_at(low, LOW + PAGE) + PAGE;
    let table = machine.entry(low, LOW, 2).get().table_address();
    for frame in [other, table] {
        machine.memory.spoil_note(frame, second);
        let defect = SlotDefect::NoPage { frame };
        assert_eq!(machine.broken(), broken(second, defect));
        machine.memory.spoil_note_away(frame);
    }
    assert!(machine.audit().is_ok());
}

#[test]
fn counters_of_slots_are_counted_anew() {
    let (machine, ..) = swapped();
    let wrong = |counter, says, found| Broken::Count {
        counter,
        says,
        found,
    };
    machine.memory.spoil_slot_counts(|counts| counts.used = 3);
    assert_eq!(machine.broken(), wrong(Counter::UsedSlots, 3, 2));
    machine.memory.spoil_slot_counts(|counts| counts.saved = 2);
    assert_eq!(machine.broken(), wrong(Counter::SavedPages, 2, 1));
}

#[test]
fn a_frame_that_is_not_kept_back_for_a_count_is_missed() {
    let machine = Machine::new();
    machine.memory.set_slots(8).expect("frames");
    machine.memory.let_go(1);
    let expected = Broken::Count {
        counter: Counter::KeptBack,
        says: 14,
        found: 15,
    };
    assert_eq!(machine.broken(), expected);
}

#[test]
fn pages_are_in_slots_only_where_they_may_be() {
    let (mut machine, low, [slot, _]) = swapped();
    machine.allocate(low, LOW + BIG, Request::new(PAGE, Backing::Immediate));
    machine.allocate(Scope::Kernel, KERNEL, Request::new(PAGE, Backing::Demand));
    machine.write(Scope::Kernel, KERNEL);
    for (half, address) in [(low, LOW + BIG), (Scope::Kernel, KERNEL)] {
        let entry = machine.entry(half, address, 1);
        let before = entry.get();
        entry.set(Entry::swapped(slot).bits());
        let broken = machine.broken();
        let unknown = LeafDefect::Unknown;
        assert!(matches!(broken, Broken::Leaf { defect, .. } if defect == unknown));
        machine.entry(half, address, 1).set(before.bits());
    }
    assert!(machine.audit().is_ok());
}

#[test]
fn a_slot_at_the_top_of_its_count_refuses_a_fork_and_nothing_changes() {
    let (mut machine, low, [slot, _]) = swapped();
    machine.memory.spoil_slot(slot, u32::MAX);
    let before = machine.memory.slots();
    let (space, memory) = machine.space(low);
    let refused = space.fork(memory).map(|_| ());
    assert_eq!(refused, Err(ForkError::TooManySlotOwners { slot }));
    let text = "slot 0 has 4294967295 owners already, and more cannot be counted";
    assert_eq!(format!("{}", refused.expect_err("refused")), text);
    assert_eq!(machine.memory.slots(), before);
    assert_eq!(machine.memory.slot_owners(slot), u32::MAX);
    machine.memory.spoil_slot(slot, 1);
    assert!(machine.audit().is_ok());
}
