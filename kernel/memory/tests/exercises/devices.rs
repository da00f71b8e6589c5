//! Chapter 11: `memory` in your kernel.

use faultline_memory::paging::Cache;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::Machine;
use crate::common::operations::{KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// Exercise 1. A device's frame is borrowed: counted while it is mapped, and never among those of the allocator.
#[test]
fn a_devices_frame_is_borrowed_and_in_no_total() {
    let mut machine = Machine::new();
    let total = machine.counts().total;
    assert_eq!(machine.memory.borrowed(), 0);
    let backing = Backing::Device(machine.device(), Cache::Uncached);
    let region = machine.allocate(KERNEL, Request::new(PAGE, backing));
    assert_eq!(machine.memory.borrowed(), 1);
    assert_eq!(machine.counts().total, total);
    assert_eq!(machine.counts().private, 0);
    machine.free(KERNEL, region.base.as_u64());
    assert_eq!(machine.memory.borrowed(), 0);
}

/// Exercise 2. The bytes of a program are written through the direct map into a space that is not loaded; the pages
/// become physical by it, as by a fault.
#[test]
fn a_program_is_written_from_outside_and_executed_inside() {
    let mut machine = Machine::new();
    let other = machine.new_space();
    let code = vec![0x90; 6000];
    machine.allocate(
        Some(other),
        Request::new(2 * PAGE, Backing::Demand).placement(at(BASE)),
    );
    let written = machine.with(Some(other), |space, memory| {
        space.write(VirtAddr::new(BASE), &code, memory)
    });
    assert_eq!(written, Ok(()));
    assert_eq!(machine.counts().private, 2);
    machine.protect(Some(other), BASE, 2 * PAGE, Rights::ReadExecute);
    assert_eq!(machine.fetch(BASE), Err(Refusal::NoRegion), "of this space");
    machine.load(0, Some(other));
    assert_eq!(machine.fetch(BASE), Ok(0x90));
    assert_eq!(machine.fetch(BASE + 5999), Ok(0x90));
    let refused = Refusal::Protection(Access::Write);
    assert_eq!(machine.write(BASE, 0xcc), Err(refused));
    machine.load(0, LOW);
}
