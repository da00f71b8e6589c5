//! The first and the last instructions of every exception.
//!
//! All vectors but 14 go one way: they save every register and call
//! [`report::exception`]. A page fault saves only what a call may change and
//! calls [`fault::page_fault`]; when that refuses it, the registers are put back
//! and the fault goes the common way, so that its report has them all.
//!
//! The processor aligns the stack to 16 bytes before it pushes its frame, and
//! the calling convention wants it so again at each call. Interrupts are off
//! throughout, as all gates are interrupt gates.

use super::vector::Vector;
use crate::{fault, interrupts, report};
use core::arch::naked_asm;
use x86_64::VirtAddr;

// The instructions after the calls below: return addresses that a backtrace meets.
unsafe extern "sysv64" {
    safe fn exception_reported();
    safe fn page_fault_answered();
}

/// Where, above the return address into a stub, the frame of the exception lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// An [`ExceptionFrame`](super::exception::ExceptionFrame), so many bytes above.
    Exception(u64),
    /// A [`PageFaultFrame`](super::exception::PageFaultFrame), so many bytes above.
    PageFault(u64),
}

impl Interrupted {
    /// What a function was called for that returns to `address`, if a stub called it.
    #[must_use]
    pub fn by_return_address(address: VirtAddr) -> Option<Self> {
        let is = |after_call: extern "sysv64" fn()| after_call as usize as u64 == address.as_u64();
        if is(exception_reported) {
            Some(Self::Exception(16))
        } else if is(page_fault_answered) {
            Some(Self::PageFault(8))
        } else {
            None
        }
    }
}

/// An exception's first instruction; only the processor jumps to it.
pub type Stub = extern "sysv64" fn();

/// The stub of each vector. Vectors 8, 10 to 14, 17, 21, 29 and 30 push an
/// error code (Intel SDM vol. 3A, table 6-1; AMD APM vol. 2, 8.2).
pub static STUBS: [Stub; 32] = [
    without_code::<0>,
    without_code::<1>,
    without_code::<2>,
    without_code::<3>,
    without_code::<4>,
    without_code::<5>,
    without_code::<6>,
    without_code::<7>,
    with_code::<8>,
    without_code::<9>,
    with_code::<10>,
    with_code::<11>,
    with_code::<12>,
    with_code::<13>,
    page_fault,
    without_code::<15>,
    without_code::<16>,
    with_code::<17>,
    without_code::<18>,
    without_code::<19>,
    without_code::<20>,
    with_code::<21>,
    without_code::<22>,
    without_code::<23>,
    without_code::<24>,
    without_code::<25>,
    without_code::<26>,
    without_code::<27>,
    without_code::<28>,
    with_code::<29>,
    with_code::<30>,
    without_code::<31>,
];

/// Begins an exception for which the processor pushes no error code: 0 takes its place.
#[unsafe(naked)]
extern "sysv64" fn without_code<const VECTOR: u8>() {
    naked_asm!(
        "push 0",
        "push {vector}",
        "jmp {all_registers}",
        vector = const VECTOR,
        all_registers = sym all_registers,
    )
}

/// Begins an exception for which the processor pushes an error code.
#[unsafe(naked)]
extern "sysv64" fn with_code<const VECTOR: u8>() {
    naked_asm!(
        "push {vector}",
        "jmp {all_registers}",
        vector = const VECTOR,
        all_registers = sym all_registers,
    )
}

/// The common way, from the vector number to IRETQ. The stack at the call:
///
/// ```text
///   rsp+184   ss, rsp, rflags, cs, rip   pushed by the processor,  (higher)
///   rsp+144   error code, or 0             16-byte aligned above ss
///   rsp+136   vector                     pushed by the vector's stub
///   rsp+16    rax ... r15                15 registers
///   rsp+8     cr2                        = &mut ExceptionFrame
///   rsp       (padding)                  16-byte aligned
/// ```
#[unsafe(naked)]
extern "sysv64" fn all_registers() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rax, cr2",
        "push rax",
        "mov rdi, rsp",
        "sub rsp, 8",
        "cld",
        "call {exception}",
        ".globl exception_reported",
        "exception_reported:",
        "add rsp, 16", // padding, cr2
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "add rsp, 16", // vector, error code
        "iretq",
        exception = sym report::exception,
    )
}

/// Puts back the registers that a call may change, which a stub pushed in the
/// reverse order. Flags stay as they are.
macro_rules! restore {
    () => {
        "pop r11
        pop r10
        pop r9
        pop r8
        pop rsi
        pop rdx
        pop rcx
        pop rax
        pop rdi"
    };
}

/// A page fault, on the stack that faulted. The stack at the call:
///
/// ```text
///   rsp+88..128  rip, cs, rflags, rsp, ss   pushed by the processor
///   rsp+80       error code                 pushed by the processor, 16-byte aligned
///   rsp+72       rdi                        needed to hold cr2
///   rsp+8..72    rax, rcx, rdx, rsi, r8, r9, r10, r11 (lowest)
///   rsp          cr2                        = &PageFaultFrame, 16-byte aligned
/// ```
///
/// CR2 is read as soon as there is a register for it.
#[unsafe(naked)]
extern "sysv64" fn page_fault() {
    naked_asm!(
        "push rdi",
        "mov rdi, cr2",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push rdi", // cr2
        "mov rdi, rsp",
        "cld",
        "call {page_fault}",
        ".globl page_fault_answered",
        "page_fault_answered:",
        "lea rsp, [rsp + 8]", // cr2
        "test al, al", // Answer::Resolved is 0
        "jnz 2f",
        restore!(),
        "add rsp, 8", // error code
        "iretq",
        "2:",
        restore!(),
        "push {vector}",
        "jmp {all_registers}",
        page_fault = sym fault::page_fault,
        vector = const Vector::PAGE_FAULT.number(),
        all_registers = sym all_registers,
    )
}

/// The interrupt of the serial port. It comes only while the kernel halts, so
/// that it costs nobody anything to save what a call may change:
///
/// ```text
///   rsp+80..120  rip, cs, rflags, rsp, ss   pushed by the processor
///   rsp+8..80    rdi, rax, rcx, rdx, rsi, r8, r9, r10, r11 (lowest)
///   rsp          (padding)                  16-byte aligned
/// ```
#[unsafe(naked)]
pub(super) extern "sysv64" fn serial_interrupt() {
    naked_asm!(
        "push rdi",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 8",
        "cld",
        "call {serial}",
        "add rsp, 8",
        restore!(),
        "iretq",
        serial = sym interrupts::serial,
    )
}

/// An interrupt that went away before it was taken: nothing is to be done, and
/// no end of it is to be told.
#[unsafe(naked)]
pub(super) extern "sysv64" fn spurious_interrupt() {
    naked_asm!("iretq")
}
