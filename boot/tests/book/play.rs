//! Playing the blocks of a text: real machines, through the real runner.

use std::ops::Range;
use std::process::Output;
use std::{env, fs};

use crate::common::{boot, kernel, typed, workspace};
use crate::compare::{Ties, compare, renewed};
use crate::document::Document;
use crate::script::{Answer, Machine, To, machines};

/// What came of one answer.
struct Played {
    /// The lines that the machine printed.
    real: Vec<String>,
    error: Option<String>,
}

/// Plays the text at `path`. With `BLESS` in the environment, what a machine printed is put into the text, for each
/// machine of which something does not agree, or for all with `BLESS=all`. Answers that leave lines out keep those that
/// are shown as long as they can be found.
pub(crate) fn play(path: &str) {
    let document = Document::read(path);
    let bless = env::var("BLESS").ok().filter(|what| what != "figures");
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut wrong = Vec::new();
    for machine in machines(&document) {
        let played = play_machine(&document, &machine);
        let agrees = played.iter().all(|it| it.error.is_none());
        if agrees && bless.as_deref() != Some("all") {
            continue;
        }
        for (answer, played) in machine.answers.iter().zip(&played) {
            let shown: Vec<_> = document.text[answer.place.clone()].lines().collect();
            let real: Vec<_> = played.real.iter().map(String::as_str).collect();
            if let Some(lines) = bless.as_ref().and_then(|_| renewed(&shown, &real)) {
                let lines = lines.iter().map(|line| format!("{line}\n")).collect();
                edits.push((answer.place.clone(), lines));
            } else if let Some(error) = &played.error {
                let place = document.at(document.line_of(answer.place.start));
                wrong.push(format!("{place}: {:?}\n    {error}", answer.to));
            }
        }
    }
    let mut text = document.text.clone();
    for (place, lines) in edits.into_iter().rev() {
        text.replace_range(place, &lines);
    }
    if text != document.text {
        fs::write(workspace().join(path), text).expect("the text can be written");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn play_machine(document: &Document, machine: &Machine) -> Vec<Played> {
    let output = run(machine);
    let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut ties = Ties::default();
    let mut parts = parts(&printed, machine);
    // A session may end with a command that is refused, which is status 1.
    if !matches!(output.status.code(), Some(0 | 1))
        && let Some(last) = parts.last_mut()
    {
        // How the machine ended, in the runner's words.
        last.extend(words.lines().map(str::to_owned));
    }
    let answers = machine.answers.iter().zip(parts);
    let played = answers.map(|(answer, real)| {
        let shown: Vec<_> = document.text[answer.place.clone()].lines().collect();
        let lines: Vec<_> = real.iter().map(String::as_str).collect();
        let error = compare(&shown, &lines, &mut ties).err();
        Played { real, error }
    });
    played.collect()
}

/// What was printed for each answer of the machine.
fn parts(printed: &str, machine: &Machine) -> Vec<Vec<String>> {
    if machine.answers.iter().any(|answer| answer.to == To::Run) {
        return vec![printed.lines().map(str::to_owned).collect()];
    }
    let mut parts: Vec<Vec<String>> = vec![Vec::new()];
    let mut typed = machine.answers.iter().filter_map(command);
    for line in printed.lines() {
        match line.strip_prefix("> ") {
            None => parts.last_mut().expect("never empty").push(line.to_owned()),
            Some("") => break,
            Some(echo) => {
                assert_eq!(Some(echo), typed.next(), "what is typed is echoed");
                parts.push(Vec::new());
            }
        }
    }
    let left = typed.next();
    assert_eq!(left, None, "the machine ended before:\n{printed}");
    if machine
        .answers
        .first()
        .is_none_or(|answer| answer.to != To::Start)
    {
        parts.remove(0);
    }
    parts
}

fn command(answer: &Answer) -> Option<&str> {
    match &answer.to {
        To::Command(command) => Some(command),
        To::Start | To::Run => None,
    }
}

fn run(machine: &Machine) -> Output {
    let mut options: Vec<&str> = machine.options.iter().map(String::as_str).collect();
    let commands: Vec<_> = machine.answers.iter().filter_map(command).collect();
    let is_whole = machine.answers.iter().any(|answer| answer.to == To::Run);
    if !options.contains(&"--timeout") {
        options.extend(["--timeout", "600"]);
    }
    if !is_whole {
        options.extend(["--headless", "--quiet"]);
        if !options.contains(&"--tour") {
            options.push("--no-tour");
        }
    }
    let script: String = commands.iter().map(|line| format!("{line}\n")).collect();
    typed(boot(kernel(), &options), script.as_bytes())
}
