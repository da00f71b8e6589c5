//! What cannot work is refused at once, in one line that says what would be right, with status 125.

use std::path::Path;
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

/// The kernel with an up-to-date image, so that no progress is shown.
fn imaged() -> &'static Path {
    for firmware in [&["--image-only"][..], &["--image-only", "--uefi"]] {
        assert_eq!(run(kernel(), firmware).status, Some(0));
    }
    kernel()
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
    let without = boot(imaged(), &["--headless"])
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
    let words = refusal(run(imaged(), &["--uefi", "--ovmf", "/no/such/OVMF.fd"]));
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
fn what_qemu_does_not_understand_ends_with_its_own_words_and_125() {
    let run = run(imaged(), &["--headless", "--qemu-arg", "--nonsense"]);
    assert_eq!(run.status, Some(125), "{run:?}");
    assert!(run.words.contains("--nonsense: invalid option"), "{run:?}");
    assert!(
        run.words
            .contains("boot: error: QEMU ended before it started the machine"),
        "{run:?}"
    );
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
fn image_only_prints_the_path_of_an_image_that_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    fs::copy(kernel(), &copy).unwrap();
    let image = folder.path().join("copy.bios.img");
    let first = run(&copy, &["--image-only"]);
    assert_eq!(first.guest, format!("{}\n", image.display()));
    assert!(
        first.words.contains("making the BIOS disk image of copy"),
        "{first:?}"
    );
    let made = fs::metadata(&image).unwrap().modified().unwrap();
    let second = run(&copy, &["--image-only"]);
    assert_eq!((second.status, second.words.as_str()), (Some(0), ""));
    assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), made);
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
