//! Exercise 4a ★: the error code in words.
//!
//! Step 4 reads three bits of a page fault's error code. There are five (Intel SDM
//! volume 3, section 4.7):
//!
//! | bit | 0 | 1 |
//! |---|---|---|
//! | 0 | the page is not present | the page is present |
//! | 1 | a read | a write |
//! | 2 | by the kernel | by ring 3 |
//! | 3 | | a reserved bit of an entry is 1 |
//! | 4 | a read or write of data | an instruction fetch |
//!
//! Say what was tried, by whom, and why it failed. The words are those of the table
//! below and `"an instruction fetch"`, `"by ring 3"`, `"a reserved bit is 1"`.
//!
//! Hint: a fetch has bit 1 = 0, and a reserved bit comes with bit 0 = 1. So look for
//! the more special bit first.

use x86_64::structures::idt::PageFaultErrorCode;

/// What was tried, by whom, and why it failed.
pub fn access(code: PageFaultErrorCode) -> [&'static str; 3] {
    let present = code.contains(PageFaultErrorCode::PROTECTION_VIOLATION);
    let write = code.contains(PageFaultErrorCode::CAUSED_BY_WRITE);
    let what = if write { "a write" } else { "a read" };
    let why = if present { "the entry does not allow it" } else { "the page is not present" };
    [what, "by the kernel", why]
}
