//! The report of an exception that nobody can resolve, and the end after it.
//!
//! It takes no memory and waits for no lock. Breakpoints are the one exception
//! that is reported and returned from. Any other ends the machine as a refused
//! fault, unless a test said beforehand that it expects it (see
//! [`testing::expect_report`](crate::testing::expect_report)). An exception
//! inside a report is told in two lines, with both instructions, and ends it.

use crate::cpu::exception::{ExceptionFrame, Vector};
use crate::cpu::exit::{ExitStatus, exit};
use crate::fault::{self, Reason, Whereabouts};
use crate::stack::{self, Stack};
use crate::{console, println};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use spin::Once;
use x86_64::VirtAddr;

/// An exception, and what it turned out to be.
#[derive(Debug)]
pub struct Report<'a> {
    /// The exception and the registers at it.
    pub frame: &'a ExceptionFrame,
    /// Why the fault was refused, for a page fault.
    pub reason: Option<Reason>,
    /// The stack that overflowed, for a double fault by a touch of its guard.
    pub overflowed: Option<Stack>,
}

/// Decides with which status the machine ends after a report.
pub type Ending = fn(&Report) -> ExitStatus;

static ENDING: Once<Ending> = Once::new();
static REPORTING: AtomicBool = AtomicBool::new(false);
static FIRST_INSTRUCTION: AtomicU64 = AtomicU64::new(0);

/// Lets `ending` choose the exit status after a report; only the first call counts.
pub fn set_ending(ending: Ending) {
    ENDING.call_once(|| ending);
}

/// Where the stubs of [`cpu::entry`](crate::cpu::entry) arrive with every exception.
///
/// Returns for a breakpoint only; for all others it reports and ends the machine.
pub extern "sysv64" fn exception(frame: &mut ExceptionFrame) {
    if frame.vector() == Vector::BREAKPOINT {
        log::info!("{} at {:#x}", frame.vector(), frame.rip);
        return;
    }
    // SAFETY: From here on this function does not return, so whoever held the
    // console never runs again, and no second processor is running.
    unsafe { console::seize() };
    if REPORTING.swap(true, Ordering::Relaxed) {
        println!(
            "{} at {:#x}, inside the report of an exception at {:#x}",
            frame.vector(),
            frame.rip,
            FIRST_INSTRUCTION.load(Ordering::Relaxed)
        );
        exit(ExitStatus::RefusedFault)
    }
    FIRST_INSTRUCTION.store(frame.rip, Ordering::Relaxed);

    let report = Report {
        frame,
        reason: reason(frame),
        overflowed: overflowed(frame),
    };
    print(&report);
    let ending = ENDING
        .get()
        .copied()
        .unwrap_or(|_| ExitStatus::RefusedFault);
    exit(ending(&report))
}

/// Why a page fault was refused.
fn reason(frame: &ExceptionFrame) -> Option<Reason> {
    (frame.vector() == Vector::PAGE_FAULT)
        .then(|| fault::reason_of(&fault::of_frame(frame)))
        .flatten()
}

/// The stack whose end a double fault is, by the address that could not be pushed to.
fn overflowed(frame: &ExceptionFrame) -> Option<Stack> {
    if frame.vector() != Vector::DOUBLE_FAULT {
        return None;
    }
    stack::overflowed_by(VirtAddr::new_truncate(frame.cr2))
}

fn print(report: &Report) {
    let frame = report.frame;
    let vector = frame.vector();
    println!("\n{vector} at {:#x}", frame.rip);
    if vector == Vector::PAGE_FAULT {
        let fault = fault::of_frame(frame);
        println!("  refused: {fault} (error code {:#x})", frame.error_code);
        if let Some(reason) = report.reason {
            println!("  because: {reason}");
        }
        if let Some(place) = Whereabouts::of(fault.address) {
            println!("  address: {place}");
        }
    } else if let Some(code) = frame.error_code_in_words() {
        println!("  error code {:#x}: {code}", frame.error_code);
    }
    if let Some(stack) = report.overflowed {
        println!(
            "  stack overflow of {}: {:#x} is in its guard page, {} bytes below its end at {:#x}",
            stack.name,
            frame.cr2,
            stack.bottom.as_u64() - frame.cr2,
            stack.bottom
        );
    }
    println!("{frame}");
}
