//! Accesses that are refused: to nothing, to guards, without the right, at no
//! address, or for want of memory.

use alloc::boxed::Box;
use core::hint::black_box;

use memory::space::{Backing, Placement, Region, Request};
use x86_64::VirtAddr;

use crate::cpu::wrong;
use crate::spaces;

/// Where the regions of this file lie, in the low half.
const BASE: u64 = 0x40_0000_0000;
const PAGE: u64 = 4096;

/// A region of so many pages right behind another one.
pub(super) fn region(page: u64, pages: u64, backing: Backing, label: &'static str) -> Region {
    let base = VirtAddr::new(BASE + page * PAGE);
    let request = Request::new(pages * PAGE, backing)
        .placement(Placement::At(base))
        .label(label);
    spaces::current(|space, memory| space.allocate(request, memory))
        .expect("the low half has room for the region")
}

pub(super) fn null() {
    // SAFETY: page 0 is never mapped.
    unsafe { wrong::write(0) };
}

pub(super) fn unmapped() {
    let region = region(0, 2, Backing::Demand, "region of two pages");
    // SAFETY: nothing is mapped behind the region.
    unsafe { wrong::read(region.end() + 16) };
}

pub(super) fn guard() {
    let region = region(0, 2, Backing::Demand, "region of two pages");
    let guard = self::region(2, 1, Backing::Guard, "guard behind the region");
    // SAFETY: the region is this function's own, and the guard refuses.
    unsafe {
        wrong::write(region.end() - 1);
        wrong::write(guard.base.as_u64() + 24);
    }
}

pub(super) fn stack() {
    deeper(0);
}

#[expect(
    unconditional_recursion,
    reason = "running out of stack is what is shown"
)]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + depth
}

pub(super) fn write_readonly() {
    // SAFETY: code is read-only, so nothing is written.
    unsafe { wrong::write(write_readonly as fn() as usize as u64) };
}

pub(super) fn execute_data() {
    const RET: u8 = 0xc3;
    let code = Box::new([RET]);
    // SAFETY: the heap is not executable; where it were, the byte is a function that returns.
    unsafe { wrong::call(black_box(&raw const *code) as usize as u64) };
}

pub(super) fn heap_overrun() {
    let mut block = Box::new([0_u8; 96]);
    // SAFETY: the next byte is on a page where nothing is mapped, if blocks are
    // kept apart, or the heap's own, which it checks when the block is freed.
    unsafe { wrong::write(block.as_mut_ptr_range().end as u64) };
    drop(block);
}

pub(super) fn user_page() {
    let base = VirtAddr::new(BASE);
    let request = Request::new(PAGE, Backing::Demand)
        .placement(Placement::At(base))
        .label("region of user programs")
        .user();
    spaces::current(|space, memory| space.allocate(request, memory))
        .expect("the low half has room for the region");
    // SAFETY: the region is this function's own.
    unsafe { wrong::write(BASE) };
}

/// Bit 63 is set, and bits 47 to 62 are not.
const NO_ADDRESS: u64 = 0x8000_0000_0000_1000;

pub(super) fn non_canonical() {
    // SAFETY: the processor has no such address.
    unsafe { wrong::read(NO_ADDRESS) };
}

pub(super) fn non_canonical_stack() {
    // SAFETY: as above.
    unsafe { wrong::read_by_frame_pointer(NO_ADDRESS) };
}

pub(super) fn out_of_frames() {
    const LEFT: u64 = 8;
    let region = region(0, 64, Backing::Demand, "region of 64 pages");
    spaces::memory().set_limit(Some(LEFT));
    for page in 0..64 {
        // SAFETY: the region is this function's own.
        unsafe { wrong::write(region.base.as_u64() + page * PAGE) };
    }
}
