//! Checks of exercise 7a: CR0.WP forgotten. The task is in `start.rs`.
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
use x86_64::registers::control::{Cr0, Cr0Flags};
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use exercise::init_zero_frame;
use machine::{FRAMES, PAGE_SIZE, byte, entry, faults, zeroed};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    // SAFETY: nothing relies on it yet.
    unsafe { Cr0::update(|flags| flags.remove(Cr0Flags::WRITE_PROTECT)) };
    ZERO_FRAME.call_once(|| init_zero_frame(&mut FRAMES.lock()));
    kit::run(&[
        &pages_that_are_only_read_share_a_frame_of_zeroes,
        &a_write_to_one_page_is_not_read_in_another,
        &the_first_write_takes_one_fault_and_the_second_none,
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

fn pages_that_are_only_read_share_a_frame_of_zeroes() {
    for number in 0..4 {
        assert_eq!(byte(page(number)).read(), 0);
    }
    let mut frames = FRAMES.lock();
    for number in 0..4 {
        let entry = entry(page(number), &mut frames).expect("tables that are there");
        assert_eq!(entry.addr(), zero_frame().start_address());
    }
}

fn a_write_to_one_page_is_not_read_in_another() {
    byte(page(0)).write(7);
    assert_eq!(byte(page(0)).read(), 7);
    let other = byte(page(1)).read();
    assert_eq!(
        other, 0,
        "page 0 was written, and page 1 shows it: the write went into the frame of zeroes, \
         though the entry is read-only"
    );
}

fn the_first_write_takes_one_fault_and_the_second_none() {
    let before = faults();
    byte(page(2)).write(7);
    byte(page(2)).write(8);
    assert_eq!(faults() - before, 1);
    assert_eq!((byte(page(2)).read(), byte(page(3)).read()), (8, 0));
}
