//! What is typed during a run, by the options and by where standard input comes from.
//!
//! | standard input | after the commands of `--after` |
//! |---|---|
//! | a terminal | its keys go to the guest |
//! | a file, a pipe, nothing | is typed, then the input ends |
//!
//! `--monitor-script` stands in for standard input; a program (`--run`), a picture
//! or a measurement ends the run by itself. A test kernel is typed nothing.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context as _, Result, bail};

use crate::keyboard;
use crate::options::Options;
use crate::picture::Picture;

/// What is to be typed during a run.
pub struct Script {
    /// Lines without their ends, typed first, each at a prompt
    pub commands: Vec<String>,
    /// Taken after the commands
    pub picture: Option<Picture>,
    /// What is typed then, if no picture was asked for
    pub source: Source,
    /// Whether the last command runs a program, whose end is that of the run
    pub runs_program: bool,
    /// Whether nothing more is typed after a command that was refused
    pub stop_on_error: bool,
    /// Whether QEMU's own view of the guest's memory is shown after each line
    pub trace: bool,
}

/// Where input comes from after the commands.
pub enum Source {
    /// A person at the terminal on standard input
    Keyboard,
    /// A file, a pipe, or nothing at all
    Text(Box<dyn Read + Send>),
}

impl Script {
    /// What `options` ask for; `None` for a test kernel.
    ///
    /// # Errors
    /// One line: a command that is none, a script that cannot be read, a picture that cannot be written.
    pub fn of(options: &Options) -> Result<Option<Self>> {
        if options.is_test() {
            return Ok(None);
        }
        let mut commands = commands(&options.after)?;
        commands.extend(options.run.as_deref().map(run).transpose()?);
        let picture = options
            .screenshot
            .as_deref()
            .map(Picture::prepare)
            .transpose()?;
        Ok(Some(Self {
            commands,
            picture,
            source: source(options)?,
            runs_program: options.run.is_some(),
            stop_on_error: options.stop_on_error,
            trace: options.trace_qemu,
        }))
    }
}

fn source(options: &Options) -> Result<Source> {
    if let Some(path) = &options.monitor_script {
        let named = || format!("--monitor-script {} cannot be read", path.display());
        let file = File::open(path).with_context(named)?;
        if file.metadata().with_context(named)?.is_dir() {
            bail!(
                "--monitor-script {}: this is a folder; name a file",
                path.display()
            );
        }
        return Ok(Source::Text(Box::new(file)));
    }
    let ends_by_itself =
        options.bench_guest || options.screenshot.is_some() || options.run.is_some();
    Ok(if ends_by_itself {
        Source::Text(Box::new(io::empty()))
    } else if keyboard::is_there() {
        Source::Keyboard
    } else {
        Source::Text(Box::new(io::stdin()))
    })
}

/// The commands between the semicolons.
fn commands(after: &[String]) -> Result<Vec<String>> {
    if let Some(text) = after
        .iter()
        .find(|text| text.contains(|c: char| c.is_control()))
    {
        bail!("--after {text:?}: commands stand on one line, with `;` between them");
    }
    let commands = after.iter().flat_map(|text| text.split(';')).map(str::trim);
    Ok(commands
        .filter(|command| !command.is_empty())
        .map(str::to_owned)
        .collect())
}

/// The command that runs a program.
fn run(program: &str) -> Result<String> {
    if program.contains(|c: char| c.is_control()) {
        bail!("--run {program:?}: program and arguments stand on one line");
    }
    let program = program.trim();
    if program.is_empty() {
        bail!("--run names no program: `files` at the prompt lists those of the archive");
    }
    Ok(format!("run {program}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn script(arguments: &[&str]) -> Result<Option<Script>> {
        let kernel = ["boot", "target/kernel"];
        Script::of(&Options::parse_from(kernel.iter().chain(arguments)))
    }

    fn commands_of(arguments: &[&str]) -> Vec<String> {
        script(arguments).unwrap().unwrap().commands
    }

    #[test]
    fn commands_are_parted_by_semicolons_and_keep_their_order() {
        assert_eq!(commands_of(&[]), Vec::<String>::new());
        let given = ["--after", " alloc demand 8K ;frames;; ", "--after", "audit"];
        assert_eq!(commands_of(&given), ["alloc demand 8K", "frames", "audit"]);
    }

    #[test]
    fn a_program_is_run_last_whatever_its_arguments_hold() {
        let given = ["--run", " sh -c 'a; b' ", "--after", "trace on"];
        assert_eq!(commands_of(&given), ["trace on", "run sh -c 'a; b'"]);
        for (program, words) in [("a\nb", "on one line"), (" ", "names no program")] {
            let error = script(&["--run", program]).map(drop).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_line_end_within_a_command_is_refused() {
        let error = script(&["--after", "frames\nheap"]).map(drop).unwrap_err();
        let words = error.to_string();
        assert!(
            words.contains("\"frames\\nheap\"") && words.contains("`;`"),
            "{words}"
        );
    }

    #[test]
    fn a_script_that_is_not_there_is_named() {
        let error = script(&["--monitor-script", "/no/such/script"]);
        let words = format!("{:#}", error.map(drop).unwrap_err());
        assert!(
            words.contains("--monitor-script /no/such/script cannot be read: "),
            "{words}"
        );
        let words = script(&["--monitor-script", "/"])
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(words.contains("a folder"), "{words}");
    }

    #[test]
    fn a_test_kernel_is_typed_nothing() {
        let options = Options::parse_from(["boot", "target/deps/frames-0123"]);
        assert!(Script::of(&options).unwrap().is_none());
    }
}
