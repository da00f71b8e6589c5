//! The programs of `kernel/programs` print the same on Faultline as on the Linux of
//! this machine, line by line: values, errors, faults and resident pages. What
//! Faultline adds is not theirs: the report of each process that is killed.

use std::process::Command;

use crate::common::{boot, build, cargo, kernel};

/// Every program that prints something of itself, and its arguments.
const PROGRAMS: [(&str, &[&str]); 11] = [
    ("bomb", &["32"]),
    ("first-touch", &[]),
    ("forks", &[]),
    ("hello", &["one", "two"]),
    ("hog", &[]),
    ("lazy", &[]),
    ("matrix", &[]),
    ("share", &[]),
    ("sort-big", &[]),
    ("stack", &[]),
    ("wild", &[]),
];

/// How often Linux is asked again: when it ages or moves pages, an access takes a fault
/// more now and then.
const TRIES: usize = 5;

#[test]
fn every_program_prints_the_same_on_linux_and_on_faultline() {
    let built = build(&mut cargo(&["build", "--release", "--package", "programs"]));
    let built = built.expect("cargo can build the programs");
    let commands = PROGRAMS.map(|(name, arguments)| format!("run {name} {}", arguments.join(" ")));
    let output = boot(kernel(), &["--headless", "--no-tour", "--timeout", "600"])
        .args(["--after", &commands.join("; ")])
        .output()
        .expect("boot can be started");
    let guest = String::from_utf8_lossy(&output.stdout);
    for ((name, arguments), command) in PROGRAMS.iter().zip(&commands) {
        let there = printed(&guest, command);
        let there = there.unwrap_or_else(|| panic!("{command} was not run to its end:\n{guest}"));
        let linux = || {
            let output = Command::new(&built[*name]).args(*arguments).output();
            let output = output.expect("it is an executable of this machine");
            assert!(output.status.success(), "{name}: {output:?}");
            String::from_utf8(output.stdout).expect("programs print text")
        };
        let mut here = linux();
        for _ in 0..TRIES {
            if here.lines().eq(there.iter().copied()) {
                break;
            }
            here = linux();
        }
        assert_eq!(there, here.lines().collect::<Vec<_>>(), "{name}");
    }
}

/// The lines that a program printed on Faultline before it ended with status 0.
pub(crate) fn printed<'a>(guest: &'a str, command: &str) -> Option<Vec<&'a str>> {
    let (_, after) = guest.split_once(&format!("> {}", command.trim_end()))?;
    let (lines, _) = after.split_once("\nexited=0 ")?;
    let mut lines = lines.lines().skip(1).map(str::trim_end).peekable();
    let mut printed = Vec::new();
    while let Some(line) = lines.next() {
        let is_killed = |line: &&str| line.starts_with("process ") && line.contains(" is killed: ");
        if line.is_empty() && lines.next_if(is_killed).is_some() {
            // A report: it is indented.
            while lines.next_if(|line| line.starts_with(' ')).is_some() {}
        } else {
            printed.push(line);
        }
    }
    Some(printed)
}
