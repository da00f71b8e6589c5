//! The script between cargo and the runner, with a `cargo` that plays a part.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::kernels::{Run, workspace};

/// What the script makes of a cargo that does `build`, a piece of shell, and whose runs tell what they were given.
fn script(build: &str, environment: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let cargo = folder.path().join("cargo");
    let part = format!(
        "#!/bin/sh\nif [ \"$1\" = build ]; then\n{build}\nelse echo \"flags=$RUSTFLAGS $*\"; exit 7\nfi\n"
    );
    fs::write(&cargo, part).unwrap();
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
    let mut script = Command::new(workspace().join("boot/runner"));
    script.args(["a kernel", "--quiet"]).env("CARGO", &cargo);
    script
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    script
        .envs(environment.iter().copied())
        .output()
        .unwrap()
        .into()
}

/// What cargo is told to run, wherever it is started.
fn started() -> String {
    let folder = workspace().display();
    format!(
        "flags= run --quiet --manifest-path {folder}/Cargo.toml --config {folder}/.cargo/config.toml \
         --package boot --target host-tuple -- a kernel --quiet\n"
    )
}

#[test]
fn nothing_is_said_where_nothing_is_built() {
    let fresh = script("echo '    Finished `dev` profile' >&2", &[]);
    assert_eq!(
        (fresh.status, fresh.guest, fresh.words.as_str()),
        (Some(7), started(), "")
    );
}

#[test]
fn what_is_built_is_shown() {
    let built = script(
        "echo '   Compiling bootloader v0' >&2; echo '    Finished `dev` profile' >&2",
        &[],
    );
    assert_eq!((built.status, built.guest), (Some(7), started()));
    assert_eq!(built.words, "   Compiling bootloader v0\n");
}

#[test]
fn a_build_that_fails_is_the_runners_failure_and_no_guests_panic() {
    let failed = script("echo 'error: no' >&2; exit 101", &[]);
    assert_eq!((failed.status, failed.guest.as_str()), (Some(125), ""));
    let words = "error: no\nboot: error: the runner could not be built (status 125)\n";
    assert_eq!(failed.words, words);
}

#[test]
fn a_build_without_a_network_is_told_what_helps() {
    let failed = script(
        "echo '[6] Could not resolve host: index.crates.io' >&2; exit 101",
        &[],
    );
    assert!(
        failed.words.contains("CARGO_NET_OFFLINE=true"),
        "{failed:?}"
    );
}

#[test]
fn flags_that_take_the_place_of_the_projects_are_warned_of_and_not_used_for_the_runner() {
    let warned = script(":", &[("RUSTFLAGS", "-D warnings")]);
    assert!(
        warned.words.contains("add -C force-frame-pointers=yes"),
        "{warned:?}"
    );
    assert_eq!((warned.status, warned.guest), (Some(7), started()));
    let right = script(
        ":",
        &[("RUSTFLAGS", "-D warnings -C force-frame-pointers=yes")],
    );
    assert_eq!(right.words, "");
}

/// What cargo says that checks a package in a folder from which it finds no settings.
fn checked_elsewhere(package: &str, options: &[&str]) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&elsewhere).env_remove("RUSTC_BOOTSTRAP");
    cargo.args(["check", "--offline", "--all-targets", "--target-dir", "."]);
    cargo
        .arg("--manifest-path")
        .arg(workspace().join("Cargo.toml"));
    cargo.args(["--package", package]).args(options);
    let run: Run = cargo.output().expect("cargo can be started").into();
    assert_eq!(run.status, Some(101), "{package}: {run:?}");
    run.words
}

#[test]
fn where_cargo_finds_no_settings_kernels_say_at_once_where_to_start_it() {
    for package in ["kernel", "steps", "tests"] {
        let words = checked_elsewhere(package, &[]);
        let right = format!("Type cd {} && cargo run\n", workspace().display());
        assert!(words.contains(&right), "{words}");
        assert!(!words.contains("error[E"), "{words}");
    }
}

#[test]
fn the_runner_for_the_bare_machine_is_refused_with_a_sentence_and_no_thousand_errors() {
    let words = checked_elsewhere("boot", &["--target", "x86_64-unknown-none"]);
    assert!(
        words.contains("boot is a program of the host: add --target host-tuple"),
        "{words}"
    );
    assert!(words.contains("run boot/check"), "{words}");
    assert!(!words.contains("error[E"), "{words}");
}

#[test]
fn cargo_runs_the_kernel_from_any_folder_when_it_is_told_of_the_settings() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&elsewhere).arg("run");
    for (option, file) in [
        ("--manifest-path", "Cargo.toml"),
        ("--config", ".cargo/config.toml"),
    ] {
        cargo.arg(option).arg(workspace().join(file));
    }
    cargo.args(["--", "--headless", "--no-tour", "--after", "exit 3"]);
    let run: Run = cargo.output().expect("cargo can be started").into();
    assert_eq!(run.status, Some(3), "{run:?}");
}
