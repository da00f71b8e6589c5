//! What the demonstrations show, by number: the data that they tell of, not
//! their text.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec::Vec;
use common::{NOTHING, audit, cost, counts, physical, set_limit, zero_frame};
use kernel::account::meter::Cost;
use kernel::tour::policies::trial::{Policy, Trial, Workload};
use kernel::tour::scenario::{Scenario, Step};
use kernel::tour::{TOURS, straddle, zero};
use memory::Outcome;
use memory::space::Resident;

kernel::test_kernel!(test_main);

/// The sum of all costs of a scenario until its region is freed, and where its
/// faults came.
fn run(scenario: &Scenario) -> (Cost, Vec<u64>) {
    let mut total = Cost::default();
    let mut faults = Vec::new();
    scenario.run(|step, measured| {
        if step != Step::Free {
            total += measured.cost;
        }
        faults.extend(
            measured
                .faults()
                .iter()
                .map(|event| event.fault.address.as_u64()),
        );
    });
    (total, faults)
}

/// A cost with one frame for the record of a region.
fn with_record(cost: Cost) -> Cost {
    Cost { records: 1, ..cost }
}

#[test_case]
fn a_block_that_leaves_its_page_takes_two_faults_and_two_frames() {
    let (total, faults) = run(&straddle::LEAVING);
    assert_eq!(total, with_record(cost(2, 2, 3)));
    assert_eq!(faults, [0x10f85, 0x11000]);
}

#[test_case]
fn blocks_that_stay_in_their_page_take_one_fault_and_one_frame() {
    let (total, faults) = run(&straddle::STAYING);
    assert_eq!(total, with_record(cost(1, 1, 3)));
    assert_eq!(faults, [0x10985]);
}

#[test_case]
fn the_block_of_100_bytes_has_96_in_its_first_page_and_4_in_the_second() {
    let [a, b, c] = straddle::LEAVING.blocks();
    assert_eq!(
        [a, b, c].map(|block| block.split()),
        [(5, 0), (10, 0), (96, 4)]
    );
    assert_eq!((c.start.as_u64(), c.end().as_u64()), (0x10fa0, 0x11004));
    let [a, b, c] = straddle::STAYING.blocks();
    assert_eq!(
        [a, b, c].map(|block| block.split()),
        [(5, 0), (10, 0), (100, 0)]
    );
    assert_eq!((c.start.as_u64(), c.end().as_u64()), (0x109a0, 0x10a04));
}

#[test_case]
fn the_second_page_of_the_straddling_block_is_absent_until_the_block_is_touched() {
    let [_, _, c] = straddle::LEAVING.blocks();
    let mut ends = Vec::new();
    straddle::LEAVING.run(|step, _| {
        if step != Step::Free {
            ends.push([c.start, c.end() - 1].map(|address| physical(address).is_some()));
        }
    });
    let [reserved, a, b, touched] = ends[..] else {
        panic!("{ends:?}");
    };
    assert_eq!(reserved, [false, false]);
    assert_eq!([a, b], [[true, false]; 2]);
    assert_eq!(touched, [true, true]);
}

/// What is mapped: so many private pages, and so many that share the zero frame.
fn resident(private: u64, zero: u64) -> Resident {
    Resident {
        private,
        zero,
        ..Resident::default()
    }
}

#[test_case]
fn pages_that_are_read_share_the_zero_frame_until_one_is_written() {
    let mut seen = Vec::new();
    zero::steps(|step, measured, resident| {
        let frames: Vec<_> = (0..zero::PAGES)
            .map(|index| physical(zero::page(index)))
            .collect();
        if let zero::Step::Read(index, _) = step {
            assert!(
                frames[..=index as usize]
                    .iter()
                    .all(|frame| *frame == Some(zero_frame()))
            );
            assert!(frames[index as usize + 1..].iter().all(Option::is_none));
        }
        if let zero::Step::Write(index) = step {
            let [event] = measured.faults() else {
                panic!("{:?}", measured.faults());
            };
            assert_eq!(event.outcome, Outcome::PrivateCopy);
            assert_ne!(event.frame, zero_frame());
            for (page, frame) in frames.iter().enumerate() {
                let own = page as u64 == index;
                assert_eq!(*frame, Some(if own { event.frame } else { zero_frame() }));
            }
        }
        seen.push((step, measured.cost, resident));
    });
    let (_, start, mapped) = seen.remove(0);
    assert_eq!((start, mapped), (with_record(NOTHING), resident(0, 0)));
    assert_eq!(
        seen,
        [
            (zero::Step::Read(0, 0), cost(1, 0, 3), resident(0, 1)),
            (zero::Step::Read(1, 0), cost(1, 0, 0), resident(0, 2)),
            (zero::Step::Read(2, 0), cost(1, 0, 0), resident(0, 3)),
            (zero::Step::Read(3, 0), cost(1, 0, 0), resident(0, 4)),
            (zero::Step::Write(1), cost(1, 1, 0), resident(1, 3)),
            (zero::Step::ReadAgain(0, 0), NOTHING, resident(1, 3)),
            (
                zero::Step::ReadAgain(1, zero::BYTE),
                NOTHING,
                resident(1, 3)
            ),
            (zero::Step::ReadAgain(2, 0), NOTHING, resident(1, 3)),
            (zero::Step::ReadAgain(3, 0), NOTHING, resident(1, 3)),
            (
                zero::Step::Free,
                Cost {
                    records: -1,
                    ..cost(0, -1, -3)
                },
                resident(0, 0)
            ),
        ]
    );
}

/// Faults, data frames and tables of the policies in their order.
fn cells(workload: Workload, accesses: u64) -> [(u64, i64, i64); 5] {
    Policy::ALL.map(|policy| {
        let trial = Trial::run(policy, workload);
        assert_eq!(trial.policy, policy);
        assert_eq!((trial.accesses, trial.fallbacks), (accesses, 0));
        assert!(trial.setup > 0 && trial.work > 0, "{trial:?}");
        assert_eq!(trial.cost.records, 1);
        (trial.cost.faults, trial.cost.frames, trial.cost.tables)
    })
}

#[test_case]
fn a_sparse_touch_takes_a_frame_per_touch_on_demand_and_all_frames_at_once() {
    let cells = cells(Workload::SparseTouch, 8);
    assert_eq!(
        cells,
        [(0, 64, 3), (8, 8, 3), (4, 64, 3), (8, 8, 3), (1, 512, 2)]
    );
}

#[test_case]
fn a_dense_write_takes_every_frame_under_every_policy() {
    let cells = cells(Workload::DenseWrite, 64);
    assert_eq!(
        cells,
        [
            (0, 64, 3),
            (64, 64, 3),
            (4, 64, 3),
            (64, 64, 3),
            (1, 512, 2)
        ]
    );
}

#[test_case]
fn a_read_sweep_takes_no_frame_under_zero_backing() {
    let cells = cells(Workload::ReadSweep, 64);
    assert_eq!(
        cells,
        [(0, 64, 3), (64, 64, 3), (4, 64, 3), (64, 0, 3), (1, 512, 2)]
    );
}

#[test_case]
fn reading_before_writing_doubles_the_faults_of_zero_backing_alone() {
    let cells = cells(Workload::ReadThenWrite, 128);
    assert_eq!(
        cells,
        [
            (0, 64, 3),
            (64, 64, 3),
            (4, 64, 3),
            (128, 64, 3),
            (1, 512, 2)
        ]
    );
}

#[test_case]
fn without_a_free_large_page_small_ones_stand_in_and_are_counted() {
    assert!(counts().free > 500);
    set_limit(Some(500));
    let trial = Trial::run(Policy::Large, Workload::DenseWrite);
    set_limit(None);
    assert_eq!(trial.fallbacks, 1);
    assert_eq!(
        (trial.cost.faults, trial.cost.frames, trial.cost.tables),
        (64, 64, 3)
    );
}

#[test_case]
fn every_tour_needs_no_more_frames_than_it_says_and_gives_them_all_back() {
    for tour in &TOURS {
        let before = counts();
        set_limit(Some(tour.frames));
        assert_eq!((tour.run)(), Ok(()));
        set_limit(None);
        assert_eq!(counts(), before, "{}", tour.name);
        audit();
    }
}

#[test_case]
fn every_tour_is_found_by_its_name_and_by_no_other() {
    for tour in &TOURS {
        let found = kernel::tour::find(tour.name).expect("it is in the table");
        assert_eq!(found.shows, tour.shows);
    }
    assert!(kernel::tour::find("").is_none());
    assert_eq!(TOURS.len(), 4);
}
