//! Accesses that are meant to fault: one instruction each, at a known place.
//!
//! The processor makes them for real, so whatever the tables say happens. They
//! are assembly, not Rust references: the memory behind them appears and
//! changes by faults, which the compiler knows nothing of.
//!
//! [`read_byte`] and [`write_byte`] must be allowed: refused, they end the
//! machine. [`try_read`], [`try_fill`], [`read_program`] and
//! [`write_program`] may go wrong: a table names their
//! one faulting instruction and the place where it goes on after a refusal. It
//! is asked on the way to a report, so a fault that is resolved pays nothing.

use core::arch::{asm, naked_asm};

use memory::Fault;
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::structures::idt::PageFaultErrorCode;

use super::exception::ExceptionContext;
use super::ring3;
use super::vector::Vector;

/// Why the processor did not make an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A page fault that was not resolved.
    PageFault(Fault),
    /// #GP: the address is not canonical. It sets no CR2.
    GeneralProtection,
}

/// An access of several bytes that stopped at one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// How many bytes were accessed before.
    pub done: u64,
    /// Why not the next one.
    pub why: Refused,
}

/// A routine that is called by the assembly below alone.
type Routine = unsafe extern "sysv64" fn();

/// An instruction that may be refused, and where it goes on then.
struct Recovery {
    instruction: Routine,
    landing: Routine,
}

/// The instructions that may be refused: the first ones of these routines.
static RECOVERY: [Recovery; 3] = [
    Recovery {
        instruction: load,
        landing: refused,
    },
    Recovery {
        instruction: store,
        landing: refused,
    },
    Recovery {
        instruction: copy,
        landing: refused,
    },
];

/// AL = the byte at RDI; RCX, 1 before, becomes 0.
#[unsafe(naked)]
unsafe extern "sysv64" fn load() {
    naked_asm!("mov al, byte ptr [rdi]", "xor ecx, ecx", "ret")
}

/// Writes AL to RCX bytes from RDI on; both registers move with each byte.
#[unsafe(naked)]
unsafe extern "sysv64" fn store() {
    naked_asm!("rep stosb", "ret")
}

/// Copies RCX bytes from RSI to RDI; the registers move with each byte.
#[unsafe(naked)]
unsafe extern "sysv64" fn copy() {
    naked_asm!("rep movsb", "ret")
}

/// Where they go on when refused: RCX is the number of bytes that are left, and
/// [`recover`] has put the reason into RDX, RSI and R8.
#[unsafe(naked)]
unsafe extern "sysv64" fn refused() {
    naked_asm!("ret")
}

/// Lets an exception at one of these instructions go on at its landing.
/// `false`, and nothing changed, for every other exception.
pub(crate) fn recover(context: &mut ExceptionContext) -> bool {
    if !matches!(
        context.vector(),
        Vector::PAGE_FAULT | Vector::GENERAL_PROTECTION
    ) {
        return false;
    }
    let address = |routine: Routine| routine as usize as u64;
    let entry = RECOVERY
        .iter()
        .find(|entry| address(entry.instruction) == context.rip);
    let Some(entry) = entry else {
        return false;
    };
    context.rip = address(entry.landing);
    context.rdx = u64::from(context.vector().number());
    context.rsi = context.cr2;
    context.r8 = context.error_code;
    true
}

/// The reason that [`recover`] left in the registers.
fn why(routine: Routine, vector: u64, cr2: u64, error_code: u64) -> Refused {
    if vector == u64::from(Vector::PAGE_FAULT.number()) {
        Refused::PageFault(Fault {
            address: VirtAddr::new_truncate(cr2),
            code: PageFaultErrorCode::from_bits_retain(error_code),
            instruction: VirtAddr::new_truncate(routine as usize as u64),
        })
    } else {
        Refused::GeneralProtection
    }
}

/// Reads the byte at `address`, which may be any number.
///
/// # Errors
///
/// Why the processor refused; the kernel goes on.
///
/// # Safety
///
/// Reading there has no side effect that the caller does not want: it may be a
/// device's register.
pub unsafe fn try_read(address: u64) -> Result<u8, Refused> {
    let (byte, left, vector, cr2, error_code): (u8, u64, u64, u64, u64);
    // SAFETY: the caller vouches for the address; the routine only reads, and
    // changes the registers named here.
    unsafe {
        asm!(
            "call {load}",
            load = sym load,
            out("al") byte,
            in("rdi") address,
            inlateout("rcx") 1_u64 => left,
            lateout("rdx") vector,
            lateout("rsi") cr2,
            lateout("r8") error_code,
        );
    }
    if left == 0 {
        Ok(byte)
    } else {
        Err(why(load, vector, cr2, error_code))
    }
}

/// Writes `byte` to `count` bytes from `address` on, which may be any numbers.
///
/// # Errors
///
/// Why the processor refused, and after how many bytes; the kernel goes on.
///
/// # Safety
///
/// No Rust value stands in those bytes, nor anything else that the kernel
/// relies on: they are a caller's own region, or lie where nothing is mapped.
pub unsafe fn try_fill(address: u64, count: u64, byte: u8) -> Result<(), Stopped> {
    let (left, vector, cr2, error_code): (u64, u64, u64, u64);
    // SAFETY: the caller vouches for the bytes; the routine changes the
    // registers named here. The direction flag is clear, as always in Rust.
    unsafe {
        asm!(
            "call {store}",
            store = sym store,
            in("al") byte,
            inlateout("rdi") address => _,
            inlateout("rcx") count => left,
            lateout("rdx") vector,
            lateout("rsi") cr2,
            lateout("r8") error_code,
        );
    }
    if left == 0 {
        return Ok(());
    }
    Err(Stopped {
        done: count - left,
        why: why(store, vector, cr2, error_code),
    })
}

/// Reads a program's memory at `address`; returns how many bytes could be read.
#[must_use]
pub fn read_program(address: u64, into: &mut [u8]) -> usize {
    let count = programs_part(address, into.len());
    // SAFETY: the bytes from `address` on lie in the low half.
    let result = unsafe { try_copy(address, into.as_mut_ptr().expose_provenance() as u64, count) };
    result.map_or_else(|stopped| stopped.done, |()| count) as usize
}

/// Writes to a program's memory at `address`; returns how many bytes could be
/// written.
#[must_use]
pub fn write_program(address: u64, from: &[u8]) -> usize {
    let count = programs_part(address, from.len());
    // SAFETY: as above.
    let result = unsafe { try_copy(from.as_ptr().expose_provenance() as u64, address, count) };
    result.map_or_else(|stopped| stopped.done, |()| count) as usize
}

/// How many of so many bytes from `address` on lie in the low half.
fn programs_part(address: u64, length: usize) -> u64 {
    ring3::END.saturating_sub(address).min(length as u64)
}

/// Copies `count` bytes, of which one side is a program's memory: SMAP lets the
/// kernel at it for as long as this runs (Intel SDM vol. 3A, 4.6).
///
/// # Safety
///
/// - The kernel's side may be read, or written, and is mapped.
/// - The program's side lies in the low half, where no Rust value stands.
unsafe fn try_copy(from: u64, to: u64, count: u64) -> Result<(), Stopped> {
    let is_kept_out = Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION);
    let (left, vector, cr2, error_code): (u64, u64, u64, u64);
    if is_kept_out {
        // SAFETY: a processor with SMAP has the instruction.
        unsafe { asm!("stac", options(nostack)) };
    }
    // SAFETY: the caller vouches for the bytes; the routine changes the
    // registers named here. The direction flag is clear, as always in Rust.
    unsafe {
        asm!(
            "call {copy}",
            copy = sym copy,
            inlateout("rdi") to => _,
            inlateout("rsi") from => cr2,
            inlateout("rcx") count => left,
            lateout("rdx") vector,
            lateout("r8") error_code,
        );
    }
    if is_kept_out {
        // SAFETY: as above.
        unsafe { asm!("clac", options(nostack)) };
    }
    if left == 0 {
        return Ok(());
    }
    Err(Stopped {
        done: count - left,
        why: why(copy, vector, cr2, error_code),
    })
}

/// Reads the byte at `address`.
///
/// # Safety
///
/// `address` is canonical, and lies in a region that is the caller's own or
/// whose reading has no side effect. Where the access is refused, the kernel
/// reports it and ends.
pub unsafe fn read_byte(address: VirtAddr) -> u8 {
    let byte: u8;
    // SAFETY: the caller vouches for the address; the instruction only reads.
    unsafe {
        asm!(
            "mov {byte}, byte ptr [{address}]",
            byte = out(reg_byte) byte,
            address = in(reg) address.as_u64(),
            options(nostack, preserves_flags)
        );
    }
    byte
}

/// Writes the byte at `address`.
///
/// # Safety
///
/// `address` is canonical, and lies in a region that is the caller's own: no
/// Rust value stands there. Where the access is refused, the kernel reports it
/// and ends.
pub unsafe fn write_byte(address: VirtAddr, byte: u8) {
    // SAFETY: the caller vouches for the address.
    unsafe {
        asm!(
            "mov byte ptr [{address}], {byte}",
            byte = in(reg_byte) byte,
            address = in(reg) address.as_u64(),
            options(nostack, preserves_flags)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{self, Reason};
    use crate::spaces;
    use memory::Refusal;
    use memory::space::{Backing, Placement, Request};

    const BASE: u64 = 0x40_0000;
    const PAGE: u64 = 4096;

    fn reason(refused: Refused) -> (u64, Option<Reason>) {
        let Refused::PageFault(fault) = refused else {
            panic!("a page fault was expected, not {refused:?}");
        };
        (fault.address.as_u64(), fault::reason_of(&fault))
    }

    #[test_case]
    fn a_read_of_nothing_is_refused_and_the_machine_lives() {
        // SAFETY: nothing is mapped there.
        let refused = unsafe { try_read(BASE) }.expect_err("nothing is mapped");
        let no_region = Some(Reason::Space(Refusal::NoRegion));
        assert_eq!(reason(refused), (BASE, no_region));
    }

    #[test_case]
    fn a_number_that_is_no_address_is_a_general_protection_exception() {
        for number in [1 << 47, 0x8000_0000_0000_1000, (1 << 63) + 5] {
            // SAFETY: the processor has no such address.
            let read = unsafe { try_read(number) };
            assert_eq!(read, Err(Refused::GeneralProtection));
            // SAFETY: as above.
            let written = unsafe { try_fill(number, 2, 1) };
            let why = Refused::GeneralProtection;
            assert_eq!(written, Err(Stopped { done: 0, why }));
        }
    }

    #[test_case]
    fn a_fill_past_the_end_of_a_region_says_how_far_it_came() {
        let place = Placement::At(VirtAddr::new(BASE));
        let request = Request::new(2 * PAGE, Backing::Demand).placement(place);
        let region = spaces::current(|space, memory| space.allocate(request, memory))
            .expect("the low half is empty");
        // SAFETY: the bytes are the test's own region and what follows it, where nothing is.
        let stopped = unsafe { try_fill(BASE + PAGE - 2, PAGE + 5, 0x5a) }
            .expect_err("the region ends after a page and two bytes");
        assert_eq!(stopped.done, PAGE + 2);
        let no_region = Some(Reason::Space(Refusal::NoRegion));
        assert_eq!(reason(stopped.why), (BASE + 2 * PAGE, no_region));
        for (offset, byte) in [(PAGE - 3, 0), (PAGE - 2, 0x5a), (2 * PAGE - 1, 0x5a)] {
            // SAFETY: the byte lies in the test's own region.
            assert_eq!(unsafe { try_read(BASE + offset) }, Ok(byte));
        }
        spaces::current(|space, memory| space.free(region.base, memory))
            .expect("the region is the test's own");
    }
}
