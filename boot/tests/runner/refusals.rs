//! What cannot work is refused at once, in one line that says what would be right, with status 125.

use std::{fs, thread};

use crate::kernels::{Run, boot, kernel, outside, run, test_kernel};

/// The one line that the runner says instead of starting.
fn refusal(run: Run) -> String {
    assert_eq!(run.status, Some(125), "{run:?}");
    assert_eq!(run.guest, "", "{run:?}");
    assert_eq!(run.words.lines().count(), 1, "{run:?}");
    assert!(
        run.words.starts_with("boot: error: ") && run.words.ends_with(" (status 125)\n"),
        "{run:?}"
    );
    run.words
}

#[test]
fn less_memory_than_the_boot_loader_needs_is_refused() {
    let bios = refusal(run(kernel(), &["--memory", "16M"]));
    assert!(bios.contains("at least 24M on BIOS"), "{bios}");
    let uefi = refusal(run(kernel(), &["--memory", "32M", "--uefi"]));
    assert!(uefi.contains("at least 64M on UEFI"), "{uefi}");
}

#[test]
fn cargo_bench_is_told_what_to_type() {
    let words = refusal(run(kernel(), &["--bench"]));
    assert!(
        words.contains("cargo host-bench") && words.contains("cargo kernel-bench"),
        "{words}"
    );
}

#[test]
fn without_qemu_the_line_names_setup() {
    let without = boot(kernel(), &["--headless"])
        .env("PATH", "/no/such/folder")
        .output()
        .unwrap();
    let words = refusal(without.into());
    assert!(
        words.contains("qemu-system-x86_64 was not found") && words.contains("./setup"),
        "{words}"
    );
}

#[test]
fn firmware_that_is_not_there_is_named() {
    let words = refusal(run(kernel(), &["--uefi", "--ovmf", "/no/such/OVMF.fd"]));
    assert!(words.contains("/no/such/OVMF.fd"), "{words}");
}

#[test]
fn a_picture_that_cannot_be_written_is_refused_before_anything_is_made() {
    let kernel = outside("echo_monitor");
    for (picture, words) in [
        (
            "/no/such/folder/out.png",
            "there is no folder /no/such/folder",
        ),
        ("out.jpg", "ends in .png"),
    ] {
        let said = refusal(run(&kernel, &["--screenshot", picture]));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_needs_a_prompt_is_refused_for_a_test_kernel() {
    for option in [
        &["--after", "frames"][..],
        &["--monitor-script", "/etc/hostname"],
        &["--screenshot", "out.png"],
        &["--trace-qemu"],
        &["--bench-guest"],
    ] {
        let words = refusal(run(test_kernel("boot_facts"), option));
        assert!(
            words.contains(&format!("{} needs a prompt", option[0])),
            "{words}"
        );
    }
}

#[test]
fn only_the_emulator_counts_instructions() {
    let words = refusal(run(kernel(), &["--bench-guest", "--accel", "kvm"]));
    assert!(words.contains("leave --accel kvm out"), "{words}");
}

#[test]
fn a_file_that_is_no_kernel_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_boot"), &program).unwrap();
    let words = run(&program, &["--image-only", "--quiet"]).words;
    assert!(
        words.contains(".bootloader-config") && words.contains("entry_point!"),
        "{words}"
    );
}

#[test]
fn an_option_that_does_not_exist_is_answered_with_the_usage_and_125() {
    let run = run(kernel(), &["--frobnicate"]);
    assert_eq!(run.status, Some(125), "{run:?}");
    assert!(
        run.words.contains("'--frobnicate'") && run.words.contains("Usage: cargo run --"),
        "{run:?}"
    );
}

#[test]
fn image_only_prints_the_path_of_the_image_beside_the_kernel_and_no_run_leaves_one() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    fs::copy(outside("echo_monitor"), &copy).unwrap();
    assert_eq!(run(&copy, &["--after", "exit 3"]).status, Some(3));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let image = folder.path().join("copy.bios.img");
    let kept = run(&copy, &["--image-only"]);
    assert_eq!(kept.guest, format!("{}\n", image.display()));
    assert_eq!((kept.status, kept.words.as_str()), (Some(0), ""));
    assert!(image.exists());
}

#[test]
fn words_that_mean_nothing_are_refused_with_what_was_meant() {
    for (words, meant) in [
        (&["uefi"][..], "did you mean --uefi?"),
        (&["heap::grows"], "`cargo test heap::grows`"),
        (&["--list"], "`cargo test -- --list`"),
    ] {
        let said = refusal(run(kernel(), words));
        assert!(said.contains(meant), "{said}");
    }
    let said = refusal(run(test_kernel("boot_facts"), &["--tour", "zero"]));
    assert!(said.contains("--tour needs a prompt"), "{said}");
}

#[test]
fn several_runners_may_make_the_same_image_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    fs::copy(kernel(), &copy).unwrap();
    thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| run(&copy, &["--image-only"]).status))
            .collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap() == Some(0)));
    });
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
