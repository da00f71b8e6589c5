//! System calls, by Linux's numbers for x86-64.
//!
//! Each returns the kernel's error if there is one. A call that could take memory
//! from under a Rust value is an `unsafe fn`.

#![allow(unsafe_code)] // The instruction, and pointers handed to the kernel.

use core::arch::asm;
use core::ffi::CStr;

use crate::errno::Errno;

/// Pages may be read (`PROT_READ`).
pub const READ: usize = 1;
/// Pages may be written to (`PROT_WRITE`).
pub const WRITE: usize = 2;
/// Pages hold code (`PROT_EXEC`).
pub const EXECUTE: usize = 4;
/// Writes go to the object that is mapped (`MAP_SHARED`).
pub const SHARED: usize = 1;
/// The first write to a page makes a copy (`MAP_PRIVATE`).
pub const PRIVATE: usize = 2;
/// Pages of zeroes, of no object (`MAP_ANONYMOUS`).
pub const ANONYMOUS: usize = 0x20;
/// Every page gets its memory at once (`MAP_POPULATE`).
pub const POPULATE: usize = 0x8000;

/// Usage that [`usage`] returns: words of `struct rusage`.
pub type Usage = [u64; 18];

/// One system call. An address in the last page is an error's number, negated.
///
/// # Safety
///
/// What the call does to memory harms no Rust value.
pub unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize, Errno> {
    let [rdi, rsi, rdx, r10, r8, r9] = arguments;
    let result: usize;
    // SAFETY:
    // - `syscall` changes RAX, RCX and R11, which are named, and flags.
    // - What the kernel does to memory is the caller's to answer for.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") rdi,
            in("rsi") rsi,
            in("rdx") rdx,
            in("r10") r10,
            in("r8") r8,
            in("r9") r9,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    if result > usize::MAX - 4096 {
        return Err(Errno(result.wrapping_neg()));
    }
    Ok(result)
}

/// A call that takes no address, and changes no memory that exists.
fn plain(number: usize, arguments: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: only such calls are passed on here, below.
    unsafe { call(number, arguments) }
}

/// Writes bytes to an open file, and returns how many.
pub fn write(file: usize, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel reads these bytes and no others.
    unsafe { call(1, [file, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) }
}

/// Opens a file to be read from, and returns its number.
pub fn open(path: &CStr) -> Result<usize, Errno> {
    // SAFETY: the kernel reads the path, up to its 0.
    unsafe { call(2, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) }
}

/// The size of an open file (`lseek` to its end).
pub fn size(file: usize) -> Result<usize, Errno> {
    const END: usize = 2;
    plain(8, [file, 0, END, 0, 0, 0])
}

/// Closes an open file.
pub fn close(file: usize) -> Result<(), Errno> {
    plain(3, [file, 0, 0, 0, 0, 0]).map(drop)
}

/// Writes the byte at an address to the start of an object, and returns whether there
/// is one that may be read.
#[must_use]
pub fn can_read(address: usize, object: usize) -> bool {
    // SAFETY: the kernel reads a byte, if there is one.
    unsafe { call(18, [object, address, 1, 0, 0, 0]) }.is_ok()
}

/// Reads bytes at an offset of an open file, and returns how many (`pread64`).
pub fn read_at(file: usize, bytes: &mut [u8], offset: usize) -> Result<usize, Errno> {
    let address = bytes.as_mut_ptr() as usize;
    // SAFETY: the kernel writes to these bytes and no others.
    unsafe { call(17, [file, address, bytes.len(), offset, 0, 0]) }
}

/// Maps new pages where the kernel likes, and returns their address.
///
/// `rights` are [`READ`], [`WRITE`], [`EXECUTE`]; `flags` the others above. With
/// [`ANONYMOUS`] the file does not matter.
pub fn map(length: usize, rights: usize, flags: usize, file: usize) -> Result<usize, Errno> {
    // Without MAP_FIXED nothing that exists is replaced.
    plain(9, [0, length, rights, flags, file, 0])
}

/// Gives pages other rights (`mprotect`).
///
/// # Safety
///
/// No Rust value lies in them.
pub unsafe fn protect(address: usize, length: usize, rights: usize) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    unsafe { call(10, [address, length, rights, 0, 0, 0]) }.map(drop)
}

/// Takes pages away (`munmap`).
///
/// # Safety
///
/// No Rust value lies in them, and nobody uses their addresses any more.
pub unsafe fn unmap(address: usize, length: usize) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    unsafe { call(11, [address, length, 0, 0, 0, 0]) }.map(drop)
}

/// Makes a mapping larger or smaller, moves it if it must, and returns its address
/// (`mremap`).
///
/// # Safety
///
/// No Rust value lies in its pages, and nobody uses their old addresses any more.
pub unsafe fn resize(address: usize, length: usize, new: usize) -> Result<usize, Errno> {
    const MAY_MOVE: usize = 1;
    // SAFETY: the caller's contract.
    unsafe { call(25, [address, length, new, MAY_MOVE, 0, 0]) }
}

/// Forgets what is in pages: the next access finds zeroes, or what the file or
/// object holds (`madvise`, `MADV_DONTNEED`).
///
/// # Safety
///
/// No Rust value lies in them.
pub unsafe fn discard(address: usize, length: usize) -> Result<(), Errno> {
    const DONTNEED: usize = 4;
    // SAFETY: the caller's contract.
    unsafe { call(28, [address, length, DONTNEED, 0, 0, 0]) }.map(drop)
}

/// Sets a byte for each page from `address` on, whose lowest bit tells whether it is
/// resident (`mincore`).
pub fn residency(address: usize, pages: &mut [u8]) -> Result<(), Errno> {
    let length = pages.len() * crate::faults::PAGE;
    let bytes = pages.as_mut_ptr() as usize;
    // SAFETY: the kernel writes a byte a page, and there are as many.
    unsafe { call(27, [address, length, bytes, 0, 0, 0]) }.map(drop)
}

/// Moves the end of the heap, and returns where it is now (`brk`). An address of 0
/// moves nothing. Pages below the new end are kept.
///
/// # Safety
///
/// No Rust value lies above the new end.
pub unsafe fn heap_end(address: usize) -> usize {
    // SAFETY: the caller's contract. The call knows no error.
    unsafe { call(12, [address, 0, 0, 0, 0, 0]) }.unwrap_or(0)
}

/// Makes an object of memory with a name that nobody looks at (`memfd_create`).
pub fn object(name: &CStr) -> Result<usize, Errno> {
    // SAFETY: the kernel reads the name, up to its 0.
    unsafe { call(319, [name.as_ptr() as usize, 0, 0, 0, 0, 0]) }
}

/// Gives a file or an object a size (`ftruncate`).
pub fn set_size(file: usize, size: usize) -> Result<(), Errno> {
    plain(77, [file, size, 0, 0, 0, 0]).map(drop)
}

/// Makes a child, a copy of this process: 0 in it, its number in its parent.
pub fn fork() -> Result<usize, Errno> {
    plain(57, [0; 6])
}

/// Waits until a child has ended, and returns its status (`wait4`).
pub fn wait(child: usize) -> Result<u32, Errno> {
    let mut status = 0_u32;
    let address = &raw mut status as usize;
    // SAFETY: the kernel writes a word there.
    unsafe { call(61, [child, address, 0, 0, 0, 0]) }?;
    Ok(status)
}

/// The status of a child if it has ended (`wait4`, `WNOHANG`).
pub fn ended(child: usize) -> Result<Option<u32>, Errno> {
    const NO_HANG: usize = 1;
    let mut status = 0_u32;
    let address = &raw mut status as usize;
    // SAFETY: the kernel writes a word there.
    let found = unsafe { call(61, [child, address, NO_HANG, 0, 0, 0]) }?;
    Ok((found != 0).then_some(status))
}

/// Makes this process the parent of those below it whose parents have ended
/// (`prctl`, `PR_SET_CHILD_SUBREAPER`).
pub fn adopt_orphans() -> Result<(), Errno> {
    plain(157, [36, 1, 0, 0, 0, 0]).map(drop)
}

/// This process' number.
pub fn process() -> Result<usize, Errno> {
    plain(39, [0; 6])
}

/// Sends a signal to a process.
pub fn kill(process: usize, signal: usize) -> Result<(), Errno> {
    plain(62, [process, signal, 0, 0, 0, 0]).map(drop)
}

/// Lets other processes run.
pub fn give_way() -> Result<(), Errno> {
    plain(24, [0; 6]).map(drop)
}

/// What this process has used (`getrusage`).
pub fn usage() -> Result<Usage, Errno> {
    let mut usage: Usage = [0; 18];
    let address = usage.as_mut_ptr() as usize;
    // SAFETY: the kernel writes a `struct rusage`, which has 144 bytes.
    unsafe { call(98, [0, address, 0, 0, 0, 0]) }?;
    Ok(usage)
}

/// Lets the stack of this process and its children grow to so many bytes and no
/// further (`prlimit64`, `RLIMIT_STACK`).
pub fn limit_stack(bytes: u64) -> Result<(), Errno> {
    const STACK: usize = 3;
    let mut limits = [0_u64; 2]; // the limit, and the highest that may be set
    let address = limits.as_mut_ptr() as usize;
    // SAFETY: the kernel writes two words.
    unsafe { call(302, [0, STACK, 0, address, 0, 0]) }?;
    limits[0] = bytes;
    let address = limits.as_ptr() as usize;
    // SAFETY: the kernel reads two words.
    unsafe { call(302, [0, STACK, address, 0, 0, 0]) }.map(drop)
}

/// Has this process and its children use pages of 4 KiB alone (`prctl`,
/// `PR_SET_THP_DISABLE`).
pub fn without_large_pages() -> Result<(), Errno> {
    plain(157, [41, 1, 0, 0, 0, 0]).map(drop)
}

/// Ends this process (`exit_group`).
pub fn exit(status: u8) -> ! {
    // It does not return; should it do so, there is nothing better to do than this.
    loop {
        let _ = plain(231, [status.into(), 0, 0, 0, 0, 0]);
    }
}
