//! The registers beyond the general ones: x87, SSE, AVX and what came after.
//!
//! The kernel is compiled without them, so they hold a program's values however
//! long the kernel works, and are saved and loaded only when another program
//! runs. XSAVE knows how many there are (Intel SDM vol. 1, 13); a processor
//! without it has FXSAVE, which knows x87 and SSE.
//!
//! What must always hold: a [`State`] is as large as this processor's registers.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};

/// CPUID leaf 1: ECX bit 26 is XSAVE.
const BASIC: u32 = 1;
const XSAVE: u32 = 1 << 26;
/// CPUID leaf 0xd: what XSAVE can save, and how many bytes what is on takes.
const SAVED_STATE: u32 = 0xd;
/// Bytes of what FXSAVE saves.
const LEGACY: usize = 512;

/// The initial control word of the x87 unit, and where it lies in a state.
const X87_CONTROL: (usize, [u8; 2]) = (0, 0x037f_u16.to_le_bytes());
/// The initial MXCSR, and where it lies: all exceptions masked, round to nearest.
const MXCSR: (usize, [u8; 4]) = (24, 0x1f80_u32.to_le_bytes());

fn has_xsave() -> bool {
    __cpuid(BASIC).ecx & XSAVE != 0
}

fn is_xsave_on() -> bool {
    Cr4::read().contains(Cr4Flags::OSXSAVE)
}

/// Lets programs use every register that can be saved.
pub(super) fn enable() {
    // SAFETY: x87 instructions reach the unit and trap no more; the kernel has none.
    unsafe {
        Cr0::update(|cr0| {
            cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
            cr0.insert(Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR);
        });
    }
    // SAFETY: every 64-bit processor has SSE and FXSAVE; XSAVE was asked for.
    unsafe {
        Cr4::update(|cr4| {
            cr4.insert(Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
            cr4.set(Cr4Flags::OSXSAVE, has_xsave());
        });
    }
    if has_xsave() {
        // SAFETY: OSXSAVE is on. What can be saved together is switched on
        // together: AVX with SSE, and AVX-512 as a whole, where they are there.
        unsafe { XCr0::write(saved()) };
    }
}

/// The registers that are switched on, of those that this processor can save.
fn saved() -> XCr0Flags {
    let can = XCr0Flags::from_bits_truncate(u64::from(__cpuid_count(SAVED_STATE, 0).eax));
    let always = XCr0Flags::X87 | XCr0Flags::SSE;
    let avx512 = XCr0Flags::OPMASK | XCr0Flags::ZMM_HI256 | XCr0Flags::HI16_ZMM;
    let mut on = always | can & XCr0Flags::AVX;
    if on.contains(XCr0Flags::AVX) && can.contains(avx512) {
        on |= avx512;
    }
    on
}

/// Bytes of a state.
fn size() -> usize {
    if is_xsave_on() {
        // With what is on now, EBX says the bytes.
        __cpuid_count(SAVED_STATE, 0).ebx as usize
    } else {
        LEGACY
    }
}

/// XSAVE wants its area at a multiple of 64.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// The extended registers of a program that does not run.
#[derive(Debug)]
pub struct State(Vec<Line>);

impl State {
    /// The registers as a program finds them when it starts.
    ///
    /// # Errors
    ///
    /// There is no memory for them.
    pub fn new() -> Result<Self, TryReserveError> {
        let count = size().div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(count)?;
        lines.resize(count, Line([0; 64]));
        let mut state = Self(lines);
        state.reset();
        Ok(state)
    }

    /// Makes it the registers as a program finds them when it starts.
    pub fn reset(&mut self) {
        self.0.fill(Line([0; 64]));
        // Zeroes mean "initial" to XRSTOR, but for MXCSR; FXRSTOR wants both.
        let first = &mut self.0[0].0;
        first[X87_CONTROL.0..][..2].copy_from_slice(&X87_CONTROL.1);
        first[MXCSR.0..][..4].copy_from_slice(&MXCSR.1);
    }

    /// Keeps what the registers hold.
    pub fn save(&mut self) {
        let area = self.0.as_mut_ptr();
        // SAFETY: the area is aligned, and as large as what is on takes.
        unsafe {
            if is_xsave_on() {
                asm!("xsave64 [{area}]", area = in(reg) area,
                    in("eax") u32::MAX, in("edx") u32::MAX, options(nostack));
            } else {
                asm!("fxsave64 [{area}]", area = in(reg) area, options(nostack));
            }
        }
    }

    /// Gives the registers what they held at the last [`save`](Self::save).
    pub fn load(&self) {
        let area = self.0.as_ptr();
        // SAFETY: the area is aligned, as large as what is on takes, and holds
        // the initial state or what was saved: nothing reserved is set. The
        // kernel is compiled without these registers.
        unsafe {
            if is_xsave_on() {
                asm!("xrstor64 [{area}]", area = in(reg) area,
                    in("eax") u32::MAX, in("edx") u32::MAX, options(nostack));
            } else {
                asm!("fxrstor64 [{area}]", area = in(reg) area, options(nostack));
            }
        }
    }
}
