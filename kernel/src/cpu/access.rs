//! Accesses that are meant to fault: one instruction each, at a known place.
//!
//! The processor makes them for real, so whatever the tables say happens. They
//! are assembly, not Rust references: the memory behind them appears and
//! changes by faults, which the compiler knows nothing of.

use core::arch::asm;
use x86_64::VirtAddr;

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
