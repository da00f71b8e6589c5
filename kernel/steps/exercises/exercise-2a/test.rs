//! Checks of exercise 2a: a frame partly usable, and overlaps. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use bootloader_api::{BootInfo, entry_point};

use exercise::{PAGE_SIZE, is_usable};

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &a_frame_inside_a_usable_region_is_usable,
        &a_frame_that_a_usable_region_holds_in_part_is_not,
        &a_frame_with_one_byte_of_another_kind_is_not,
        &the_order_of_the_list_does_not_matter,
    ])
}

const fn usable(start: u64, end: u64) -> MemoryRegion {
    MemoryRegion { start, end, kind: MemoryRegionKind::Usable }
}

const fn reserved(start: u64, end: u64) -> MemoryRegion {
    MemoryRegion { start, end, kind: MemoryRegionKind::UnknownBios(2) }
}

fn a_frame_inside_a_usable_region_is_usable() {
    let regions = [usable(0x1000, 0x4000)];
    for (frame, expected) in [(0, false), (1, true), (2, true), (3, true), (4, false)] {
        assert_eq!(is_usable(frame, &regions), expected, "frame {frame} of 0x1000..0x4000");
    }
}

fn a_frame_that_a_usable_region_holds_in_part_is_not() {
    let regions = [usable(0x1800, 0x3c00)];
    assert!(is_usable(2, &regions), "all of frame 2 is in 0x1800..0x3c00");
    for frame in [1, 3] {
        assert!(
            !is_usable(frame, &regions),
            "of the {PAGE_SIZE} bytes of frame {frame}, 0x1800..0x3c00 holds only some"
        );
    }
}

fn a_frame_with_one_byte_of_another_kind_is_not() {
    let regions = [usable(0x1000, 0x5000), reserved(0x2fff, 0x3001)];
    assert!(is_usable(1, &regions) && is_usable(4, &regions), "frames 1 and 4 are usable");
    for frame in [2, 3] {
        assert!(!is_usable(frame, &regions), "a byte of frame {frame} is reserved");
    }
}

fn the_order_of_the_list_does_not_matter() {
    let regions = [reserved(0x2000, 0x2800), usable(0x1000, 0x5000)];
    assert!(!is_usable(2, &regions), "half of frame 2 is reserved");
    assert!(is_usable(3, &regions), "all of frame 3 is usable");
}
