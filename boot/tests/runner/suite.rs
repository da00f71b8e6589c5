//! What is asked about tests without running them, and which kernels are booted for a filter.

use crate::kernels::{Run, boot, run, test_kernel};

/// What the runner does with a test kernel where it finds no QEMU: whatever it answers, it booted nothing.
fn without_qemu(kernel: &str, arguments: &[&str]) -> Run {
    let mut runner = boot(test_kernel(kernel), arguments);
    runner.env("PATH", "/no/such/folder");
    runner.output().expect("boot can be started").into()
}

/// The answer on standard output, and nothing besides.
fn answer(kernel: &str, arguments: &[&str]) -> String {
    let run = without_qemu(kernel, arguments);
    assert_eq!((run.status, run.words.as_str()), (Some(0), ""), "{run:?}");
    run.guest
}

#[test]
fn the_names_in_the_file_are_those_of_the_tests_that_run() {
    for kernel in ["frames", "protection"] {
        let ran = run(test_kernel(kernel), &[]).guest;
        let lines = ran.lines().filter_map(|line| line.strip_suffix(" ... ok"));
        let ran: Vec<_> = lines
            .filter_map(|line| line.strip_prefix("test "))
            .collect();
        assert!(ran.len() > 5, "{ran:?}");
        let listed = answer(kernel, &["--list", "--format", "terse"]);
        let listed: Vec<_> = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .collect();
        assert_eq!(listed, ran);
    }
}

#[test]
fn a_list_is_answered_from_the_file_and_counted() {
    let whole = answer("frames", &["--list"]);
    assert!(
        whole.ends_with(": test\n\n10 tests, 0 benchmarks\n"),
        "{whole}"
    );
    let one = answer("frames", &["really", "--list"]);
    assert_eq!(
        one,
        "frames::a_frame_can_really_be_written: test\n\n1 test, 0 benchmarks\n"
    );
}

#[test]
fn nothing_is_ignored_before_it_runs() {
    let nextest = ["--list", "--format", "terse", "--ignored"];
    assert_eq!(answer("frames", &nextest), "");
    let none = answer("frames", &["--ignored"]);
    assert!(
        none.contains("running 0 tests") && none.contains(" 10 filtered out"),
        "{none}"
    );
}

#[test]
fn a_kernel_without_a_matching_test_is_not_booted_and_counts_them_as_filtered_out() {
    for filter in [&["no_such"][..], &["a_frame_can_really", "--exact"]] {
        assert_eq!(
            answer("frames", filter),
            "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 10 filtered out\n\n"
        );
    }
    let matching = without_qemu("frames", &["really"]);
    assert_eq!(matching.status, Some(125), "{matching:?}");
}

#[test]
fn one_test_is_run_as_nextest_asks() {
    let name = "frames::a_frame_can_really_be_written";
    let run = run(test_kernel("frames"), &[name, "--exact", "--nocapture"]);
    assert_eq!((run.status, run.passed()), (Some(0), 1), "{run:?}");
    assert!(run.guest.contains("; 9 filtered out"), "{run:?}");
}

#[test]
fn a_kernel_without_the_framework_is_one_test_called_as_its_file() {
    let terse = ["--list", "--format", "terse"];
    assert_eq!(answer("echo_monitor", &terse), "echo_monitor: test\n");
    let none = answer("echo_monitor", &["frames"]);
    assert!(none.contains(" 1 filtered out"), "{none}");
}
