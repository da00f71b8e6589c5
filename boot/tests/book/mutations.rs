//! The comparison itself: a text in which one number is wrong does not pass.
//!
//! No machine is booted: the texts stand for what the machines print, since [`sessions`](crate::sessions) plays them. Each
//! number that a session shows is changed, one at a time, and the changed session compared with the one that is right.

use std::ops::Range;

use crate::compare::{Ties, compare};
use crate::document::Document;
use crate::facts::BEFORE_FRAME;
use crate::script::{Machine, machines};

/// The numbers of a line that are not a part of a word, as places in it.
fn numbers(line: &str) -> Vec<Range<usize>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut numbers = Vec::new();
    let mut at = 0;
    for word in line.split_inclusive(|c| !is_word(c)) {
        let length = word.trim_end_matches(|c| !is_word(c)).len();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            numbers.push(at..at + length);
        }
        at += word.len();
    }
    numbers
}

/// Another number, far from this one and written in as many digits.
fn changed(number: &str) -> String {
    let (prefix, digits) = number.split_at(if number.starts_with("0x") { 2 } else { 0 });
    let mut changed = digits.to_owned();
    // An address in the highest digit of its frame, which leaves it in the same half: the last digit but three, or the last.
    let at = match prefix {
        "0x" => digits.len().saturating_sub(4),
        _ => 0,
    };
    let other = if &digits[at..=at] == "9" { "1" } else { "9" };
    changed.replace_range(at..=at, other);
    format!("{prefix}{changed}")
}

/// Whether a number may be wrong without being noticed: the time of the log, and an address of a frame or of code that the
/// machine's life, which is `shown`, names once.
fn is_excused(line: &str, place: &Range<usize>, shown: &[u64]) -> bool {
    let (before, number) = (&line[..place.start], &line[place.clone()]);
    let is_time = line.starts_with('[') && line[place.end..].contains(" info ]");
    let is_frame = BEFORE_FRAME.iter().any(|it| before.ends_with(it));
    let is_code = number.starts_with("0xffff8000") && number != "0xffff800000000000";
    let unnamed_bits = if is_frame { 12 } else { 0 };
    let name = address(number).map(|it| it >> unnamed_bits);
    let namesakes = || shown.iter().filter(|it| Some(**it >> unnamed_bits) == name);
    is_time || ((is_frame || is_code) && namesakes().count() == 1)
}

fn address(number: &str) -> Option<u64> {
    u64::from_str_radix(number.strip_prefix("0x")?, 16).ok()
}

/// Compares the machine's answers as the text shows them, one line of them changed, with the right ones.
fn passes(answers: &[Vec<&str>], at: (usize, usize), line: &str) -> bool {
    let mut ties = Ties::default();
    answers.iter().enumerate().all(|(index, real)| {
        let mut shown = real.clone();
        if index == at.0 {
            shown[at.1] = line;
        }
        compare(&shown, real, &mut ties).is_ok()
    })
}

/// The lines with a wrong number that pass, and how many wrong numbers were tried.
fn unnoticed(document: &Document, machine: &Machine) -> (Vec<String>, usize) {
    let answers = machine
        .answers
        .iter()
        .map(|answer| &document.text[answer.place.clone()]);
    let lines = answers.clone().flat_map(str::lines);
    let shown: Vec<_> = lines
        .flat_map(|line| {
            numbers(line)
                .into_iter()
                .filter_map(|it| address(&line[it]))
        })
        .collect();
    let answers: Vec<Vec<_>> = answers.map(|text| text.lines().collect()).collect();
    let (mut unnoticed, mut tried) = (Vec::new(), 0);
    for (answer, lines) in answers.iter().enumerate() {
        for (index, line) in lines.iter().enumerate() {
            for place in numbers(line)
                .into_iter()
                .filter(|it| !is_excused(line, it, &shown))
            {
                let mut wrong = (*line).to_owned();
                wrong.replace_range(place.clone(), &changed(&line[place]));
                tried += 1;
                if passes(&answers, (answer, index), &wrong) {
                    unnoticed.push(format!("{}: {wrong}", document.path.display()));
                }
            }
        }
    }
    (unnoticed, tried)
}

#[test]
fn no_number_of_any_session_can_be_wrong_and_pass() {
    let mut tried = 0;
    let mut passed = Vec::new();
    for document in Document::all() {
        for machine in machines(&document) {
            let (unnoticed, numbers) = unnoticed(&document, &machine);
            passed.extend(unnoticed);
            tried += numbers;
        }
    }
    assert!(passed.is_empty(), "\n{}", passed.join("\n"));
    assert!(tried > 1_000, "only {tried} numbers were found");
}

#[test]
fn numbers_are_found_and_changed() {
    let line = "region=0x1000 page=4K (3 of 12), f64 x_1";
    let found: Vec<_> = numbers(line).into_iter().map(|it| &line[it]).collect();
    assert_eq!(found, ["0x1000", "4K", "3", "12"]);
    let changed: Vec<_> = found.into_iter().map(changed).collect();
    assert_eq!(changed, ["0x9000", "9K", "9", "92"]);
}
