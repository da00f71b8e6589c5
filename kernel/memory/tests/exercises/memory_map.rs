//! Chapter 2: what memory there is.

#[path = "starts/most_ranges.rs"]
mod start;

use faultline_memory::memory_map::{Kind, MemoryMap, Region};

fn region(start: u64, end: u64, kind: Kind) -> Region {
    Region { start, end, kind }
}

/// Start and end of all ranges that may be handed out at once.
fn usable(regions: &[Region]) -> Vec<(u64, u64)> {
    MemoryMap::new(regions.iter().copied())
        .usable()
        .map(|range| (range.start().as_u64(), range.end()))
        .collect()
}

/// Exercise 1. Usable is clipped to 0x10_1000..0x10_3000, two frames. The reserved bytes, two of them, lie in both:
/// one at the end of the first frame, one at the start of the second. So none is left.
#[test]
fn two_reserved_bytes_cost_two_frames() {
    let clipped = region(0x10_0800, 0x10_3800, Kind::Usable);
    assert_eq!(usable(&[clipped]), [(0x10_1000, 0x10_3000)]);
    let across = region(0x10_1fff, 0x10_2001, Kind::Reserved);
    assert_eq!(usable(&[clipped, across]), []);
    // Had they lain in one frame, the other would be left.
    let within = region(0x10_1ffe, 0x10_2000, Kind::Reserved);
    assert_eq!(usable(&[clipped, within]), [(0x10_2000, 0x10_3000)]);
}

/// Exercise 2. Each region has two ends, and a new range can begin at each but the last: 2n - 1 ranges for n regions.
/// One usable region with n - 1 reserved ones inside reaches that.
fn regions(n: u64) -> Vec<Region> {
    let frame = |number: u64| 0x10_0000 + number * 0x1000;
    let mut regions = vec![region(frame(0), frame(2 * n), Kind::Usable)];
    regions.extend((1..n).map(|i| region(frame(2 * i), frame(2 * i + 1), Kind::Reserved)));
    regions
}

fn check_most_ranges(regions: fn(u64) -> Vec<Region>) {
    for n in 1..20 {
        let regions = regions(n);
        assert_eq!(regions.len() as u64, n, "so many regions are asked for");
        let is_high = |region: &Region| region.start >= 0x10_0000;
        assert!(regions.iter().all(is_high), "{n} regions above 1 MiB");
        let ranges = MemoryMap::new(regions.iter().copied()).entries().count() as u64;
        assert!(
            ranges == 2 * n - 1,
            "{n} regions became {ranges} ranges, and more are possible"
        );
    }
}

#[test]
fn n_regions_become_at_most_2n_minus_1_ranges() {
    check_most_ranges(regions);
}

#[test]
#[ignore = "an exercise: the task is in starts/most_ranges.rs"]
fn most_ranges() {
    check_most_ranges(start::regions);
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "2 regions became 2 ranges, and more are possible")]
fn most_ranges_is_not_solved_at_the_start() {
    most_ranges();
}

/// Exercise 2, where the two limits lie inside a usable region: each of them splits it once more.
#[test]
fn the_first_mib_and_the_processors_last_address_split_one_range_more_each() {
    let all = [region(0, 1 << 41, Kind::Usable)];
    let ranges = |map: MemoryMap<_>| map.entries().count();
    assert_eq!(ranges(MemoryMap::new(all)), 2);
    assert_eq!(ranges(MemoryMap::new(all).physical_bits(40)), 3);
}
