//! Solution of exercise 4a: the error code in words.

use x86_64::structures::idt::PageFaultErrorCode;

/// What was tried, by whom, and why it failed.
pub fn access(code: PageFaultErrorCode) -> [&'static str; 3] {
    let what = if code.contains(PageFaultErrorCode::INSTRUCTION_FETCH) {
        "an instruction fetch" // bit 1 is 0 then, and would say "a read"
    } else if code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) {
        "a write"
    } else {
        "a read"
    };
    let user = code.contains(PageFaultErrorCode::USER_MODE);
    let why = if code.contains(PageFaultErrorCode::MALFORMED_TABLE) {
        "a reserved bit is 1" // bit 0 is 1 then, and would blame the rights
    } else if code.contains(PageFaultErrorCode::PROTECTION_VIOLATION) {
        "the entry does not allow it"
    } else {
        "the page is not present"
    };
    [what, if user { "by ring 3" } else { "by the kernel" }, why]
}
