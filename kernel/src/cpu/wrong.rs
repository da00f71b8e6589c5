//! Instructions that go wrong for sure, for showing what happens then.
//!
//! Each is one instruction at a known place, and takes any number for an
//! address: a Rust pointer could not be null, nor not canonical.

use core::arch::asm;

/// Reads the byte at `address`.
///
/// # Safety
///
/// Nothing that the kernel relies on is mapped there, or it may be read.
pub unsafe fn read(address: u64) {
    // SAFETY: as the caller vouches; the byte is not used.
    unsafe {
        asm!(
            "mov al, byte ptr [{address}]",
            address = in(reg) address,
            out("al") _,
            options(nostack, preserves_flags)
        );
    }
}

/// Writes a byte to `address`.
///
/// # Safety
///
/// The write is refused, or changes nothing that anybody relies on.
pub unsafe fn write(address: u64) {
    // SAFETY: as the caller vouches.
    unsafe {
        asm!(
            "mov byte ptr [{address}], 0x2a",
            address = in(reg) address,
            options(nostack, preserves_flags)
        );
    }
}

/// Calls `address` as a function.
///
/// # Safety
///
/// The call is refused, or a function without arguments stands there.
pub unsafe fn call(address: u64) {
    // SAFETY: as the caller vouches; a function may change what the calling
    // convention lets it.
    unsafe { asm!("call {address}", address = in(reg) address, clobber_abi("sysv64")) }
}

/// Reads the byte at `address` through RBP, as functions read what is theirs on
/// the stack.
///
/// # Safety
///
/// As for [`read`].
pub unsafe fn read_by_frame_pointer(address: u64) {
    // SAFETY: as the caller vouches; RBP is as before when this ends.
    unsafe {
        asm!(
            "xchg rbp, {address}",
            "mov al, byte ptr [rbp]",
            "xchg rbp, {address}",
            address = inout(reg) address => _,
            out("al") _,
            options(nostack, preserves_flags)
        );
    }
}

/// Pushes to a stack that ends at address 0, where nothing can be pushed: not
/// even the context of the page fault that follows.
///
/// # Safety
///
/// Nothing is mapped in the last page of the address space.
pub unsafe fn push_to_no_stack() -> ! {
    // SAFETY: as the caller vouches, the push faults, and so does its fault;
    // what comes after has a stack of its own and does not return.
    unsafe { asm!("xor esp, esp", "push rax", "ud2", options(noreturn)) }
}

/// Writes `value` to the device register at `register` while there is no stack,
/// and waits for what comes of it.
///
/// # Safety
///
/// - A register of a device is mapped there.
/// - The write makes an exception come that has a stack of its own and does not return.
pub unsafe fn command_without_stack(register: *mut u32, value: u32) -> ! {
    // SAFETY: as the caller vouches; nothing is pushed before the exception.
    unsafe {
        asm!(
            "xor esp, esp",
            "mov dword ptr [{register}], {value:e}",
            "2:",
            "pause",
            "jmp 2b",
            register = in(reg) register,
            value = in(reg) value,
            options(noreturn)
        )
    }
}

/// Goes where a machine check goes, without a stack.
pub fn machine_check_without_stack() -> ! {
    // SAFETY: the vector has a stack of its own, and its report does not return.
    unsafe { asm!("xor esp, esp", "int 18", "ud2", options(noreturn)) }
}
