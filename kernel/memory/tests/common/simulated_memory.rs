//! Physical memory that is simulated: one large reserved mapping of the host.
//!
//! Physical address `p` is the byte at `base + p`, so that memory in far-apart
//! ranges works with one offset, as in a real machine's direct map. The host
//! spends a page only on what is touched. What a page held before is still
//! there when it is handed out again, as on real hardware.
//!
//! What must always hold: page-table entries are read and written as atomics
//! only, here and in the crate, since both sides look at them at any time.

use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};
use x86_64::VirtAddr;

/// Sizes that are tried, the largest first: a host may limit what is reserved.
const SIZES: [u64; 3] = [2 << 40, 256 << 30, 32 << 30];

/// Zeroed memory, reserved and not spent, at one offset.
pub struct SimulatedMemory {
    mapping: MmapRaw,
}

impl SimulatedMemory {
    /// Reserves as much as the host allows, 2 TiB at best.
    pub fn new() -> Self {
        let mapping = SIZES
            .iter()
            .find_map(|&size| {
                let mut options = MmapOptions::new();
                options.len(size as usize).no_reserve_swap();
                options.map_anon().ok()
            })
            .expect("the host reserves 32 GiB of address space (see `ulimit -v`)");
        let mapping = MmapRaw::from(mapping);
        mapping.as_mut_ptr().expose_provenance();
        Self { mapping }
    }

    /// Bytes of simulated memory.
    pub fn size(&self) -> u64 {
        self.mapping.len() as u64
    }

    /// A 2 MiB boundary as far up as half of the memory goes: 1 TiB at best.
    pub fn far(&self) -> u64 {
        self.size() / 2
    }

    /// Where the direct map shows physical address 0.
    pub fn offset(&self) -> VirtAddr {
        VirtAddr::new(self.mapping.as_mut_ptr() as u64)
    }

    /// The table entry at a physical address, as the processor sees it.
    pub fn entry(&self, address: u64) -> &AtomicU64 {
        assert!(address.is_multiple_of(8), "entries are aligned");
        // SAFETY: inside the mapping, aligned, and only accessed as an atomic.
        unsafe { AtomicU64::from_ptr(self.pointer(address, 8).cast()) }
    }

    /// Reads a byte.
    pub fn read(&self, address: u64) -> u8 {
        // SAFETY: inside the mapping.
        unsafe { self.pointer(address, 1).read_volatile() }
    }

    /// Writes a byte.
    pub fn write(&self, address: u64, byte: u8) {
        // SAFETY: inside the mapping; no Rust reference covers memory that a
        // translation leads to.
        unsafe { self.pointer(address, 1).write_volatile(byte) };
    }

    /// A copy of the bytes from `start` on.
    pub fn copy(&self, start: u64, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; size as usize];
        let from = self.pointer(start, size);
        // SAFETY: inside the mapping, and `bytes` is not part of it.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        bytes
    }

    /// True if these bytes are there.
    pub fn holds(&self, start: u64, bytes: &[u8]) -> bool {
        let pointer = self.pointer(start, bytes.len() as u64);
        // SAFETY: inside the mapping, and nobody writes it meanwhile.
        unsafe { std::slice::from_raw_parts(pointer, bytes.len()) == bytes }
    }

    /// Fills a range with a byte that is not zero, so that a frame that nobody
    /// zeroed is noticed.
    pub fn soil(&self, start: u64, size: u64) {
        // Large pages of the host spare it a fault for each of its small ones.
        #[cfg(target_os = "linux")]
        let _ = self
            .mapping
            .advise_range(memmap2::Advice::HugePage, start as usize, size as usize);
        // SAFETY: inside the mapping; called before frames are handed out.
        unsafe { self.pointer(start, size).write_bytes(0xa5, size as usize) };
    }

    fn pointer(&self, address: u64, size: u64) -> *mut u8 {
        assert!(
            address
                .checked_add(size)
                .is_some_and(|end| end <= self.size()),
            "{address:#x} is not simulated memory"
        );
        self.mapping.as_mut_ptr().wrapping_add(address as usize)
    }
}
