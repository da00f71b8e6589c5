//! The whole live machine is audited: no leaf outside a region, nothing that is
//! writable and executable, no frame that is not accounted for.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use kernel::layout::{IMAGE, KERNEL_HALF};
use kernel::{physical, spaces};
use memory::memory_map::Kind;
use memory::space::{Backing, Rights};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// An address in the kernel's code.
fn code() -> VirtAddr {
    VirtAddr::new(code as *const () as u64)
}

#[test_case]
fn the_audit_of_the_live_machine_finds_nothing_broken() {
    let report = spaces::audit([]).expect("every invariant holds");
    assert_eq!(report.halves, 2);
    assert_eq!(
        report.foreign_tables, 0,
        "no table of the boot loader is left"
    );
    assert!(report.checks > 1000);
}

#[test_case]
fn the_low_half_starts_with_nothing_mapped() {
    let walk = spaces::current(|space, _| space.walk(VirtAddr::zero()));
    assert_eq!((walk.end().level, walk.physical()), (4, None));
    assert_eq!(spaces::current(|space, _| space.regions().count()), 0);
}

#[test_case]
fn code_constants_and_data_have_their_own_rights() {
    let rights_at = |address: VirtAddr| {
        spaces::kernel_half(|space, _| space.region_at(address)).map(|region| region.rights)
    };
    static CONSTANT: [u64; 4] = [1, 2, 3, 4];
    let mut on_stack = 0_u8;
    assert_eq!(rights_at(code()), Some(Rights::ReadExecute));
    assert_eq!(
        rights_at(VirtAddr::from_ptr(&raw const CONSTANT)),
        Some(Rights::Read)
    );
    assert_eq!(
        rights_at(VirtAddr::from_ptr(&raw mut on_stack)),
        Some(Rights::ReadWrite)
    );
    assert_eq!(rights_at(IMAGE), Some(Rights::Read), "the ELF header");
}

#[test_case]
fn code_is_read_only_in_the_direct_map_too() {
    let code = code();
    let frame = spaces::kernel_half(|half, _| half.walk(code).physical()).expect("code is mapped");
    let alias = spaces::memory().direct_map().address_of(frame);
    let region = spaces::kernel_half(|space, _| space.region_at(alias)).expect("in the map");
    assert_eq!(
        (region.rights, region.backing),
        (Rights::Read, Backing::Fixed)
    );
}

#[test_case]
fn the_direct_map_shows_the_memory_that_exists_and_no_more() {
    let boot = kernel::testing::boot_info();
    let features = spaces::memory().features();
    let exists: u64 = physical::map(boot.memory_regions, features)
        .entries()
        .filter(|entry| entry.kind != Kind::Reserved)
        .map(|entry| entry.range.bytes())
        .sum();
    let shown: u64 = spaces::kernel_half(|space, _| {
        space
            .regions()
            .filter(|region| region.label.starts_with("direct map"))
            .map(|region| region.size)
            .sum()
    });
    assert_eq!(shown, exists);
}

#[test_case]
fn what_the_boot_loader_held_is_free_but_for_the_image() {
    let counts = spaces::memory().counts();
    let image: u64 = spaces::kernel_half(|space, _| {
        space
            .regions()
            .filter(|region| region.base >= KERNEL_HALF && region.label.starts_with("kernel "))
            .filter(|region| region.backing == Backing::Fixed)
            .map(|region| region.size / 4096)
            .sum()
    });
    // The image's runs may share a frame where sections meet in the file, and
    // the allocator's bitmap is reserved as well: a frame for each 128 MiB.
    let bitmap = counts.total / 30_000 + 16;
    assert!(
        counts.reserved <= image + bitmap,
        "{} reserved, {image} of them the image",
        counts.reserved
    );
}
