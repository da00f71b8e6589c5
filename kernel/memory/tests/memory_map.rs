//! The memory map cleaned: rules one by one, and random maps against a model.

use faultline_memory::memory_map::{FrameRange, Kind, MapEntry, MemoryMap, Region};
use proptest::prelude::*;
use x86_64::PhysAddr;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn region(start: u64, end: u64, kind: Kind) -> Region {
    Region { start, end, kind }
}

fn usable(start: u64, end: u64) -> Region {
    region(start, end, Kind::Usable)
}

fn reserved(start: u64, end: u64) -> Region {
    region(start, end, Kind::Reserved)
}

/// The usable ranges as pairs of addresses.
fn usable_of(regions: &[Region]) -> Vec<(u64, u64)> {
    let map = MemoryMap::new(regions.iter().copied());
    map.usable()
        .map(|range| (range.start().as_u64(), range.end()))
        .collect()
}

/// All ranges with their kinds.
fn entries_of(regions: &[Region]) -> Vec<(u64, u64, Kind)> {
    let map = MemoryMap::new(regions.iter().copied());
    map.entries()
        .map(|e| (e.range.start().as_u64(), e.range.end(), e.kind))
        .collect()
}

#[test]
fn an_empty_map_has_no_memory() {
    assert_eq!(entries_of(&[]), []);
}

#[test]
fn unsorted_regions_come_out_sorted() {
    let regions = [
        usable(8 * MIB, 9 * MIB),
        usable(2 * MIB, 3 * MIB),
        usable(5 * MIB, 6 * MIB),
    ];
    let expected = [(2 * MIB, 3 * MIB), (5 * MIB, 6 * MIB), (8 * MIB, 9 * MIB)];
    assert_eq!(usable_of(&regions), expected);
}

#[test]
fn adjoining_and_overlapping_usable_regions_merge() {
    let regions = [
        usable(4 * MIB, 6 * MIB),
        usable(2 * MIB, 4 * MIB),
        usable(5 * MIB, 7 * MIB),
    ];
    assert_eq!(usable_of(&regions), [(2 * MIB, 7 * MIB)]);
}

#[test]
fn usable_is_clipped_inward_and_used_grown_outward() {
    let regions = [
        usable(0x20_0001, 0x20_4fff),
        usable(0x30_0000, 0x30_8000),
        reserved(0x30_2fff, 0x30_4001),
    ];
    let expected = [
        (0x20_1000, 0x20_4000),
        (0x30_0000, 0x30_2000),
        (0x30_5000, 0x30_8000),
    ];
    assert_eq!(usable_of(&regions), expected);
}

#[test]
fn in_an_overlap_used_wins_whatever_the_order() {
    let mut regions = [
        usable(2 * MIB, 10 * MIB),
        reserved(4 * MIB, 5 * MIB),
        region(4 * MIB, 6 * MIB, Kind::Reclaimable),
    ];
    let expected = [
        (2 * MIB, 4 * MIB, Kind::Usable),
        (4 * MIB, 5 * MIB, Kind::Reserved),
        (5 * MIB, 6 * MIB, Kind::Reclaimable),
        (6 * MIB, 10 * MIB, Kind::Usable),
    ];
    assert_eq!(entries_of(&regions), expected);
    regions.reverse();
    assert_eq!(entries_of(&regions), expected);
}

#[test]
fn empty_and_reversed_regions_are_ignored() {
    let regions = [
        usable(2 * MIB, 4 * MIB),
        reserved(3 * MIB, 3 * MIB),
        reserved(0x30_0800, 0x30_0800),
        reserved(4 * MIB, 2 * MIB),
        usable(9 * MIB, 8 * MIB),
        reserved(u64::MAX, 0),
    ];
    assert_eq!(entries_of(&regions), [(2 * MIB, 4 * MIB, Kind::Usable)]);
}

#[test]
fn a_region_smaller_than_a_frame_is_no_frame_if_usable_and_one_if_used() {
    let regions = [
        usable(0x20_0100, 0x20_0200),
        usable(0x30_0000, 0x30_3000),
        reserved(0x30_1100, 0x30_1101),
    ];
    assert_eq!(
        usable_of(&regions),
        [(0x30_0000, 0x30_1000), (0x30_2000, 0x30_3000)]
    );
}

#[test]
fn a_frame_that_is_the_loaders_only_in_part_is_never_reclaimed() {
    let regions = [
        usable(0x20_0000, 0x20_8000),
        region(0x20_1800, 0x20_5800, Kind::Reclaimable),
    ];
    let expected = [
        (0x20_0000, 0x20_1000, Kind::Usable),
        (0x20_1000, 0x20_2000, Kind::Reserved),
        (0x20_2000, 0x20_5000, Kind::Reclaimable),
        (0x20_5000, 0x20_6000, Kind::Reserved),
        (0x20_6000, 0x20_8000, Kind::Usable),
    ];
    assert_eq!(entries_of(&regions), expected);
}

/// The example of chapter 2.
#[test]
fn four_regions_that_overlap_make_seven_ranges() {
    let regions = [
        usable(0x10_0800, 0x10_9000),
        reserved(0x10_2c00, 0x10_3400),
        region(0x10_5000, 0x10_6800, Kind::Reclaimable),
        reserved(0x10_8000, 0x10_8001),
    ];
    let expected = [
        (0x10_1000, 0x10_2000, Kind::Usable),
        (0x10_2000, 0x10_4000, Kind::Reserved),
        (0x10_4000, 0x10_5000, Kind::Usable),
        (0x10_5000, 0x10_6000, Kind::Reclaimable),
        (0x10_6000, 0x10_7000, Kind::Reserved),
        (0x10_7000, 0x10_8000, Kind::Usable),
        (0x10_8000, 0x10_9000, Kind::Reserved),
    ];
    assert_eq!(entries_of(&regions), expected);
}

#[test]
fn the_first_mib_is_not_handed_out() {
    let regions = [usable(0, 4 * MIB)];
    assert_eq!(
        entries_of(&regions),
        [(0, MIB, Kind::Reserved), (MIB, 4 * MIB, Kind::Usable)]
    );
    assert_eq!(usable_of(&[usable(0, 0x9_fc00)]), []);
    assert_eq!(
        entries_of(&[region(0, 2 * MIB, Kind::Reclaimable)])[0],
        (0, MIB, Kind::Reserved)
    );
}

#[test]
fn memory_past_4_gib_and_near_1_tib_is_used() {
    let regions = [
        usable(MIB, 2 * GIB),
        usable(4 * GIB, 6 * GIB),
        usable(1023 * GIB, 1025 * GIB),
    ];
    assert_eq!(
        usable_of(&regions),
        [(MIB, 2 * GIB), (4 * GIB, 6 * GIB), (1023 * GIB, 1025 * GIB)]
    );
}

#[test]
fn nothing_past_the_processors_address_bits_is_usable() {
    let regions = [usable((1 << 36) - MIB, (1 << 36) + MIB)];
    let map = MemoryMap::new(regions).physical_bits(36);
    let entries: Vec<MapEntry> = map.entries().collect();
    let entry = |start, end, kind| MapEntry {
        range: FrameRange::new(PhysAddr::new(start), end),
        kind,
    };
    let (below, border, above) = ((1 << 36) - MIB, 1 << 36, (1 << 36) + MIB);
    let usable = entry(below, border, Kind::Usable);
    let reserved = entry(border, above, Kind::Reserved);
    assert_eq!(entries, [usable, reserved]);
}

#[test]
fn regions_up_to_the_end_of_all_addresses_do_no_harm() {
    let last = 1 << 52;
    assert_eq!(usable_of(&[usable(0, u64::MAX)]), [(MIB, last)]);
    assert_eq!(
        usable_of(&[usable(1 << 52, u64::MAX), usable(u64::MAX - 1, u64::MAX)]),
        []
    );
    assert_eq!(
        usable_of(&[usable(MIB, 2 * MIB), reserved(0, u64::MAX)]),
        []
    );
    for bits in [0, 12, 52, 64, 255] {
        let map = MemoryMap::new([usable(0, u64::MAX)]).physical_bits(bits);
        let end = map.usable().last().map_or(0, |range| range.end());
        assert_eq!(end, if bits >= 52 { last } else { 0 }, "{bits} bits");
    }
}

#[test]
fn a_range_counts_whole_frames_and_their_bytes() {
    let range = |start, end| FrameRange::new(PhysAddr::new(start), end);
    let three = range(0x1fff, 0x5fff);
    assert!(three.bytes() == 0x3000 && !three.is_empty());
    assert_eq!(format!("{three:?}"), "0x2000..0x5000");
    for none in [FrameRange::empty(), range(0x1001, 0x1fff), range(MIB, 0)] {
        assert!(none.bytes() == 0 && none.is_empty());
    }
}

#[test]
fn a_range_reaches_to_the_last_frame_and_no_farther() {
    let top = 1_u64 << 52;
    let last = FrameRange::new(PhysAddr::new(top - 0x1000), top);
    assert_eq!((last.frames(), last.end()), (1, top));
    assert_eq!(last.start().as_u64(), top - 0x1000);
    assert!(last.contains(PhysAddr::new(top - 1)));
    assert_eq!(format!("{last:?}"), "0xffffffffff000..0x10000000000000");
    assert_eq!(FrameRange::new(last.start(), u64::MAX), last);
    for start in [top - 1, top - 0xfff] {
        let none = FrameRange::new(PhysAddr::new(start), u64::MAX);
        assert_eq!(none, FrameRange::empty());
        assert_eq!((none.start().as_u64(), none.end()), (0, 0));
    }
}

#[test]
fn an_allocator_manages_what_is_usable_or_the_loaders() {
    let loaders = region(5 * MIB, 6 * MIB, Kind::Reclaimable);
    let regions = [
        usable(2 * MIB, 4 * MIB),
        reserved(4 * MIB, 5 * MIB),
        loaders,
    ];
    let starts = MemoryMap::new(regions).managed().map(|e| e.range.start());
    assert!(starts.eq([2 * MIB, 5 * MIB].map(PhysAddr::new)));
}

/// What the rules say about one frame, read off the regions.
fn kind_by_the_rules(regions: &[Region], frame: u64, physical_bits: u8) -> Option<Kind> {
    let (start, end) = (u128::from(frame) * 4096, u128::from(frame + 1) * 4096);
    let told = regions
        .iter()
        .filter(|region| region.start < region.end)
        .filter_map(|region| {
            let touches = u128::from(region.start) < end && start < u128::from(region.end);
            let covers = u128::from(region.start) <= start && end <= u128::from(region.end);
            match region.kind {
                Kind::Usable => covers.then_some(Kind::Usable),
                Kind::Reclaimable if covers => Some(Kind::Reclaimable),
                _ => touches.then_some(Kind::Reserved),
            }
        });
    let out_of_bounds = start < u128::from(MIB) || end > 1_u128 << physical_bits;
    told.max()
        .map(|kind| if out_of_bounds { Kind::Reserved } else { kind })
}

fn any_address() -> impl Strategy<Value = u64> {
    let bases = [0, MIB, 4 * GIB, 1 << 36, 1 << 40, (1 << 52) - MIB, 1 << 52];
    let near = (
        proptest::sample::select(bases.to_vec()),
        0..64_u64,
        prop_oneof![Just(0), 0..0x1000_u64],
    )
        .prop_map(|(base, frames, bytes)| base + frames * 0x1000 + bytes);
    prop_oneof![20 => near, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn any_region() -> impl Strategy<Value = Region> {
    let kind = proptest::sample::select(vec![
        Kind::Usable,
        Kind::Usable,
        Kind::Reclaimable,
        Kind::Reserved,
    ]);
    let short = (any_address(), 0..0x2_0000_u64)
        .prop_map(|(start, length)| (start, start.saturating_add(length)));
    let ends = prop_oneof![3 => short, 1 => (any_address(), any_address())];
    (ends, kind).prop_map(|((start, end), kind)| Region { start, end, kind })
}

proptest! {
    #[test]
    fn random_maps_follow_the_rules_frame_by_frame(
        regions in proptest::collection::vec(any_region(), 0..12),
        physical_bits in proptest::sample::select(vec![36_u8, 40, 52]),
    ) {
        let map = MemoryMap::new(regions.iter().copied()).physical_bits(physical_bits);
        let entries: Vec<MapEntry> = map.entries().collect();
        for entry in &entries {
            prop_assert!(entry.range.start().is_aligned(4096_u64) && entry.range.end().is_multiple_of(4096));
            prop_assert!(!entry.range.is_empty());
        }
        for pair in entries.windows(2) {
            let (end, start) = (pair[0].range.end(), pair[1].range.start().as_u64());
            prop_assert!(end < start || end == start && pair[0].kind != pair[1].kind);
        }
        // Something can change only where a region starts or ends.
        let borders = regions.iter().flat_map(|region| [region.start, region.end]);
        let borders = borders.chain([0, MIB, 1 << physical_bits]).map(|address| address / 4096);
        for frame in borders.flat_map(|frame| frame.saturating_sub(2)..=frame + 2) {
            if frame >= 1 << 40 {
                continue; // no physical address names it
            }
            let address = PhysAddr::new(frame * 4096);
            let found = entries.iter().find(|entry| entry.range.contains(address)).map(|entry| entry.kind);
            prop_assert_eq!(found, kind_by_the_rules(&regions, frame, physical_bits), "frame {:#x}", frame);
        }
    }
}
