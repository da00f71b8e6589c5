//! The gate of `cargo kernel-bench`: a figure that is worse, a guest without figures and a file that is missing end it
//! with a failure.

use std::fs;
use std::path::Path;

use crate::kernels::{Run, outside, run};

/// Compares the figures of a guest that says the same ones each time with a file.
fn compare(kernel: &Path, file: &Path, more: &[&str]) -> Run {
    let file = file.to_str().expect("a name that is text");
    let arguments = ["--bench-guest", "--no-tour", "--compare", file];
    run(kernel, &[&arguments, more].concat())
}

#[test]
fn figures_are_compared_with_those_of_a_file_and_what_is_worse_ends_with_101() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.toml");

    let kernel = outside("quoted_figures");
    let missing = compare(&kernel, &file, &[]);
    assert_eq!(missing.status, Some(125), "{missing:?}");
    assert!(
        missing.words.contains("`--update` writes it"),
        "{missing:?}"
    );
    assert!(!file.exists());

    let written = compare(&kernel, &file, &["--update"]);
    assert_eq!(written.status, Some(0), "{written:?}");
    let figures = fs::read_to_string(&file).unwrap();
    for line in [
        "\"a read\" = 100\n",
        "\"a read, 64M of memory\" = 100\n",
        "\"a write, 16G of memory\" = 200\n",
        "processor = \"max\"\n",
        "machine = \"q35 with BIOS\"\n",
        "memory = \"128M\"\n",
    ] {
        assert!(figures.contains(line), "{line:?}: {figures}");
    }

    for (from, to, status, words) in [
        ("", "", 0, "\nas before\n"),
        (
            "\"a read\" = 100",
            "\"a read\" = 90",
            101,
            "a read: 100 instructions instead of 90",
        ),
        (
            "processor = \"max\"",
            "processor = \"Haswell\"",
            0,
            "\nno gate: the figures of before were made with something else\n  processor: max instead of Haswell",
        ),
    ] {
        fs::write(&file, figures.replace(from, to)).unwrap();
        let compared = compare(&kernel, &file, &[]);
        assert_eq!(compared.status, Some(status), "{to}: {compared:?}");
        assert!(compared.guest.contains(words), "{to}: {compared:?}");
    }
}

#[test]
fn a_guest_that_says_no_figure_is_no_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.toml");
    let silent = compare(&outside("boot_facts"), &file, &["--update"]);
    assert_eq!(silent.status, Some(125), "{silent:?}");
    assert!(silent.words.contains("printed no figure"), "{silent:?}");
    assert!(!file.exists());
}
