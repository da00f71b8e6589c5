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
use common::{NOTHING, PAGE, audit, cost, counts, physical, set_limit, zero_frame};
use kernel::account::meter::Cost;
use kernel::console::input::{self, Cancelled};
use kernel::disk::{self, Which};
use kernel::heap;
use kernel::process::Ending;
use kernel::tour::faults::{Faults, Kind};
use kernel::tour::policies::trial::{Policy, Trial, Workload};
use kernel::tour::program::{Played, Step as ProgramStep, play};
use kernel::tour::scenario::{Scenario, Step};
use kernel::tour::{TOURS, fork, load, straddle, zero};
use memory::Outcome;
use memory::space::{Backing, Region, Resident};

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

/// A program that was played, and what was told of it.
#[derive(Default)]
struct Told {
    regions: Vec<Region>,
    /// What was there before the first instruction, and pages of the file that were read then.
    loaded: (Resident, u64),
    faults: Vec<Faults>,
    /// What the pages of a parent showed, and what the fork took.
    forks: Vec<(Resident, Cost)>,
    /// What the pages of a process showed, and what came back.
    ends: Vec<(Resident, Cost)>,
}

impl Told {
    fn of(name: &'static str, words: &[&str]) -> (Self, Played) {
        let mut told = Self::default();
        let played = play(name, words, &mut |step| match *step {
            ProgramStep::Loaded {
                regions,
                resident,
                pages_read,
            } => {
                // Whoever is told may look at all spaces, as the dashboard does.
                kernel::spaces::each_parked(|_| ());
                told.loaded = (resident, pages_read);
                told.regions = regions.to_vec();
            }
            ProgramStep::Faults(faults) => told.faults.push(faults),
            ProgramStep::Forked { shown, cost, .. } => told.forks.push((shown, cost)),
            ProgramStep::Ended { shown, cost, .. } => told.ends.push((shown, cost)),
        });
        let played = played.expect("the archive has the program");
        assert_eq!(played.summary.ending, Ending::Exited(0));
        let count = told
            .faults
            .last()
            .map_or(0, |last| last.number + last.count - 1);
        assert_eq!(count, told.count(|_| true), "they are numbered");
        audit();
        (told, played)
    }

    /// How many faults are such.
    fn count(&self, is_such: impl Fn(&Faults) -> bool) -> u64 {
        let such = self.faults.iter().filter(|faults| is_such(faults));
        such.map(|faults| faults.count).sum()
    }

    fn of_kind(&self, kind: Kind) -> u64 {
        self.count(|faults| faults.kind == kind)
    }

    /// Those of this kind within the first 64 pages of a region.
    fn within(&self, region: &Region, kind: Kind) -> u64 {
        let start = region.base.as_u64();
        let pages = start..start + 64 * PAGE;
        let is_within = |faults: &Faults| pages.contains(&faults.first.fault.address.as_u64());
        self.count(|faults| faults.kind == kind && is_within(faults))
    }

    /// Frames that faults took for pages of a process's own.
    fn frames(&self) -> u64 {
        let own = [Kind::New, Kind::OwnZeroes, Kind::Copied, Kind::FileCopied];
        self.count(|faults| own.contains(&faults.kind))
    }
}

#[test_case]
fn of_a_program_only_what_it_touches_is_read_copied_and_zeroed() {
    let (told, played) = Told::of(load::PROGRAM, &load::WORDS);
    // Of a file on a disk the first page is read to load it.
    let first_read = u64::from(disk::sectors(Which::Files).is_some());
    assert_eq!(told.loaded, (resident(1, 0), first_read));
    let has_64 = |region: &&Region| region.size / PAGE >= 64 && region.label == "data";
    let mut large = told.regions.iter().filter(has_64);
    let (data, bss) = (large.next().unwrap(), large.next().unwrap());
    assert!(matches!(data.backing, Backing::Object { .. }), "{data:?}");
    assert_eq!(bss.backing, Backing::Zero);
    let kinds = [
        Kind::Zeroes,
        Kind::OwnZeroes,
        Kind::New,
        Kind::File,
        Kind::Copied,
        Kind::FileCopied,
    ];
    assert_eq!(
        kinds.map(|kind| told.within(bss, kind)),
        [1, 1, 63, 0, 0, 0]
    );
    // Page 16 was copied as it was read from the file, and page 0 came twice.
    let of_data = kinds.map(|kind| told.within(data, kind));
    assert_eq!(of_data, [0, 0, 0, 64, 1, 1]);
    let used = played.summary.used;
    assert_eq!(used.faults(), told.count(|_| true));
    assert_eq!(used.major, told.count(|faults| faults.was_read));
    // The page where the bytes of the data end is read twice if other bytes in it are needed:
    // the data has zeroes there.
    let read_by_faults = played.pages_read - first_read;
    assert!((used.major - 1..=used.major).contains(&read_by_faults));
    assert!(played.pages_read < played.file_pages, "{played:?}");
    // One frame was there before, and the copy of page 0 was forgotten.
    let [(shown, cost)] = told.ends[..] else {
        panic!("{:?}", told.ends);
    };
    assert_eq!(shown.private, 1 + told.frames() - 1);
    assert_eq!(cost.frames, -shown.private.cast_signed());
    assert_eq!(
        shown.shared,
        told.of_kind(Kind::File) - told.of_kind(Kind::Copied)
    );
}

#[test_case]
fn a_fork_copies_nothing_and_each_write_to_a_shared_page_copies_or_takes_over() {
    let (told, _) = Told::of(fork::PROGRAM, &fork::WORDS);
    assert_eq!(told.forks.len(), 3);
    for (shown, cost) in &told.forks {
        assert_eq!(
            (shown.private, cost.frames, cost.tables, cost.records),
            (0, 0, 8, 1)
        );
    }
    let count = |process, place, kind| {
        told.count(|faults| (faults.process, faults.place(), faults.kind) == (process, place, kind))
    };
    let first = told.faults[0].process;
    let family = [first, first + 1, first + 2, first + 3];
    let in_mapping = |kind| family.map(|process| count(process, "mapping", kind));
    assert_eq!(in_mapping(Kind::New), [5, 1, 0, 0]);
    assert_eq!(in_mapping(Kind::Copied), [0, 2, 3, 2]);
    assert_eq!(in_mapping(Kind::TakenOver), [4, 1, 0, 0]);
    // Both sides of each fork write to five pages of the stack, in whichever order.
    let in_stack = |kind| family.map(|process| count(process, "stack", kind));
    assert_eq!(in_stack(Kind::Copied).iter().sum::<u64>(), 15);
    assert_eq!(in_stack(Kind::TakenOver).iter().sum::<u64>(), 15);
    // What was taken comes back, with the frame that was there before.
    assert_eq!(told.ends.len(), 4);
    let back: i64 = told.ends.iter().map(|(_, cost)| -cost.frames).sum();
    assert_eq!(back, 1 + told.frames().cast_signed());
}

#[test_case]
fn a_program_of_a_tour_ends_well_with_the_frames_that_its_tour_asks_for() {
    for (name, program, words) in [
        ("load", load::PROGRAM, &load::WORDS[..]),
        ("fork", fork::PROGRAM, &fork::WORDS),
    ] {
        let tour = kernel::tour::find(name).expect("it is in the table");
        set_limit(Some(tour.frames));
        let played = play(program, words, &mut |_| ()).expect("the archive has it");
        set_limit(None);
        assert_eq!(played.summary.ending, Ending::Exited(0), "{name}");
        assert_eq!(played.free_after, played.free_before, "{name}");
    }
}

#[test_case]
fn every_tour_needs_no_more_frames_than_it_says_and_gives_them_all_back() {
    for tour in &TOURS {
        // What the kernel needs for itself is there from the first time on.
        assert_eq!((tour.run)(), Ok(()));
        heap::trim();
        let before = counts();
        set_limit(Some(tour.frames));
        assert_eq!((tour.run)(), Ok(()));
        set_limit(None);
        heap::trim();
        assert_eq!(counts(), before, "{}", tour.name);
        audit();
    }
}

#[test_case]
fn ctrl_c_ends_the_program_of_a_tour_and_nothing_is_left_of_it() {
    for run in [load::run, fork::run] {
        assert_eq!(run(), Ok(()));
        heap::trim();
        let before = counts();
        input::type_ahead(0x03);
        assert_eq!(run(), Err(Cancelled));
        assert_eq!(input::try_read(), Some(0x03));
        heap::trim();
        assert_eq!(counts(), before);
    }
}

#[test_case]
fn every_tour_is_found_by_its_name_and_by_no_other() {
    for tour in &TOURS {
        let found = kernel::tour::find(tour.name).expect("it is in the table");
        assert_eq!(found.shows, tour.shows);
    }
    assert!(kernel::tour::find("").is_none());
    assert_eq!(TOURS.len(), 7);
}
