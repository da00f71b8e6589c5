//! What the boot loader hands over is what was asked for, and the kernel runs on its own.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use bootloader_api::info::MemoryRegionKind;
use kernel::layout::{DIRECT_MAP, IMAGE, KERNEL_HALF, STACK_SIZE};
use kernel::testing::boot_info;
use kernel::{spaces, stack};
use memory::paging::Entry;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// The bytes of all memory of one kind, as the loader reported it.
fn reported(kind: MemoryRegionKind) -> u64 {
    boot_info()
        .memory_regions
        .iter()
        .filter(|region| region.kind == kind)
        .map(|region| region.end - region.start)
        .sum()
}

#[test_case]
fn the_image_and_physical_memory_are_mapped_where_they_were_asked_for() {
    assert_eq!(boot_info().image_start, IMAGE);
    assert_eq!(boot_info().physical_memory_offset, DIRECT_MAP);
}

#[test_case]
fn the_code_and_the_stack_in_use_lie_in_the_kernel_half() {
    let local = 0u8;
    assert!(VirtAddr::new(boot_info as fn() -> _ as usize as u64) >= KERNEL_HALF);
    assert!(VirtAddr::from_ptr(&raw const local) >= KERNEL_HALF);
}

#[test_case]
fn the_loaders_stack_had_its_size_and_is_no_longer_in_use() {
    let local = 0u8;
    let here = VirtAddr::from_ptr(&raw const local);
    let loaders = boot_info().stack;
    assert_eq!(loaders.top() - loaders.bottom(), STACK_SIZE);
    assert!(!loaders.contains(here));
    assert!(stack::current().is_some_and(|stack| stack.contains(here)));
}

#[test_case]
fn the_loaders_stack_lay_in_a_slot_that_our_tables_do_not_have() {
    let loaders = boot_info().stack;
    assert_eq!(u16::from(loaders.bottom().p4_index()), 257);
    assert_eq!(u16::from((loaders.top() - 1).p4_index()), 257);
    let end = spaces::current(|space, _| space.walk(loaders.bottom()).end());
    assert_eq!((end.level, end.entry), (4, Entry::UNUSED));
}

#[test_case]
fn there_are_at_least_16_mib_of_usable_memory() {
    let usable = reported(MemoryRegionKind::Usable);
    assert!(usable >= 16 << 20, "{usable} bytes are usable");
}

#[test_case]
fn the_loader_reports_the_memory_that_it_took_for_itself() {
    let taken = reported(MemoryRegionKind::Bootloader);
    assert!(taken >= STACK_SIZE, "{taken} bytes are the loader's");
}
