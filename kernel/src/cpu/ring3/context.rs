//! The registers of a program, while it does not run.
//!
//! What must always hold: segments and flags are what a program may have; no
//! function here changes them.

use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{DS, ES, FS, GS, Segment};
use x86_64::registers::model_specific::{FsBase, GsBase};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::SegmentSelector;

use super::FLAGS_ALWAYS;
use crate::cpu::descriptors::segments;
use crate::cpu::exception::ExceptionContext;

/// Every register of a program but the [extended ones](crate::cpu::extended).
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Context {
    /// The general registers, and, after an exception, what it was. Segments and
    /// flags are written here and by the processor alone.
    pub(super) registers: ExceptionContext,
    /// Where FS begins: what a program keeps of its own for each thread.
    pub fs_base: VirtAddr,
    /// Where GS begins.
    pub gs_base: VirtAddr,
}

impl Context {
    /// A program that starts at `rip` with this stack pointer, and 0 in all
    /// other registers.
    ///
    /// # Panics
    ///
    /// Before the descriptors are loaded.
    #[must_use]
    pub fn new(rip: VirtAddr, rsp: VirtAddr) -> Self {
        let segments = segments();
        let mut registers = ExceptionContext::EMPTY;
        registers.rip = rip.as_u64();
        registers.cs = u64::from(segments.user_code.0);
        registers.rflags = RFlags::INTERRUPT_FLAG.bits() | FLAGS_ALWAYS;
        registers.rsp = rsp.as_u64();
        registers.ss = u64::from(segments.user_data.0);
        Self {
            registers,
            fs_base: VirtAddr::zero(),
            gs_base: VirtAddr::zero(),
        }
    }

    /// The registers, and, after an exception, what it was.
    #[must_use]
    pub const fn registers(&self) -> &ExceptionContext {
        &self.registers
    }

    /// Which system call it made.
    #[must_use]
    pub const fn call(&self) -> u64 {
        self.registers.rax
    }

    /// What it passed to the system call.
    #[must_use]
    pub const fn arguments(&self) -> [u64; 6] {
        let ExceptionContext {
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            r9,
            ..
        } = self.registers;
        [rdi, rsi, rdx, r10, r8, r9]
    }

    /// What the system call returns.
    pub const fn set_result(&mut self, result: u64) {
        self.registers.rax = result;
    }

    /// Has the program make its system call again, which found nothing to do yet.
    /// Returns what the call has to return for that: its own number.
    #[must_use]
    pub const fn call_again(&mut self) -> u64 {
        self.registers.rip -= SYSCALL_LENGTH;
        self.registers.rax
    }

    /// Gives the program another stack.
    pub const fn set_stack(&mut self, rsp: VirtAddr) {
        self.registers.rsp = rsp.as_u64();
    }

    /// Points the segments to where this program has them, when another one ran
    /// before. Selectors are not kept: they are null from here on.
    pub fn load_segments(&self) {
        const NULL: SegmentSelector = SegmentSelector(0);
        // SAFETY: in 64-bit mode no access asks these selectors for anything,
        // and the kernel uses neither FS nor GS.
        unsafe {
            DS::set_reg(NULL);
            ES::set_reg(NULL);
            FS::set_reg(NULL);
            GS::set_reg(NULL);
        }
        self.load_bases();
    }

    /// The same for the bases alone, when this program has asked for others.
    pub fn load_bases(&self) {
        FsBase::write(self.fs_base);
        GsBase::write(self.gs_base);
    }
}

/// Bytes of the instruction SYSCALL.
const SYSCALL_LENGTH: u64 = 2;
