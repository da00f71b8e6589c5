//! `run` and `ps`: programs in ring 3.

use core::fmt;

use archive::{Entry, Kind};
use heapless::{String, Vec};
use line::LONGEST;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::{Output, Word};
use crate::process::{Ending, State, Summary};
use crate::{console, files};

/// The folder where a program is looked for that is named without one.
const PROGRAMS: &str = "bin/";

/// The most words that a line has.
const MOST_WORDS: usize = LONGEST / 2 + 1;

/// `run <file> [argument...]`
pub(super) fn run<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let word = arguments.word("<file>")?;
    let (file, contents) = find(word)?;
    let mut words = Vec::<&[u8], MOST_WORDS>::new();
    let typed = core::iter::once(word).chain(core::iter::from_fn(|| arguments.optional()));
    words.extend(typed.map(str::as_bytes));
    let processes = &mut monitor.processes;
    let started = processes.start(file.name, contents, &words, &[]);
    let id = started.map_err(|error| Error::Start(file.name, error))?;
    let summary = processes.run_and_sum_up(id);
    if console::column() > 0 {
        // The last line of the program has no end.
        console::print(format_args!("\n"));
    }
    let Some(Summary {
        ending,
        used,
        most_frames,
    }) = summary
    else {
        return Err(Error::Stuck);
    };
    let faults = used.faults();
    writeln!(
        out,
        "{} faults={faults} frames={most_frames}",
        Ended(ending)
    );
    Ok(())
}

/// The file of this name in the archive, or the program.
fn find<'a>(word: &'a str) -> Result<(Entry<'static>, &'static [u8]), Error<'a>> {
    let archive = files::archive()?;
    let mut name = String::<LONGEST>::new();
    let is_short = name.push_str(PROGRAMS).and_then(|()| name.push_str(word));
    let program = is_short.ok().and_then(|()| archive.find(&name));
    let found = [archive.find(word), program].into_iter().flatten();
    let mut files = found.filter_map(|entry| match entry.kind {
        Kind::File(contents) => Some((entry, contents)),
        Kind::Folder | Kind::Link(_) => None,
    });
    files.next().ok_or(Error::NoFile(word))
}

/// How a program ended, as fields.
struct Ended(Ending);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signal) = self.0.signal() {
            write!(f, "killed={} reason=", signal.number())?;
        }
        match self.0 {
            Ending::Exited(status) => write!(f, "exited={status}"),
            Ending::BadAccess(_) => f.write_str("bad_access"),
            Ending::PastEnd(_) => f.write_str("past_end"),
            Ending::Unreadable(_) => f.write_str("unreadable"),
            Ending::OutOfFrames(_) => f.write_str("out_of_frames"),
            Ending::Exception(_) => f.write_str("exception"),
            Ending::Signalled(signal) => write!(f, "{signal}"),
            Ending::Cancelled => f.write_str("ctrl_c"),
        }
    }
}

/// `ps`
pub(super) fn ps<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let mut count = 0;
    for process in monitor.processes.iter() {
        count += 1;
        out.facts(format_args!(
            "process={} parent={} state={} frames={} faults={} program={}",
            process.id,
            process.parent,
            state(process.state),
            process.frames(),
            process.used().faults(),
            Word(process.program)
        ));
    }
    writeln!(out, "processes={count}");
    Ok(())
}

/// What a process does, in one word.
fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Ready => "ready",
        State::Waiting => "waiting",
        State::Suspended(_) => "suspended",
        State::Ended(_) => "ended",
    }
}
