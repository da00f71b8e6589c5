//! The small kernels of the package `steps` and their exercises: each step ends well, each
//! exercise fails at its starting point, and passes with its solution.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{Executables, build, cargo};
use crate::kernels::{Run, run, workspace};

/// The exercises, by their folders.
fn exercises() -> BTreeSet<String> {
    let folder = fs::read_dir(workspace().join("kernel/steps/exercises")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".rs")).collect()
}

/// The exercises' test kernels, with what `features` puts into them.
fn test_kernels(features: &[&str]) -> Executables {
    let chosen = ["test", "--no-run", "--package", "steps"];
    let all = ["--test", "exercise-*"];
    let built = build(&mut cargo(&[&chosen[..], &all, features].concat()));
    let mut kernels = built.expect("cargo can build the exercises");
    // For a test, cargo builds the package's programs too.
    kernels.retain(|name, _| name.starts_with("exercise-"));
    kernels
}

fn ended(kernel: &Path) -> Run {
    run(kernel, &["--headless", "--timeout", "60"])
}

#[test]
fn every_exercise_has_its_three_files_and_an_entry_that_cargo_test_leaves_out() {
    let folder = workspace().join("kernel/steps");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let entries = manifest["test"].as_array().unwrap();
    let names: BTreeSet<String> = entries
        .iter()
        .map(|entry| entry["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    assert_eq!(names, exercises());
    for entry in entries {
        let name = entry["name"].as_str().unwrap();
        let path = format!("exercises/{name}/test.rs");
        assert_eq!(entry["path"].as_str(), Some(path.as_str()));
        for switched_off in ["harness", "test"] {
            let value = entry.get(switched_off).and_then(toml::Value::as_bool);
            assert_eq!(value, Some(false), "{name}: {switched_off}");
        }
        for file in ["start.rs", "solution.rs", "test.rs"] {
            let file = folder.join("exercises").join(name).join(file);
            assert!(file.is_file(), "{} is missing", file.display());
        }
    }
}

#[test]
fn every_starting_point_fails_with_a_sentence_or_a_reset() {
    let kernels = test_kernels(&[]);
    assert!(kernels.keys().eq(&exercises()), "{kernels:?}");
    for (name, kernel) in &kernels {
        let run = ended(kernel);
        let resets = name == "exercise-4b"; // its subject
        assert_eq!(
            run.status,
            Some(if resets { 134 } else { 101 }),
            "{name}: {run:?}"
        );
        assert!(run.passed() >= 1, "{name} passes no check: {run:?}");
        let panicked = run.guest.contains("panicked at kernel/steps/exercises/");
        assert_eq!(panicked, !resets, "{name}: {run:?}");
        assert!(!run.guest.contains("test result: "), "{name}: {run:?}");
    }
}

#[test]
fn every_solution_passes_all_checks() {
    let kernels = test_kernels(&["--features", "solutions"]);
    assert!(kernels.keys().eq(&exercises()), "{kernels:?}");
    for (name, kernel) in &kernels {
        let run = ended(kernel);
        assert_eq!(run.status, Some(0), "{name}: {run:?}");
        assert!((2..=5).contains(&run.passed()), "{name}: {run:?}");
        let result = format!("test result: ok. {} passed; 0 failed; ", run.passed());
        assert!(run.guest.contains(&result), "{name}: {run:?}");
    }
}

#[test]
fn every_step_ends_with_0() {
    let kernels = build(&mut cargo(&["build", "--package", "steps", "--bins"]));
    let kernels = kernels.expect("cargo can build the steps");
    let steps: Vec<String> = (1..=8).map(|step| format!("step-{step}")).collect();
    assert!(kernels.keys().eq(&steps), "{kernels:?}");
    for (name, kernel) in &kernels {
        let run = ended(kernel);
        assert_eq!(run.status, Some(0), "{name}: {run:?}");
        let title = name.replace('-', " ") + ": ";
        assert!(run.guest.starts_with(&title), "{name}: {run:?}");
    }
}

/// These kernels do not send what the runner takes for a kernel's beginning on UEFI.
#[test]
fn a_step_on_uefi_is_heard_and_not_taken_for_its_firmware() {
    let kernels = build(&mut cargo(&["build", "--package", "steps", "--bins"]));
    let kernels = kernels.expect("cargo can build the steps");
    let run = run(
        &kernels["step-2"],
        &["--headless", "--uefi", "--timeout", "60"],
    );
    assert_eq!(run.status, Some(0), "{run:?}");
    let said = [
        "\nstep 2: what memory there is\n",
        "\nframes that can be used: ",
    ];
    assert!(
        said.iter().all(|words| run.guest.contains(words)),
        "{run:?}"
    );
    assert!(!run.guest.contains('\x1b'), "{run:?}");
    assert_eq!(
        run.words,
        "boot: the machine powered off: success (status 0)\n"
    );
}

#[test]
fn the_tests_of_the_last_step_pass() {
    let kernels = build(&mut cargo(&["test", "--no-run", "--package", "steps"]));
    let kernels = kernels.expect("cargo can build the tests of the steps");
    assert!(kernels.keys().eq(["step-8"]), "{kernels:?}");
    let run = ended(&kernels["step-8"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.passed() > 1, "{run:?}");
}
