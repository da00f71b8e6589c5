//! Programs one after the other, round after round, on a machine that has far fewer
//! frames than they write to: each prints what it prints on Linux, the audit has
//! nothing to say, and in the end no frame and no slot is missing.
//!
//! `ROUNDS=60` lasts about an hour instead of a minute.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::answer::answer;
use crate::author::script;
use crate::common::{Executables, boot, build, cargo, kernel};
use crate::number;
use crate::programs::printed;
use crate::script::Script;

/// Rounds when nobody says how many.
const ROUNDS: u64 = 4;
/// Scripts of a round.
const SCRIPTS: u64 = 50;
/// Each round has the next one of these policies,
const POLICIES: [&str; 4] = ["clock", "second-chance", "fifo", "random"];
/// and may hand out so many frames. Without a limit the machine's 24 MiB are the limit.
const FRAMES: [&str; 3] = ["200", "off", "250"];

/// What a round runs: programs that check what they wrote, and scripts of its own.
fn programs(round: u64) -> Vec<String> {
    let [hog, matrix, sort] = match FRAMES[round as usize % FRAMES.len()] {
        "off" => [20, 6144, 24],
        _ => [3, 1024, 2],
    };
    vec![
        format!("hog {hog}"),
        format!("matrix {matrix}"),
        "forks".to_owned(),
        format!("sort-big {sort}"),
        format!("player {} contents", scripts(round)),
    ]
}

/// The file of a round's scripts.
fn scripts(round: u64) -> String {
    format!("scripts-{round}")
}

/// What is typed in a round. Before frames are counted, files that nobody maps any more
/// are let go, since what is not there is asked for.
fn commands(round: u64) -> String {
    let policy = POLICIES[round as usize % POLICIES.len()];
    let limit = FRAMES[round as usize % FRAMES.len()];
    let mut commands = vec![
        format!("swap policy {policy}"),
        format!("limit frames {limit}"),
    ];
    commands.extend(
        programs(round)
            .iter()
            .map(|program| format!("run {program}")),
    );
    let end =
        "limit frames 0; alloc immediate 4K; free 0x1000; limit frames off; frames; swap; audit";
    commands.push(end.to_owned());
    commands.join("; ")
}

#[test]
fn programs_under_constant_pressure_find_what_they_wrote_and_leave_nothing_behind() {
    let built = build(&mut cargo(&["build", "--release", "--package", "programs"]));
    let built = built.expect("cargo can build the programs");
    let rounds = number("ROUNDS").unwrap_or(ROUNDS);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for round in 0..rounds {
        let seeds = (round << 16)..(round << 16) + SCRIPTS;
        let text: String = seeds
            .map(script)
            .map(|one: Script| one.to_string())
            .collect();
        let place = folder.path().join(scripts(round));
        fs::write(place, text).expect("there is room for a file");
    }
    let path = folder.path().to_str().expect("folders have plain names");
    let timeout = (rounds * 600).to_string();
    let options = ["--headless", "--no-tour", "--timeout", &timeout];
    let machine = ["--memory", "24M", "--swap", "256M", "--files-disk"];
    let commands: Vec<String> = (0..rounds).map(commands).collect();
    let output = boot(kernel(), &options)
        .args(machine)
        .args(["--files", path, "--after", &commands.join("; ")])
        .output()
        .expect("boot can be started");
    let guest = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{guest}\n{output:?}");

    let mut left = None;
    let mut read_before = 0;
    let mut rest = &*guest;
    for round in 0..rounds {
        let (of_programs, after) = rest
            .split_once("> limit frames 0")
            .expect("each round has an end");
        let (counts, after) = after
            .split_once("\n> audit")
            .expect("each round has an audit");
        rest = after;
        assert_eq!(
            after.split_whitespace().next(),
            Some("audit=ok"),
            "{round}: {guest}"
        );
        for command in programs(round) {
            let there = printed(of_programs, &format!("run {command}"));
            let there =
                there.unwrap_or_else(|| panic!("{round}: {command} did not end well:\n{guest}"));
            assert_eq!(
                without_costs(&command, &there),
                on_linux(&built, folder.path(), &command),
                "{round}: {command}"
            );
        }
        let swap = |name| answer(counts, "swap", name).parse::<u64>().unwrap();
        assert_eq!((swap("used"), swap("failed")), (0, 0), "{round}: {guest}");
        let read = swap("read");
        assert!(
            read - read_before > 1000,
            "{round}: {read} after {read_before}"
        );
        read_before = read;
        let frames = ["used", "tables", "kernel", "private", "shared"];
        let frames = frames.map(|name| answer(counts, "frames", name).to_owned());
        eprintln!(
            "LEFT {frames:?} written {} saved {} read {read}",
            swap("written"),
            swap("writes_saved")
        );
        assert_eq!(
            left.get_or_insert_with(|| frames.clone()),
            &frames,
            "{round}: {guest}"
        );
    }
}

/// What a program prints on Linux.
fn on_linux(built: &Executables, folder: &Path, command: &str) -> Vec<String> {
    let mut words = command.split(' ');
    let program = words.next().expect("a command has words");
    let output = Command::new(&built[program])
        .args(words)
        .current_dir(folder)
        .output()
        .expect("it is an executable of this machine");
    assert!(output.status.success(), "{command}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("programs print text");
    without_costs(command, &text.lines().collect::<Vec<_>>())
}

/// Lines without the faults that `forks` tells behind the last colon: a page that went
/// costs one more.
fn without_costs(command: &str, lines: &[&str]) -> Vec<String> {
    let part = |line: &&str| match line.rsplit_once(": ") {
        Some((part, _)) if command == "forks" && line.contains(" page ") => part.to_owned(),
        _ => (*line).to_owned(),
    };
    lines.iter().map(part).collect()
}
