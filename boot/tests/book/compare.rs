//! Comparing what a text shows with what a machine printed.
//!
//! Whatever is shown is compared, or visibly left out: a line `...` in the text stands for any lines, ` ...` at the end of a
//! line for any rest of it, and `...` for a word or for a value behind `=`. The kinds of values that may differ are
//! those of [`facts`](crate::facts).

use std::collections::HashMap;

use crate::facts::{Kind, Piece, part, without_numbers};

const LEFT_OUT: &str = "...";

/// Which values of a text stand for which of the machine, over one machine's whole life.
#[derive(Default)]
pub(crate) struct Ties {
    shown_to_real: HashMap<(Kind, u64), u64>,
    real_to_shown: HashMap<(Kind, u64), u64>,
}

/// A value that is shown, and the real one in its place.
type Pair = (Kind, u64, u64);

/// Compares the lines that a text shows for one answer with the real ones.
///
/// # Errors
/// In words, what does not agree.
pub(crate) fn compare(shown: &[&str], real: &[&str], ties: &mut Ties) -> Result<(), String> {
    for (left, right, pairs) in align(shown, real, part)? {
        for pair in pairs {
            let lines = || format!("\n    shown: {}\n    real:  {}", shown[left], real[right]);
            ties.tie(pair).map_err(|error| error + &lines())?;
        }
    }
    Ok(())
}

/// What is to stand in the text: the real lines, without what the shown ones leave out; `None` if lines are left out,
/// and one that is shown was not printed with any numbers.
pub(crate) fn renewed(shown: &[&str], real: &[&str]) -> Option<Vec<String>> {
    if !shown.contains(&LEFT_OUT) {
        let renewed = |line: &&str| {
            let real = without_numbers(line);
            let is_same = |it: &&&str| pairs(&without_numbers(it), &real).is_some();
            let shown = shown.iter().find(is_same);
            shown.map_or_else(
                || (*line).to_owned(),
                |shown| with_parts_left_out(shown, line),
            )
        };
        return Some(real.iter().map(renewed).collect());
    }
    let aligned = align(shown, real, part).or_else(|_| align(shown, real, without_numbers));
    let mut renewed: Vec<_> = shown.iter().map(|line| (*line).to_owned()).collect();
    for (left, right, _) in aligned.ok()? {
        renewed[left] = with_parts_left_out(shown[left], real[right]);
    }
    Some(renewed)
}

/// The real line, without the parts that the shown one leaves out.
fn with_parts_left_out(shown: &str, real: &str) -> String {
    let mut words: Vec<_> = real.split(' ').collect();
    let count = shown.split_whitespace().count();
    for (index, word) in shown.split_whitespace().enumerate() {
        let mut filled = (0..words.len()).filter(|at| !words[*at].is_empty());
        if word == LEFT_OUT {
            let Some(at) = filled.nth(index) else {
                continue;
            };
            words[at] = LEFT_OUT;
            if index + 1 == count {
                words.truncate(at + 1);
            }
        } else if let Some(name) = word.strip_suffix(LEFT_OUT).filter(|it| it.ends_with('='))
            && let Some(at) = filled.find(|at| words[*at].starts_with(name))
        {
            words[at] = word;
        }
    }
    words.join(" ")
}

/// Which real line each shown line stands for, and with which values.
fn align(
    shown: &[&str],
    real: &[&str],
    part: impl Fn(&str) -> Vec<Piece>,
) -> Result<Vec<(usize, usize, Vec<Pair>)>, String> {
    let parted: Vec<_> = real.iter().map(|line| part(line)).collect();
    let mut aligned = Vec::new();
    let mut next = 0;
    let mut skipping = false;
    for (index, line) in shown.iter().enumerate() {
        if *line == LEFT_OUT {
            skipping = true;
            continue;
        }
        let pieces = part(line);
        let last = if skipping {
            real.len()
        } else {
            real.len().min(next + 1)
        };
        let found = (next..last).find_map(|at| Some((at, pairs(&pieces, &parted[at])?)));
        let Some((at, pairs)) = found else {
            let instead = real.get(next).unwrap_or(&"(nothing more)");
            return Err(format!("not printed: {line}\n    there is:    {instead}"));
        };
        aligned.push((index, at, pairs));
        next = at + 1;
        skipping = false;
    }
    match real.get(next) {
        Some(line) if !skipping => Err(format!("printed as well: {line}")),
        _ => Ok(aligned),
    }
}

/// The values of a shown line beside those of the real one; `None` if it is another line.
fn pairs(shown: &[Piece], real: &[Piece]) -> Option<Vec<Pair>> {
    let mut pairs = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < shown.len() {
        if let Some(end) = left_out(shown, left) {
            let rest = &real[right..];
            right += match shown.get(end) {
                None => rest.len(),
                Some(stop) => rest.iter().position(|piece| piece == stop)?,
            };
            left = end;
            continue;
        }
        match (shown[left], real.get(right)?) {
            (Piece::Text(c), Piece::Text(other)) if c == *other => {}
            (Piece::Value(kind, value), Piece::Value(other, real)) if kind == *other => {
                pairs.push((kind, value, *real));
            }
            _ => return None,
        }
        (left, right) = (left + 1, right + 1);
    }
    (right == real.len()).then_some(pairs)
}

/// The end of the `...` at `at`, if there is one: behind a space or `=`, and before a space, a comma or nothing.
fn left_out(shown: &[Piece], at: usize) -> Option<usize> {
    let end = at + LEFT_OUT.len();
    let is_there = shown.get(at..end)? == [Piece::Text('.'); 3];
    let begins = at > 0 && matches!(shown[at - 1], Piece::Text(' ' | '='));
    let ends = matches!(shown.get(end), None | Some(Piece::Text(' ' | ',')));
    (is_there && begins && ends).then_some(end)
}

impl Ties {
    fn tie(&mut self, (kind, shown, real): Pair) -> Result<(), String> {
        let agrees = match kind {
            Kind::Time => true,
            Kind::Cost => shown.abs_diff(real) * 10 <= shown.max(real),
            Kind::Frame | Kind::Code => {
                *self.shown_to_real.entry((kind, shown)).or_insert(real) == real
                    && *self.real_to_shown.entry((kind, real)).or_insert(shown) == shown
            }
        };
        let what = || format!("{kind:?}: {shown:#x} ({shown}) is not {real:#x} ({real})");
        agrees.then_some(()).ok_or_else(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(shown: &[&str], real: &[&str]) -> bool {
        compare(shown, real, &mut Ties::default()).is_ok()
    }

    #[test]
    fn every_line_must_be_there_and_no_other() {
        assert!(agree(&["a", "b"], &["a", "b"]));
        assert!(!agree(&["a", "b"], &["a"]));
        assert!(!agree(&["a"], &["a", "b"]));
    }

    #[test]
    fn a_wrong_count_is_noticed_also_where_it_is_the_first_of_its_name() {
        assert!(agree(
            &["faults=6 absent=5 protection=1", "demand=4 zero_read=1"],
            &["faults=6 absent=5 protection=1", "demand=4 zero_read=1"]
        ));
        assert!(!agree(
            &["faults=5 absent=4 protection=1", "demand=3 zero_read=1"],
            &["faults=6 absent=5 protection=1", "demand=4 zero_read=1"]
        ));
        assert!(!agree(&["total=9 used=3"], &["total=9 used=5"]));
        assert!(!agree(&["limit=2 free=3"], &["limit=2 free=4"]));
        assert!(!agree(&["audit=ok checks=7"], &["audit=ok checks=8"]));
        assert!(!agree(&["size=1 resident=2"], &["size=1 resident=3"]));
    }

    #[test]
    fn three_dots_stand_for_lines_for_the_rest_of_a_line_and_for_a_word() {
        assert!(agree(&["a", "...", "d"], &["a", "b", "c", "d"]));
        assert!(!agree(&["a", "...", "e"], &["a", "b"]));
        assert!(!agree(&["...", "b"], &["a", "b", "c"]));
        assert!(agree(&["a one ..."], &["a one two three"]));
        assert!(!agree(&["a one ..."], &["a two"]));
        assert!(agree(&["a=... b=2"], &["a=17 b=2"]));
        assert!(!agree(&["a=... b=2"], &["a=17 b=3"]));
        assert!(!agree(&["a=... b=2"], &["a=17 c=1 b=2"]));
        assert!(agree(&["9 in all, ... free"], &["9 in all, 4 free"]));
        assert!(agree(
            &["at ... frame=0x1000", "frame=0x1000"],
            &["at 0xffff800000001234 frame=0x2000", "frame=0x2000"]
        ));
    }

    #[test]
    fn dots_that_the_machine_prints_are_not_left_out() {
        assert!(agree(
            &["0x0  ....KK", "[...]  12K"],
            &["0x0  ....KK", "[...]  12K"]
        ));
        assert!(!agree(&["0x0  ......"], &["0x0  ...KKK"]));
        assert!(!agree(&["[...]  12K"], &["[P.]  12K"]));
    }

    #[test]
    fn a_frame_may_have_another_number_but_only_one() {
        let shown = ["frame=0x1000", "frame=0x2000", "frame=0x1000"];
        assert!(agree(
            &shown,
            &["frame=0x8000", "frame=0x9000", "frame=0x8000"]
        ));
        assert!(!agree(
            &shown,
            &["frame=0x8000", "frame=0x9000", "frame=0x9000"]
        ));
        assert!(!agree(
            &shown,
            &["frame=0x8000", "frame=0x8000", "frame=0x8000"]
        ));
        assert!(!agree(&["frame=0x1008"], &["frame=0x1000"]));
        assert!(!agree(&["frame=0x00001000"], &["frame=0x1000"]));
    }

    #[test]
    fn instructions_agree_to_a_tenth() {
        let bench = |median: u64| format!("bench fault unit=instructions median={median}");
        assert!(agree(&[&bench(100)], &[&bench(110)]));
        assert!(!agree(&[&bench(100)], &[&bench(120)]));
    }

    #[test]
    fn what_a_text_leaves_out_is_left_out_of_the_renewed_one_too() {
        let renewed = |shown: &[&str], real: &[&str]| renewed(shown, real).map(|it| it.join("|"));
        let counts = renewed(
            &["used=... tables=3", "n=1"],
            &["used=412 tables=20", "n=2"],
        );
        assert_eq!(counts.as_deref(), Some("used=... tables=20|n=2"));
        let lines = renewed(&["...", "a=1 b ...", "..."], &["x", "a=2 b c d", "y"]);
        assert_eq!(lines.as_deref(), Some("...|a=2 b ...|..."));
        let word = renewed(
            &["...", "[ 1 ]   ... MiB  usable"],
            &["x", "[ 2 ]   106.1 MiB  usable"],
        );
        assert_eq!(word.as_deref(), Some("...|[ 2 ]   ... MiB  usable"));
        assert_eq!(renewed(&["...", "gone 1"], &["x", "y"]), None);
    }
}
