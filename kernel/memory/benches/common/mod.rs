//! What the benchmarks share: how long they measure, chance that is the same in
//! every run, and host memory that stands in for physical memory.
//!
//! A criterion group is the work (`paging: translate`), a function in it who
//! does it; ours is [`OURS`]. `summary` makes its table of that.

#![allow(dead_code, reason = "not every benchmark uses all of it")]
#![allow(unreachable_pub, reason = "a part of each benchmark")]

use std::time::Duration;

use criterion::Criterion;
use faultline_memory::memory_map::{Kind, Region};
use faultline_memory::{Features, Flush, Memory, Scope, Tlb};
use memmap2::{MmapMut, MmapRaw};
use x86_64::VirtAddr;

/// What this crate is called among the contestants.
pub const OURS: &str = "faultline";

/// Measurements long enough for a quiet machine and short enough to wait for.
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(150))
        .measurement_time(Duration::from_millis(500))
}

/// Small, fast and the same in every run (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which fits 32 bits.
    pub fn below(&mut self, bound: usize) -> usize {
        (((self.next() >> 32) * bound as u64) >> 32) as usize
    }
}

/// A processor that remembers no translation: flushing costs nobody anything.
pub struct NoCache;

impl Tlb for NoCache {
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

/// Host memory that stands in for physical memory from [`Self::START`] on.
pub struct HostMemory(MmapRaw);

impl HostMemory {
    /// The first physical address.
    pub const START: u64 = 16 << 20;

    /// Zeroed memory, every page of it there from the start.
    pub fn new(bytes: usize) -> Self {
        let mut mapping = MmapMut::map_anon(bytes).expect("the host has so much memory");
        mapping.fill(0);
        let mapping = MmapRaw::from(mapping);
        mapping.as_mut_ptr().expose_provenance();
        Self(mapping)
    }

    pub fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    /// Where physical address 0 would be seen.
    pub fn offset(&self) -> VirtAddr {
        VirtAddr::new(self.0.as_mut_ptr() as u64 - Self::START)
    }
}

/// This crate's memory over `bytes` of host memory, for good.
pub fn memory(bytes: usize) -> Memory {
    let host = Box::leak(Box::new(HostMemory::new(bytes)));
    let region = Region {
        start: HostMemory::START,
        end: HostMemory::START + host.bytes(),
        kind: Kind::Usable,
    };
    let features = Features {
        gigabyte_pages: true,
        no_execute: true,
        global_pages: true,
        physical_bits: 46,
    };
    // SAFETY: all of it is shown there for good, to nobody else; no processor
    // loads what is made with it.
    let memory = unsafe { Memory::new([region], host.offset(), features, &NoCache) };
    memory.expect("frames for the bitmap and the zero frame")
}
