//! The physical memory of the machine: 16 MiB of ordinary memory.
//!
//! Physical address `p` is the byte at `base + p`, so `base` is the offset of the direct map.
//! In WebAssembly that is an address of 32 bits in the page's own memory.
//!
//! What must always hold: entries of page tables are read and written as atomics only, here
//! and in the memory manager; bytes are reached by volatile accesses, and no reference covers
//! what a translation leads to.
#![allow(unsafe_code)]

use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use core::sync::atomic::AtomicU64;

use x86_64::VirtAddr;

/// Bytes of memory that the machine has.
pub(crate) const SIZE: u64 = 16 << 20;
const LAYOUT: Layout = match Layout::from_size_align(SIZE as usize, 4096) {
    Ok(layout) => layout,
    Err(_) => panic!("4096 is a power of two"),
};

/// Memory that is simulated.
#[derive(Debug)]
pub(crate) struct SimulatedMemory {
    base: *mut u8,
}

// SAFETY: the memory is nobody else's, and is reached through atomics and volatile accesses.
unsafe impl Send for SimulatedMemory {}
// SAFETY: as above; a machine is used by one thread at a time.
unsafe impl Sync for SimulatedMemory {}

impl SimulatedMemory {
    /// Memory that is all zeroes.
    pub(crate) fn new() -> Self {
        // SAFETY: the size is not 0.
        let base = unsafe { alloc_zeroed(LAYOUT) };
        if base.is_null() {
            handle_alloc_error(LAYOUT);
        }
        base.expose_provenance();
        Self { base }
    }

    /// Where the direct map shows physical address 0.
    pub(crate) fn offset(&self) -> VirtAddr {
        VirtAddr::new(self.base as u64)
    }

    /// The table entry at a physical address, as the processor sees it.
    pub(crate) fn entry(&self, address: u64) -> &AtomicU64 {
        assert!(address.is_multiple_of(8), "entries are aligned");
        // SAFETY: inside the memory, aligned, and only accessed as an atomic.
        unsafe { AtomicU64::from_ptr(self.pointer(address, 8).cast()) }
    }

    /// Reads a byte.
    pub(crate) fn read(&self, address: u64) -> u8 {
        // SAFETY: inside the memory.
        unsafe { self.pointer(address, 1).read_volatile() }
    }

    /// Writes a byte.
    pub(crate) fn write(&self, address: u64, byte: u8) {
        // SAFETY: inside the memory; no reference covers what a translation leads to.
        unsafe { self.pointer(address, 1).write_volatile(byte) };
    }

    fn pointer(&self, address: u64, size: u64) -> *mut u8 {
        assert!(
            address.checked_add(size).is_some_and(|end| end <= SIZE),
            "{address:#x} is not memory of this machine"
        );
        self.base.wrapping_add(address as usize)
    }
}

impl Drop for SimulatedMemory {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody uses it any more: a machine
        // drops what knows of it first.
        unsafe { dealloc(self.base, LAYOUT) };
    }
}
