//! Checks of exercise 7c: fault-around. The task is in `start.rs`.
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

use core::ops::Range;

use bootloader_api::{BootInfo, entry_point};
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use exercise::{AROUND, resolve_read};
use machine::{FRAMES, PAGE_SIZE, byte, entry, faults, zeroed};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    ZERO_FRAME.call_once(|| zeroed(&mut FRAMES.lock()).expect("a free frame"));
    kit::run(&[
        &a_page_that_was_read_reads_as_zeroes,
        &twenty_pages_are_read_with_three_page_faults,
        &no_page_outside_of_the_region_is_mapped,
        &a_page_that_was_written_keeps_its_frame,
        &a_write_still_takes_a_fault_for_each_page,
    ])
}

/// The frame that stands behind every page that was only read.
static ZERO_FRAME: Once<PhysFrame> = Once::new();

fn zero_frame() -> PhysFrame {
    *ZERO_FRAME.get().expect("`main` has put it there")
}

/// The regions. The first one has 20 pages: of the block of the pages 0 to 7, of that of 8 to 15,
/// and of that of 16 to 23.
static REGIONS: [Range<u64>; 3] = [
    0x80_0000_3000..0x80_0001_7000,
    0x80_0010_0000..0x80_0010_8000,
    0x80_0020_0000..0x80_0020_8000,
];

/// As in step 7, where a read asks the exercise.
fn handler(address: u64, code: PageFaultErrorCode) {
    let mut frames = FRAMES.lock();
    let region = REGIONS.iter().find(|region| region.contains(&address));
    let region = region.unwrap_or_else(|| panic!("{address:#x} is in no region"));
    if code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) {
        let frame = zeroed(&mut frames).expect("a free frame");
        let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
        entry(address, &mut frames).expect("free frames for tables").set_frame(frame, flags);
        tlb::flush(VirtAddr::new(address));
    } else {
        resolve_read(address, region, zero_frame(), &mut frames).expect("free frames for tables");
    }
}

/// Reads the first byte of every page. Returns how many page faults that took.
fn faults_of_reading(addresses: Range<u64>) -> u64 {
    let before = faults();
    for address in addresses.step_by(PAGE_SIZE as usize) {
        assert_eq!(byte(address).read(), 0, "{address:#x} was never written");
    }
    faults() - before
}

fn a_page_that_was_read_reads_as_zeroes() {
    let page = REGIONS[2].start + 7 * PAGE_SIZE;
    assert_eq!(faults_of_reading(page..page + PAGE_SIZE), 1);
    assert_eq!(faults_of_reading(page..page + PAGE_SIZE), 0);
}

fn twenty_pages_are_read_with_three_page_faults() {
    let faults = faults_of_reading(REGIONS[0].clone());
    assert_eq!(
        faults, 3,
        "20 pages in 3 blocks of {AROUND} were read, and it took the left number of page faults"
    );
}

fn no_page_outside_of_the_region_is_mapped() {
    let mut frames = FRAMES.lock();
    for address in [REGIONS[0].start - PAGE_SIZE, REGIONS[0].end] {
        let entry = entry(address, &mut frames).expect("free frames for tables");
        assert!(entry.is_unused(), "{address:#x} is outside of the region, and was mapped");
    }
}

fn a_page_that_was_written_keeps_its_frame() {
    let Range { start, end } = REGIONS[1];
    let written = start + 5 * PAGE_SIZE;
    byte(written).write(7);
    assert_eq!(faults_of_reading(start..written), 1);
    assert_eq!(byte(written).read(), 7, "the page was written before its neighbour was read");
    assert_eq!(faults_of_reading(written + PAGE_SIZE..end), 0);
}

fn a_write_still_takes_a_fault_for_each_page() {
    let before = faults();
    for page in 0..4 {
        byte(REGIONS[0].start + page * PAGE_SIZE).write(1);
    }
    assert_eq!(faults() - before, 4, "pages that were only read share a frame: nobody may write");
}
