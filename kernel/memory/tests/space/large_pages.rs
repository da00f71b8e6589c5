//! Large pages: where they are used, what stands in where they cannot be had,
//! and that the count of fall-backs says so.

use faultline_memory::Outcome;
use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Request};

use crate::common::machine::{FEATURES, FIRST_TABLES, Machine};
use crate::common::operations::{BIG, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;
const GIB: u64 = 1 << 30;
const OF_2M: LeafSize = LeafSize::Size2MiB;

#[test]
fn one_fault_maps_two_megabytes() {
    let mut machine = Machine::new();
    let request = Request::new(2 * BIG, Backing::Demand).page_size(OF_2M);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE + 0x12_3456, 5).expect("writable");
    assert_eq!((machine.faults(), machine.counts().private), (1, 512));
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    assert_eq!(machine.leaf_size(LOW, BASE + BIG), 0);
    assert_eq!(machine.read(BASE + BIG - 1), Ok(0));
    assert_eq!(machine.read(BASE + 0x12_3456), Ok(5));
    assert_eq!((machine.faults(), machine.memory.fallbacks()), (1, 0));
    let tables = machine.counts().tables;
    assert_eq!(tables, FIRST_TABLES + 3, "no leaf table");
}

#[test]
fn a_large_frame_is_zeroed_to_its_end() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Immediate).placement(at(BASE));
    machine.allocate(LOW, request);
    assert_eq!(machine.leaf_size(LOW, BASE), BIG);
    let frame = machine.physical_of(0, BASE).expect("mapped");
    assert!(machine.bytes.copy(frame, BIG).iter().all(|&byte| byte == 0));
}

#[test]
fn immediate_backing_uses_the_largest_pages_that_fit() {
    let mut machine = Machine::new();
    let base = BASE - 2 * PAGE;
    let request = Request::new(BIG + 3 * PAGE, Backing::Immediate);
    machine.allocate(LOW, request.placement(at(base)));
    let sizes = [base, base + PAGE, BASE, BASE + BIG].map(|page| machine.leaf_size(LOW, page));
    assert_eq!(sizes, [PAGE, PAGE, BIG, PAGE]);
    assert_eq!(machine.counts().private, 512 + 3);
    assert_eq!(machine.memory.fallbacks(), 0, "no size was asked for");
}

#[test]
fn a_page_of_the_size_that_was_asked_for_is_no_fallback() {
    for (size, leaf) in [(LeafSize::Size4KiB, PAGE), (OF_2M, BIG)] {
        let mut machine = Machine::new();
        let request = Request::new(BIG, Backing::Immediate).page_size(size);
        machine.allocate(LOW, request.placement(at(BASE)));
        assert_eq!(machine.leaf_size(LOW, BASE), leaf);
        assert_eq!(machine.memory.fallbacks(), 0);
    }
}

#[test]
fn an_address_in_a_page_of_any_size_is_translated() {
    let mut machine = Machine::new();
    let device = machine.device();
    let request = Request::new(GIB + BIG + PAGE, Backing::Device(device, Cache::Uncached));
    machine.allocate(LOW, request.placement(at(BASE)));
    for (offset, size) in [
        (0x1234_5678, GIB),
        (GIB + 0x12_3456, BIG),
        (GIB + BIG + 7, PAGE),
    ] {
        assert_eq!(machine.leaf_size(LOW, BASE + offset), size);
        let physical = machine.physical_of(0, BASE + offset);
        assert_eq!(physical, Some(device.as_u64() + offset));
    }
    for unmapped in [
        BASE - 1,
        BASE + GIB + BIG + PAGE,
        BASE + GIB + 2 * BIG,
        2 * BASE + GIB,
    ] {
        assert_eq!(machine.physical_of(0, unmapped), None);
    }
}

#[test]
fn small_pages_stand_in_when_no_large_frame_is_free() {
    let mut machine = Machine::with_ranges(&[(0x10_0000, 0x20_0000)]);
    assert_eq!(machine.memory.frames(|frames| frames.free_2m_blocks()), 0);
    let request = Request::new(BIG, Backing::Demand).page_size(OF_2M);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE + 5 * PAGE, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(machine.leaf_size(LOW, BASE + 5 * PAGE), PAGE);
    assert_eq!(
        (machine.counts().private, machine.memory.fallbacks()),
        (1, 1)
    );
    machine.write(BASE + 6 * PAGE, 1).expect("writable");
    assert_eq!(
        machine.memory.fallbacks(),
        1,
        "the block is one of small pages now"
    );
}

#[test]
fn a_block_of_which_pages_were_used_stays_one_of_small_pages() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Demand).page_size(OF_2M);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE, 1).expect("writable");
    machine.discard(LOW, BASE + PAGE, BIG - PAGE);
    assert_eq!(machine.counts().private, 1);
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(
        (machine.counts().private, machine.leaf_size(LOW, BASE)),
        (2, PAGE)
    );
    assert_eq!(machine.memory.fallbacks(), 0);
}

#[test]
fn a_large_frame_that_leaves_none_for_the_tables_is_not_taken() {
    let mut machine = Machine::new();
    let request = Request::new(BIG, Backing::Demand).page_size(OF_2M);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.limit(513);
    machine.write(BASE, 1).expect("a small page fits");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    assert_eq!(
        (machine.counts().private, machine.leaf_size(LOW, BASE)),
        (1, PAGE)
    );
    assert_eq!(machine.memory.fallbacks(), 1);
}

#[test]
fn an_immediate_region_is_mapped_as_long_as_its_frames_last() {
    for asked in [Some(OF_2M), None] {
        let mut machine = Machine::new();
        let mut request = Request::new(BIG, Backing::Immediate);
        if let Some(size) = asked {
            request = request.page_size(size);
        }
        // A record, 512 pages, and tables at levels 3, 2 and 1.
        machine.limit(512 + 4);
        let request = request.placement(at(BASE));
        machine.allocate(LOW, request);
        assert_eq!(machine.counts().private, 512);
        assert_eq!(machine.counts().limit, Some(1), "{asked:?}: one large page");
        machine.free(LOW, BASE);
        machine.limit(512 + 2);
        assert!(machine.try_allocate(LOW, request).is_err());
    }
}

#[test]
fn a_device_is_mapped_with_the_largest_pages_that_both_addresses_allow() {
    let mut machine = Machine::new();
    let start = machine.device();
    let device = |offset| Backing::Device(start + offset, Cache::Uncached);
    machine.allocate(LOW, Request::new(GIB + BIG, device(0)).placement(at(GIB)));
    assert_eq!(machine.leaf_size(LOW, GIB), GIB);
    assert_eq!(machine.leaf_size(LOW, 2 * GIB), BIG);
    assert_eq!(machine.memory.borrowed(), 512 * 512 + 512);
    machine.allocate(LOW, Request::new(BIG, device(PAGE)).placement(at(4 * GIB)));
    assert_eq!(
        machine.leaf_size(LOW, 4 * GIB),
        PAGE,
        "physical is not aligned"
    );
    assert_eq!(machine.write(4 * GIB + 8, 3), Ok(()));
    assert_eq!(machine.read(GIB + PAGE + 8), Ok(3), "the same byte");
    machine.free(LOW, GIB);
    machine.free(LOW, 4 * GIB);
    assert_eq!(machine.memory.borrowed(), 0);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn two_megabytes_stand_in_for_a_gigabyte_that_the_processor_lacks() {
    let features = faultline_memory::Features {
        gigabyte_pages: false,
        ..FEATURES
    };
    let mut machine = Machine::with_features(features);
    let request = Request::new(GIB, Backing::Demand).page_size(LeafSize::Size1GiB);
    machine.allocate(LOW, request.placement(at(GIB)));
    machine.write(GIB + 1, 1).expect("writable");
    assert_eq!(machine.leaf_size(LOW, GIB), BIG);
    assert_eq!(
        (machine.counts().private, machine.memory.fallbacks()),
        (512, 1)
    );
}

#[test]
fn a_gigabyte_is_one_fault_one_leaf_and_no_table() {
    let mut machine = Machine::with_ranges(&[(GIB, 2 * GIB), (3 * GIB, 3 * GIB + BIG)]);
    let request = Request::new(GIB, Backing::Demand).page_size(LeafSize::Size1GiB);
    machine.allocate(LOW, request.placement(at(5 * GIB)));
    machine.write(5 * GIB + 0x2345_6789, 1).expect("writable");
    assert_eq!(machine.leaf_size(LOW, 5 * GIB), GIB);
    assert_eq!((machine.faults(), machine.counts().private), (1, 262_144));
    assert_eq!(
        machine.counts().tables,
        FIRST_TABLES + 2,
        "root and level 3"
    );
    assert_eq!(machine.read(6 * GIB - 1), Ok(0));
    assert_eq!(machine.discard(LOW, 5 * GIB + PAGE, PAGE), 1);
    let sizes = [0, PAGE, 2 * PAGE, BIG].map(|at| machine.leaf_size(LOW, 5 * GIB + at));
    assert_eq!(sizes, [PAGE, 0, PAGE, BIG]);
    assert_eq!(machine.read(5 * GIB + 0x2345_6789), Ok(1));
    assert_eq!(machine.free(LOW, 5 * GIB), 262_143);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}
