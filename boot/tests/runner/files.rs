//! A folder on this side is a list of files on the other, and a program's end is the runner's.

use std::fs;
use std::path::Path;

use crate::kernels::{Run, kernel, outside, run, test_kernel};
use crate::monitor::answer;

/// The programs that every archive has, in the folder `bin`.
const OWN: [&str; 12] = [
    "bomb",
    "first-touch",
    "forks",
    "hello",
    "hog",
    "lazy",
    "matrix",
    "player",
    "share",
    "sort-big",
    "stack",
    "wild",
];

/// What the kernel says to these commands with an archive of this folder.
fn listed(folder: &Path, machine: &[&str]) -> Run {
    let folder = folder.to_str().unwrap();
    let options = ["--no-tour", "--timeout", "300", "--files", folder];
    let commands = ["--after", "files; audit", "--headless"];
    let run = run(kernel(), &[&options[..], &commands, machine].concat());
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(answer(&run, "audit", "audit"), "ok");
    run
}

#[test]
fn the_files_of_a_folder_are_in_the_guests_memory_on_either_firmware() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    fs::write(folder.path().join("bin/a"), [7; 5000]).unwrap();
    fs::write(folder.path().join("two words"), "2").unwrap();
    for machine in [&[][..], &["--uefi"], &["--machine", "pc"]] {
        let run = listed(folder.path(), machine);
        let (_, list) = run.guest.split_once("> files\r\n").unwrap();
        let lines = list.lines().map(str::trim_end);
        let lines = lines.take_while(|line| !line.starts_with("files="));
        let is_own = |line: &&str| !OWN.iter().any(|name| line.contains(&format!("/{name} ")));
        let lines: Vec<_> = lines.filter(is_own).collect();
        let expected = [
            "folder=bin mode=755",
            "file=bin/a size=5000 mode=644 cached=0",
            "file=\"two words\" size=1 mode=644 cached=0",
        ];
        assert_eq!(lines, expected, "{run:?}");
    }
}

#[test]
fn the_programs_are_in_every_archive() {
    let run = listed(tempfile::tempdir().unwrap().path(), &[]);
    assert_eq!(answer(&run, "files", "files"), OWN.len().to_string());
    for name in OWN {
        assert!(run.guest.contains(&format!("file=bin/{name} ")), "{run:?}");
    }
}

#[test]
fn a_file_with_the_name_of_a_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    fs::write(folder.path().join("bin/hello"), "mine").unwrap();
    let run = run(kernel(), &["--files", folder.path().to_str().unwrap()]);
    assert_eq!(run.status, Some(125), "{run:?}");
    let words = "two entries of the archive would be called bin/hello: rename one";
    assert!(run.words.contains(words), "{run:?}");
}

#[test]
fn a_program_of_the_archive_runs_and_ends_the_runner_with_its_status() {
    let ran = run(kernel(), &["--timeout", "300", "--run", "hello one two"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let says = "Hello from ring 3.\r\nargument 1: one\r\nargument 2: two\r\nexited=0 faults=";
    assert!(ran.guest.contains(says), "{ran:?}");
    let missing = run(kernel(), &["--timeout", "300", "--run", "nothing"]);
    assert_eq!(missing.status, Some(1), "{missing:?}");
    assert!(
        missing
            .guest
            .contains("error: the archive has no file `nothing`")
    );
}

#[test]
fn a_killed_program_is_reported_with_the_names_of_its_functions() {
    let run = run(kernel(), &["--timeout", "300", "--run", "wild"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let mut calls = run
        .guest
        .lines()
        .filter(|line| line.starts_with("  #0 0x00000000"));
    assert!(
        calls.any(|call| call.contains(" in bin/wild wild::")
            && call.contains(" at kernel/programs/src/bin/wild.rs:")),
        "{run:?}"
    );
}

#[test]
fn an_archive_takes_its_own_frames_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), vec![1; 1 << 20]).unwrap();
    let reserved = |options: &[&str]| {
        let typed = ["--no-tour", "--headless", "--after", "frames; audit"];
        let run = run(kernel(), &[&typed[..], options].concat());
        assert_eq!(answer(&run, "audit", "audit"), "ok");
        answer(&run, "frames", "reserved").parse::<u64>().unwrap()
    };
    let with = reserved(&["--files", folder.path().to_str().unwrap()]);
    // A header of 512 bytes, and 1 MiB.
    assert!((256..=257).contains(&(with - reserved(&[]))));
}

#[test]
fn what_is_no_folder_is_refused_before_anything_is_made() {
    for (name, words) in [
        (
            "/no/such/folder",
            "--files /no/such/folder cannot be read: ",
        ),
        ("/etc/hostname", "--files /etc/hostname: this is no folder"),
    ] {
        let run = run(kernel(), &["--files", name]);
        assert_eq!(run.status, Some(125), "{run:?}");
        assert!(run.words.contains(words), "{run:?}");
        assert_eq!(run.words.lines().count(), 1, "{run:?}");
    }
}

#[test]
fn an_archive_that_memory_has_no_room_for_is_refused_with_the_size_that_would_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), vec![0; 10 << 20]).unwrap();
    let path = folder.path().to_str().unwrap();
    let run = run(kernel(), &["--memory", "24M", "--files", path]);
    assert_eq!(run.status, Some(125), "{run:?}");
    let words = "bytes, too many for --memory 24M: 34M would do";
    assert!(run.words.contains(words), "{run:?}");
}

#[test]
fn the_programs_end_is_the_runners() {
    for (says, status, words) in [
        (
            "exited=0 faults=2",
            0,
            "boot: the program exited: success (status 0)\n",
        ),
        ("exited=200", 200, "boot: the program exited (status 200)\n"),
        (
            "killed=11 reason=guard",
            139,
            "killed by signal 11 (status 139)\n",
        ),
        (
            "error: no",
            1,
            "boot: the last command of the script was refused (status 1)\n",
        ),
        (
            "hello",
            125,
            "did not say how the program ended (status 125)\n",
        ),
    ] {
        let run = run(&outside("echo_monitor"), &["--run", says, "--after", "map"]);
        assert_eq!(run.status, Some(status), "{run:?}");
        assert!(run.words.ends_with(words), "{run:?}");
        assert!(run.guest.contains(&format!("> run {says}")), "{run:?}");
    }
}

#[test]
fn a_program_is_run_at_a_prompt_and_has_a_name() {
    let run = |kernel: &Path, program| run(kernel, &["--run", program]);
    for (run, words) in [
        (run(test_kernel("boot_facts"), "a"), "--run needs a prompt"),
        (run(kernel(), " "), "--run names no program"),
        (run(kernel(), "a\nb"), "stand on one line"),
    ] {
        assert_eq!(run.status, Some(125), "{run:?}");
        assert!(run.words.contains(words), "{run:?}");
    }
}
