//! The figures of before, kept in a file, and how those of now compare.
//!
//! A count of instructions says something about the code only while everything
//! else is the same, so the file also says what they were made with. Where that
//! differs, the comparison is shown and decides nothing.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::figures::Figures;

/// A figure may be so many percent above that of before.
const ALLOWED: u64 = 2;

const HEADING: &str = "\
# Instructions under emulation, median by operation, and what they were made with.
# `cargo kernel-bench` compares with this file; `cargo kernel-bench --update` writes it anew.

";

/// What was measured, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// What the figures depend on besides the code
    pub environment: Environment,
    /// Medians by name
    pub instructions: Figures,
}

/// How the figures of now stand beside those of before.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same, or worse by what is allowed
    Same,
    /// Something is better or new, and nothing is worse: the file should say so
    Outdated,
    /// Something is worse by more than is allowed, or not measured any more
    Worse,
    /// Made with something else, so that nothing is decided
    NoGate,
}

impl Baseline {
    /// Reads a baseline; `None` if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let baseline = toml::from_str(&text)
            .with_context(|| format!("{} does not hold figures", path.display()))?;
        Ok(Some(baseline))
    }

    /// Writes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = HEADING.to_owned() + &toml::to_string(self)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Compares `now` with this: a table and a sentence for people, and what follows.
    #[must_use]
    pub fn compare(&self, now: &Self) -> (String, Verdict) {
        let mut text = format!("{:>11} {:>11} {:>8}  what\n", "before", "now", "change");
        let (mut worse, mut outdated) = (Vec::new(), false);
        for (name, &now) in &now.instructions {
            let Some(&before) = self.instructions.get(name) else {
                outdated = true;
                _ = writeln!(text, "{:>11} {now:>11} {:>8}  {name}", "-", "new");
                continue;
            };
            let change = (now as f64 / before.max(1) as f64 - 1.0) * 100.0;
            _ = writeln!(text, "{before:>11} {now:>11} {change:>+7.1}%  {name}");
            outdated |= now < before;
            if now * 100 > before * (100 + ALLOWED) {
                worse.push(format!("{name}: {now} instructions instead of {before}"));
            }
        }
        for (name, before) in &self.instructions {
            if !now.instructions.contains_key(name) {
                _ = writeln!(text, "{before:>11} {:>11} {:>8}  {name}", "-", "gone");
                worse.push(format!("{name}: not measured any more"));
            }
        }
        let differing = self.environment.differences(&now.environment);
        let verdict = if !differing.is_empty() {
            text += "\nno gate: the figures of before were made with something else\n";
            text += &differing;
            Verdict::NoGate
        } else if !worse.is_empty() {
            _ = writeln!(
                text,
                "\nmore than {ALLOWED} % worse, or gone:\n  {}",
                worse.join("\n  ")
            );
            Verdict::Worse
        } else if outdated {
            text += "\nnothing is worse, and not all is as before: write it down with `cargo kernel-bench --update`\n";
            Verdict::Outdated
        } else {
            text += "\nas before\n";
            Verdict::Same
        };
        (text, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(figures: &[(&str, u64)]) -> Baseline {
        Baseline {
            environment: Environment {
                compiler: "rustc 1".to_owned(),
                llvm: "2".to_owned(),
                core: "libcore-3.rlib".to_owned(),
                qemu: "QEMU 4".to_owned(),
                profile: "release".to_owned(),
                processor: "max".to_owned(),
                machine: "q35 with BIOS".to_owned(),
                memory: "128M".to_owned(),
            },
            instructions: figures
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn two_percent_are_allowed_and_more_is_worse_and_named() {
        let before = baseline(&[("read", 100), ("write", 200)]);
        let (_, verdict) = before.compare(&baseline(&[("read", 102), ("write", 204)]));
        assert_eq!(verdict, Verdict::Same);
        let (text, verdict) = before.compare(&baseline(&[("read", 103), ("write", 150)]));
        assert_eq!(verdict, Verdict::Worse);
        assert!(
            text.contains("read: 103 instructions instead of 100"),
            "{text}"
        );
        assert!(!text.contains("write: "), "{text}");
    }

    #[test]
    fn what_is_better_or_new_asks_for_an_update() {
        let before = baseline(&[("read", 100)]);
        for now in [&[("read", 99)][..], &[("read", 100), ("write", 1)]] {
            let (text, verdict) = before.compare(&baseline(now));
            assert_eq!(verdict, Verdict::Outdated, "{text}");
            assert!(text.contains("--update"), "{text}");
        }
    }

    #[test]
    fn what_is_not_measured_any_more_is_as_bad_as_what_is_worse() {
        let before = baseline(&[("read", 100), ("write", 200)]);
        let (text, verdict) = before.compare(&baseline(&[("read", 100)]));
        assert_eq!(verdict, Verdict::Worse);
        assert!(text.contains("write: not measured any more"), "{text}");
    }

    #[test]
    fn figures_made_with_something_else_are_shown_and_decide_nothing() {
        let before = baseline(&[("read", 100)]);
        let mut now = baseline(&[("read", 900)]);
        now.environment.qemu = "QEMU 9".to_owned();
        let (text, verdict) = before.compare(&now);
        assert_eq!(verdict, Verdict::NoGate);
        assert!(
            text.contains("+800.0%") && text.contains("no gate"),
            "{text}"
        );
        assert!(text.contains("qemu: QEMU 9 instead of QEMU 4"), "{text}");
    }

    #[test]
    fn a_file_holds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.toml");
        assert_eq!(Baseline::read(&path).unwrap(), None);
        let before = baseline(&[("a read, 64M of memory", 100)]);
        before.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), Some(before));
        fs::write(&path, "instructions = 5").unwrap();
        let error = format!("{:#}", Baseline::read(&path).unwrap_err());
        assert!(error.contains("does not hold figures"), "{error}");
    }
}
