//! What a trace of accesses costs under each rule of page replacement, for each number
//! of frames, and how few faults were possible.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, ensure};
use clap::Parser;
use replacement::optimum::Optimum;
use replacement::paper::{Rule, play};
use replacement::rules::{Clock, Fifo, LeastRecentlyUsed};
use replacement::trace::parse;
use replacement::{Access, Workload};

/// Tells what a trace of accesses to pages costs, for each number of frames.
///
/// A trace has a line for each access: `r` or `w`, and the number of the page. The
/// optimum (Belady's) knows what comes; no rule has fewer faults.
#[derive(Parser)]
#[command(name = "cargo replacement")]
struct Options {
    /// The file of the trace; `-` is standard input
    #[arg(required_unless_present = "workload", conflicts_with = "workload")]
    trace: Option<PathBuf>,
    /// A trace that is made: one of the workloads of `tour swap`
    #[arg(long, value_parser = workload)]
    workload: Option<Workload>,
    /// Pages of the workload
    #[arg(long, default_value_t = 96, requires = "workload")]
    pages: u32,
    /// The lowest number of frames
    #[arg(long, default_value_t = 1)]
    from: usize,
    /// The highest number of frames; without it as many as there are pages
    #[arg(long)]
    to: Option<usize>,
    /// Print the trace instead
    #[arg(long)]
    print: bool,
}

/// The workload of this name.
fn workload(name: &str) -> Result<Workload, String> {
    let mut all = Workload::ALL.into_iter();
    all.find(|workload| workload.name() == name).ok_or_else(|| {
        let names = Workload::ALL.map(Workload::name).join(", ");
        format!("the workloads are {names}")
    })
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replacement: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let trace = trace(options)?;
    let result = if options.print {
        let mut out = io::stdout().lock();
        trace
            .iter()
            .try_for_each(|access| writeln!(out, "{access}"))
    } else {
        let mut pages: Vec<u32> = trace.iter().map(|access| access.page).collect();
        pages.sort_unstable();
        pages.dedup();
        let to = options.to.unwrap_or(pages.len());
        ensure!(
            (1..=to).contains(&options.from),
            "frames from {} to {to}: there is at least one, and the lowest number comes first",
            options.from
        );
        table(&trace, pages.len(), options.from..=to)
    };
    match result {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn trace(options: &Options) -> anyhow::Result<Vec<Access>> {
    if let Some(workload) = options.workload {
        return Ok(workload.trace(options.pages));
    }
    let path = options.trace.clone().unwrap_or_default();
    let mut text = String::new();
    if path.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    }
    parse(&text).with_context(|| path.display().to_string())
}

/// Prints a line for each number of frames.
fn table(trace: &[Access], pages: usize, frames: impl Iterator<Item = usize>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} accesses to {pages} pages; faults, writes/reads",
        trace.len()
    )?;
    let names = ["optimum", "lru", "clock", "fifo"];
    write!(out, "{:>6}", "frames")?;
    for name in names {
        write!(out, "{name:>18}")?;
    }
    writeln!(out)?;
    for frames in frames {
        let rules: [&mut dyn Rule; 4] = [
            &mut Optimum::of(trace),
            &mut LeastRecentlyUsed::default(),
            &mut Clock::default(),
            &mut Fifo::default(),
        ];
        write!(out, "{frames:>6}")?;
        for rule in rules {
            let counts = play(trace, frames, rule);
            let moved = format!("{} {}/{}", counts.faults, counts.writes, counts.reads);
            write!(out, "{moved:>18}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
