//! Every test kernel is really run: a file in `tests/` without its entry in Cargo.toml is silently left out.

use std::collections::BTreeMap;
use std::fs;

use crate::kernels::workspace;

/// The `[[test]]` entries of the package `tests`: path by name.
fn entries() -> BTreeMap<String, toml::Table> {
    let manifest = fs::read_to_string(workspace().join("tests/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let entries = manifest["test"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let entry = entry.as_table().unwrap().clone();
            (entry["name"].as_str().unwrap().to_owned(), entry)
        })
        .collect()
}

fn files() -> Vec<String> {
    let folder = fs::read_dir(workspace().join("tests")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect()
}

#[test]
fn every_file_in_tests_has_an_entry_and_every_entry_its_file() {
    let entries = entries();
    let mut files = files();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    assert_eq!(files, entries.keys().cloned().collect::<Vec<_>>());
    for (name, entry) in &entries {
        assert_eq!(entry["path"].as_str(), Some(format!("{name}.rs").as_str()));
    }
}

#[test]
fn exactly_the_kernels_that_must_fail_are_left_out_of_cargo_test() {
    for (name, entry) in entries() {
        let runs = entry
            .get("test")
            .is_none_or(|test| test.as_bool() == Some(true));
        assert_eq!(runs, !name.starts_with("must_fail_"), "{name}");
    }
}

#[test]
fn every_kernel_that_must_fail_is_started_by_the_runners_own_tests() {
    let here = fs::read_to_string(workspace().join("boot/tests/runner/must_fail.rs")).unwrap();
    for name in files().iter().filter(|name| name.starts_with("must_fail_")) {
        assert!(here.contains(&format!("test_kernel(\"{name}\")")), "{name}");
    }
}
