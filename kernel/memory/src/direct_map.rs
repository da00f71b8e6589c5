//! The direct map: all physical memory, seen at one offset.
//!
//! This is the one place where a physical address becomes a pointer. Walking
//! tables, zeroing frames and copying bytes for a space that is not loaded all
//! go through the few functions below.
//!
//! What must always hold: a direct map is made once, by
//! [`Memory::new`](crate::Memory::new), whose contract says what is mapped.
//! Functions that take a bare address are `unsafe`; those that take an owned
//! [`Frame`] are not, since no translation and no reference leads to it.
#![allow(unsafe_code)]

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicU64};

use x86_64::structures::paging::PageSize;
use x86_64::{PhysAddr, VirtAddr};

use crate::frames::Frame;

/// Where physical memory is found in virtual memory: at one fixed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectMap {
    offset: u64,
}

impl DirectMap {
    /// A direct map that shows physical address 0 at `offset`.
    ///
    /// # Safety
    ///
    /// As for [`Memory::new`](crate::Memory::new), which hands the offset on.
    pub(crate) const unsafe fn new(offset: VirtAddr) -> Self {
        Self {
            offset: offset.as_u64(),
        }
    }

    /// The virtual address at which the direct map shows `address`.
    ///
    /// The sum wraps for physical addresses that the direct map does not show;
    /// such an address is only a number here and must not be accessed.
    #[must_use]
    pub const fn address_of(self, address: PhysAddr) -> VirtAddr {
        VirtAddr::new_truncate(self.offset.wrapping_add(address.as_u64()))
    }

    /// The pointer through which physical memory at `address` is reached.
    #[inline]
    pub(crate) fn pointer<T>(self, address: u64) -> *mut T {
        core::ptr::with_exposed_provenance_mut(self.offset.wrapping_add(address) as usize)
    }

    /// The 512 words of a frame, which others (the processor) may read and
    /// write at any time.
    ///
    /// # Safety
    ///
    /// - `frame` is the address of a frame that the direct map shows.
    /// - For as long as the result is used, the frame is not handed out anew,
    ///   and everybody accesses it as atomics.
    #[inline]
    pub(crate) unsafe fn words<'a>(self, frame: PhysAddr) -> &'a [AtomicU64; 512] {
        let pointer = self.pointer::<[AtomicU64; 512]>(frame.as_u64());
        // SAFETY:
        // - Mapped and accessed as atomics only, as the caller vouches.
        // - Aligned: a frame is aligned to 4 KiB. An atomic has the size and
        //   the layout of its number.
        unsafe { &*pointer }
    }

    /// The bytes of a frame that nobody writes.
    ///
    /// # Safety
    ///
    /// `frame` is the address of a frame that is in use and that the direct map
    /// shows, and for as long as the result is used nobody writes to it.
    pub(crate) unsafe fn bytes<'a>(self, frame: PhysAddr) -> &'a [u8; 4096] {
        // SAFETY: mapped, and not written, as the caller vouches; any bits are bytes.
        unsafe { &*self.pointer(frame.as_u64()) }
    }

    /// The bytes of an owned frame.
    pub(crate) fn bytes_mut(self, frame: &mut Frame) -> &mut [u8; 4096] {
        // SAFETY: the frame is owned, so nobody else looks at its bytes as long as it
        // is borrowed, and every frame that is handed out is mapped (`Memory::new`).
        unsafe { &mut *self.pointer(frame.start().as_u64()) }
    }

    /// Fills a frame with zeroes.
    #[inline]
    pub(crate) fn zero<S: PageSize>(self, frame: &Frame<S>) {
        let pointer = self.pointer::<u64>(frame.start().as_u64());
        // SAFETY: the frame is owned, so nobody else looks at its bytes, and
        // every frame that is handed out is mapped (`Memory::new`).
        unsafe { fill_with_zeroes(pointer, S::SIZE as usize / 8) };
    }

    /// Fills a frame with what the memory at `from` holds.
    ///
    /// # Safety
    ///
    /// As many bytes at `from` lie in frames that are in use and that the direct
    /// map shows.
    #[inline]
    pub(crate) unsafe fn copy<S: PageSize>(self, from: PhysAddr, frame: &Frame<S>) {
        let (from, to) = (
            self.pointer::<u64>(from.as_u64()),
            self.pointer::<u64>(frame.start().as_u64()),
        );
        // SAFETY: the frame is owned and mapped, as in `zero`; for `from` the
        // caller vouches.
        unsafe { copy_words(from, to, S::SIZE as usize / 8) };
    }

    /// Copies bytes out of memory that others may write meanwhile.
    ///
    /// # Safety
    ///
    /// `from` and the bytes behind it, as many as `into` has, lie in frames
    /// that are in use and that the direct map shows.
    pub(crate) unsafe fn read(self, from: PhysAddr, into: &mut [u8]) {
        let pointer = self.pointer::<u8>(from.as_u64());
        for (index, byte) in into.iter_mut().enumerate() {
            // SAFETY: as the caller vouches; atomic, since the bytes may change.
            *byte = unsafe { AtomicU8::from_ptr(pointer.add(index)).load(Relaxed) };
        }
    }

    /// Copies bytes into memory that others may read meanwhile.
    ///
    /// # Safety
    ///
    /// - As for [`Self::read`].
    /// - No Rust reference covers those bytes.
    pub(crate) unsafe fn write(self, to: PhysAddr, from: &[u8]) {
        let pointer = self.pointer::<u8>(to.as_u64());
        for (index, byte) in from.iter().enumerate() {
            // SAFETY: as the caller vouches; atomic, since others may look.
            unsafe { AtomicU8::from_ptr(pointer.add(index)).store(*byte, Relaxed) };
        }
    }
}

/// Writes `words` zeroes. `rep stosq` is as fast as any other way on processors
/// with fast string operations, and far cheaper than bytes under emulation.
///
/// # Safety
///
/// `pointer` is aligned, and so many words are the caller's to write.
#[inline]
unsafe fn fill_with_zeroes(pointer: *mut u64, words: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller vouches; the direction flag is clear, as the ABI
    // demands at function entry.
    unsafe {
        core::arch::asm!(
            "rep stosq",
            inout("rcx") words => _,
            inout("rdi") pointer => _,
            in("rax") 0_u64,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as the caller vouches.
    unsafe {
        pointer.write_bytes(0, words);
    }
}

/// Copies `words` words. `rep movsq`, for the reasons of [`fill_with_zeroes`].
///
/// # Safety
///
/// Both are aligned; so many words are mapped at `from`, and the caller's to
/// write at `to`.
#[inline]
unsafe fn copy_words(from: *const u64, to: *mut u64, words: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller vouches; the direction flag is clear, as the ABI
    // demands at function entry.
    unsafe {
        core::arch::asm!(
            "rep movsq",
            inout("rcx") words => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as the caller vouches.
    unsafe {
        to.copy_from_nonoverlapping(from, words);
    }
}
