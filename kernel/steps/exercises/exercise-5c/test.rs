//! Checks of exercise 5c: the flush that was forgotten. The task is in `start.rs`.
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
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use exercise::unmap;
use machine::{DIRECT_MAP, FRAMES, byte, entry, faults, lend, take_back, zeroed};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &what_is_not_mapped_is_not_unmapped,
        &a_page_that_was_unmapped_does_not_show_the_next_owners_data,
        &a_write_to_a_page_that_was_unmapped_does_not_reach_the_next_owner,
    ])
}

const PAGE: u64 = 0x80_0000_0000;

/// The page is not mapped, which is right. It is lent a frame, so that the access can end.
fn handler(address: u64, _code: PageFaultErrorCode) {
    assert_eq!(address, PAGE, "only this page may fault");
    lend(address);
}

/// Maps the page, and accesses it. From now on its translation is in the TLB.
fn map_and_use() {
    let mut frames = FRAMES.lock();
    let frame = zeroed(&mut frames).expect("a free frame");
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    entry(PAGE, &mut frames).expect("free frames for tables").set_frame(frame, flags);
    drop(frames); // the handler would wait for them
    byte(PAGE).write(1);
}

/// Unmaps the page. Its frame is the next owner's now.
fn give_away() -> PhysFrame {
    // SAFETY: no reference points into the page.
    let frame = unsafe { unmap(PAGE, &mut FRAMES.lock()) };
    frame.expect("the page is mapped")
}

/// The first byte of a frame, by the direct map.
fn of(frame: PhysFrame) -> u64 {
    DIRECT_MAP + frame.start_address().as_u64()
}

fn what_is_not_mapped_is_not_unmapped() {
    // SAFETY: no reference points into the page.
    assert_eq!(unsafe { unmap(PAGE, &mut FRAMES.lock()) }, None);
}

fn a_page_that_was_unmapped_does_not_show_the_next_owners_data() {
    map_and_use();
    let frame = give_away();
    byte(of(frame)).write(0x5e);

    let before = faults();
    let read = byte(PAGE).read();
    assert_ne!(
        read, 0x5e,
        "the page was unmapped, and a read of it still shows the data of the frame's next owner: \
         the old translation is in the TLB"
    );
    assert_eq!(faults() - before, 1, "a read of a page that is not mapped is a page fault");
    take_back(PAGE);
}

fn a_write_to_a_page_that_was_unmapped_does_not_reach_the_next_owner() {
    map_and_use();
    let frame = give_away();
    byte(of(frame)).write(0x5e);

    byte(PAGE).write(0xbd);
    let kept = byte(of(frame)).read();
    assert_eq!(kept, 0x5e, "the write went into the frame of the next owner");
    take_back(PAGE);
}
