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

/// Kernels that `cargo test` does not run: those that must fail, and those that talk to the runner's tests.
fn left_out() -> Vec<String> {
    let talks = ["echo_monitor", "quoted_figures"];
    let named = |name: &String| name.starts_with("must_fail_") || talks.contains(&name.as_str());
    files().into_iter().filter(named).collect()
}

#[test]
fn exactly_the_kernels_for_the_runners_tests_are_left_out_of_cargo_test() {
    let left_out = left_out();
    assert!(left_out.len() > 4, "{left_out:?}");
    for (name, entry) in entries() {
        let runs = entry
            .get("test")
            .is_none_or(|test| test.as_bool() == Some(true));
        assert_eq!(runs, !left_out.contains(&name), "{name}");
    }
}

#[test]
fn every_kernel_that_is_left_out_is_started_by_the_runners_own_tests() {
    let folder = workspace().join("boot/tests/runner");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let sources: String = paths
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for name in left_out() {
        let started = ["test_kernel", "outside"].map(|way| format!("{way}(\"{name}\")"));
        assert!(started.iter().any(|call| sources.contains(call)), "{name}");
    }
}

#[test]
fn what_editors_run_checks_every_package_once() {
    let read = |path: &str| -> toml::Table {
        let manifest = fs::read_to_string(workspace().join(path).join("Cargo.toml")).unwrap();
        manifest.parse().unwrap()
    };
    let root = read("");
    let members = root["workspace"]["members"].as_array().unwrap().iter();
    let mut packages: Vec<_> = members
        .map(|path| {
            let manifest = read(path.as_str().unwrap());
            manifest["package"]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    let script = fs::read_to_string(workspace().join("boot/check")).unwrap();
    let calls = script.lines().filter(|line| line.starts_with("check -p "));
    let words: Vec<_> = calls.flat_map(str::split_whitespace).collect();
    let mut checked: Vec<_> = words
        .windows(2)
        .filter(|pair| pair[0] == "-p")
        .map(|pair| pair[1].to_owned())
        .collect();
    packages.sort();
    checked.sort();
    assert_eq!(checked, packages);
}
