//! Measuring the kernel on several machines, and comparing with figures of before.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::baseline::{Baseline, Verdict};
use crate::environment::Environment;
use crate::figures::{Figures, Picked};
use crate::launch::launch;
use crate::options::{Options, format_memory};
use crate::say;
use crate::scratch::Scratch;
use crate::status::Outcome;
use crate::watch::Watch;

/// What a comparison measures: memory management as a whole on the machine that
/// was asked for, and everyday faults on smaller and larger ones (bytes).
const PARTS: [(&str, Option<u64>); 4] = [
    ("memory", None),
    ("faults", Some(64 << 20)),
    ("faults", Some(1 << 30)),
    ("faults", Some(16 << 30)),
];

/// Measures on one machine after the other, and compares with the figures in `file`, or writes them there.
///
/// # Errors
/// A run is impossible, or there is nothing to compare with; the file cannot be read or written.
pub fn measure(
    options: &Options,
    watch: &Watch,
    scratch: &Scratch,
    image: &Path,
    file: PathBuf,
) -> Result<u8> {
    let (measured, path) = (options.clone(), file.clone());
    let (before, environment) =
        watch.during(move || Ok((Baseline::read(&path)?, Environment::of(&measured)?)))?;
    if before.is_none() && !options.update {
        bail!(
            "there is no {} to compare with: `--update` writes it",
            file.display()
        );
    }
    let mut now = Baseline {
        environment,
        instructions: Figures::new(),
    };
    for (part, memory) in PARTS {
        let mut options = options.clone();
        let words = options.cmdline.get_or_insert_default();
        words.push_str(&format!(" bench-part={part}"));
        let mut suffix = String::new();
        if let Some(memory) = memory {
            options.memory = memory;
            suffix = format!(", {} of memory", format_memory(memory));
        }
        watch.say(format!(
            "boot: measuring with {} of memory\n",
            format_memory(options.memory)
        ));
        let (picked, figures) = Picked::new(io::stdout());
        let ended = launch(&options, watch, scratch, image, picked)?;
        if ended.outcome != Outcome::Exit(0) {
            if let Some(text) = ended.unmarked() {
                watch.during(move || say::print(&text))?;
            }
            if !ended.outcome.is_unheard() {
                watch.say(ended.words(false));
            }
            return Ok(ended.outcome.status());
        }
        let known = now.instructions.len();
        let figures = figures.iter().map(|(name, count)| (name + &suffix, count));
        now.instructions.extend(figures);
        if now.instructions.len() == known {
            bail!("the guest ended well and printed no figure: is it a kernel that measures?");
        }
    }
    let update = options.update;
    watch.during(move || {
        if let Some(before) = &before {
            let (text, verdict) = before.compare(&now);
            say::print(&format!("\n{text}\n"))?;
            if verdict == Verdict::Worse && !update {
                return Ok(Outcome::Panic.status());
            }
        }
        if update {
            now.write(&file)?;
            say::print(&format!("{} is written\n", file.display()))?;
        }
        Ok(0)
    })
}
