//! The programs of `kernel/programs`: their files can be loaded, and on Linux they
//! print what is written beside them, which Faultline has to print, too.

use std::fs;
use std::path::Path;
use std::process::Command;

use executable::{Executable, Kind, Room};

use crate::common::{Executables, build, cargo, workspace};

/// Every program, and the arguments that it gets.
const PROGRAMS: [(&str, &[&str]); 11] = [
    ("bomb", &["32"]),
    ("first-touch", &[]),
    ("forks", &[]),
    ("hello", &["one", "two words"]),
    ("hog", &[]),
    ("lazy", &[]),
    ("matrix", &[]),
    ("share", &[]),
    ("sort-big", &[]),
    ("stack", &[]),
    ("wild", &[]),
];

/// The programs by name.
fn programs() -> Executables {
    let built = build(&mut cargo(&["build", "--package", "programs"]));
    built.expect("cargo can build the programs")
}

/// What a program has to print.
fn expected(name: &str) -> String {
    let folder = workspace().join("kernel/programs/expected");
    fs::read_to_string(folder.join(name).with_extension("txt")).expect("each has its text")
}

fn printed(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("it is an executable of this machine");
    assert!(output.status.success(), "{program:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{program:?}: {output:?}");
    String::from_utf8(output.stdout).expect("programs print text")
}

#[test]
fn every_program_is_in_the_list() {
    let mut built = programs();
    // What this one prints is compared by the test `same`.
    assert!(built.remove("player").is_some());
    let built: Vec<String> = built.into_keys().collect();
    assert_eq!(built, PROGRAMS.map(|(name, _)| name));
}

#[test]
fn on_linux_each_program_prints_what_is_written_beside_it() {
    let programs = programs();
    for (name, arguments) in PROGRAMS {
        assert_eq!(
            printed(&programs[name], arguments),
            expected(name),
            "{name}"
        );
    }
}

#[test]
fn a_program_prints_the_same_whatever_its_environment_is() {
    let programs = programs();
    let long = "x".repeat(10_000);
    for (name, arguments) in PROGRAMS {
        let mut program = Command::new(&programs[name]);
        let output = program
            .args(arguments)
            .env_clear()
            .env("LONG", &long)
            .output();
        let output = output.expect("it is an executable of this machine");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            expected(name),
            "{name}"
        );
    }
}

#[test]
fn each_program_can_be_loaded_and_brings_its_headers_along() {
    let room = Room {
        start: 0x1_0000,
        end: 0x7fff_0000_0000,
        base: 0x5555_5555_4000,
    };
    for (name, path) in programs() {
        let bytes = fs::read(path).expect("it was just built");
        let executable = Executable::parse(&bytes, bytes.len() as u64, room);
        let executable = executable.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (executable.kind, executable.span().start),
            (Kind::Fixed, 0x40_0000),
            "{name}"
        );
        assert_eq!(executable.headers, Some(0x40_0040), "{name}");
    }
}
