//! The report of an exception that nobody can resolve, and the end after it.
//!
//! It takes no memory and waits for no lock. Breakpoints are logged and returned
//! from, and a refused access that has a landing goes on there. Anything else
//! ends the machine as a refused fault, unless it was a program's
//! (see [`program`]), or a test announced it (see
//! [`testing::expect_report`](crate::testing::expect_report)). An exception
//! inside a report is described briefly, with the registers of both, and ends the
//! machine; one inside that ends it silently.
//!
//! | file | is |
//! |---|---|
//! | `kind` | what it was, by name |
//! | `words` | error codes, the walk through the tables, columns |
//! | `instruction` | the instruction decoded, and the addresses it asked for |
//! | `backtrace` | the calls that led there |
//!
//! In the book: chapter 8, `docs/08-protection-and-reports.md`.

pub mod backtrace;
mod instruction;
mod kind;
mod words;

pub use kind::Kind;

use crate::cpu::access;
use crate::cpu::exception::ExceptionContext;
use crate::cpu::features;
use crate::cpu::vector::Vector;
use crate::exit::{ExitStatus, exit};
use crate::fault::{self, Named, Reason};
use crate::stack::{self, Stack};
use crate::{console, print, println, spaces};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use instruction::{Instruction, NonCanonicalRegisters};
use memory::words::Count;
use spin::Once;
use words::{ErrorCode, Fact};
use x86_64::VirtAddr;

/// An exception, and what it turned out to be.
#[derive(Debug)]
pub struct Report<'a> {
    /// The exception and the registers at it.
    pub context: &'a ExceptionContext,
    /// What it was, by name.
    pub kind: Kind,
    /// Why the fault was refused, for a page fault.
    pub reason: Option<Reason>,
    /// The stack that overflowed, for a double fault by a touch of its guard.
    pub overflowed: Option<Stack>,
    /// The address that the instruction asked for and that is not canonical,
    /// for #GP and #SS.
    pub non_canonical: Option<u64>,
}

/// Decides with which status the machine ends after a report.
pub type Ending = fn(&Report) -> ExitStatus;

static ENDING: Once<Ending> = Once::new();

/// Regions of a program that are printed; it may have thousands.
const MOST_REGIONS: usize = 32;

/// Exceptions that are being reported: the second came inside the report of the first.
static DEPTH: AtomicU32 = AtomicU32::new(0);
static FIRST: Once<ExceptionContext> = Once::new();

/// Lets `ending` choose the exit status after a report; only the first call counts.
pub fn set_ending(ending: Ending) {
    ENDING.call_once(|| ending);
}

/// The exception that is being reported, if one is.
#[must_use]
pub fn under_way() -> Option<&'static ExceptionContext> {
    FIRST.get()
}

/// Where the stubs of [`cpu::entry`](crate::cpu::entry) arrive with every exception.
///
/// Returns for a breakpoint, and for an access that may be refused (see
/// [`access`]); for all others it reports and ends the machine.
pub(crate) fn exception(context: &mut ExceptionContext) {
    if context.vector() == Vector::BREAKPOINT {
        log::info!("{} at {:#x}", context.vector(), context.rip);
        return;
    }
    if access::recover(context) {
        return;
    }
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth < 2 {
        // SAFETY: From here on this function does not return, so whoever held the
        // console never runs again, and no second processor is running.
        unsafe { console::seize() };
    }
    match depth {
        0 => {
            FIRST.call_once(|| *context);
            let report = Report::of(context);
            println!();
            print(&report);
            println!("  backtrace:");
            backtrace::print(report.context.into());
            let ending = ENDING
                .get()
                .copied()
                .unwrap_or(|_| ExitStatus::RefusedFault);
            exit(ending(&report))
        }
        1 => print_inner(context),
        _ => {}
    }
    exit(ExitStatus::RefusedFault)
}

/// Reports what made the program in this file end, with its own registers, calls
/// and regions. Called while its space is loaded; returns.
pub fn program(context: &ExceptionContext, name: fmt::Arguments<'_>, file: &str) {
    print!("\n{name}: ");
    print(&Report::of(context));
    println!("  backtrace:");
    backtrace::print_program(context, file);
    println!("  regions:");
    spaces::current(|space, _| {
        space
            .regions()
            .take(MOST_REGIONS)
            .for_each(|region| println!("    {}", Named(region)));
    });
}

impl<'a> Report<'a> {
    fn of(context: &'a ExceptionContext) -> Self {
        let vector = context.vector();
        let reason = (vector == Vector::PAGE_FAULT)
            .then(|| fault::reason_of(&context.fault()))
            .flatten();
        let overflowed = (vector == Vector::DOUBLE_FAULT)
            .then(|| stack::overflowed_by(VirtAddr::new_truncate(context.cr2)))
            .flatten();
        let non_canonical = vector
            .may_be_non_canonical()
            .then(|| Instruction::at(context)?.non_canonical())
            .flatten();
        Self {
            context,
            kind: Kind::of(context, reason, overflowed, non_canonical),
            reason,
            overflowed,
            non_canonical,
        }
    }
}

fn print(report: &Report) {
    let context = report.context;
    println!("{}{}", context.vector(), report.kind);
    print_instruction(context);
    if context.vector() == Vector::PAGE_FAULT {
        print_page_fault(report);
    } else if let Some(code) = context.error_code_in_words() {
        println!(
            "{}",
            Fact(
                "error code:",
                format_args!("{:#x}: {code}", context.error_code)
            )
        );
    }
    if let Some(address) = report.non_canonical {
        let why = "bits 48 to 63 do not repeat bit 47";
        println!(
            "{}",
            Fact("address:", format_args!("{address:#018x}: {why}"))
        );
    } else if context.vector().may_be_non_canonical() {
        println!("{}", Fact("not canonical:", NonCanonicalRegisters(context)));
    }
    if let Some(stack) = report.overflowed {
        let below = Count(stack.bottom().as_u64() - context.cr2, "byte");
        println!(
            "{}",
            Fact(
                "address:",
                format_args!(
                    "{:#018x}: in the guard page, {below} below the end of {} at {:#018x}",
                    context.cr2,
                    stack.name(),
                    stack.bottom()
                )
            )
        );
        print_walk(VirtAddr::new_truncate(context.cr2));
    } else if context.vector() == Vector::DOUBLE_FAULT {
        let what = "where a push to the stack faulted, if that was the cause";
        println!(
            "{}",
            Fact("address:", format_args!("{:#018x}: {what}", context.cr2))
        );
    }
    println!("{}", Fact("registers:", context));
}

/// The part of a report that only a page fault has.
fn print_page_fault(report: &Report) {
    let context = report.context;
    let fault = context.fault();
    println!("{}", Fact("tried:", fault));
    println!("{}", Fact("error code:", ErrorCode(context.error_code)));
    if let Some(reason) = report.reason {
        println!("{}", Fact("refused:", reason));
    }
    if report.kind == Kind::OutOfFrames
        && let Some(counts) = spaces::try_memory(|memory| memory.counts())
    {
        let (total, free, available) = (counts.total, counts.free, counts.available());
        println!(
            "{}",
            Fact(
                "frames:",
                format_args!("total={total} free={free}, of which {available} may be handed out")
            )
        );
        if let Some(shortage) = fault::shortage_of(&fault) {
            let needed = Count(shortage.needed, "frame");
            println!("{}", Fact("needed:", needed));
        }
    }
    match fault::whereabouts(fault.address) {
        Some(place) => println!("{}", Fact("address:", place)),
        None => println!("{}", Fact("address:", "its regions are locked")),
    }
    print_walk(fault.address);
    if report.kind == Kind::UserPage {
        let what = "SMAP and SMEP keep the kernel from pages of user programs";
        println!("{}", Fact("forbidden:", what));
    }
    if report.kind == Kind::ReservedBit {
        let bits = features::detect().physical_bits;
        let what = format_args!(
            "physical addresses have {bits} bits here, and an entry's bits from there to 51 are reserved"
        );
        println!("{}", Fact("reserved:", what));
    }
    if let Some((other, context)) = report.reason.and_then(fault::other_context) {
        println!("{}", Fact(other, context.fault));
        println!("{}", Fact("", context));
    }
}

fn print_walk(address: VirtAddr) {
    match words::walk(address) {
        Some(walk) => println!("{}", Fact("walk:", walk)),
        None => println!("{}", Fact("walk:", "the boot loader's tables are loaded")),
    }
}

fn print_instruction(context: &ExceptionContext) {
    let rip = context.rip;
    match Instruction::at(context) {
        Some(text) => println!(
            "{}",
            Fact("instruction:", format_args!("{rip:#018x} {text}"))
        ),
        None => println!("{}", Fact("instruction:", format_args!("{rip:#018x}"))),
    }
}

/// Prints an exception inside a report, with the registers of both.
fn print_inner(context: &ExceptionContext) {
    let vector = context.vector();
    println!("\n{vector}, inside the report of another exception");
    print_instruction(context);
    if vector == Vector::PAGE_FAULT {
        println!("{}", Fact("tried:", context.fault()));
        println!("{}", Fact("error code:", ErrorCode(context.error_code)));
    }
    println!("{}", Fact("registers:", context));
    if let Some(first) = FIRST.get() {
        let vector = first.vector();
        let rip = first.rip;
        println!(
            "{}",
            Fact("the other:", format_args!("{vector} at {rip:#018x}"))
        );
        println!("{}", Fact("", first));
    }
    println!("  backtrace:");
    backtrace::print(context.into());
}
