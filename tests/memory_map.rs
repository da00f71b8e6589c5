//! The memory map: this machine's own, cleaned, and made-up ones that lie.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec::Vec;
use bootloader_api::info::MemoryRegionKind;
use common::{PAGE, counts, frames};
use kernel::cpu::features;
use kernel::testing::boot_info;
use memory::fault_log::{Event, RING};
use memory::frames::{Layout, State};
use memory::memory_map::{Kind, MapEntry, MemoryMap, Region};
use x86_64::PhysAddr;

kernel::test_kernel!(test_main);

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What the kernel made of this machine's map.
fn machine() -> Vec<MapEntry> {
    let map = kernel::physical::map(boot_info().memory_regions, features::detect());
    map.entries().collect()
}

fn frames_of(map: &[MapEntry], kind: Kind) -> u64 {
    let entries = map.iter().filter(|entry| entry.kind == kind);
    entries.map(|entry| entry.range.frames()).sum()
}

/// Frames that the memory manager keeps for itself: its bitmap, and the ring of
/// the fault log behind it.
fn own_frames(map: &[MapEntry]) -> u64 {
    let managed = map.iter().filter(|entry| entry.kind != Kind::Reserved);
    let ring = size_of::<[Event; RING]>() as u64;
    Layout::of(managed.copied()).frames() + ring.div_ceil(PAGE)
}

/// Whether ranges are whole, sorted and apart, and as few as can be.
fn is_clean(map: &[MapEntry]) -> bool {
    let whole = |address: u64| address.is_multiple_of(PAGE);
    let alone = map.iter().all(|entry| {
        whole(entry.range.start().as_u64()) && whole(entry.range.end()) && entry.range.frames() > 0
    });
    let in_pairs = map.windows(2).all(|pair| {
        let gap = pair[1]
            .range
            .start()
            .as_u64()
            .checked_sub(pair[0].range.end());
        gap.is_some_and(|gap| gap > 0 || pair[0].kind != pair[1].kind)
    });
    alone && in_pairs
}

#[test_case]
fn the_machines_map_is_sorted_whole_and_without_overlaps() {
    let map = machine();
    assert!(is_clean(&map), "{map:?}");
    assert!(frames_of(&map, Kind::Usable) * PAGE >= 16 * MIB, "{map:?}");
}

#[test_case]
fn the_first_mib_is_not_usable_and_not_managed() {
    let map = machine();
    let low = |entry: &&MapEntry| entry.range.start().as_u64() < MIB;
    let below: Vec<&MapEntry> = map.iter().filter(low).collect();
    assert!(!below.is_empty());
    assert!(
        below.iter().all(|entry| entry.kind == Kind::Reserved),
        "{below:?}"
    );
    assert_eq!(frames(|frames| frames.state_of(PhysAddr::new(0))), None);
    assert!(!frames(|frames| frames.manages_any(0, MIB)));
}

#[test_case]
fn all_that_the_boot_loader_calls_usable_is_but_for_the_first_mib() {
    let told: u64 = boot_info()
        .memory_regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Usable)
        .map(|region| region.end.max(MIB) - region.start.max(MIB))
        .sum();
    assert_eq!(frames_of(&machine(), Kind::Usable) * PAGE, told);
}

#[test_case]
fn the_frame_allocator_has_exactly_the_frames_of_the_map() {
    let map = machine();
    let usable = frames_of(&map, Kind::Usable);
    let loader = frames_of(&map, Kind::Reclaimable);
    let own = own_frames(&map);
    let counts = counts();
    assert_eq!(counts.total, usable + loader);
    assert!(
        (own..=own + loader).contains(&counts.reserved),
        "{counts:?}"
    );
    assert_eq!(counts.free + counts.used, counts.total);
}

#[test_case]
fn every_frame_has_the_state_that_the_map_gives_it() {
    for entry in machine() {
        let inside = [entry.range.start(), PhysAddr::new(entry.range.end() - PAGE)];
        for address in inside {
            let state = frames(|frames| frames.state_of(address));
            assert_eq!(state.is_none(), entry.kind == Kind::Reserved, "{entry:?}");
        }
        if entry.kind == Kind::Reserved {
            let (start, end) = (entry.range.start().as_u64(), entry.range.end());
            assert!(
                !frames(|frames| frames.manages_any(start, end)),
                "{entry:?}"
            );
        }
    }
}

#[test_case]
fn the_bitmap_and_the_fault_log_are_reserved_in_usable_memory() {
    let map = machine();
    let own = own_frames(&map);
    let end = map
        .iter()
        .rfind(|entry| entry.kind == Kind::Usable && entry.range.frames() >= own)
        .map(|entry| entry.range.end())
        .expect("the kernel found room");
    let state = |address| frames(|frames| frames.state_of(PhysAddr::new(address)));
    for frame in 1..=own {
        assert_eq!(state(end - frame * PAGE), Some(State::Reserved), "{frame}");
    }
    assert_ne!(state(end - (own + 1) * PAGE), Some(State::Reserved));
}

/// The cleaned map of made-up regions, as `(start, end, kind)`.
fn cleaned(regions: &[(u64, u64, Kind)], bits: u8) -> Vec<(u64, u64, Kind)> {
    let regions = regions
        .iter()
        .map(|&(start, end, kind)| Region { start, end, kind });
    let entries: Vec<MapEntry> = MemoryMap::new(regions)
        .physical_bits(bits)
        .entries()
        .collect();
    assert!(is_clean(&entries), "{entries:?}");
    let flat = entries
        .iter()
        .map(|entry| (entry.range.start().as_u64(), entry.range.end(), entry.kind));
    flat.collect()
}

#[test_case]
fn unsorted_and_touching_regions_are_put_in_order_and_together() {
    let map = [
        (8 * MIB, 9 * MIB, Kind::Usable),
        (2 * MIB, 3 * MIB, Kind::Usable),
        (3 * MIB, 4 * MIB, Kind::Usable),
    ];
    let expected = [
        (2 * MIB, 4 * MIB, Kind::Usable),
        (8 * MIB, 9 * MIB, Kind::Usable),
    ];
    assert_eq!(cleaned(&map, 40), expected);
}

#[test_case]
fn where_regions_overlap_the_used_one_wins() {
    let map = [
        (2 * MIB, 10 * MIB, Kind::Usable),
        (4 * MIB, 5 * MIB, Kind::Reserved),
        (3 * MIB, 6 * MIB, Kind::Reclaimable),
    ];
    let expected = [
        (2 * MIB, 3 * MIB, Kind::Usable),
        (3 * MIB, 4 * MIB, Kind::Reclaimable),
        (4 * MIB, 5 * MIB, Kind::Reserved),
        (5 * MIB, 6 * MIB, Kind::Reclaimable),
        (6 * MIB, 10 * MIB, Kind::Usable),
    ];
    assert_eq!(cleaned(&map, 40), expected);
}

#[test_case]
fn a_frame_that_is_usable_in_part_only_is_left_out() {
    let map = [
        (2 * MIB + 1, 2 * MIB + 3 * PAGE - 1, Kind::Usable),
        (4 * MIB + 100, 4 * MIB + 200, Kind::Usable),
    ];
    let expected = [(2 * MIB + PAGE, 2 * MIB + 2 * PAGE, Kind::Usable)];
    assert_eq!(cleaned(&map, 40), expected);
}

#[test_case]
fn a_frame_that_is_used_in_part_is_used() {
    let map = [
        (2 * MIB, 3 * MIB, Kind::Usable),
        (2 * MIB + PAGE + 100, 2 * MIB + PAGE + 101, Kind::Reserved),
    ];
    let expected = [
        (2 * MIB, 2 * MIB + PAGE, Kind::Usable),
        (2 * MIB + PAGE, 2 * MIB + 2 * PAGE, Kind::Reserved),
        (2 * MIB + 2 * PAGE, 3 * MIB, Kind::Usable),
    ];
    assert_eq!(cleaned(&map, 40), expected);
}

#[test_case]
fn empty_and_reversed_regions_are_no_memory() {
    let map = [
        (2 * MIB, 2 * MIB, Kind::Usable),
        (4 * MIB, 3 * MIB, Kind::Usable),
        (u64::MAX, 0, Kind::Reserved),
    ];
    assert_eq!(cleaned(&map, 40), []);
}

#[test_case]
fn what_the_processor_cannot_address_is_not_usable() {
    let map = [
        (4 * GIB, 80 * GIB, Kind::Usable),
        (1 << 60, u64::MAX, Kind::Usable),
    ];
    let expected = [
        (4 * GIB, 64 * GIB, Kind::Usable),
        (64 * GIB, 80 * GIB, Kind::Reserved),
    ];
    assert_eq!(cleaned(&map, 36), expected);
}
