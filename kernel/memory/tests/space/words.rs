//! What people read of a fault: what was tried, by whom, why the tables did not
//! serve, and what became of it.

use faultline_memory::{Access, Fault, Outcome, Refusal};
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode as Code;

fn fault(code: Code) -> Fault {
    Fault {
        address: VirtAddr::new(0x1_0010),
        code,
        instruction: VirtAddr::zero(),
    }
}

#[test]
fn a_fault_says_what_was_tried_by_whom_and_why_it_failed() {
    let cases = [
        (
            Code::empty(),
            "read of 0x10010 by the kernel, the page is absent",
        ),
        (
            Code::CAUSED_BY_WRITE | Code::PROTECTION_VIOLATION,
            "write to 0x10010 by the kernel, the page is present, but does not allow it",
        ),
        (
            Code::INSTRUCTION_FETCH | Code::USER_MODE,
            "instruction fetch from 0x10010 by user mode, the page is absent",
        ),
        (
            Code::USER_MODE | Code::PROTECTION_VIOLATION | Code::MALFORMED_TABLE,
            "read of 0x10010 by user mode, a reserved bit is set in its translation",
        ),
    ];
    for (code, words) in cases {
        assert_eq!(fault(code).to_string(), words);
        assert_eq!(fault(code).is_user(), code.contains(Code::USER_MODE));
    }
}

#[test]
fn an_access_is_one_word() {
    let words = [Access::Read, Access::Write, Access::Execute].map(|access| access.to_string());
    assert_eq!(words, ["read", "write", "fetch"]);
}

#[test]
fn every_outcome_says_what_was_done_or_why_nothing_was() {
    let words = [
        "a zeroed frame mapped",
        "the shared zero frame mapped",
        "a zeroed frame mapped on first write",
        "the zero frame replaced by a private one",
        "a shared frame replaced by a copy of it",
        "a frame taken over by its last owner",
        "a page of an object mapped",
        "a zeroed frame mapped as a page of shared memory",
        "a copy of an object's page mapped",
        "nothing to do, the page was mapped already",
        "waits for a page to be read",
        "no region holds the address",
        "the null page: address 0 and the 4095 after it are never mapped",
        "a guard page, which refuses every access",
        "the region does not allow this read",
        "the region does not allow writing",
        "the region does not allow executing",
        "a fixed region with nothing mapped here",
        "past the end of the object that is mapped here",
        "a reserved bit is set in a page-table entry",
        "too few frames",
    ];
    assert_eq!(Outcome::ALL.map(|outcome| outcome.to_string()), words);
    let refusal = Refusal::Protection(Access::Write).to_string();
    assert_eq!(refusal, "the region does not allow writing");
}
