//! `run`, `fg` and `ps`: programs in ring 3.

use core::fmt;

use heapless::{String, Vec};
use line::LONGEST;

use super::Monitor;
use super::arguments::{Arguments, add_meant};
use super::error::Error;
use super::files;
use super::output::{Output, Word};
use crate::account::words::Outcomes;
use crate::cpu::ring3::Left;
use crate::interrupts::pit;
use crate::process::watch::Watch;
use crate::process::{Ending, Id, Process, Processes, State, Summary, Trace};
use crate::{console, dashboard};

/// The most words that a line has.
const MOST_WORDS: usize = LONGEST / 2 + 1;

/// Turns after which the dashboard shows a program that runs: a quarter of a second.
const TURNS: u64 = pit::FREQUENCY / 4;

/// `run <file> [argument...]`
pub(super) fn run<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let word = arguments.word("<file>")?;
    let (file, contents) = files::find(word)?;
    // A line has room for all of its words, whatever they mean.
    let (mut text, mut words) = (String::<LONGEST>::new(), Vec::<&[u8], MOST_WORDS>::new());
    let mut ends = Vec::<usize, MOST_WORDS>::new();
    let typed = core::iter::once(word).chain(core::iter::from_fn(|| arguments.optional()));
    ends.extend(typed.map(|word| {
        add_meant(word, &mut text);
        text.len()
    }));
    let mut start = 0;
    words.extend(ends.iter().map(|&end| {
        let word = &text.as_bytes()[start..end];
        start = end;
        word
    }));
    let processes = &mut monitor.processes;
    if let Some(id) = processes.stopped() {
        return Err(Error::StoppedProgram(id));
    }
    let started = processes.start(file.name, contents, &words, &[]);
    let id = started.map_err(|error| Error::Start(file.name, error))?;
    in_foreground(monitor, id, out)
}

/// `fg`
pub(super) fn fg<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let id = monitor.processes.stopped().ok_or(Error::NothingStopped)?;
    in_foreground(monitor, id, out)
}

/// Lets a program run until it ends or is stopped, and tells of it.
fn in_foreground<'a>(monitor: &mut Monitor, id: Id, out: &mut Output<'_>) -> Result<(), Error<'a>> {
    let mut onlooker = Onlooker {
        turns: 0,
        trace: monitor.is_traced.then(Trace::start),
    };
    let summary = monitor.processes.run_watched(id, &mut onlooker);
    if console::column() > 0 {
        // The last line of the program has no end.
        console::print(format_args!("\n"));
    }
    let Some(Summary {
        ending,
        used,
        by_outcome,
        most_frames,
    }) = summary
    else {
        if monitor.processes.stopped().is_none() {
            return Err(Error::Stuck);
        }
        writeln!(out, "stopped={id}");
        return Ok(());
    };
    let outcomes = Outcomes {
        counts: by_outcome,
        is_shown: |_, count| count > 0,
    };
    out.facts(format_args!(
        "{} faults={} frames={most_frames} {outcomes}",
        Ended(ending),
        used.faults()
    ));
    Ok(())
}

/// Shows a program while it runs: on the dashboard, and its calls if that is wanted.
struct Onlooker {
    /// Turns that were over.
    turns: u64,
    trace: Option<Trace>,
}

impl Watch for Onlooker {
    fn can_stop(&self) -> bool {
        true
    }

    fn left(&mut self, process: &Process, why: Left) {
        if let Some(trace) = &mut self.trace {
            trace.left(process, why);
        }
    }

    fn handled(&mut self, process: &Process) {
        if let Some(trace) = &mut self.trace {
            trace.handled(process);
        }
    }

    fn turn_over(&mut self, _: &Processes) {
        if self.turns.is_multiple_of(TURNS) {
            dashboard::refresh();
        }
        self.turns += 1;
    }
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
        State::Reading => "reading",
        State::Suspended(_) => "suspended",
        State::Ended(_) => "ended",
    }
}
