//! Comparing what a text shows with what a machine printed.
//!
//! A line `...` in the text stands for any lines, and ` ...` at the end of a line for any rest of it.

use std::collections::HashMap;

use crate::facts::{Parted, Way, part};

const LEFT_OUT: &str = "...";

/// Which values of a text stand for which of the machine, over one machine's whole life.
#[derive(Default)]
pub(crate) struct Ties {
    shown_to_real: HashMap<(bool, u64), u64>,
    real_to_shown: HashMap<(bool, u64), u64>,
    counts: HashMap<String, (u64, u64)>,
}

/// Compares the lines that a text shows for one answer with the real ones.
///
/// # Errors
/// In words, what does not agree.
pub(crate) fn compare(shown: &[&str], real: &[&str], ties: &mut Ties) -> Result<(), String> {
    let in_instructions = real.iter().any(|line| line.contains("instructions"));
    let parted = |lines: &[&str]| -> Vec<_> {
        let lines = lines.iter().map(|line| part(line, in_instructions));
        lines.collect()
    };
    let (shown_parted, real_parted) = (parted(shown), parted(real));
    let pairs = align(shown, &shown_parted, &real_parted)?;
    for (left, right) in pairs {
        let values = shown_parted[left].values.iter();
        for ((way, value), (_, real_value)) in values.zip(&real_parted[right].values) {
            ties.tie(way, *value, *real_value).map_err(|error| {
                format!(
                    "{error}\n    shown: {}\n    real:  {}",
                    shown[left], real[right]
                )
            })?;
        }
    }
    Ok(())
}

/// The shown lines, each replaced by the real one that it stands for; `None` if they do not agree.
pub(crate) fn renewed(shown: &[&str], real: &[&str]) -> Option<Vec<String>> {
    let parted = |lines: &[&str]| -> Vec<_> {
        let lines = lines.iter().map(|line| part(line, false));
        lines.collect()
    };
    let mut renewed: Vec<_> = shown.iter().map(|line| (*line).to_owned()).collect();
    for (left, right) in align(shown, &parted(shown), &parted(real)).ok()? {
        if !shown[left].ends_with(LEFT_OUT) {
            renewed[left] = real[right].to_owned();
        }
    }
    Some(renewed)
}

/// Which real line each shown line stands for.
fn align(
    shown: &[&str],
    parted: &[Parted],
    real: &[Parted],
) -> Result<Vec<(usize, usize)>, String> {
    let mut pairs = Vec::new();
    let mut next = 0;
    let mut skipping = false;
    for (index, line) in shown.iter().enumerate() {
        if *line == LEFT_OUT {
            skipping = true;
            continue;
        }
        let found = if skipping {
            (next..real.len()).find(|&at| stands_for(line, &parted[index], &real[at]))
        } else {
            (next < real.len() && stands_for(line, &parted[index], &real[next])).then_some(next)
        };
        let Some(found) = found else {
            let instead = real.get(next).map_or("(nothing more)", |line| &line.fixed);
            return Err(format!("not printed: {line}\n    there is:  {instead}"));
        };
        pairs.push((index, found));
        next = found + 1;
        skipping = false;
    }
    if next < real.len() && !skipping {
        return Err(format!("printed as well: {}", real[next].fixed));
    }
    Ok(pairs)
}

fn stands_for(line: &str, shown: &Parted, real: &Parted) -> bool {
    match shown.fixed.strip_suffix(LEFT_OUT) {
        Some(start) if line.ends_with(LEFT_OUT) => real.fixed.starts_with(start),
        _ => shown.fixed == real.fixed,
    }
}

impl Ties {
    fn tie(&mut self, way: &Way, shown: u64, real: u64) -> Result<(), String> {
        let agrees = match way {
            Way::Free => true,
            Way::Instructions => shown.abs_diff(real) * 10 <= shown.max(real),
            Way::Count(name) => {
                let before = self.counts.insert(name.clone(), (shown, real));
                before.is_none_or(|(before, real_before)| {
                    shown.wrapping_sub(before) == real.wrapping_sub(real_before)
                })
            }
            Way::Frame | Way::Address => {
                let key = |value| (*way == Way::Frame, value);
                *self.shown_to_real.entry(key(shown)).or_insert(real) == real
                    && *self.real_to_shown.entry(key(real)).or_insert(shown) == shown
            }
        };
        let what = || format!("{way:?}: {shown:#x} ({shown}) is not {real:#x} ({real})");
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
        assert!(!agree(&["faults=1 frames=1"], &["faults=1 frames=2"]));
    }

    #[test]
    fn three_dots_stand_for_lines_and_for_the_rest_of_a_line() {
        assert!(agree(&["a", "...", "d"], &["a", "b", "c", "d"]));
        assert!(agree(&["a one ..."], &["a one two"]));
        assert!(!agree(&["a", "...", "e"], &["a", "b"]));
        assert!(!agree(&["...", "b"], &["a", "b", "c"]));
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
    }

    #[test]
    fn counts_move_alike_and_instructions_agree_to_a_tenth() {
        let mut ties = Ties::default();
        let mut frames = |shown, real| compare(&[shown], &[real], &mut ties).is_ok();
        assert!(frames("total=9 used=3", "total=9 used=5"));
        assert!(frames("total=9 used=4", "total=9 used=6"));
        assert!(!frames("total=9 used=5", "total=9 used=8"));
        let bench = |median: u64| format!("bench fault unit=instructions median={median}");
        assert!(agree(&[&bench(100)], &[&bench(110)]));
        assert!(!agree(&[&bench(100)], &[&bench(120)]));
    }
}
