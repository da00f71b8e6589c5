//! Several address spaces: each has a low half of its own, all share the kernel
//! half, and a destroyed one leaves nothing behind.

use faultline_memory::Refusal;
use faultline_memory::frames::Shortage;
use faultline_memory::space::{Backing, KernelHalfError, Request, Rights};
use faultline_memory::{KernelHalf, Outcome, Space};

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

#[test]
fn one_address_is_another_byte_in_another_space() {
    let mut machine = Machine::new();
    let second = machine.new_space();
    for half in [LOW, Some(second)] {
        let request = Request::new(PAGE, Backing::Demand);
        machine.allocate(half, request.placement(at(BASE)));
    }
    machine.load(1, Some(second));
    machine.write_on(0, BASE, 1).expect("writable");
    machine.write_on(1, BASE, 2).expect("writable");
    assert_eq!(machine.read_on(0, BASE), Ok(1));
    assert_eq!(machine.read_on(1, BASE), Ok(2));
    machine.load(0, Some(second));
    assert_eq!(machine.read_on(0, BASE), Ok(2));
    machine.check();
}

#[test]
fn a_region_of_one_space_is_none_of_another() {
    let mut machine = Machine::new();
    let second = machine.new_space();
    machine.allocate(
        LOW,
        Request::new(PAGE, Backing::Immediate).placement(at(BASE)),
    );
    machine.write(BASE, 1).expect("writable");
    machine.load(0, Some(second));
    assert_eq!(machine.read(BASE), Err(Refusal::NoRegion));
    machine.load(0, None);
    assert_eq!(machine.read(BASE), Err(Refusal::NoRegion));
}

#[test]
fn a_change_in_the_kernel_half_is_seen_by_all() {
    let mut machine = Machine::new();
    let older = machine.new_space();
    let request = Request::new(3 * BIG, Backing::Demand).placement(at(KERNEL_BASE));
    machine.allocate(KERNEL, request);
    machine.write(KERNEL_BASE, 7).expect("writable");
    let newer = machine.new_space();
    for space in [Some(older), Some(newer), None] {
        machine.load(1, space);
        assert_eq!(machine.read_on(1, KERNEL_BASE), Ok(7));
        assert_eq!(machine.outcome(), None, "mapped for all of them");
    }
    machine.load(1, Some(older));
    machine.write_on(1, KERNEL_BASE + BIG, 8).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.read(KERNEL_BASE + BIG), Ok(8));
    assert_eq!(machine.outcome(), None, "one fault is enough for all");
    machine.free(KERNEL, KERNEL_BASE);
    for processor in 0..2 {
        let read = machine.read_on(processor, KERNEL_BASE);
        assert_eq!(read, Err(Refusal::NoRegion));
    }
}

#[test]
fn a_switch_keeps_global_translations_and_drops_the_others() {
    let mut machine = Machine::new();
    let second = machine.new_space();
    machine.allocate(
        KERNEL,
        Request::new(PAGE, Backing::Demand).placement(at(KERNEL_BASE)),
    );
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(KERNEL_BASE, 1).expect("writable");
    machine.write(BASE, 1).expect("writable");
    machine.load(0, Some(second));
    let processors = machine.processors();
    let kept: Vec<_> = processors.each[0].leaves.keys().collect();
    assert_eq!(kept, [&(1, KERNEL_BASE)]);
}

#[test]
fn destroying_a_space_gives_everything_back() {
    let mut machine = Machine::new();
    let before = machine.counts();
    let blocks = machine.memory.frames(|frames| frames.free_2m_blocks());
    let second = machine.new_space();
    let half = Some(second);
    assert_eq!(machine.counts().tables, before.tables + 1);
    machine.allocate(
        half,
        Request::new(BIG, Backing::Immediate).placement(at(BASE)),
    );
    machine.allocate(half, Request::new(40 * PAGE, Backing::Demand));
    machine.allocate(half, Request::new(PAGE, Backing::Guard));
    let zero = machine.allocate(half, Request::new(9 * PAGE, Backing::Zero));
    machine.load(0, half);
    let zero = zero.base.as_u64();
    machine.read(zero).expect("readable");
    machine.write(zero + PAGE, 1).expect("writable");
    machine.protect(half, BASE + PAGE, PAGE, Rights::Read);
    machine.load(0, None);
    assert_eq!(machine.destroy(second), 512 + 1);
    assert_eq!(machine.counts(), before);
    assert_eq!(
        machine.memory.frames(|frames| frames.free_2m_blocks()),
        blocks
    );
    machine.check();
}

#[test]
fn a_thousand_spaces_come_and_go_without_a_loss() {
    let mut machine = Machine::new();
    let before = machine.counts();
    for round in 0..1000 {
        let space = machine.new_space();
        let request = Request::new(PAGE, Backing::Demand).placement(at(BASE));
        machine.with(Some(space), |space, memory| {
            space.allocate(request, memory).expect("room");
        });
        machine.load(1, Some(space));
        machine.write_on(1, BASE, round as u8).expect("writable");
        machine.load(1, None);
        assert_eq!(machine.destroy(space), 1);
    }
    assert_eq!(machine.counts(), before);
    machine.check();
}

#[test]
fn a_kernel_half_takes_a_root_and_a_table_for_each_slot_for_ever() {
    let machine = Machine::new();
    let before = machine.counts();
    // SAFETY: no other half is used, or loaded, with it.
    let other = unsafe { KernelHalf::new(256..257, &[], &machine.memory) }.expect("frames");
    assert!(other.is_kernel());
    assert_eq!(machine.counts().tables, before.tables + 2);
}

#[test]
fn a_kernel_half_reaches_from_its_first_slot_to_the_last_page_of_its_last() {
    const SLOT: u64 = 1 << 39;
    let machine = Machine::new();
    // SAFETY: no other half is used, or loaded, with it.
    let mut half = unsafe { KernelHalf::new(510..512, &[], &machine.memory) }.expect("frames");
    let mut allocate = |size| {
        let request = Request::new(size, Backing::Guard);
        half.allocate(request, &machine.memory)
            .map(|region| region.base.as_u64())
    };
    let first = 0_u64.wrapping_sub(2 * SLOT);
    assert_eq!(allocate(SLOT), Ok(first));
    assert!(allocate(SLOT).is_err(), "the very last page is nobody's");
    assert_eq!(allocate(SLOT - PAGE), Ok(first + SLOT));
    assert!(allocate(PAGE).is_err());
}

#[test]
fn a_space_without_a_frame_for_its_root_is_refused() {
    let mut machine = Machine::new();
    machine.limit(0);
    assert!(Space::new(&machine.kernel, &machine.memory).is_err());
    machine.limit(1);
    assert!(Space::new(&machine.kernel, &machine.memory).is_ok());
}

#[test]
fn the_slots_of_a_kernel_half_lie_in_the_kernel_half() {
    let mut machine = Machine::new();
    let before = machine.counts();
    for (start, end) in [(255, 257), (300, 300), (511, 513)] {
        // SAFETY: no other half is used, or loaded, with it.
        let made = unsafe { KernelHalf::new(start..end, &[], &machine.memory) };
        let refused = KernelHalfError::NotInKernelHalf { start, end };
        assert_eq!(made.err(), Some(refused));
    }
    let root = machine.kernel.root();
    // SAFETY: the root stays, and nobody edits the slots meanwhile.
    let taken = unsafe { KernelHalf::adopt(root, 509..511, &machine.memory) };
    assert_eq!(taken.err(), Some(KernelHalfError::SlotTaken { slot: 510 }));
    for left in 0..3 {
        machine.limit(left);
        // SAFETY: no other half is used, or loaded, with it.
        let made = unsafe { KernelHalf::new(256..258, &[], &machine.memory) };
        let shortage = Shortage {
            needed: 3,
            available: left,
        };
        let refused = KernelHalfError::OutOfFrames(shortage);
        assert_eq!(made.err(), Some(refused));
    }
    let after = faultline_memory::frames::Counts {
        limit: None,
        ..machine.counts()
    };
    assert_eq!(after, before);
}
