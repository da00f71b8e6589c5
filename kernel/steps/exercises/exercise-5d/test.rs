//! Checks of exercise 5d: a walk that knows 2 MiB pages. The task is in `start.rs`.
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
use x86_64::PhysAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use exercise::translate;
use machine::{DIRECT_MAP, FRAMES, entry, index, table, zeroed};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &a_page_of_4_kib_is_found_as_before,
        &what_is_not_mapped_has_no_translation,
        &the_direct_map_leads_to_each_physical_address,
        &the_caching_bit_of_a_large_page_is_not_part_of_its_address,
        &a_page_of_1_gib_ends_the_walk_at_level_3,
    ])
}

fn handler(address: u64, code: PageFaultErrorCode) {
    panic!("no access of this exercise may fault: {code:?} at {address:#x}");
}

/// The entry of level 3 or 2 for an address, below which nothing is mapped yet.
fn upper_entry(address: u64, level: u32) -> &'static mut PageTableEntry {
    entry(address, &mut FRAMES.lock()).expect("free frames for tables");
    let mut frame = Cr3::read().0;
    for level in (level + 1..=4).rev() {
        // SAFETY: a table's frame. The reference ends with this turn of the loop.
        frame =
            PhysFrame::containing_address(unsafe { table(frame) }[index(address, level)].addr());
    }
    // SAFETY: the same, and no other reference to the table is in use.
    let table = unsafe { table(frame) };
    &mut table[index(address, level)]
}

fn a_page_of_4_kib_is_found_as_before() {
    let mut frames = FRAMES.lock();
    let frame = zeroed(&mut frames).expect("a free frame");
    let entry = entry(0x80_0000_5000, &mut frames).expect("free frames for tables");
    // Bit 7 of an entry of level 1 is about caching, and makes no page larger.
    entry.set_addr(frame.start_address(), PageTableFlags::PRESENT | PageTableFlags::HUGE_PAGE);
    let expected = frame.start_address().as_u64() + 0xabc;
    assert_eq!(translate(0x80_0000_5abc), Some(expected));
}

fn what_is_not_mapped_has_no_translation() {
    for address in [0x80_0000_6000, 0x80_4000_0000, 0x100_0000_0000] {
        assert_eq!(translate(address), None, "{address:#x} is not mapped");
    }
}

fn the_direct_map_leads_to_each_physical_address() {
    for physical in [0, 0xfff, 0x1000, 0x12_3456, 0x20_0000, 0x3f_ffff, 0x123_4567] {
        assert_eq!(
            translate(DIRECT_MAP + physical),
            Some(physical),
            "{:#x} is mapped by a page of 2 MiB, which ends the walk at level 2",
            DIRECT_MAP + physical
        );
    }
}

fn the_caching_bit_of_a_large_page_is_not_part_of_its_address() {
    let entry = upper_entry(0x180_0020_0000, 2);
    let flags = PageTableFlags::PRESENT | PageTableFlags::HUGE_PAGE;
    entry.set_addr(PhysAddr::new(0x60_0000 | 1 << 12), flags);
    assert_eq!(
        translate(0x180_0020_0010),
        Some(0x60_0010),
        "bit 12 of the entry of a large page is not part of the address"
    );
}

fn a_page_of_1_gib_ends_the_walk_at_level_3() {
    let flags = PageTableFlags::PRESENT | PageTableFlags::HUGE_PAGE;
    upper_entry(0x200_4000_0000, 3).set_addr(PhysAddr::new(0x4000_0000), flags);
    assert_eq!(translate(0x200_4765_4321), Some(0x4765_4321));
}
