//! Chapter 6: the page fault.

use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Fault, Outcome};
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode as Code;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// Exercise 1: an error code in words.
fn in_words(code: u64) -> (Access, bool, bool) {
    let fault = Fault {
        address: VirtAddr::zero(),
        code: Code::from_bits_retain(code),
        instruction: VirtAddr::zero(),
    };
    let present = fault.code.contains(Code::PROTECTION_VIOLATION);
    (fault.access(), present, fault.is_user())
}

#[test]
fn error_codes_are_read_bit_by_bit() {
    assert_eq!(in_words(0x0), (Access::Read, false, false));
    assert_eq!(in_words(0x2), (Access::Write, false, false));
    assert_eq!(in_words(0x3), (Access::Write, true, false));
    assert_eq!(in_words(0x6), (Access::Write, false, true));
    assert_eq!(in_words(0x11), (Access::Execute, true, false));
}

/// Exercise 2. Of the four resolved outcomes one changes a present entry, and it alone flushes: one page.
#[test]
fn only_the_private_copy_flushes() {
    let mut machine = Machine::new();
    machine.allocate(
        LOW,
        Request::new(2 * PAGE, Backing::Demand).placement(at(BASE)),
    );
    machine.allocate(
        LOW,
        Request::new(2 * PAGE, Backing::Zero).placement(at(BASE + 2 * PAGE)),
    );
    let mut flushes = |page: u64, access: Access, expected: Outcome| {
        machine.processors().flushed.clear();
        machine
            .access(0, BASE + page * PAGE, access, false)
            .expect("allowed");
        assert_eq!(machine.outcome(), Some(expected));
        machine.processors().flushed.len()
    };
    assert_eq!(flushes(0, Access::Write, Outcome::Demand), 0);
    assert_eq!(flushes(2, Access::Read, Outcome::ZeroRead), 0);
    assert_eq!(flushes(3, Access::Write, Outcome::ZeroWrite), 0);
    assert_eq!(flushes(2, Access::Write, Outcome::PrivateCopy), 1);
}

/// Exercise 3. Rights are taken away in the tables by a kernel whose flush does nothing, and the processor goes on writing.
#[test]
fn without_the_flush_a_page_is_written_that_may_only_be_read() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(BASE, 1).expect("writable so far");
    machine.processors().flushed.clear();
    machine.processors().ignored = usize::MAX;
    let protected = machine.with(LOW, |space, memory| {
        space.protect(VirtAddr::new(BASE), PAGE, Rights::Read, memory)
    });
    assert_eq!(protected, Ok(()));
    assert_eq!(machine.processors().flushed.len(), 1, "it was asked");
    assert_eq!(
        machine.write(BASE, 2),
        Ok(()),
        "and the old translation serves"
    );
    assert!(machine.processors().stale().is_some(), "which is noticed");
}
