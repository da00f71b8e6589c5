//! Which page goes when a frame is needed: the same workloads under each policy, and
//! beside them the fewest faults that were possible.
//!
//! [`trial`] runs and measures; here are the tables. The fewest faults are those of
//! Belady's optimum, worked out from the trace of the very same accesses.

pub mod trial;

use memory::words::Count;
use replacement::Workload;
use replacement::optimum::optimum;
use trial::{FORKED, FRAMES, PAGES, Trial};

use crate::console::input::{self, Cancelled};
use crate::swap::{self, Chosen};
use crate::{print, println};

/// Runs every workload under every policy, and prints a table of each.
///
/// # Errors
///
/// Ctrl-C was pressed.
///
/// # Panics
///
/// If something else lies in the low half where the region goes.
pub fn run() -> Result<(), Cancelled> {
    println!();
    if swap::slots().total == 0 {
        println!("There is no disk that pages could go to: `--swap SIZE` of the runner adds one.");
        return Ok(());
    }
    println!("{PAGES} pages and {FRAMES} frames: two of three pages are on the disk at any time.");
    println!("A fault is a first touch, or it reads the page from its slot. A page that goes is");
    println!("written, but for one that was only read since it came: its slot holds it already.");
    println!("Nobody can do with fewer faults than the optimum, which knows what comes.");
    for workload in Workload::ALL {
        input::check()?;
        let trace = workload.trace(PAGES);
        println!();
        print!("{}: ", workload.name());
        match workload {
            Workload::Sequential => print!("all pages in order, written once and read three times"),
            Workload::HotSet => print!("any page, but nine times of ten one of {}", PAGES / 4),
            Workload::ByRows => print!("a matrix with a row in each page, row by row"),
            Workload::ByColumns => print!("the same matrix, column by column"),
        }
        println!(" ({} accesses)", trace.len());
        head();
        for (name, trial) in trial::all(&trace) {
            line(name, trial);
        }
        let least = optimum(&trace, FRAMES as usize);
        println!(
            "  {:<15}{:>8}{:>8}{:>8}",
            "the optimum", least.faults, least.writes, least.reads
        );
    }
    input::check()?;
    println!();
    println!(
        "fork: a program with {} becomes two, and both write and read theirs",
        Count(FORKED, "page")
    );
    head();
    for (name, chosen) in Chosen::ALL {
        line(name, Trial::fork(chosen));
    }
    println!();
    println!("What was read was what had been written, each time.");
    Ok(())
}

fn head() {
    println!("  {:<15}{:>8}{:>8}{:>8}", "", "faults", "writes", "reads");
}

fn line(name: &str, trial: Trial) {
    let Trial {
        faults,
        writes,
        reads,
    } = trial;
    println!("  {name:<15}{faults:>8}{writes:>8}{reads:>8}");
}
