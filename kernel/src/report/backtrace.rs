//! Backtraces by frame pointers, printed as addresses that the runner names.
//!
//! ```text
//!   rbp ──> [ caller's rbp ][ return address ]      higher addresses, always
//!                │
//!                └────────> [ its caller's ][ return address ] ...
//! ```
//!
//! What must always hold: nothing is read that does not lie within a known
//! stack, so a backtrace never faults, whatever RBP holds (a program's stack is
//! read by accesses that may be refused); and every step leads up, so that it ends. A line is `  #N 0x` and 16 digits, and ` in ` with the name
//! of a file if it is a program's: number 0 is the instruction itself, all others are
//! the addresses that calls return to.

use core::arch::asm;

use memory::space::Rights;
use x86_64::VirtAddr;

use crate::cpu::access::read_program;
use crate::cpu::entry::Interrupted;
use crate::cpu::exception::{ExceptionContext, PageFaultContext};
use crate::layout::IMAGE;
use crate::stack::{self, Stack};
use crate::{image, println, spaces};

/// Calls that are printed; a recursion has thousands.
const MOST: u64 = 24;

/// How often a backtrace goes on beyond an exception.
const MOST_INTERRUPTED: u32 = 4;

/// Where a backtrace starts.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// The instruction.
    pub rip: u64,
    /// The stack pointer at it.
    pub rsp: u64,
    /// The frame pointer at it.
    pub rbp: u64,
}

impl From<&ExceptionContext> for Start {
    /// Of a program in ring 3 the instruction is all there is: its stack is none
    /// of the kernel's, and its frame pointer may hold anything.
    fn from(context: &ExceptionContext) -> Self {
        if context.is_programs() {
            return Self::program(context.rip);
        }
        Self {
            rip: context.rip,
            rsp: context.rsp,
            rbp: context.rbp,
        }
    }
}

impl Start {
    /// An instruction of a program, of whose calls nothing is known.
    const fn program(rip: u64) -> Self {
        Self {
            rip,
            rsp: 0,
            rbp: 0,
        }
    }

    /// This very place, in the function that asks.
    #[inline(always)]
    #[must_use]
    pub fn here() -> Self {
        let (rip, rsp, rbp): (u64, u64, u64);
        // SAFETY: three registers are copied, and nothing else happens.
        unsafe {
            asm!(
                "lea {rip}, [rip]",
                "mov {rsp}, rsp",
                "mov {rbp}, rbp",
                rip = out(reg) rip,
                rsp = out(reg) rsp,
                rbp = out(reg) rbp,
                options(nomem, nostack, preserves_flags)
            );
        }
        Self { rip, rsp, rbp }
    }
}

/// Prints the instruction at `start` and the calls that led there, and, where
/// an exception interrupted something, what that was.
pub fn print(start: Start) {
    let mut next = Some(start);
    for _ in 0..MOST_INTERRUPTED {
        let Some(start) = next else { return };
        next = print_calls(start);
        if next.is_some() {
            println!("  where an exception interrupted:");
        }
    }
}

/// Prints the instruction of a program and, as far as its frame pointers tell, the
/// calls that led there, each with the name of its file. Its space is loaded; its
/// stack is read as it reads it itself.
pub fn print_program(context: &ExceptionContext, file: &str) {
    println!("  #0 {:#018x} in {file}", context.rip);
    let mut rbp = context.rbp;
    for number in 1..=MOST {
        let mut frame = [[0; 8]; 2];
        if rbp == 0 || read_program(rbp, frame.as_flattened_mut()) < size_of_val(&frame) {
            return;
        }
        let [caller, address] = frame.map(u64::from_le_bytes);
        if !is_programs_code(address) {
            return;
        }
        println!("  #{number} {address:#018x} in {file}");
        if caller <= rbp {
            return;
        }
        rbp = caller;
    }
}

/// Whether a program may execute what lies there.
fn is_programs_code(address: u64) -> bool {
    let Ok(address) = VirtAddr::try_new(address) else {
        return false;
    };
    let region = spaces::try_look(address, |half| half.region_at(address)).flatten();
    region.is_some_and(|region| region.user && region.rights == Rights::ReadExecute)
}

/// Prints up to the next exception, and returns what that interrupted.
fn print_calls(start: Start) -> Option<Start> {
    println!("  #0 {:#018x}", start.rip);
    let mut printed = 1;
    let mut print = |address: u64| {
        if printed <= MOST {
            println!("  #{printed} {address:#018x}");
        }
        printed += 1;
    };
    let mut rbp = start.rbp;
    // A call to what is no code, or to a leaf function without a frame: its
    // return address was pushed last.
    word(start.rsp)
        .filter(|address| follows_call(*address))
        .filter(|address| frame(rbp).is_none_or(|(_, next)| next != *address))
        .into_iter()
        .for_each(&mut print);
    let interrupted = loop {
        let Some((caller, address)) = frame(rbp) else {
            break None;
        };
        print(address);
        if let Some(interrupted) = Interrupted::by_return_address(VirtAddr::new_truncate(address)) {
            break interrupted_by(interrupted, rbp + 8, caller);
        }
        if caller <= rbp || stack_of(caller) != stack_of(rbp) {
            break None;
        }
        rbp = caller;
    };
    if printed > MOST + 1 {
        println!("  and {} more", printed - MOST - 1);
    }
    interrupted
}

/// The caller's frame pointer and the return address that lie at `rbp`.
fn frame(rbp: u64) -> Option<(u64, u64)> {
    let address = word(rbp.checked_add(8)?)?;
    is_code(address).then_some((word(rbp)?, address))
}

/// What an exception interrupted, whose stub's return address lies at `place`.
fn interrupted_by(by: Interrupted, place: u64, rbp: u64) -> Option<Start> {
    match by {
        Interrupted::Exception(above) => {
            let context: ExceptionContext = value(place + above)?;
            Some(Start::from(&context))
        }
        Interrupted::PageFault(above) => {
            let context: PageFaultContext = value(place + above)?;
            let PageFaultContext { fault, rsp, .. } = context;
            let rip = fault.instruction.as_u64();
            Some(if context.is_programs() {
                Start::program(rip)
            } else {
                Start { rip, rsp, rbp }
            })
        }
    }
}

/// Whether code could lie there: in the image's text, or anywhere near the
/// image as long as it is not known where its text is.
fn is_code(address: u64) -> bool {
    let Ok(address) = VirtAddr::try_new(address) else {
        return false;
    };
    let text = image::text().unwrap_or(IMAGE..IMAGE + (1 << 30));
    text.contains(&address)
}

/// Whether the code before an address could be a call: E8 with 4 bytes, or FF /2
/// with 1 to 6 (Intel SDM vol. 2A, CALL). Nothing outside of the text is read.
fn follows_call(address: u64) -> bool {
    const LONGEST: u64 = 7;
    let Some(text) = image::text() else {
        return false;
    };
    let (Ok(after), Ok(before)) = (
        VirtAddr::try_new(address),
        VirtAddr::try_new(address.wrapping_sub(LONGEST)),
    ) else {
        return false;
    };
    if !text.contains(&after) || !text.contains(&before) {
        return false;
    }
    // SAFETY: these bytes are code of this kernel, which is mapped for reading
    // as long as it runs, and which nobody writes to.
    let bytes: [u8; LONGEST as usize] = unsafe { before.as_ptr::<[u8; _]>().read() };
    let is_indirect = |length: &usize| {
        let call = &bytes[LONGEST as usize - length..];
        call[0] == 0xff && call[1] >> 3 & 0b111 == 2
    };
    bytes[2] == 0xe8 || [2, 3, 4, 6, 7].iter().any(is_indirect)
}

fn stack_of(address: u64) -> Option<Stack> {
    let address = VirtAddr::try_new(address).ok()?;
    stack::known().find(|stack| stack.contains(address))
}

/// The word at an address, if that lies within a known stack.
#[must_use]
pub fn word(address: u64) -> Option<u64> {
    value(address)
}

/// Numbers that any bytes are: all a backtrace reads.
trait Numbers: Copy {}
impl Numbers for u64 {}
impl Numbers for ExceptionContext {}
impl Numbers for PageFaultContext {}

/// The numbers at an address, if they lie whole within a known stack.
fn value<T: Numbers>(address: u64) -> Option<T> {
    let stack = stack_of(address)?;
    let room = stack.top().as_u64() - address;
    if !address.is_multiple_of(8) || room < size_of::<T>() as u64 {
        return None;
    }
    let pointer = core::ptr::with_exposed_provenance::<T>(address as usize);
    // SAFETY:
    // - The bytes lie within a stack that is known, which is mapped as long as
    //   it is known (see `stack::set_current`), and nothing here changes that.
    // - They are aligned, and any bytes are a value of the type.
    // - The read is volatile, through no reference: the stack is in use.
    Some(unsafe { pointer.read_volatile() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn nothing_outside_of_a_stack_is_read() {
        let stack = stack::current().expect("known since boot");
        let (bottom, top) = (stack.bottom().as_u64(), stack.top().as_u64());
        assert!(word(bottom).is_some() && word(top - 8).is_some());
        for outside in [
            0,
            8,
            bottom - 8,
            top,
            top - 4,
            bottom + 4,
            1 << 63,
            u64::MAX,
        ] {
            assert_eq!(word(outside), None, "{outside:#x}");
        }
        assert!(value::<ExceptionContext>(top - 8).is_none());
    }

    #[test_case]
    fn a_return_address_follows_a_call_and_a_function_does_not() {
        let (_, address) = callee();
        assert!(follows_call(address));
        assert!(!follows_call(address + 1));
        assert!(!follows_call(0) && !follows_call(u64::MAX));
        let text = image::text().expect("known since boot");
        assert!(!follows_call(text.start.as_u64()) && !follows_call(text.end.as_u64()));
    }

    #[inline(never)]
    fn callee() -> (u64, u64) {
        frame(Start::here().rbp).expect("a call has a frame")
    }

    #[test_case]
    fn the_frame_of_a_call_names_its_caller() {
        let here = Start::here();
        let (caller, address) = callee();
        assert_eq!(caller, here.rbp);
        assert!((here.rip..here.rip + 256).contains(&address));
        assert!(is_code(address) && !is_code(here.rsp));
    }
}
