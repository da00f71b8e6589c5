//! Regions to measure in, and accesses to them.

use memory::space::{Placement, Region, Request};
use x86_64::VirtAddr;

use crate::cpu::access::{read_byte, write_byte};
use crate::spaces;

pub(super) const PAGE: u64 = 4096;
pub(super) const LARGE_PAGE: u64 = 2 << 20;

/// The last address of the low half.
const LOW_HALF: u64 = (1 << 47) - 1;

/// An address of the low half. No Rust value lies there, so that any access is
/// harmless: it is allowed, or its report ends the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Low(VirtAddr);

impl Low {
    /// The address, cut to the 47 bits that the low half has.
    pub(super) fn new(address: VirtAddr) -> Self {
        Self(VirtAddr::new_truncate(address.as_u64() & LOW_HALF))
    }

    /// As an address.
    pub(super) fn address(self) -> VirtAddr {
        self.0
    }
}

/// The address of page `index` of the region.
pub(super) fn page(region: &Region, index: usize) -> Low {
    Low::new(region.base + index as u64 * PAGE)
}

/// A region in the low half.
pub(super) fn allocate(request: Request) -> Region {
    spaces::current(|space, memory| space.allocate(request, memory))
        .expect("a machine for benchmarks has room")
}

pub(super) fn free(region: &Region) {
    spaces::current(|space, memory| space.free(region.base, memory))
        .expect("the region is the benchmark's own");
}

/// A region at the start of a leaf table, for as long as `work` takes.
pub(super) fn with_region<R>(request: Request, work: impl FnOnce(&Region) -> R) -> R {
    let low = VirtAddr::new(LARGE_PAGE);
    let place = Placement::Within {
        from: low,
        below: (low + (1_u64 << 40)).as_u64(),
        align: LARGE_PAGE,
    };
    let region = allocate(request.placement(place));
    let result = work(&region);
    free(&region);
    result
}

/// Touches a page in every leaf table, so that no fault that is measured has
/// to make one.
pub(super) fn make_tables(region: &Region) {
    for index in (0..region.size / PAGE).step_by(512) {
        write(page(region, index as usize));
    }
}

#[inline(always)]
pub(super) fn read(address: Low) {
    // SAFETY: the address is canonical and lies in the low half, where the
    // benchmarks map no device.
    unsafe { read_byte(address.0) };
}

#[inline(always)]
pub(super) fn write(address: Low) {
    // SAFETY: as above, and no Rust value lies there.
    unsafe { write_byte(address.0, 1) };
}
