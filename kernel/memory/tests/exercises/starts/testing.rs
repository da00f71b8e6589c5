//! Exercises 1 and 3 of chapter 9: a flush that comes late, and a frame that is lost.
//!
//! `a_flush_comes_late` (medium): both processors have read a page of zeroes, and the
//! library writes a 1 there; the flush that it asks for is ignored. Make the processors
//! read the 1, without another write.
//!
//! `a_lost_frame_is_missed` (hard): damage a table by hand, so that the audit misses a frame.
//! `places[3]` is where the level 1 entry of the page lies in physical memory, `places[2]`
//! the one above it, which counts the entries in use from bit 53 on;
//! `machine.bytes.entry(place)` is such an entry, as an `AtomicU64`.
//!
//! Tests: `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored a_flush_comes_late`
//! and the same with `a_lost_frame_is_missed`.
//!
//! Hint for the first: `machine.processors()` can be told to flush, as the library tells it.

use faultline_memory::space::Backing;
use x86_64::VirtAddr;

use super::{BASE, audited, entries, machine_with};
use crate::common::operations::{LOW, PAGE};

pub(crate) fn a_flush_comes_late() {
    let mut machine = machine_with(Backing::Zero);
    for processor in 0..2 {
        assert_eq!(machine.read_on(processor, BASE), Ok(0));
    }
    machine.processors().ignored = 1;
    let wrote = machine.with(LOW, |space, memory| {
        space.write(VirtAddr::new(BASE), &[1], memory)
    });
    assert_eq!(wrote, Ok(()));
    assert_eq!(audited(&machine), Ok(()), "the audit notices nothing");
    let read = (machine.read(BASE), machine.read_on(1, BASE));
    assert_eq!(read, (Ok(1), Ok(1)), "what the processors read");
}

pub(crate) fn a_lost_frame_is_missed() {
    let mut machine = machine_with(Backing::Demand);
    for page in 0..3 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    let places = entries(&mut machine, BASE);
    assert_eq!(places.len(), 4);
    let broken = audited(&machine).expect_err("the audit finds nothing broken");
    assert_eq!(broken.invariant(), 1);
}
