//! When virtual memory becomes physical under each backing, by number: the
//! example of 5, 10 and 100 bytes, and what it leaves open.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec::Vec;
use common::{NOTHING, audit, cost, counts, physical, zero_frame};
use kernel::account::meter::{Cost, Measured};
use kernel::layout::KERNEL_HALF;
use kernel::tour::scenario::{BASE, Bytes, Scenario, Step, Touch};
use memory::Outcome;
use memory::space::Backing;
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

kernel::test_kernel!(test_main);

/// Every order in which a, b and c can be touched.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];
const B_FIRST: [usize; 3] = [1, 0, 2];
const WRITE: &[Touch] = &[Touch::Write];
const READ_THEN_WRITE: &[Touch] = &[Touch::Read, Touch::Write];

const fn packed(backing: Backing, order: [usize; 3], touches: &'static [Touch]) -> Scenario {
    Scenario {
        backing,
        bytes: Bytes::PACKED,
        order,
        touches,
    }
}

/// What each step of a scenario cost: the region, the touches, the end.
fn costs(scenario: Scenario) -> (Cost, Vec<Cost>, Cost) {
    let mut all = Vec::new();
    scenario.run(|_, measured| all.push(measured.cost));
    let end = all.pop().expect("the last step frees the region");
    (all.remove(0), all, end)
}

/// The cost of the region itself: its record, and what is mapped at once.
fn region(frames: i64, tables: i64) -> Cost {
    Cost {
        records: 1,
        ..cost(0, frames, tables)
    }
}

/// The cost of freeing what cost so much before.
fn freed(frames: i64, tables: i64) -> Cost {
    Cost {
        records: -1,
        ..cost(0, -frames, -tables)
    }
}

#[test_case]
fn immediate_backing_takes_two_frames_before_any_touch_and_never_faults() {
    for order in ORDERS {
        let (start, touches, end) = costs(packed(Backing::Immediate, order, WRITE));
        assert_eq!(start, region(2, 3), "order {order:?}");
        assert_eq!(touches, [NOTHING; 3], "order {order:?}");
        assert_eq!(end, freed(2, 3), "order {order:?}");
    }
}

#[test_case]
fn demand_backing_takes_one_fault_and_one_frame_whoever_is_touched_first() {
    for order in ORDERS {
        let (start, touches, end) = costs(packed(Backing::Demand, order, WRITE));
        assert_eq!(start, region(0, 0), "order {order:?}");
        assert_eq!(
            touches,
            [cost(1, 1, 3), NOTHING, NOTHING],
            "order {order:?}"
        );
        assert_eq!(end, freed(1, 3), "order {order:?}");
    }
}

#[test_case]
fn demand_backing_takes_the_frame_for_a_read_as_well() {
    let (_, touches, _) = costs(packed(Backing::Demand, B_FIRST, READ_THEN_WRITE));
    assert_eq!(touches[0], cost(1, 1, 3));
    assert_eq!(touches[1..], [NOTHING; 5]);
}

#[test_case]
fn zero_backing_reads_for_a_fault_and_no_frame_and_then_writes_for_one_of_each() {
    for order in ORDERS {
        let (start, touches, end) = costs(packed(Backing::Zero, order, READ_THEN_WRITE));
        assert_eq!(start, region(0, 0), "order {order:?}");
        assert_eq!(
            touches[..2],
            [cost(1, 0, 3), cost(1, 1, 0)],
            "order {order:?}"
        );
        assert_eq!(touches[2..], [NOTHING; 4], "order {order:?}");
        assert_eq!(end, freed(1, 3), "order {order:?}");
    }
}

#[test_case]
fn zero_backing_that_is_only_read_takes_no_frame_at_all() {
    let (_, touches, end) = costs(packed(Backing::Zero, B_FIRST, &[Touch::Read]));
    assert_eq!(touches, [cost(1, 0, 3), NOTHING, NOTHING]);
    assert_eq!(end, freed(0, 3));
}

#[test_case]
fn zero_backing_that_is_written_first_takes_one_fault_and_one_frame() {
    let (_, touches, _) = costs(packed(Backing::Zero, B_FIRST, WRITE));
    assert_eq!(touches, [cost(1, 1, 3), NOTHING, NOTHING]);
}

fn straddling(backing: Backing, touches: &'static [Touch]) -> Scenario {
    Scenario {
        backing,
        bytes: Bytes::STRADDLING,
        order: [0, 1, 2],
        touches,
    }
}

#[test_case]
fn blocks_that_straddle_a_page_boundary_take_two_faults_and_two_frames_on_demand() {
    let (start, touches, end) = costs(straddling(Backing::Demand, WRITE));
    assert_eq!(start, region(0, 0));
    assert_eq!(touches, [cost(1, 1, 3), NOTHING, cost(1, 1, 0)]);
    assert_eq!(end, freed(2, 3));
}

#[test_case]
fn blocks_that_straddle_a_page_boundary_change_nothing_for_immediate_backing() {
    let (start, touches, _) = costs(straddling(Backing::Immediate, WRITE));
    assert_eq!(start, region(2, 3));
    assert_eq!(touches, [NOTHING; 3]);
}

#[test_case]
fn blocks_that_straddle_a_page_boundary_are_read_for_two_faults_under_zero_backing() {
    let (_, touches, _) = costs(straddling(Backing::Zero, READ_THEN_WRITE));
    let a = [cost(1, 0, 3), cost(1, 1, 0)];
    let c = [cost(1, 0, 0), cost(1, 1, 0)];
    assert_eq!(touches, [a, [NOTHING; 2], c].concat());
}

#[test_case]
fn the_blocks_lie_where_the_example_says() {
    let starts = |bytes| {
        let scenario = Scenario {
            bytes,
            ..straddling(Backing::Demand, WRITE)
        };
        scenario.blocks().map(|block| block.start.as_u64())
    };
    assert_eq!(starts(Bytes::PACKED), [0x10000, 0x10005, 0x1000f]);
    assert_eq!(starts(Bytes::STRADDLING), [0x10f85, 0x10f90, 0x10fa0]);
}

/// The faults of each touch of a scenario, looked at while its region is there.
fn faults(scenario: Scenario, mut look: impl FnMut(usize, &Measured)) {
    let mut index = 0;
    scenario.run(|step, measured| {
        if let Step::Touch(..) = step {
            look(index, measured);
            index += 1;
        }
        assert_eq!(measured.faults().len() as u64, measured.cost.faults);
    });
}

#[test_case]
fn a_demand_fault_is_logged_with_its_address_error_code_region_and_frame() {
    faults(
        packed(Backing::Demand, B_FIRST, WRITE),
        |touch, measured| {
            let [event] = measured.faults() else {
                assert_ne!(touch, 0);
                return;
            };
            assert_eq!(touch, 0);
            assert_eq!(event.fault.address, VirtAddr::new(0x10005));
            assert_eq!(event.fault.code, PageFaultErrorCode::CAUSED_BY_WRITE);
            assert!(event.fault.instruction >= KERNEL_HALF);
            assert_eq!(event.region, BASE);
            assert_eq!(event.outcome, Outcome::Demand);
            assert_eq!(physical(BASE), Some(event.frame));
            assert_ne!(event.frame, zero_frame());
        },
    );
}

#[test_case]
fn a_zero_page_is_logged_with_the_zero_frame_first_and_its_own_after_the_write() {
    faults(
        packed(Backing::Zero, [0, 1, 2], READ_THEN_WRITE),
        |touch, measured| match (touch, measured.faults()) {
            (0, [event]) => {
                assert_eq!(event.fault.address, BASE);
                assert_eq!(event.fault.code, PageFaultErrorCode::empty());
                assert_eq!(event.outcome, Outcome::ZeroRead);
                assert_eq!(event.frame, zero_frame());
                assert_eq!(physical(BASE), Some(zero_frame()));
            }
            (1, [event]) => {
                assert_eq!(event.fault.address, BASE);
                assert_eq!(
                    event.fault.code,
                    PageFaultErrorCode::PROTECTION_VIOLATION | PageFaultErrorCode::CAUSED_BY_WRITE
                );
                assert_eq!(event.outcome, Outcome::PrivateCopy);
                assert_ne!(event.frame, zero_frame());
                assert_eq!(physical(BASE), Some(event.frame));
            }
            (_, faults) => assert_eq!(faults, []),
        },
    );
}

#[test_case]
fn the_straddling_block_faults_at_the_first_byte_of_the_second_page() {
    let mut frames = Vec::new();
    faults(straddling(Backing::Demand, WRITE), |touch, measured| {
        for event in measured.faults() {
            frames.push((touch, event.fault.address.as_u64(), event.frame));
        }
    });
    let [(0, 0x10f85, first), (2, 0x11000, second)] = frames[..] else {
        panic!("{frames:?}");
    };
    assert_ne!(first, second);
}

#[test_case]
fn every_step_keeps_the_invariants_and_in_the_end_all_frames_are_back() {
    for backing in [Backing::Immediate, Backing::Demand, Backing::Zero] {
        let before = counts();
        packed(backing, B_FIRST, READ_THEN_WRITE).run(|_, _| audit());
        assert_eq!(counts(), before, "{backing} backing");
    }
}
