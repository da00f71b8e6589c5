//! The exception contexts that the stubs leave on the stack.
//!
//! The layout of both is written by the assembly in
//! [`entry`](super::entry); the two must change together.

use core::fmt;

use memory::Fault;
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

use super::idt::TIMER_VECTOR;
use super::vector::Vector;

/// The bits of a code selector that are the ring: 3 is a program's.
const RING: u64 = 0b11;

/// An exception with every register, as the common path of the stubs leaves it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are the registers of those names")]
pub struct ExceptionContext {
    /// CR2 at the time; the address of the last page fault, whatever this exception is.
    pub cr2: u64,
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    vector: u64,
    /// What the processor pushed, or 0 for exceptions that push none.
    pub error_code: u64,
    /// The instruction that faulted, or the one after it for traps.
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

impl ExceptionContext {
    /// A context without an exception: every register is 0.
    pub(super) const EMPTY: Self = Self {
        cr2: 0,
        r15: 0,
        r14: 0,
        r13: 0,
        r12: 0,
        r11: 0,
        r10: 0,
        r9: 0,
        r8: 0,
        rbp: 0,
        rdi: 0,
        rsi: 0,
        rdx: 0,
        rcx: 0,
        rbx: 0,
        rax: 0,
        vector: 0,
        error_code: 0,
        rip: 0,
        cs: 0,
        rflags: 0,
        rsp: 0,
        ss: 0,
    };

    /// Whether it is no exception, but the timer's interrupt.
    #[must_use]
    pub const fn is_timer(&self) -> bool {
        self.vector == TIMER_VECTOR as u64
    }

    /// Whether a program in ring 3 was interrupted, not the kernel.
    #[must_use]
    pub const fn is_programs(&self) -> bool {
        self.cs & RING == RING
    }

    /// Makes it a general protection exception, as it comes without a selector to blame.
    pub(super) const fn set_general_protection(&mut self) {
        self.vector = Vector::GENERAL_PROTECTION.number() as u64;
        self.error_code = 0;
    }

    /// Which exception it is.
    #[must_use]
    pub const fn vector(&self) -> Vector {
        Vector::from_stub(self.vector)
    }

    /// The fault that the processor reports; meaningful for a page fault.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        Fault {
            address: VirtAddr::new_truncate(self.cr2),
            code: PageFaultErrorCode::from_bits_retain(self.error_code),
            instruction: VirtAddr::new_truncate(self.rip),
        }
    }

    /// The general registers by name, in the order of their numbers in instructions.
    #[must_use]
    pub const fn general_registers(&self) -> [(&'static str, u64); 16] {
        [
            ("rax", self.rax),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rbx", self.rbx),
            ("rsp", self.rsp),
            ("rbp", self.rbp),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
        ]
    }

    /// The error code explained, for the exceptions that push a selector or nothing but 0.
    #[must_use]
    pub fn error_code_in_words(&self) -> Option<SelectorErrorCode> {
        matches!(self.vector, 10..=13).then_some(SelectorErrorCode(self.error_code))
    }
}

impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let further = [
            ("rip", self.rip),
            ("cr2", self.cr2),
            ("cs", self.cs),
            ("ss", self.ss),
            ("rfl", self.rflags),
        ];
        write_registers(f, self.general_registers().into_iter().chain(further))
    }
}

/// Writes registers in rows of three, without an end of line after the last.
fn write_registers(
    f: &mut fmt::Formatter,
    registers: impl Iterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    for (index, (name, value)) in registers.enumerate() {
        let before = match index {
            0 => "",
            _ if index.is_multiple_of(3) => "\n",
            _ => "  ",
        };
        write!(f, "{before}{name:3}={value:016x}")?;
    }
    Ok(())
}

/// The error code of #TS, #NP, #SS and #GP (Intel SDM vol. 3A, 6.13).
#[derive(Debug, Clone, Copy)]
pub struct SelectorErrorCode(u64);

impl fmt::Display for SelectorErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("no selector is to blame");
        }
        let table = match self.0 >> 1 & 0b11 {
            0b00 => "GDT",
            0b10 => "LDT",
            _ => "IDT",
        };
        write!(f, "entry {} of the {table}", self.0 >> 3 & 0x1fff)?;
        if self.0 & 1 != 0 {
            f.write_str(", while an outside event was delivered")?;
        }
        Ok(())
    }
}

/// A page fault with the registers that a call may change, as its stub leaves it.
///
/// The processor raises page faults for canonical addresses only, and fetches
/// from canonical ones: CR2 and RIP are addresses as they are.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are the registers of those names")]
pub struct PageFaultContext {
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rax: u64,
    pub rdi: u64,
    /// CR2, the error code (Intel SDM vol. 3A, figure 4-12), and the instruction
    /// that faulted; the stub returns to what stands here.
    pub fault: Fault,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

impl PageFaultContext {
    /// Whether a program in ring 3 was interrupted, not the kernel.
    #[must_use]
    pub const fn is_programs(&self) -> bool {
        self.cs & RING == RING
    }
}

impl fmt::Display for PageFaultContext {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let registers = [
            ("rax", self.rax),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsp", self.rsp),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("rip", self.fault.instruction.as_u64()),
            ("cr2", self.fault.address.as_u64()),
            ("cs", self.cs),
            ("ss", self.ss),
            ("rfl", self.rflags),
        ];
        write_registers(f, registers.into_iter())
    }
}

const _: () = assert!(size_of::<ExceptionContext>() == 23 * 8);
const _: () = assert!(size_of::<PageFaultContext>() == 16 * 8);
