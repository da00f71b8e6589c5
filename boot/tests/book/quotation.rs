//! Finding quotations in a text: words as they stand there, with `{name}` in the place of each figure.

use std::ops::Range;

/// With a comma before each three digits.
pub(crate) fn grouped(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where the figures of a quotation stand in the text, each with its name; once for each time that it stands there.
pub(crate) fn quotations<'a>(text: &str, quoted: &'a str) -> Vec<Vec<(&'a str, Range<usize>)>> {
    let starts = text.char_indices().map(|(start, _)| start);
    let found = starts.filter_map(|start| quotation(text, quoted, start));
    found.collect()
}

fn quotation<'a>(
    text: &str,
    quoted: &'a str,
    start: usize,
) -> Option<Vec<(&'a str, Range<usize>)>> {
    let mut figures = Vec::new();
    let mut at = start;
    for (index, part) in quoted.split(['{', '}']).enumerate() {
        let is_name = index % 2 == 1;
        let rest = &text[at..];
        let length = if is_name {
            figure(rest)?
        } else {
            words(rest, part)?
        };
        if is_name {
            figures.push((part, at..at + length));
        }
        at += length;
    }
    // Not from within a number.
    let is_cut = text[..start].ends_with(|c: char| c.is_ascii_digit() || c == ',');
    (!is_cut).then_some(figures)
}

/// The length of the number at the start of `text`.
fn figure(text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let number = text[..length].trim_end_matches([',', '.']);
    number
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(number.len())
}

/// The length of these words at the start of `text`, where a line may end between two words.
fn words(text: &str, words: &str) -> Option<usize> {
    let mut rest = text;
    for (index, word) in words.split(' ').enumerate() {
        if index > 0 {
            let next = rest.trim_start();
            (next.len() < rest.len()).then_some(())?;
            rest = next;
        }
        rest = rest.strip_prefix(word)?;
    }
    Some(text.len() - rest.len())
}

#[test]
fn a_figure_is_found_wherever_its_line_ends_and_whatever_it_is() {
    let text = "It takes 1,278\n  turns, or 12. Not 11,278 turns, or 5.";
    let found = quotations(text, "{turns} turns, or {more}.");
    let found: Vec<Vec<_>> = found
        .into_iter()
        .map(|it| {
            it.into_iter()
                .map(|(name, place)| (name, &text[place]))
                .collect()
        })
        .collect();
    let right = [("turns", "1,278"), ("more", "12")];
    assert_eq!(found, [right, [("turns", "11,278"), ("more", "5")]]);
    assert_eq!(grouped(1_234_567), "1,234,567");
}
