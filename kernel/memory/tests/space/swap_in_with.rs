//! A page that comes back in a frame that was read while nobody held its space.

use faultline_memory::Slot;
use faultline_memory::frames::{Frame, FrameKind};
use faultline_memory::space::Hand;
use x86_64::VirtAddr;

use super::evict::{BASE, byte_of, evict_all, written};
use crate::common::evict::First;
use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE};

/// A frame into which the slot of a page was read.
fn read_ahead(machine: &mut Machine, address: u64) -> (Slot, Frame) {
    let slot = machine.space(0).wanted_slot(VirtAddr::new(address));
    let slot = slot.expect("the page is in a slot");
    let frame = machine.memory.allocate_frame(FrameKind::Kernel);
    let frame: Frame = frame.expect("a frame");
    let mut bytes = [0; PAGE as usize];
    machine.disk.read(slot, &mut bytes).expect("readable");
    let start = frame.start().as_u64();
    for (address, byte) in (start..).zip(bytes) {
        machine.bytes.write(address, byte);
    }
    (slot, frame)
}

fn swap_in_with(
    machine: &mut Machine,
    address: u64,
    slot: Slot,
    frame: Frame,
) -> Result<(), Frame> {
    let space = machine.spaces[0].as_mut().expect("it exists");
    let back = space.swap_in_with(VirtAddr::new(address), slot, frame, &machine.memory);
    if back.is_ok() {
        machine.check();
    }
    back
}

#[test]
fn a_page_comes_back_in_the_frame_that_was_read_and_keeps_its_slot() {
    let mut machine = written(2, 8);
    assert_eq!(evict_all(&mut machine, 0), 2);
    let (slot, frame) = read_ahead(&mut machine, BASE + PAGE);
    let start = frame.start();
    assert_eq!(
        swap_in_with(&mut machine, BASE + PAGE + 5, slot, frame),
        Ok(())
    );
    assert_eq!(
        machine.half(LOW).translate(VirtAddr::new(BASE + PAGE)),
        Some(start)
    );
    let (before, writes) = (machine.counts(), machine.disk.writes);
    assert_eq!(
        (before.private, before.kernel),
        (1, 1),
        "the record's frame"
    );
    assert_eq!(machine.read(BASE + PAGE), Ok(byte_of(1)));
    assert_eq!(machine.outcomes, [], "it took no fault");
    let mut hand = Hand::default();
    let saved = machine.try_evict(0, &mut hand, &mut First);
    assert_eq!(saved, Ok(faultline_memory::space::Eviction::Saved(slot)));
    assert_eq!(machine.disk.writes, writes, "it was not written");
}

#[test]
fn a_frame_comes_back_if_the_page_is_not_in_that_slot_any_more() {
    let mut machine = written(2, 8);
    assert_eq!(evict_all(&mut machine, 0), 2);
    let (slot, mut frame) = read_ahead(&mut machine, BASE);
    for address in [BASE + PAGE, BASE - PAGE, 0, u64::from(u32::MAX) << 12] {
        frame = swap_in_with(&mut machine, address, slot, frame).expect_err("another page");
    }
    machine.memory.free_frame(frame);
    machine.check();
    let (slot, frame) = read_ahead(&mut machine, BASE);
    machine.try_swap_in(0, BASE).expect("readable");
    let frame = swap_in_with(&mut machine, BASE, slot, frame).expect_err("it is back");
    machine.memory.free_frame(frame);
    assert_eq!(machine.read(BASE), Ok(byte_of(0)));
    machine.discard(LOW, BASE, 2 * PAGE);
    assert_eq!(machine.memory.slots().used, 0);
    let frame = machine.memory.allocate_frame(FrameKind::Private);
    let frame = frame.expect("a frame");
    let frame = swap_in_with(&mut machine, BASE, slot, frame).expect_err("it is gone");
    machine.memory.free_frame(frame);
    assert_eq!(machine.read(BASE), Ok(0));
}
