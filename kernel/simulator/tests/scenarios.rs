//! What each scenario shows, by number. Those that the kernel has a tour of cost what the tour
//! costs (`tests/tours.rs` of the workspace asserts the same numbers in QEMU).
#![allow(missing_docs, reason = "a test")]

use simulator::Page;
use simulator::page::{Answer, Cost};
use simulator::scenarios::SCENARIOS;

const fn cost(faults: i64, frames: i64, tables: i64) -> Cost {
    Cost {
        faults,
        frames,
        tables,
        records: 0,
    }
}

/// A scenario that was played: the answer to each line.
struct Played(Vec<Answer>);

impl Played {
    fn of(name: &str) -> Self {
        let mut page = Page::new();
        let start = page.request(&format!("start {name}"));
        let lines = start.scenario.expect("a scenario of this name").lines;
        Self(lines.iter().map(|_| page.request("next")).collect())
    }

    fn last(&self) -> &Answer {
        self.0.last().expect("a line")
    }

    /// The costs of the lines that begin with one of these words.
    fn costs(&self, words: &[&str]) -> Vec<Cost> {
        let is_one = |answer: &&Answer| {
            let line = answer.line.as_deref().unwrap_or_default();
            words.iter().any(|word| line.starts_with(word))
        };
        self.0
            .iter()
            .filter(is_one)
            .map(|answer| answer.cost)
            .collect()
    }

    fn faults(&self) -> Vec<(u64, &'static str)> {
        let log = self.0.iter().flat_map(|answer| &answer.log);
        log.map(|fault| (fault.address, fault.outcome)).collect()
    }

    fn said(&self, line: &str) -> &str {
        let is_it = |answer: &&Answer| answer.line.as_deref() == Some(line);
        &self.0.iter().find(is_it).expect("a line").said
    }
}

fn with_record(cost: Cost) -> Cost {
    Cost { records: 1, ..cost }
}

#[test]
fn three_objects_in_one_page_take_one_fault_and_one_frame() {
    let played = Played::of("objects");
    // As `straddle::STAYING` of the kernel's tours.
    assert_eq!(played.last().total, with_record(cost(1, 1, 3)));
    assert_eq!(played.faults(), [(0x10000, "demand")]);
}

#[test]
fn an_object_that_leaves_its_page_takes_two_faults_and_two_frames() {
    let played = Played::of("straddle");
    // As `straddle::LEAVING`.
    assert_eq!(played.last().total, with_record(cost(2, 2, 3)));
    assert_eq!(played.faults(), [(0x10f85, "demand"), (0x11000, "demand")]);
    let fills = played.costs(&["fill"]);
    assert_eq!(fills, [cost(1, 1, 3), cost(0, 0, 0), cost(1, 1, 0)]);
}

#[test]
fn pages_that_are_read_share_the_zero_frame_until_one_is_written() {
    let played = Played::of("zero");
    // As `zero::steps`.
    let (first, more, none) = (cost(1, 0, 3), cost(1, 0, 0), cost(0, 0, 0));
    let accesses = played.costs(&["read", "write"]);
    assert_eq!(
        accesses,
        [first, more, more, more, cost(1, 1, 0), none, none]
    );
    assert_eq!(played.faults()[4], (0x11000, "private_copy"));
    let region = &played.last().state.regions[1];
    assert_eq!(region.pages, [("zero", 1), ("private", 1), ("zero", 2)]);
}

#[test]
fn without_a_flush_the_processor_writes_where_the_region_refuses() {
    let played = Played::of("protect");
    let through = &played.0[5];
    assert_eq!((through.cost, through.refused), (cost(0, 0, 0), false));
    assert!(through.state.bytes.starts_with("02"));
    let stale = through
        .state
        .cache
        .iter()
        .filter(|cached| cached.stale.is_some());
    assert_eq!(stale.count(), 1);
    let last = played.last();
    assert!(last.refused && last.said.contains("the region does not allow writing"));
    assert!(last.state.bytes.starts_with("02"), "nothing was written");
    assert_eq!(
        last.episodes.last().map(|episode| episode.ended),
        Some("refused")
    );
}

#[test]
fn a_frame_freed_without_a_flush_is_written_by_its_old_address() {
    let played = Played::of("reuse");
    assert_eq!(played.costs(&["write 0x10000 0xee"]), [cost(0, 0, 0)]);
    assert!(played.said("read 0x12000").starts_with("0x12000  ee "));
}

#[test]
fn a_fork_copies_nothing_and_each_write_copies_or_takes_over() {
    let played = Played::of("fork");
    assert_eq!(played.costs(&["space fork"]), [with_record(cost(0, 0, 8))]);
    let outcomes: Vec<_> = played
        .faults()
        .iter()
        .map(|(_, outcome)| *outcome)
        .collect();
    let expected = [
        "demand",
        "demand",
        "shared_copy",
        "taken_over",
        "shared_copy",
        "taken_over",
    ];
    assert_eq!(outcomes, expected);
    assert!(played.said("read 0x10000").starts_with("0x10000  11 "));
    assert_eq!(
        played.last().total.frames,
        2,
        "the child's frames came back"
    );
}

#[test]
fn the_clock_passes_pages_that_were_used_and_writes_none_twice() {
    let played = Played::of("clock");
    let evictions: Vec<_> = played
        .0
        .iter()
        .filter(|answer| answer.said.starts_with("evicted="))
        .collect();
    let pages = |answer: &Answer| answer.state.regions[1].pages.clone();
    assert_eq!(pages(evictions[0]), [("swapped", 2), ("private", 6)]);
    assert_eq!(
        pages(evictions[1]),
        [
            ("swapped", 2),
            ("private", 2),
            ("swapped", 2),
            ("private", 2)
        ]
    );
    assert_eq!(evictions[2].said, "evicted=5 written=4 saved=1 dropped=0\n");
    let counts = &played.last().state.counts;
    assert_eq!((counts.written, counts.read), (8, 1));
}

#[test]
fn after_every_line_of_every_scenario_the_memory_manager_is_whole() {
    for scenario in &SCENARIOS {
        let mut page = Page::new();
        page.request(&format!("start {}", scenario.name));
        for line in scenario.lines {
            let answer = page.request("next");
            assert_eq!(answer.line.as_deref(), Some(line.text));
            let audit = page.request("type audit");
            assert!(
                audit.said.starts_with("audit=ok "),
                "{}: {}",
                line.text,
                audit.said
            );
        }
        assert!(page.request("next").refused, "it is at its end");
    }
}

#[test]
fn every_step_points_to_a_moment_and_the_last_is_the_state_that_is_left() {
    for scenario in &SCENARIOS {
        for answer in &Played::of(scenario.name).0 {
            for episode in &answer.episodes {
                assert!(
                    episode
                        .steps
                        .iter()
                        .all(|step| step.moment < answer.moments.len())
                );
                let kinds: Vec<_> = episode.steps.iter().map(|step| step.kind).collect();
                let ends = matches!(kinds.last(), Some(&("again" | "done" | "refused")));
                assert!(ends && kinds[0] == "lookup", "{kinds:?}");
            }
            let faults = answer.episodes.iter().flat_map(|episode| &episode.steps);
            let faults = faults.filter(|step| step.kind == "fault").count();
            assert_eq!(
                faults,
                answer.log.len(),
                "{:?}: each fault is told",
                answer.line
            );
        }
    }
}
