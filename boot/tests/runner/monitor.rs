//! The real kernel's prompt from outside: scripts drive it, and what it tells is what QEMU sees.

use std::collections::BTreeSet;

use crate::kernels::{Run, kernel, run, run_with_input};

/// Runs the kernel without its tour, with `script` through a pipe.
fn monitor(script: &str, arguments: &[&str]) -> Run {
    let arguments = [&["--headless", "--no-tour", "--timeout", "300"], arguments].concat();
    run_with_input(kernel(), &arguments, script.as_bytes())
}

/// The value of `name=VALUE` in the last answer to `command`.
pub(crate) fn answer<'a>(run: &'a Run, command: &str, name: &str) -> &'a str {
    crate::answer::answer(&run.guest, command, name)
}

#[test]
fn a_script_through_a_pipe_is_a_whole_test() {
    let frames = |script: &str| {
        let run = monitor(script, &[]);
        assert_eq!(run.status, Some(0), "{run:?}");
        assert_eq!(answer(&run, "audit", "audit"), "ok");
        assert!(!run.guest.contains("alloc(5)"), "the tour ran: {run:?}");
        answer(&run, "frames", "private").parse::<u64>().unwrap()
    };
    let before = frames("frames\naudit");
    let after = frames("alloc immediate 64K\nframes\naudit");
    assert_eq!(after - before, 16);
}

#[test]
fn the_monitors_exit_is_the_runners_status() {
    let run = monitor("exit 42\nframes\n", &[]);
    assert_eq!(run.status, Some(42), "{run:?}");
    assert!(run.words.ends_with("`exit 42` (status 42)\n"), "{run:?}");
}

#[test]
fn a_script_ends_as_its_last_command_and_says_how_many_were_refused() {
    for (script, status, words) in [
        (
            "nonsense\nread\n",
            1,
            "boot: 2 of 2 commands were refused\n",
        ),
        ("frames\nread", 1, "boot: 1 of 2 commands was refused\n"),
        (
            "nonsense\nframes\n\n",
            0,
            "boot: 1 of 2 commands was refused\n",
        ),
        ("\u{feff}# nonsense\nframes # all of them\n", 0, ""),
        ("\u{feff}frames\n", 0, ""),
    ] {
        let run = monitor(script, &[]);
        assert_eq!(run.status, Some(status), "{script:?} {run:?}");
        assert_eq!(
            run.words.contains("refused\n"),
            !words.is_empty(),
            "{run:?}"
        );
        assert!(run.words.contains(words), "{run:?}");
    }
}

#[test]
fn what_of_a_script_was_not_run_is_said() {
    for script in ["frames\nexit\nheap now\naudit", "frames\n\x04heap now\n"] {
        let run = monitor(script, &[]);
        assert_eq!(run.status, Some(0), "{run:?}");
        let words = "boot: not run: the script from `heap now` on\n";
        assert!(run.words.contains(words), "{run:?}");
    }
    let run = monitor("", &["--after", "exit 2; heap now; audit"]);
    assert_eq!(run.status, Some(2), "{run:?}");
    assert!(run.words.contains("from `heap now` on\n"), "{run:?}");
    let run = monitor("frames\nexit 0\n# the end\n\n", &[]);
    assert!(!run.words.contains("not run"), "{run:?}");
}

#[test]
fn a_script_can_be_stopped_at_the_first_refused_command() {
    for (script, after) in [
        ("frames\nnonsense\nheap\naudit\n", "spaces"),
        ("frames\n", "spaces; nonsense; heap; audit"),
    ] {
        let run = monitor(script, &["--stop-on-error", "--after", after]);
        assert_eq!(run.status, Some(1), "{run:?}");
        assert!(!run.guest.contains("> heap"), "{run:?}");
        assert!(run.words.contains("from `heap` on\n"), "{run:?}");
        let end = "boot: the script was stopped at a refused command (status 1)\n";
        assert!(run.words.ends_with(end), "{run:?}");
    }
    let run = monitor("frames\naudit\n", &["--stop-on-error"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(answer(&run, "audit", "audit"), "ok");
}

#[test]
fn the_kernels_walk_and_qemus_own_view_name_the_same_frames() {
    let commands = "alloc demand 16K; touch 0x1000 8K w; walk 0x1000; walk 0x2000; walk 0x3000";
    let run = monitor("", &["--trace-qemu", "--after", commands]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(answer(&run, "alloc demand 16K", "region"), "0x1000");
    let pages: Vec<_> = run
        .words
        .lines()
        .filter_map(|line| line.strip_prefix("    0x")?.split_once(" -> 0x"))
        .map(|(page, rest)| (page, rest.split_whitespace().next().unwrap()))
        .map(|(page, frame)| (page, format!("0x{}", frame.trim_start_matches('0'))))
        .collect();
    assert_eq!(
        pages,
        [
            (
                "0000000000001000",
                answer(&run, "walk 0x1000", "physical").to_owned()
            ),
            (
                "0000000000002000",
                answer(&run, "walk 0x2000", "physical").to_owned()
            ),
        ],
        "{run:?}"
    );
    let frames: BTreeSet<_> = pages.iter().map(|(_, frame)| frame).collect();
    assert_eq!(frames.len(), 2);
    assert!(run.guest.contains("not mapped"), "{run:?}");
}

#[test]
fn a_device_may_lie_on_the_last_page_below_2_to_the_52() {
    let commands = "mmio 0xffffffffff000 4K; walk 0x1fff; map physical; free 0x1000; audit";
    let machine = ["--cpu", "max,phys-bits=52", "--after", commands];
    let run = monitor("", &machine);
    assert_eq!(run.status, Some(0), "{run:?}");
    let last = "0xfffffffffffff";
    assert_eq!(answer(&run, "walk 0x1fff", "physical"), last, "{run:?}");
    let freed = answer(&run, "free 0x1000", "freed");
    assert_eq!(freed, "0x1000");
    assert_eq!(answer(&run, "audit", "audit"), "ok");
}

#[test]
fn a_named_tour_is_given_before_the_prompt_and_an_unknown_name_is_an_error_that_tells_all_there_are()
 {
    let tour = run(kernel(), &["--headless", "--tour", "zero"]);
    assert_eq!(tour.status, Some(0), "{tour:?}");
    assert!(tour.guest.contains("zero frame"), "{tour:?}");
    let (before, _) = tour.guest.rsplit_once("\n> ").unwrap();
    assert!(before.contains("zero frame"), "{tour:?}");
    let unknown = run(kernel(), &["--headless", "--tour", "nowhere"]);
    assert_eq!(unknown.status, Some(1), "{unknown:?}");
    let lines = unknown.guest.lines();
    let errors: Vec<_> = lines
        .filter_map(|line| Some(line.split_once(" error] ")?.1))
        .collect();
    assert_eq!(
        errors,
        [
            "tour=nowhere is none of the tours:",
            "  example",
            "  straddle",
            "  zero",
            "  policies",
            "  load",
            "  fork",
            "  swap",
        ]
    );
    assert!(!unknown.guest.contains("#PF"), "a tour ran: {unknown:?}");
    assert!(!unknown.guest.contains("\n> "), "{unknown:?}");
}

#[test]
fn a_tour_of_a_program_finds_it_in_the_archive_and_its_sentences_fit_in_76_columns() {
    for (name, program) in [("load", "lazy"), ("fork", "forks")] {
        let tour = run(kernel(), &["--headless", "--tour", name]);
        assert_eq!(tour.status, Some(0), "{tour:?}");
        let told: Vec<_> = tour
            .guest
            .lines()
            .map(str::trim_end)
            .filter(|line| line.starts_with('#'))
            .collect();
        let ending = format!("# {program} has ended (exited with status 0)");
        assert!(
            told.iter().any(|line| line.starts_with(&ending)),
            "{tour:?}"
        );
        let long = told.iter().find(|line| line.len() > 76);
        assert_eq!(long, None, "{tour:?}");
        let free = told.last().expect("something is told");
        let counts: Vec<_> = free
            .split(|letter: char| !letter.is_ascii_digit())
            .collect();
        let counts: Vec<_> = counts
            .into_iter()
            .filter(|digits| !digits.is_empty())
            .collect();
        assert!(
            matches!(counts[..], [before, after] if before == after),
            "{free}"
        );
    }
}

#[test]
fn a_measured_guest_counts_instructions_and_powers_off() {
    let run = run_with_input(kernel(), &["--bench-guest"], b"exit 9\n");
    assert_eq!(run.status, Some(0), "{run:?}");
    let lines = run.guest.lines();
    let measured: Vec<_> = lines.filter(|line| line.starts_with("bench ")).collect();
    assert!(measured.len() > 10, "{run:?}");
    for line in measured {
        assert!(line.contains(" unit=instructions "), "{line}");
    }
}
