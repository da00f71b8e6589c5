//! The rules against each other, against what is known, and against every choice
//! that there is.

use proptest::prelude::*;
use replacement::optimum::optimum;
use replacement::paper::{Rule, play};
use replacement::rules::{Clock, Fifo, LeastRecentlyUsed};
use replacement::trace::{LineError, Wrong, parse};
use replacement::{Access, Counts, Workload};

/// The trace with which L. A. Belady, R. A. Nelson and G. S. Shedler showed the
/// anomaly (Communications of the ACM 12(6), 1969).
const ANOMALY: [u32; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

fn reads(pages: &[u32]) -> Vec<Access> {
    pages.iter().copied().map(Access::read).collect()
}

fn fifo(trace: &[Access], frames: usize) -> u64 {
    play(trace, frames, &mut Fifo::default()).faults
}

fn lru(trace: &[Access], frames: usize) -> u64 {
    play(trace, frames, &mut LeastRecentlyUsed::default()).faults
}

fn clock(trace: &[Access], frames: usize) -> u64 {
    play(trace, frames, &mut Clock::default()).faults
}

#[test]
fn first_in_first_out_can_fault_more_with_more_frames() {
    let trace = reads(&ANOMALY);
    assert_eq!((fifo(&trace, 3), fifo(&trace, 4)), (9, 10));
    assert_eq!((lru(&trace, 3), lru(&trace, 4)), (10, 8));
    assert_eq!(
        (optimum(&trace, 3).faults, optimum(&trace, 4).faults),
        (7, 6)
    );
}

#[test]
fn a_sequence_that_is_longer_than_memory_by_one_page_defeats_all_but_the_optimum() {
    let pages: Vec<u32> = (0..10).flat_map(|_| 0..9).collect();
    let trace = reads(&pages);
    for faults in [fifo(&trace, 8), lru(&trace, 8), clock(&trace, 8)] {
        assert_eq!(faults, 90, "each access is one");
    }
    // Each round after the first, the optimum lets all but one or two of its pages stay.
    assert_eq!(optimum(&trace, 8).faults, 19);
}

#[test]
fn a_page_is_written_when_it_goes_with_what_the_disk_does_not_hold() {
    let trace = parse("w 0\nr 1\nr 0\nr 1\nw 0\nr 1").expect("accesses");
    let counts = play(&trace, 1, &mut Fifo::default());
    // Page 0 twice, since it was written again, and page 1 once.
    let expected = Counts {
        faults: 6,
        writes: 3,
        reads: 4,
    };
    assert_eq!(counts, expected);
}

#[test]
fn a_line_that_is_no_access_is_named() {
    let wrong = |text: &str| parse(text).expect_err("it is no trace");
    let error = |line, why| LineError { line, why };
    assert_eq!(wrong("r 1\n\nx 2"), error(3, Wrong::Kind));
    assert_eq!(wrong("r"), error(1, Wrong::Words));
    assert_eq!(wrong("r 1 2"), error(1, Wrong::Words));
    assert_eq!(wrong("r 4294967295"), error(1, Wrong::TooHigh));
    let text = wrong("# a comment\nw one").to_string();
    assert_eq!(
        text,
        "line 2: the page is no number: invalid digit found in string"
    );
    assert_eq!(parse("w 3 # written\n\n#\n"), Ok(vec![Access::write(3)]));
}

#[test]
fn a_workload_is_the_same_each_time_and_uses_each_page() {
    for workload in Workload::ALL {
        let trace = workload.trace(24);
        assert_eq!(trace, workload.trace(24));
        for page in 0..24 {
            assert!(trace.contains(&Access::write(page)), "{workload:?} {page}");
        }
        assert!(trace.iter().all(|access| access.page < 24));
        let text: String = trace.iter().map(|access| format!("{access}\n")).collect();
        assert_eq!(parse(&text), Ok(trace));
        assert_eq!(workload.trace(0), []);
    }
}

/// The fewest faults of any choice, by trying all.
fn fewest(trace: &[Access], frames: usize, inside: &[u32]) -> u64 {
    let Some((access, rest)) = trace.split_first() else {
        return 0;
    };
    if inside.contains(&access.page) {
        return fewest(rest, frames, inside);
    }
    let with = |out: Option<usize>| {
        let mut inside = inside.to_vec();
        if let Some(out) = out {
            inside.remove(out);
        }
        inside.push(access.page);
        1 + fewest(rest, frames, &inside)
    };
    if inside.len() < frames {
        return with(None);
    }
    let choices = (0..inside.len()).map(|out| with(Some(out)));
    choices.min().expect("there is a page that can go")
}

fn traces(pages: u32, length: usize) -> impl Strategy<Value = Vec<Access>> {
    let access = (0..pages, any::<bool>()).prop_map(|(page, is_write)| Access { page, is_write });
    prop::collection::vec(access, 0..length)
}

proptest! {
    #[test]
    fn no_choice_faults_less_than_the_optimum(trace in traces(5, 10), frames in 1..4_usize) {
        prop_assert_eq!(optimum(&trace, frames).faults, fewest(&trace, frames, &[]));
    }

    #[test]
    fn every_rule_faults_at_least_as_often_as_the_optimum(
        trace in traces(40, 400),
        frames in 1..30_usize,
    ) {
        let least = optimum(&trace, frames).faults;
        let rules: [&mut dyn Rule; 3] = [
            &mut Fifo::default(),
            &mut LeastRecentlyUsed::default(),
            &mut Clock::default(),
        ];
        for rule in rules {
            let counts = play(&trace, frames, rule);
            prop_assert!(counts.faults >= least);
            prop_assert!(counts.reads <= counts.faults && counts.writes <= counts.faults);
        }
    }

    #[test]
    fn with_enough_frames_each_page_faults_once(trace in traces(20, 200)) {
        let mut pages: Vec<u32> = trace.iter().map(|access| access.page).collect();
        pages.sort_unstable();
        pages.dedup();
        for faults in [fifo(&trace, 20), lru(&trace, 20), clock(&trace, 20)] {
            prop_assert_eq!(faults, pages.len() as u64);
        }
    }
}
