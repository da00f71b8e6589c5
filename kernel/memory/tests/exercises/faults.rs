//! Chapter 6: the page fault.

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Fault, Outcome};
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode as Code;

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::common::processors::Flushed;

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

/// Pages that the fault of an access to page `page` of the region of zeros, or of that on demand behind it, has flushed.
fn flushed(machine: &mut Machine, page: u64, access: Access, expected: Outcome) -> usize {
    machine.processors().flushed.clear();
    machine
        .access(0, BASE + page * PAGE, access, false)
        .expect("allowed");
    assert_eq!(machine.outcome(), Some(expected));
    let processors = machine.processors();
    let pages = processors.flushed.iter().map(|flush| match flush {
        Flushed::Pages(_, pages) => pages.len(),
        Flushed::Everything(..) => usize::MAX,
    });
    pages.sum()
}

/// Exercise 2. In small pages three of the six resolved outcomes change a present entry, and they alone flush: one page.
#[test]
fn in_small_pages_only_copies_and_take_overs_flush() {
    let mut machine = Machine::new();
    let zeros = Request::new(2 * PAGE, Backing::Zero).placement(at(BASE));
    let demand = Request::new(2 * PAGE, Backing::Demand).placement(at(BASE + 2 * PAGE));
    machine.allocate(LOW, zeros);
    machine.allocate(LOW, demand);
    let mut flushes = |page, access, expected| flushed(&mut machine, page, access, expected);
    assert_eq!(flushes(2, Access::Write, Outcome::Demand), 0);
    assert_eq!(flushes(0, Access::Read, Outcome::ZeroRead), 0);
    assert_eq!(flushes(1, Access::Write, Outcome::ZeroWrite), 0);
    assert_eq!(flushes(0, Access::Write, Outcome::PrivateCopy), 1);
    let child = machine.fork(0);
    let mut flushes = |page, access, expected| flushed(&mut machine, page, access, expected);
    assert_eq!(flushes(0, Access::Write, Outcome::SharedCopy), 1);
    machine.load(1, LOW);
    machine.destroy(child);
    let mut flushes = |page, access, expected| flushed(&mut machine, page, access, expected);
    assert_eq!(flushes(1, Access::Write, Outcome::TakenOver), 1);
}

/// Exercise 2, in a region of large pages. The first write to a block takes the place of all zero pages that were read there
/// and flushes each, and an address for their table; also where the page that is written was not one of them.
#[test]
fn in_large_pages_the_first_write_flushes_all_zero_pages_of_its_block() {
    let block = LeafSize::Size2MiB.bytes();
    for (page, outcome) in [(1, Outcome::PrivateCopy), (9, Outcome::ZeroWrite)] {
        let mut machine = Machine::new();
        let request = Request::new(block, Backing::Zero).page_size(LeafSize::Size2MiB);
        machine.allocate(LOW, request.placement(at(BASE)));
        for read in 0..3 {
            assert_eq!(
                flushed(&mut machine, read, Access::Read, Outcome::ZeroRead),
                0
            );
        }
        assert_eq!(flushed(&mut machine, page, Access::Write, outcome), 3 + 1);
        assert_eq!(machine.counts().private, block / PAGE);
    }
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
