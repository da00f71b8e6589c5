//! Pages that go to slots and come back: what goes, what it costs, and what the next
//! access becomes.

use faultline_memory::object::{ObjectKind, Sharing};
use faultline_memory::paging::EntryKind;
use faultline_memory::policy::{Clock, EnhancedSecondChance, Random};
use faultline_memory::slot::SlotCounts;
use faultline_memory::space::{Backing, BytesRefusal, Eviction, Hand, Request, Resident, Rights};
use faultline_memory::{Access, Outcome, Refusal, Slot};
use x86_64::VirtAddr;

use super::objects::{map, mapped};
use crate::common::evict::First;
use crate::common::machine::{Machine, file_byte};
use crate::common::operations::{LOW, PAGE, at};
use crate::common::processors::Flushed;

pub(crate) const BASE: u64 = 0x4000_0000;

/// What a page of [`written`] begins with.
pub(crate) fn byte_of(page: u64) -> u8 {
    (page as u8).wrapping_add(1)
}

/// A machine with so many slots, and so many pages at [`BASE`] that were written: page
/// `n` begins with [`byte_of`] it.
pub(crate) fn written(pages: u64, slots: u64) -> Machine {
    let mut machine = Machine::new();
    machine.memory.set_slots(slots).expect("frames");
    let request = Request::new(pages * PAGE, Backing::Demand);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in 0..pages {
        let byte = byte_of(page);
        machine.write(BASE + page * PAGE, byte).expect("writable");
    }
    machine
}

/// Evicts the next page of a space.
pub(crate) fn evict(machine: &mut Machine, index: usize, hand: &mut Hand) -> Eviction {
    let evicted = machine.try_evict(index, hand, &mut First).expect("slots");
    machine.check();
    match evicted {
        Eviction::EndOfLap { candidates: 0 } if hand.laps() > 1 => panic!("nothing can go"),
        Eviction::EndOfLap { .. } => evict(machine, index, hand),
        evicted => evicted,
    }
}

/// Evicts all that can go.
pub(crate) fn evict_all(machine: &mut Machine, index: usize) -> u64 {
    let (mut hand, mut gone) = (Hand::default(), 0);
    loop {
        let evicted = machine.try_evict(index, &mut hand, &mut First);
        if let Eviction::EndOfLap { candidates } = evicted.expect("slots") {
            machine.check();
            assert_eq!(candidates, gone);
            return gone;
        }
        gone += 1;
    }
}

/// The slot that a page is in.
pub(crate) fn wanted(machine: &mut Machine, index: usize, page: u64) -> Slot {
    let address = VirtAddr::new(BASE + page * PAGE);
    let slot = machine.space(index).wanted_slot(address);
    slot.expect("it is in a slot")
}

/// Lets no processor remember, and speculate about, the pages of the space.
fn unload(machine: &mut Machine) {
    (0..2).for_each(|processor| machine.load(processor, None));
}

fn kind(machine: &mut Machine, address: u64) -> EntryKind {
    let end = machine.space(0).walk(VirtAddr::new(address)).end();
    end.entry.kind(end.level)
}

#[test]
fn a_page_goes_to_a_slot_and_the_next_access_brings_it_back() {
    let mut machine = written(1, 8);
    let free = machine.counts().free;
    assert_eq!(evict_all(&mut machine, 0), 1);
    let counts = machine.counts();
    // The frame is free, and a table for counts came from those that were kept back.
    assert_eq!((counts.private, counts.free), (0, free + 1 - 4));
    let EntryKind::Swapped(slot) = kind(&mut machine, BASE) else {
        panic!("it is in a slot");
    };
    assert_eq!(machine.memory.slot_owners(slot), 1);
    assert_eq!(
        machine.space(0).wanted_slot(VirtAddr::new(BASE)),
        Some(slot)
    );
    assert_eq!(machine.physical_of(0, BASE), None);

    let tables = machine.counts().tables;
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!(machine.outcomes, [Outcome::Blocked]);
    assert_eq!(machine.counts().private, 1);
    assert_eq!(machine.counts().tables, tables + 4, "for its note");
    assert_eq!((machine.disk.writes, machine.disk.reads), (1, 1));
    machine.check();
}

#[test]
fn a_fault_on_a_page_in_a_slot_changes_nothing_but_the_log() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    let before = crate::common::snapshot::Snapshot::of(&machine);
    let faults = machine.faults();
    let fault = faultline_memory::Fault::supervisor(VirtAddr::new(BASE), Access::Write);
    for _ in 0..2 {
        let outcome = machine.with(LOW, |space, memory| space.resolve(&fault, memory));
        assert_eq!(outcome, Outcome::Blocked);
    }
    let now = crate::common::snapshot::Snapshot::of(&machine);
    before.assert_unchanged(&now, "a fault that waits");
    assert_eq!(machine.faults(), faults + 2);
}

#[test]
fn a_page_that_was_only_read_goes_again_without_a_write() {
    let mut machine = written(1, 8);
    let mut hand = Hand::default();
    let first = evict(&mut machine, 0, &mut hand);
    let Eviction::Written(slot) = first else {
        panic!("{first:?}");
    };
    for round in 1..=3 {
        assert_eq!(machine.read(BASE), Ok(1));
        assert_eq!(machine.memory.slots().saved, 1);
        let evicted = evict(&mut machine, 0, &mut hand);
        assert_eq!(evicted, Eviction::Saved(slot));
        assert_eq!((machine.disk.writes, machine.disk.reads), (1, round));
    }
    let counts = machine.memory.slots();
    assert_eq!((counts.written, counts.read), (1, 3));
    assert_eq!((counts.writes_saved, counts.used, counts.saved), (3, 1, 0));

    // Written again, it has to be written to a slot again.
    machine.write(BASE, 9).expect("writable");
    let evicted = evict(&mut machine, 0, &mut hand);
    assert!(matches!(evicted, Eviction::Written(_)), "{evicted:?}");
    assert_eq!((machine.disk.writes, machine.memory.slots().used), (2, 1));
    assert_eq!(machine.read(BASE), Ok(9));
    machine.check();
}

#[test]
fn the_clock_takes_what_was_not_accessed_since_it_last_passed() {
    let mut machine = written(4, 8);
    let mut hand = Hand::default();
    unload(&mut machine);
    let lap = machine.try_evict(0, &mut hand, &mut Clock);
    assert_eq!(
        (lap, hand.laps()),
        (Ok(Eviction::EndOfLap { candidates: 4 }), 1),
        "all accessed"
    );
    machine.load(0, LOW);
    for page in [0, 1, 3] {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    let evicted = machine.try_evict(0, &mut hand, &mut Clock);
    assert!(matches!(evicted, Ok(Eviction::Written(_))), "{evicted:?}");
    assert_eq!(hand.address(), BASE + 3 * PAGE, "page 2 went");
    let resident = |private, swapped| Resident {
        private,
        swapped,
        ..Resident::default()
    };
    let region = machine.space(0).regions().next().expect("one");
    assert_eq!(machine.space(0).resident(&region), resident(3, 1));
    machine.check();
}

#[test]
fn aged_pages_are_flushed_together_and_a_page_that_goes_is_flushed_once() {
    let mut machine = written(4, 8);
    let scope = machine.space(0).scope();
    let mut hand = Hand::default();
    unload(&mut machine);
    machine.processors().flushed.clear();
    machine.try_evict(0, &mut hand, &mut Clock).expect("a lap");
    let pages = (0..4).map(|page| BASE + page * PAGE).collect();
    assert_eq!(machine.processors().flushed, [Flushed::Pages(scope, pages)]);
    machine.processors().flushed.clear();
    machine.try_evict(0, &mut hand, &mut Clock).expect("a slot");
    let page = Flushed::Pages(scope, vec![BASE]);
    assert_eq!(machine.processors().flushed, [page]);
}

#[test]
fn a_translation_that_a_processor_has_cached_does_not_outlive_its_page() {
    let mut machine = written(1, 8);
    for processor in 0..2 {
        assert_eq!(machine.read_on(processor, BASE), Ok(1));
    }
    evict_all(&mut machine, 0);
    for processor in 0..2 {
        machine
            .write_on(processor, BASE, 7 + processor as u8)
            .expect("writable");
    }
    assert_eq!(machine.read(BASE), Ok(8));
    assert_eq!(machine.disk.reads, 1);
    machine.check();
}

#[test]
fn pages_that_were_not_written_go_first_if_that_is_preferred() {
    let mut machine = written(4, 8);
    let mut hand = Hand::default();
    evict_all(&mut machine, 0);
    machine.write(BASE, 5).expect("writable");
    machine.read(BASE + PAGE).expect("readable");
    unload(&mut machine);
    let mut policy = EnhancedSecondChance;
    let mut gone = Vec::new();
    while hand.laps() < 4 {
        match machine.try_evict(0, &mut hand, &mut policy).expect("slots") {
            Eviction::EndOfLap { .. } => {}
            eviction => gone.push(eviction),
        }
        machine.check();
    }
    assert!(
        matches!(gone[..], [Eviction::Saved(_), Eviction::Written(_)]),
        "{gone:?}"
    );
}

#[test]
fn chance_takes_every_page_in_the_end_and_the_same_ones_by_the_same_seed() {
    let order = |seed| {
        let mut machine = written(100, 100);
        let (mut hand, mut policy) = (Hand::default(), Random::new(seed));
        let mut order = Vec::new();
        while order.len() < 100 {
            let evicted = machine.try_evict(0, &mut hand, &mut policy);
            if let Eviction::Written(_) = evicted.expect("slots") {
                order.push(hand.address());
            }
        }
        order
    };
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
}

#[test]
fn the_hand_keeps_its_place_while_regions_come_and_go() {
    let mut machine = written(4, 8);
    let mut hand = Hand::default();
    evict(&mut machine, 0, &mut hand);
    assert_eq!(hand.address(), BASE + PAGE);
    machine.free(LOW, BASE);
    let request = Request::new(PAGE, Backing::Demand);
    machine.allocate(LOW, request.placement(at(2 * BASE)));
    machine.write(2 * BASE, 1).expect("writable");
    evict(&mut machine, 0, &mut hand);
    assert_eq!((hand.address(), hand.laps()), (2 * BASE + PAGE, 0));
    machine.check();
}

#[test]
fn immediate_hidden_and_zero_pages_stay() {
    let mut machine = Machine::new();
    machine.memory.set_slots(64).expect("frames");
    let immediate = Request::new(4 * PAGE, Backing::Immediate);
    machine.allocate(LOW, immediate.placement(at(2 * BASE)));
    let hidden = Request::new(PAGE, Backing::Demand).placement(at(3 * BASE));
    machine.allocate(LOW, hidden);
    machine.write(3 * BASE, 1).expect("writable");
    machine.protect(LOW, 3 * BASE, PAGE, Rights::NoAccess);
    machine.allocate(
        LOW,
        Request::new(PAGE, Backing::Zero).placement(at(4 * BASE)),
    );
    machine.read(4 * BASE).expect("readable");
    assert_eq!(evict_all(&mut machine, 0), 0);
    assert_eq!(machine.memory.slots().used, 0);
}

#[test]
fn a_page_of_a_file_that_only_one_maps_is_unmapped_and_mapped_again() {
    for sharing in [Sharing::Private, Sharing::Shared] {
        let (mut machine, object) = mapped(ObjectKind::File, sharing);
        machine.memory.set_slots(8).expect("frames");
        machine.read(BASE + PAGE).expect("readable");
        let mut hand = Hand::default();
        let evicted = evict(&mut machine, 0, &mut hand);
        let Eviction::Unmapped(wanted) = evicted else {
            panic!("{evicted:?}");
        };
        assert_eq!((wanted.object, wanted.page), (object.id(), 1));
        assert_eq!(machine.counts().shared, 1, "the object has it");
        assert_eq!(machine.read(BASE + PAGE), Ok(file_byte(1)));
        assert_eq!(machine.outcomes, [Outcome::ObjectMapped]);
        // Mapped twice, it is unmapped twice. Written through a shared mapping, it stays.
        map(&mut machine, 2 * BASE, object.id(), sharing, Rights::Read);
        machine.read(2 * BASE + PAGE).expect("readable");
        machine.read(BASE + 2 * PAGE).expect("readable");
        if sharing == Sharing::Shared {
            machine.write(BASE + 2 * PAGE, 1).expect("writable");
        } else {
            machine.discard(LOW, BASE + 2 * PAGE, PAGE);
        }
        assert_eq!(evict_all(&mut machine, 0), 2);
        machine.memory.release_object(object);
    }
}

#[test]
fn the_private_copy_of_a_page_of_a_file_goes_to_a_slot_and_is_not_the_files_again() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    machine.memory.set_slots(8).expect("frames");
    machine.write(BASE, 77).expect("writable");
    assert_eq!(evict_all(&mut machine, 0), 1);
    assert_eq!(machine.space(0).wanted_page(VirtAddr::new(BASE)), None);
    assert_eq!(machine.read(BASE), Ok(77));
    assert_eq!(machine.read(BASE + 1), Ok(file_byte(0)));
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn bytes_from_outside_say_which_slot_they_wait_for() {
    let mut machine = written(2, 8);
    evict_all(&mut machine, 0);
    let wanted = machine.space(0).wanted_slot(VirtAddr::new(BASE + PAGE));
    let mut bytes = [0; 2];
    machine.try_swap_in(0, BASE).expect("a slot");
    let refused = machine.with(LOW, |space, memory| {
        space.read(VirtAddr::new(BASE + PAGE - 1), &mut bytes, memory)
    });
    let error = refused.expect_err("it is in a slot");
    let slot = wanted.expect("it is in a slot");
    assert_eq!(error.address, BASE + PAGE);
    assert_eq!(error.refusal, BytesRefusal::Swapped { slot });
    assert_eq!(error.to_string(), "0x40001000: the page is in slot 1");
}

#[test]
fn an_entry_says_in_a_walk_which_slot_its_page_is_in() {
    let mut machine = written(2, 8);
    evict_all(&mut machine, 0);
    let walk = machine.space(0).walk(VirtAddr::new(BASE + PAGE));
    let text = walk.to_string();
    let end = "level 1 [  1] not present, the page is in slot 1\nnot mapped at level 1";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn slots_keep_frames_back_for_their_counts_and_give_them_back() {
    let machine = Machine::new();
    let memory = &machine.memory;
    memory.set_slots(513).expect("frames");
    // The machine has nine blocks of 512 frames, and each may have a table of notes.
    assert_eq!(memory.counts().kept_back, (2 + 3) + (9 + 3));
    machine.check();
    memory.set_slots(0).expect("none is in use");
    assert_eq!(memory.counts().kept_back, 0);
    assert_eq!(memory.slots(), SlotCounts::default());
    machine.check();
}

#[test]
fn no_access_and_other_rights_wait_until_the_page_is_back() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    machine.protect(LOW, BASE, PAGE, Rights::NoAccess);
    let refused = Err(Refusal::Protection(Access::Read));
    assert_eq!(machine.read(BASE), refused);
    machine.protect(LOW, BASE, PAGE, Rights::ReadExecute);
    assert_eq!(machine.fetch(BASE), Ok(1));
    let refused = Err(Refusal::Protection(Access::Write));
    assert_eq!(machine.write(BASE, 2), refused);
    assert_eq!(evict_all(&mut machine, 0), 1);
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!((machine.disk.writes, machine.disk.reads), (1, 2));
}
