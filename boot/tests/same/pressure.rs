//! Programs one after the other, round after round, on a machine that has far fewer
//! frames than they write to: each prints what it prints on Linux, the audit has
//! nothing to say, and in the end no frame and no slot is missing.
//!
//! `ROUNDS=240` lasts about an hour.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::answer::answer;
use crate::author::script;
use crate::common::{Executables, boot, build, cargo, kernel};
use crate::number;
use crate::programs::printed;

/// Rounds when nobody says how many.
const ROUNDS: u64 = 4;
/// Seconds that a round may take: one takes some 15.
const TIMEOUT: u64 = 600;
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
    let end = "limit frames 0; alloc immediate 4K; free 0x1000; limit frames off; heap; frames; swap; audit";
    commands.push(end.to_owned());
    commands.join("; ")
}

#[test]
fn programs_under_constant_pressure_find_what_they_wrote_and_leave_nothing_behind() {
    let built = build(&mut cargo(&["build", "--release", "--package", "programs"]));
    let built = built.expect("cargo can build the programs");
    let rounds = number("ROUNDS").unwrap_or(ROUNDS);
    let folder = folder(rounds);
    let guest = play(rounds, folder.path());
    let mut rest = &*guest;
    let mut before: Option<Left> = None;
    for round in 0..rounds {
        let parts = rest.split_once("> limit frames 0");
        let (told, after) = parts.expect("the last round was stopped");
        let (counts, after) = after.split_once("\n> audit").expect("as above");
        rest = after;
        let audit = after.split_whitespace().next();
        assert_eq!(audit, Some("audit=ok"), "round {round}:\n{guest}");
        for command in programs(round) {
            let there = printed(told, &format!("run {command}"));
            let there = there.unwrap_or_else(|| panic!("round {round}: {command}:\n{guest}"));
            assert_eq!(
                without_costs(&command, &there),
                on_linux(&built, folder.path(), &command),
                "round {round}: {command}"
            );
        }
        let now = Left::of(counts);
        let last = before.replace(now);
        let came_back = now.came_back - last.map_or(0, |last| last.came_back);
        assert!(came_back > 1000, "round {round}: {came_back} came back");
        if let Some(last) = last {
            assert_eq!(now.frames, last.frames, "round {round}:\n{guest}");
        }
    }
}

/// A folder with the scripts of all rounds.
fn folder(rounds: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for round in 0..rounds {
        let seeds = (round << 16)..(round << 16) + SCRIPTS;
        let text: String = seeds.map(|seed| script(seed).to_string()).collect();
        fs::write(folder.path().join(scripts(round)), text).expect("there is room for a file");
    }
    folder
}

/// Plays all rounds in one boot, and returns what the guest said.
fn play(rounds: u64, folder: &Path) -> String {
    let timeout = (rounds * TIMEOUT).to_string();
    let options = ["--headless", "--no-tour", "--timeout", &timeout];
    let machine = ["--memory", "24M", "--swap", "256M", "--files-disk"];
    let path = folder.to_str().expect("folders have plain names");
    let commands = (0..rounds).flat_map(|round| ["--after".to_owned(), commands(round)]);
    let output = boot(kernel(), &options)
        .args(machine)
        .args(["--files", path])
        .args(commands)
        .output()
        .expect("boot can be started");
    let guest = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{guest}\n{output:?}");
    guest.into_owned()
}

/// What is left behind when all programs have ended.
#[derive(Clone, Copy)]
struct Left {
    /// Frames by kind. The kernel's heap keeps what it has grown by, so its frames
    /// are not counted.
    frames: [u64; 4],
    /// Pages that were read from the swap disk so far.
    came_back: u64,
}

impl Left {
    /// By the answers of the prompt.
    ///
    /// # Panics
    ///
    /// If slots are used, or could not be written.
    fn of(counts: &str) -> Self {
        let number = |command, name| answer(counts, command, name).parse::<u64>().unwrap();
        assert_eq!(number("swap", "used"), 0, "{counts}");
        assert_eq!(number("swap", "failed"), 0, "{counts}");
        let of_the_heap = number("heap", "resident");
        let frames = ["private", "shared", "tables", "kernel"].map(|kind| number("frames", kind));
        let [private, shared, tables, kernel] = frames;
        Self {
            frames: [private - of_the_heap, shared, tables, kernel],
            came_back: number("swap", "read"),
        }
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
