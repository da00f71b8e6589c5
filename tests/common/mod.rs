//! What the test kernels share: regions of their own, real accesses to them,
//! counters, and what a physical address holds.
#![allow(dead_code, reason = "each kernel uses some of it")]

pub mod block;

use kernel::account::meter::Cost;
use kernel::cpu::access;
use kernel::spaces;
use memory::frames::{Counts, Frames};
use memory::space::{Backing, Placement, Region, Request};
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

/// Bytes of a small page.
pub const PAGE: u64 = 4096;
/// Bytes of a large page.
pub const LARGE_PAGE: u64 = 2 << 20;

/// Nothing happened: no fault, no frame, no table.
pub const NOTHING: Cost = Cost {
    faults: 0,
    frames: 0,
    tables: 0,
    records: 0,
};

/// So many faults, which took so many frames, and tables on the way to them.
pub fn cost(faults: u64, frames: i64, tables: i64) -> Cost {
    Cost {
        faults,
        frames,
        tables,
        records: 0,
    }
}

/// What is asked for when `pages` small pages are wanted exactly at `base`.
pub fn pages_at(base: u64, pages: u64, backing: Backing) -> Request {
    Request::new(pages * PAGE, backing).placement(Placement::At(VirtAddr::new(base)))
}

/// Reserves a region in the low half of the space that is loaded.
pub fn allocate(request: Request) -> Region {
    spaces::current(|space, memory| space.allocate(request, memory))
        .expect("the low half has room for a test's region")
}

/// Bytes of the heap's notes at the start of its first `size` bytes: 72 for each 2 MiB.
pub fn heap_notes(size: u64) -> u64 {
    (size / LARGE_PAGE * 72).next_multiple_of(PAGE)
}

/// Asserts every invariant of the machine's memory. No space but the loaded one may be there.
pub fn audit() {
    let report = spaces::audit([]).expect("every invariant holds");
    assert_eq!(report.halves, 2);
}

/// Frees a region of the low half, after an audit of all memory while it is
/// still there; returns the private frames that went back.
pub fn free(region: &Region) -> u64 {
    audit();
    spaces::current(|space, memory| space.free(region.base, memory))
        .expect("the test allocated the region")
}

/// The address `offset` bytes into a region, which must hold it.
pub fn address_in(region: &Region, offset: u64) -> VirtAddr {
    assert!(
        offset < region.size,
        "{offset:#x} lies outside of {region:?}"
    );
    region.base + offset
}

/// An address of the low half.
pub fn address(address: u64) -> VirtAddr {
    VirtAddr::new(address)
}

/// Reads a byte of a test's region, through the processor.
pub fn read(region: &Region, offset: u64) -> u8 {
    // SAFETY: the address lies in a region that a test allocated for itself.
    unsafe { access::read_byte(address_in(region, offset)) }
}

/// Writes a byte of a test's region, through the processor.
pub fn write(region: &Region, offset: u64, byte: u8) {
    // SAFETY: as in `read`; nothing of Rust's stands there.
    unsafe { access::write_byte(address_in(region, offset), byte) }
}

/// All counters of the frame allocator.
pub fn counts() -> Counts {
    frames(|frames| frames.counts())
}

/// Lets `look` see the machine's frame allocator.
pub fn frames<R>(look: impl FnOnce(&Frames<'static>) -> R) -> R {
    spaces::memory().frames(look)
}

/// Lets at most so many more frames be handed out, or all.
pub fn set_limit(limit: Option<u64>) {
    spaces::memory().set_limit(limit);
}

/// The frame of zeroes that all untouched zero-backed pages share.
pub fn zero_frame() -> PhysAddr {
    spaces::memory().zero_frame().start_address()
}

/// What an address is translated to now, by the tables that are loaded.
pub fn physical(address: VirtAddr) -> Option<PhysAddr> {
    spaces::look(address, |half| half.translate(address))
}

/// The flags of the last entry on the way to an address.
pub fn flags(address: VirtAddr) -> PageTableFlags {
    spaces::look(address, |half| half.walk(address).end().entry.flags())
}

/// The level at which the walk to an address ends: 1 for a small page, 2 for a large one.
pub fn level(address: VirtAddr) -> u8 {
    spaces::look(address, |half| half.walk(address).end().level)
}

/// Where the direct map shows a physical address.
pub fn direct(address: PhysAddr) -> VirtAddr {
    spaces::memory().direct_map().address_of(address)
}
