//! What comes on standard input, in commands and in scripts reaches the guest: all of it, in order, when it listens.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::kernels::{Run, boot, outside, run, run_with_input};

/// Runs the guest that answers each line with its length and checksum, with `input` through a pipe.
fn typed(input: &[u8], arguments: &[&str]) -> Run {
    let arguments = [&["--timeout", "300"], arguments].concat();
    run_with_input(&outside("echo_monitor"), &arguments, input)
}

/// The guest's answer to a line.
fn answer(line: &[u8]) -> String {
    let sum = line.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("line bytes={} sum={sum:#018x}", line.len())
}

fn answers(run: &Run) -> Vec<&str> {
    let lines = run.guest.lines();
    lines.filter(|line| line.starts_with("line ")).collect()
}

fn ended_well(run: &Run) -> bool {
    run.status == Some(0) && run.words.ends_with("success (status 0)\n")
}

#[test]
fn a_pipe_is_typed_at_the_prompt_and_its_end_powers_the_machine_off() {
    let run = typed(b"frames\naudit\n", &[]);
    assert!(ended_well(&run), "{run:?}");
    assert_eq!(answers(&run), [answer(b"frames"), answer(b"audit")]);
    let first = run.guest.lines().find(|line| !line.is_empty());
    assert_eq!(first, Some("> frames"), "{run:?}");
}

#[test]
fn an_unfinished_last_line_is_run() {
    let run = typed(b"frames\naudit", &[]);
    assert!(ended_well(&run), "{run:?}");
    assert_eq!(answers(&run), [answer(b"frames"), answer(b"audit")]);
}

#[test]
fn without_input_the_first_prompt_is_the_last() {
    let run = run(&outside("echo_monitor"), &["--timeout", "300"]);
    assert!(ended_well(&run), "{run:?}");
    assert_eq!(run.guest.matches("> ").count(), 1, "{run:?}");
}

#[test]
fn a_burst_of_short_lines_loses_nothing() {
    let mut script = String::new();
    for number in 0..10_000 {
        writeln!(script, "read {number:#x}").unwrap();
    }
    assert!(script.len() > 100_000);
    let run = typed(script.as_bytes(), &[]);
    assert!(ended_well(&run), "{:?} {}", run.status, run.words);
    let expected: Vec<_> = script.lines().map(|line| answer(line.as_bytes())).collect();
    assert!(answers(&run) == expected, "{} answers", answers(&run).len());
}

#[test]
fn a_line_of_100_000_bytes_of_any_kind_loses_nothing() {
    let ends_or_controls = [b'\n', b'\r', 0x03, 0x04];
    let bytes = (0..=255u8)
        .cycle()
        .filter(|byte| !ends_or_controls.contains(byte));
    let mut line: Vec<_> = bytes.take(100_000).collect();
    // The echo of the beginning is text.
    line[..64].fill(b'x');
    let run = typed(&[&line, &b"\nlast\n"[..]].concat(), &[]);
    assert!(ended_well(&run), "{:?} {}", run.status, run.words);
    assert_eq!(answers(&run), [answer(&line), answer(b"last")]);
}

#[test]
fn commands_are_typed_before_standard_input_and_a_script_in_its_place() {
    let run = typed(
        b"from the pipe\n",
        &["--after", "one; two", "--after", "three"],
    );
    assert!(ended_well(&run), "{run:?}");
    let expected = ["one", "two", "three", "from the pipe"].map(|line| answer(line.as_bytes()));
    assert_eq!(answers(&run), expected);

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "from the file\nlast").unwrap();
    let run = typed(
        b"from the pipe\n",
        &[
            "--after",
            "one",
            "--monitor-script",
            script.to_str().unwrap(),
        ],
    );
    assert!(ended_well(&run), "{run:?}");
    let expected = ["one", "from the file", "last"].map(|line| answer(line.as_bytes()));
    assert_eq!(answers(&run), expected);
}

#[test]
fn the_guests_exit_ends_the_run_though_there_is_more_to_type() {
    let run = typed(&[b"exit 7\n".as_slice(), &[b'x'; 1_000_000]].concat(), &[]);
    assert_eq!(run.status, Some(7), "{run:?}");
    let mut open = boot(&outside("echo_monitor"), &["--after", "exit 9"]);
    let silent = open.stdout(Stdio::null()).stderr(Stdio::null());
    let mut runner = silent.stdin(Stdio::piped()).spawn().unwrap();
    let pipe = runner.stdin.take();
    assert_eq!(runner.wait().unwrap().code(), Some(9));
    drop(pipe);
}

#[test]
fn a_guest_that_never_prompts_is_typed_nothing_and_its_timeout_holds() {
    let run = run(
        &outside("must_fail_hang"),
        &["--timeout", "15", "--after", "frames", "--headless"],
    );
    assert_eq!(run.status, Some(124), "{run:?}");
    assert!(run.guest.contains("a_test_that_never_ends ... "), "{run:?}");
    assert!(!run.guest.contains("frames"), "{run:?}");
}

#[test]
fn qemus_own_view_is_told_when_a_line_has_changed_it() {
    let run = typed(
        b"unmap\nnothing",
        &["--after", "map; nothing", "--trace-qemu"],
    );
    assert!(ended_well(&run), "{run:?}");
    let views: Vec<_> = run
        .words
        .lines()
        .filter_map(|line| line.strip_prefix("boot: QEMU's own view of the low half "))
        .collect();
    let expected = [
        "at the first prompt: nothing is mapped",
        "after `map`: 1 entry",
        "after this line: nothing is mapped",
    ];
    assert_eq!(views, expected, "{run:?}");
    assert!(
        run.words
            .contains("0x0000000000011000..0x0000000000012000 -rw"),
        "{run:?}"
    );
    let page = "\n    0x0000000000011000 -> 0x";
    assert!(run.words.contains(page), "{run:?}");
}
