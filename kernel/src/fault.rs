//! From a page fault to its answer.
//!
//! The stub in [`cpu::entry`](crate::cpu::entry) calls [`page_fault`] with
//! interrupts off and a frame it may change. An answer of `Resolved` goes back
//! to the instruction that faulted; `Refused` goes on to
//! [`report`](crate::report), with every register as it was.

use crate::cpu::exception::{ExceptionFrame, PageFaultFrame};
use core::fmt;
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

/// What the stub does after [`page_fault`]; it looks at the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// Back to the instruction named by the frame.
    Resolved = 0,
    /// On to the report, which does not return.
    Refused = 1,
}

/// What an instruction tried to do with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Fetch an instruction.
    Fetch,
}

/// A page fault as the processor told it (Intel SDM vol. 3A, 4.7 and 6.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageFault {
    /// The address that was accessed (CR2).
    pub address: VirtAddr,
    /// What the access was and why there was no translation for it.
    pub code: PageFaultErrorCode,
    /// The instruction that made the access.
    pub instruction: VirtAddr,
}

impl PageFault {
    /// The fault behind the frame of a report.
    #[must_use]
    pub fn from_frame(frame: &ExceptionFrame) -> Self {
        Self {
            address: VirtAddr::new_truncate(frame.cr2),
            code: PageFaultErrorCode::from_bits_retain(frame.error_code),
            instruction: VirtAddr::new_truncate(frame.rip),
        }
    }

    /// What was tried.
    #[must_use]
    pub fn access(&self) -> Access {
        if self.code.contains(PageFaultErrorCode::INSTRUCTION_FETCH) {
            Access::Fetch
        } else if self.code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) {
            Access::Write
        } else {
            Access::Read
        }
    }
}

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let has = |flag| self.code.contains(flag);
        let tried = match self.access() {
            Access::Read => "read from",
            Access::Write => "write to",
            Access::Fetch => "instruction fetch from",
        };
        let mode = if has(PageFaultErrorCode::USER_MODE) {
            "user"
        } else {
            "supervisor"
        };
        let cause = if has(PageFaultErrorCode::MALFORMED_TABLE) {
            "a reserved bit is set in its translation"
        } else if has(PageFaultErrorCode::PROTECTION_KEY) {
            "its protection key forbids it"
        } else if has(PageFaultErrorCode::PROTECTION_VIOLATION) {
            "the page is present, but not for that"
        } else {
            "the page is not present"
        };
        write!(
            f,
            "{tried} {:#x} in {mode} mode: {cause} (error code {:#x})",
            self.address,
            self.code.bits()
        )
    }
}

/// Where the stub of the page-fault exception arrives, on the stack that faulted.
///
/// No region is known yet, so that every fault is refused.
pub extern "sysv64" fn page_fault(_frame: &mut PageFaultFrame) -> Answer {
    Answer::Refused
}
