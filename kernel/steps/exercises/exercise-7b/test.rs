//! Checks of exercise 7b: who frees the zero frame. The task is in `start.rs`.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;
#[path = "../machine.rs"]
mod machine;

use bootloader_api::{BootInfo, entry_point};
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use exercise::unmap;
use machine::{FRAMES, PAGE_SIZE, byte, entry, zeroed};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    ZERO_FRAME.call_once(|| zeroed(&mut FRAMES.lock()).expect("a free frame"));
    kit::run(&[
        &a_page_that_was_written_gives_its_frame_back,
        &a_page_that_was_only_read_gives_nothing_back,
        &the_next_owner_of_a_frame_does_not_get_the_zero_frame,
        &a_page_that_was_never_accessed_gives_nothing_back,
    ])
}

/// The frame that stands behind every page that was only read.
static ZERO_FRAME: Once<PhysFrame> = Once::new();

fn zero_frame() -> PhysFrame {
    *ZERO_FRAME.get().expect("`main` has put it there")
}

/// The address of a page of zeroes.
fn page(number: u64) -> u64 {
    0x80_0000_0000 + number * PAGE_SIZE
}

/// As in step 7: a read gets the zero frame, a write a frame of the page's own.
fn handler(address: u64, code: PageFaultErrorCode) {
    let mut frames = FRAMES.lock();
    let entry = entry(address, &mut frames).expect("free frames for tables");
    let mut flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
    if code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) {
        flags |= PageTableFlags::WRITABLE;
        entry.set_frame(zeroed(&mut frames).expect("a free frame"), flags);
        tlb::flush(VirtAddr::new(address));
    } else {
        entry.set_frame(zero_frame(), flags);
    }
}

/// Unmaps a page. Returns how many frames that gave back.
fn given_back(number: u64) -> u32 {
    let mut frames = FRAMES.lock();
    let before = frames.taken();
    // SAFETY: no reference points into the page.
    let result = unsafe { unmap(page(number), zero_frame(), &mut frames) };
    assert_eq!(result, Ok(()), "page {number} was unmapped");
    before - frames.taken()
}

fn a_page_that_was_written_gives_its_frame_back() {
    byte(page(0)).write(7);
    assert_eq!(given_back(0), 1);
    assert_eq!(byte(page(0)).read(), 0, "the page was unmapped, and begins again with zeroes");
}

fn a_page_that_was_only_read_gives_nothing_back() {
    assert_eq!((byte(page(1)).read(), byte(page(2)).read()), (0, 0));
    for number in [1, 2] {
        let frames = given_back(number);
        assert_eq!(
            frames, 0,
            "page {number} was only read, so it had no frame of its own: the zero frame was freed"
        );
    }
}

fn the_next_owner_of_a_frame_does_not_get_the_zero_frame() {
    assert_eq!(byte(page(3)).read(), 0);
    given_back(3);
    assert_eq!(byte(page(4)).read(), 0);
    byte(page(5)).write(7);
    assert_eq!(byte(page(4)).read(), 0, "page 5 was written, and page 4 shows it");
}

fn a_page_that_was_never_accessed_gives_nothing_back() {
    assert_eq!(given_back(6), 0);
}
