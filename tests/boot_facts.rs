//! What the boot loader hands over is what was asked for.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use bootloader_api::info::MemoryRegionKind;
use kernel::boot::{STACK_SIZE, UPPER_HALF};
use kernel::testing::boot_info;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

#[test_case]
fn physical_memory_is_mapped_in_the_upper_half() {
    assert!(boot_info().physical_memory_offset >= UPPER_HALF);
    assert!(boot_info().physical_memory_offset.is_aligned(4096u64));
}

#[test_case]
fn the_kernel_and_its_stack_lie_in_the_upper_half() {
    let local = 0u8;
    assert!(boot_info().image_start >= UPPER_HALF);
    assert!(VirtAddr::new(boot_info as fn() -> _ as usize as u64) >= UPPER_HALF);
    assert!(VirtAddr::from_ptr(&raw const local) >= UPPER_HALF);
}

#[test_case]
fn the_stack_has_the_size_that_was_asked_for() {
    let stack = boot_info().stack;
    assert_eq!(stack.top - stack.bottom, STACK_SIZE);
    assert!(stack.bottom.is_aligned(4096u64));
}

#[test_case]
fn there_are_at_least_16_mib_of_usable_memory() {
    let usable: u64 = boot_info()
        .memory_regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Usable)
        .map(|region| region.end - region.start)
        .sum();
    assert!(usable >= 16 << 20, "{usable} bytes are usable");
}

#[test_case]
fn the_loader_reports_the_memory_that_it_took_for_itself() {
    let taken: u64 = boot_info()
        .memory_regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Bootloader)
        .map(|region| region.end - region.start)
        .sum();
    assert!(taken >= STACK_SIZE, "{taken} bytes are the loader's");
}
