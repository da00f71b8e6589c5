//! The first and the last instructions of every exception.
//!
//! All vectors but 14 go one way: they save every register and call
//! [`Handlers::exception`]. A page fault saves only what a call may change and
//! calls [`Handlers::page_fault`]; when that refuses it, the registers are put
//! back and the fault goes the common way, so that its report has them all.
//! The timer's interrupt goes the common way, too: a program that it stops has
//! to be continued from every register.
//!
//! The stubs know nothing of the layers above: they are made for the type that
//! implements [`Handlers`], and call its functions directly.
//!
//! The processor aligns the stack to 16 bytes before it pushes the context, and
//! the calling convention asks for the same at each call. Interrupts are off
//! throughout, as all gates are interrupt gates.
#![expect(
    named_asm_labels,
    reason = "a kernel has one set of handlers; stubs for two would not assemble"
)]

use super::exception::{ExceptionContext, PageFaultContext};
use super::idt::TIMER_VECTOR;
use super::ring3::FLAGS_ALWAYS;
use super::vector::Vector;
use core::arch::naked_asm;
use x86_64::VirtAddr;

/// What the stubs call, with interrupts off.
///
/// # Safety
///
/// When [`exception`](Self::exception) returns, the context is one that the
/// interrupted code can go on with.
pub unsafe trait Handlers {
    /// A page fault, on the stack that faulted. Refused, it goes to
    /// [`exception`](Self::exception).
    extern "sysv64" fn page_fault(context: &PageFaultContext) -> Answer;

    /// Every other exception, and the timer's interrupt. When it returns, the
    /// context's registers are loaded.
    extern "sysv64" fn exception(context: &mut ExceptionContext);

    /// The interrupt of the serial port.
    extern "sysv64" fn serial_interrupt();
}

/// What the stub of a page fault does next; it looks at the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// Back to the instruction that faulted.
    Resolved = 0,
    /// On to the report, which does not return.
    Refused = 1,
}

// The instructions after the calls below: return addresses that a backtrace meets.
unsafe extern "sysv64" {
    fn exception_reported();
    fn page_fault_answered();
}

/// Where, above the return address into a stub, the exception context lies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// An [`ExceptionContext`].
    Exception(u64),
    /// A [`PageFaultContext`].
    PageFault(u64),
}

impl Interrupted {
    /// What a function was called for that returns to `address`, if a stub called it.
    #[must_use]
    pub fn by_return_address(address: VirtAddr) -> Option<Self> {
        let is = |after_call: unsafe extern "sysv64" fn()| {
            after_call as usize as u64 == address.as_u64()
        };
        if is(exception_reported) {
            Some(Self::Exception(16))
        } else if is(page_fault_answered) {
            Some(Self::PageFault(8))
        } else {
            None
        }
    }
}

/// The first instruction of a vector. It can be pointed to by a gate, and not called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stub(unsafe extern "sysv64" fn());

impl Stub {
    /// Where it lies.
    pub(super) fn address(self) -> VirtAddr {
        VirtAddr::new(self.0 as usize as u64)
    }
}

/// The stubs of all vectors that have one.
#[derive(Debug)]
pub struct Stubs {
    /// Of the exceptions, by vector.
    pub(super) exceptions: [Stub; 32],
    /// Of the serial port's interrupt.
    pub(super) serial: Stub,
    /// Of the timer's interrupt.
    pub(super) timer: Stub,
    /// Of an interrupt that went away before it was taken.
    pub(super) spurious: Stub,
}

impl Stubs {
    /// The stubs that call `H`. Vectors 8, 10 to 14, 17, 21, 29 and 30 push an
    /// error code (Intel SDM vol. 3A, table 6-1; AMD APM vol. 2, 8.2).
    #[must_use]
    pub const fn calling<H: Handlers>() -> Self {
        Self {
            exceptions: [
                Stub(without_code::<H, 0>),
                Stub(without_code::<H, 1>),
                Stub(without_code::<H, 2>),
                Stub(without_code::<H, 3>),
                Stub(without_code::<H, 4>),
                Stub(without_code::<H, 5>),
                Stub(without_code::<H, 6>),
                Stub(without_code::<H, 7>),
                Stub(with_code::<H, 8>),
                Stub(without_code::<H, 9>),
                Stub(with_code::<H, 10>),
                Stub(with_code::<H, 11>),
                Stub(with_code::<H, 12>),
                Stub(with_code::<H, 13>),
                Stub(page_fault::<H>),
                Stub(without_code::<H, 15>),
                Stub(without_code::<H, 16>),
                Stub(with_code::<H, 17>),
                Stub(without_code::<H, 18>),
                Stub(without_code::<H, 19>),
                Stub(without_code::<H, 20>),
                Stub(with_code::<H, 21>),
                Stub(without_code::<H, 22>),
                Stub(without_code::<H, 23>),
                Stub(without_code::<H, 24>),
                Stub(without_code::<H, 25>),
                Stub(without_code::<H, 26>),
                Stub(without_code::<H, 27>),
                Stub(without_code::<H, 28>),
                Stub(with_code::<H, 29>),
                Stub(with_code::<H, 30>),
                Stub(without_code::<H, 31>),
            ],
            serial: Stub(serial_interrupt::<H>),
            timer: Stub(without_code::<H, TIMER_VECTOR>),
            spurious: Stub(spurious_interrupt),
        }
    }
}

/// Begins an exception for which the processor pushes no error code: 0 takes its place.
#[unsafe(naked)]
unsafe extern "sysv64" fn without_code<H: Handlers, const VECTOR: u8>() {
    naked_asm!(
        "push 0",
        "push {vector}",
        "jmp {all_registers}",
        vector = const VECTOR,
        all_registers = sym all_registers::<H>,
    )
}

/// Begins an exception for which the processor pushes an error code.
#[unsafe(naked)]
unsafe extern "sysv64" fn with_code<H: Handlers, const VECTOR: u8>() {
    naked_asm!(
        "push {vector}",
        "jmp {all_registers}",
        vector = const VECTOR,
        all_registers = sym all_registers::<H>,
    )
}

/// Gives the flags the values that the kernel wants, with interrupts off, whatever
/// the interrupted code has done to them. DF is clear, as Rust expects it; so is AC,
/// which a program may set, and which lets the kernel at a program's pages (Intel
/// SDM vol. 3A, 4.6). POPFQ does it on processors without SMAP, too, which have no
/// CLAC. A stub that uses it names [`FLAGS_ALWAYS`] as `flags`.
macro_rules! kernel_flags {
    () => {
        "push {flags}
        popfq"
    };
}

/// The common way, from the vector number to IRETQ. The stack at the call:
///
/// ```text
///   rsp+184   ss, rsp, rflags, cs, rip   pushed by the processor,  (higher)
///   rsp+144   error code, or 0             16-byte aligned above ss
///   rsp+136   vector                     pushed by the vector's stub
///   rsp+16    rax ... r15                15 registers
///   rsp+8     cr2                        = &mut ExceptionContext
///   rsp       (padding)                  16-byte aligned
/// ```
#[unsafe(naked)]
unsafe extern "sysv64" fn all_registers<H: Handlers>() {
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
        kernel_flags!(),
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
        flags = const FLAGS_ALWAYS,
        exception = sym H::exception,
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
///   rsp+72       cr2                        with the two above it, a `Fault`
///   rsp+0..72    rdi, rax, rcx, rdx, rsi, r8, r9, r10, r11 (lowest)
///   rsp                                     = &PageFaultContext, 16-byte aligned
/// ```
///
/// CR2 is read as soon as there is a register for it.
#[unsafe(naked)]
unsafe extern "sysv64" fn page_fault<H: Handlers>() {
    naked_asm!(
        "sub rsp, 8", // the place of cr2
        "push rdi",
        "mov rdi, cr2",
        "mov [rsp + 8], rdi",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "mov rdi, rsp",
        kernel_flags!(),
        "call {page_fault}",
        ".globl page_fault_answered",
        "page_fault_answered:",
        "test al, al", // Answer::Resolved is 0
        "jnz 2f",
        restore!(),
        "add rsp, 16", // cr2, error code
        "iretq",
        "2:",
        restore!(),
        "add rsp, 8", // cr2
        "push {vector}",
        "jmp {all_registers}",
        flags = const FLAGS_ALWAYS,
        page_fault = sym H::page_fault,
        vector = const Vector::PAGE_FAULT.number(),
        all_registers = sym all_registers::<H>,
    )
}

/// The interrupt of the serial port. It comes only while the kernel halts or a
/// program runs. The stack at the call:
///
/// ```text
///   rsp+80..120  rip, cs, rflags, rsp, ss   pushed by the processor
///   rsp+8..80    rdi, rax, rcx, rdx, rsi, r8, r9, r10, r11 (lowest)
///   rsp          (padding)                  16-byte aligned
/// ```
#[unsafe(naked)]
unsafe extern "sysv64" fn serial_interrupt<H: Handlers>() {
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
        kernel_flags!(),
        "call {serial}",
        "add rsp, 8",
        restore!(),
        "iretq",
        flags = const FLAGS_ALWAYS,
        serial = sym H::serial_interrupt,
    )
}

/// An interrupt that went away before it was taken: there is nothing to do, and
/// no end of interrupt is due.
#[unsafe(naked)]
unsafe extern "sysv64" fn spurious_interrupt() {
    naked_asm!("iretq")
}
