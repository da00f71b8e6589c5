//! What can go wrong with pages in slots, each with its numbers.

use faultline_memory::frames::Shortage;
use faultline_memory::slot::SetSlotsError;
use faultline_memory::space::{Backing, EvictError, Eviction, Hand, Request, Rights, SwapInError};
use x86_64::VirtAddr;

use super::evict::{BASE, byte_of, evict, evict_all, wanted, written};
use crate::common::evict::{Failed, First};
use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

#[test]
fn a_write_that_fails_leaves_the_page_dirty_and_the_slot_free() {
    let mut machine = written(2, 8);
    let mut hand = Hand::default();
    let (before, slots) = (Snapshot::of(&machine), machine.memory.slots());
    machine.disk.is_broken = true;
    let failed = machine.try_evict(0, &mut hand, &mut First);
    let Err(EvictError::Write {
        slot,
        error: Failed,
    }) = failed
    else {
        panic!("{failed:?}");
    };
    before.assert_unchanged(&Snapshot::of(&machine), "a write that failed");
    assert_eq!(machine.memory.slots(), slots);
    assert_eq!(machine.memory.slot_owners(slot), 0);
    machine.check();
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!(machine.outcome(), None, "it is mapped");
    machine.disk.is_broken = false;
    assert_eq!(evict_all(&mut machine, 0), 2, "it is dirty still");
    assert_eq!(machine.disk.writes, 3);
    assert_eq!(machine.read(BASE), Ok(1));
}

#[test]
fn a_read_that_fails_leaves_the_page_in_its_slot() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    let slot = wanted(&mut machine, 0, 0);
    let (before, slots) = (Snapshot::of(&machine), machine.memory.slots());
    machine.disk.is_broken = true;
    let failed = machine.try_swap_in(0, BASE);
    assert_eq!(
        failed,
        Err(SwapInError::Read {
            slot,
            error: Failed
        })
    );
    before.assert_unchanged(&Snapshot::of(&machine), "a read that failed");
    assert_eq!(machine.memory.slots(), slots);
    machine.check();
    machine.disk.is_broken = false;
    assert_eq!(machine.read(BASE), Ok(1));
}

#[test]
fn without_a_frame_a_page_stays_in_its_slot() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    machine.limit(0);
    let before = Snapshot::of(&machine);
    let shortage = Shortage {
        needed: 1,
        available: 0,
    };
    let refused = machine.try_swap_in(0, BASE);
    assert_eq!(refused, Err(SwapInError::OutOfFrames(shortage)));
    before.assert_unchanged(&Snapshot::of(&machine), "no frame");
    assert_eq!(machine.disk.reads, 0);
    // One frame is enough for the page, and it keeps its slot.
    machine.limit(1);
    assert_eq!(machine.read(BASE), Ok(1));
    let slots = machine.memory.slots();
    assert_eq!((slots.used, slots.saved, slots.read), (1, 1, 1));
    machine.check();
    let mut hand = Hand::default();
    let evicted = evict(&mut machine, 0, &mut hand);
    assert!(matches!(evicted, Eviction::Saved(_)), "{evicted:?}");
    assert_eq!(machine.read(BASE), Ok(1));
}

#[test]
fn a_page_that_is_in_no_slot_does_not_come_back() {
    let mut machine = written(1, 8);
    for address in [BASE, BASE + PAGE] {
        let refused = machine.try_swap_in(0, address);
        let address = VirtAddr::new(address);
        assert_eq!(refused, Err(SwapInError::NotSwapped { address }));
    }
    let error = SwapInError::<core::fmt::Error>::NotSwapped {
        address: VirtAddr::new(BASE),
    };
    assert_eq!(error.to_string(), "the page of 0x40000000 is in no slot");
}

#[test]
fn eviction_takes_no_frame_even_where_none_is_left() {
    let mut machine = written(700, 700);
    let mut hand = Hand::default();
    machine.limit(0);
    for page in 1..=700 {
        evict(&mut machine, 0, &mut hand);
        machine.limit(0);
        assert_eq!(machine.memory.slots().used, page);
    }
    machine.memory.set_limit(None);
    for page in 0..700 {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(byte_of(page)));
    }
    machine.check();
}

#[test]
fn with_every_slot_in_use_the_page_stays() {
    let mut machine = written(3, 2);
    let mut hand = Hand::default();
    for _ in 0..2 {
        let evicted = machine.try_evict(0, &mut hand, &mut First);
        assert!(matches!(evicted, Ok(Eviction::Written(_))), "{evicted:?}");
    }
    let before = Snapshot::of(&machine);
    let refused = machine.try_evict(0, &mut hand, &mut First);
    assert_eq!(refused, Err(EvictError::NoSlot));
    before.assert_unchanged(&Snapshot::of(&machine), "no slot");
    machine.check();
    let in_use = machine.memory.set_slots(0);
    assert_eq!(in_use, Err(SetSlotsError::InUse { used: 2 }));
    assert_eq!(
        in_use.expect_err("in use").to_string(),
        "pages are kept in 2 slots"
    );
}

#[test]
fn a_page_in_memory_loses_its_slot_to_one_that_has_none() {
    let mut machine = written(2, 1);
    let mut hand = Hand::default();
    machine.try_evict(0, &mut hand, &mut First).expect("a slot");
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!(machine.memory.slots().saved, 1);
    let evicted = machine.try_evict(0, &mut hand, &mut First);
    assert!(matches!(evicted, Ok(Eviction::Written(_))), "{evicted:?}");
    let slots = machine.memory.slots();
    assert_eq!((slots.used, slots.saved), (1, 0));
    machine.check();
    machine.discard(LOW, BASE + PAGE, PAGE);
    // Not written since, and still: no slot has what it holds.
    let evicted = evict(&mut machine, 0, &mut hand);
    assert!(matches!(evicted, Eviction::Written(_)), "{evicted:?}");
    assert_eq!(machine.read(BASE), Ok(1));
}

#[test]
fn a_discarded_page_that_was_in_a_slot_reads_zero() {
    for back in [false, true] {
        let mut machine = written(2, 8);
        evict_all(&mut machine, 0);
        if back {
            machine.read(BASE).expect("readable");
        }
        let frames = u64::from(back);
        assert_eq!(machine.discard(LOW, BASE, PAGE), frames);
        assert_eq!(machine.memory.slots().used, 1);
        assert_eq!(machine.read(BASE), Ok(0));
        assert_eq!(machine.read(BASE + PAGE), Ok(2));
    }
}

#[test]
fn slots_go_back_with_their_pages_however_these_go() {
    let goes: [fn(&mut Machine); 3] = [
        |machine| {
            machine.free(LOW, BASE);
        },
        |machine| {
            machine.free_range(0, BASE, 5 * PAGE);
        },
        |machine| {
            (0..2).for_each(|processor| machine.load(processor, None));
            machine.destroy(0);
        },
    ];
    for goes in goes {
        let mut machine = written(5, 8);
        let kept = machine.counts().kept_back;
        evict_all(&mut machine, 0);
        machine.read(BASE).expect("readable");
        assert_eq!(machine.memory.slots().used, 5);
        goes(&mut machine);
        machine.check();
        let slots = machine.memory.slots();
        assert_eq!((slots.used, slots.saved), (0, 0));
        assert_eq!(machine.counts().kept_back, kept);
    }
}

#[test]
fn pages_in_slots_move_with_their_range() {
    let mut machine = written(4, 8);
    evict_all(&mut machine, 0);
    let to = BASE + 0x4000_0000 - PAGE;
    machine.move_range(0, BASE + PAGE, 2 * PAGE, to);
    assert_eq!(machine.read(to), Ok(2));
    assert_eq!(machine.read(to + PAGE), Ok(3));
    assert_eq!(machine.read(BASE + 3 * PAGE), Ok(4));
    assert_eq!(machine.memory.slots().used, 4);
}

#[test]
fn a_page_that_may_only_be_read_goes_and_comes_back_read_only() {
    let mut machine = written(1, 8);
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    assert_eq!(evict_all(&mut machine, 0), 1);
    assert_eq!(machine.read(BASE), Ok(1));
    assert!(machine.write(BASE, 2).is_err());
    machine.protect(LOW, BASE, PAGE, Rights::ReadWrite);
    machine.write(BASE, 3).expect("writable");
    assert_eq!(evict_all(&mut machine, 0), 1);
    assert_eq!(machine.read(BASE), Ok(3));
}

#[test]
fn what_the_kernel_writes_from_outside_is_written_to_a_slot_too() {
    let mut machine = written(1, 8);
    evict_all(&mut machine, 0);
    machine.read(BASE).expect("readable");
    let wrote = machine.with(LOW, |space, memory| {
        space.write(VirtAddr::new(BASE), b"new", memory)
    });
    wrote.expect("it is back");
    assert_eq!(evict_all(&mut machine, 0), 1);
    assert_eq!(machine.read(BASE), Ok(b'n'));
    assert_eq!(machine.disk.writes, 2);
}

#[test]
fn a_zero_page_that_was_written_comes_back_as_its_own() {
    let mut machine = Machine::new();
    machine.memory.set_slots(8).expect("frames");
    machine.allocate(
        LOW,
        Request::new(2 * PAGE, Backing::Zero).placement(at(BASE)),
    );
    machine.read(BASE).expect("readable");
    machine.write(BASE, 1).expect("writable");
    assert_eq!(evict_all(&mut machine, 0), 1);
    let fault =
        faultline_memory::Fault::supervisor(VirtAddr::new(BASE), faultline_memory::Access::Read);
    assert_eq!(machine.space(0).frames_needed(&fault), 1);
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!(machine.read(BASE + PAGE), Ok(0));
    machine.check();
}

#[test]
fn pages_that_still_have_a_slot_lose_it_and_its_tables_go() {
    let mut machine = written(3, 8);
    evict_all(&mut machine, 0);
    let tables = machine.counts().tables;
    for page in 0..2 {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    assert_eq!(machine.counts().tables, tables + 4);
    assert_eq!(machine.memory.forget_saved(), 2);
    assert_eq!(machine.counts().tables, tables);
    let slots = machine.memory.slots();
    assert_eq!((slots.used, slots.saved), (1, 0));
    machine.check();
    assert_eq!(machine.memory.forget_saved(), 0);
    assert_eq!(evict_all(&mut machine, 0), 2);
    assert_eq!(machine.disk.writes, 5, "both are written again");
}

#[test]
fn slots_that_cannot_be_counted_are_refused() {
    let machine = Machine::new();
    let most = faultline_memory::slot::MOST_SLOTS;
    let too_many = machine.memory.set_slots(most + 1);
    assert_eq!(too_many, Err(SetSlotsError::TooMany { slots: most + 1 }));
    let before = Snapshot::of(&machine);
    let counts = most / 512 + most / 512 / 512 + most / 512 / 512 / 512 + 1;
    // The machine has nine blocks of 512 frames.
    let notes = 9 + 3;
    let needed = counts + notes;
    let available = machine.counts().free;
    let short = machine.memory.set_slots(most);
    let shortage = Shortage { needed, available };
    assert_eq!(short, Err(SetSlotsError::OutOfFrames(shortage)));
    before.assert_unchanged(&Snapshot::of(&machine), "too many slots");
    machine.check();
}
