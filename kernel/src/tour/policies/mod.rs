//! The policies side by side: the same workloads under each, in frames, faults
//! and time.
//!
//! [`trial`] runs and measures; here are the table and what it shows. Every
//! sentence is made from the figures of this run, and so holds for any run.

pub mod trial;

use core::fmt::Write;

use heapless::String;
use memory::words::Count;
use trial::{AROUND, PAGES, Policy, STRIDE, Trial, Workload};

use crate::console::input::{self, Cancelled};
use crate::{bench, print, println};

/// The trials of one workload, in the order of [`Policy::ALL`].
type Trials = [Trial; Policy::ALL.len()];

/// Runs every workload under every policy, and prints the table.
///
/// # Errors
///
/// Ctrl-C was pressed.
///
/// # Panics
///
/// If something else lies in the low half where the region goes.
pub fn run() -> Result<(), Cancelled> {
    let unit = bench::unit();
    println!();
    println!("The same work on {PAGES} pages, backed in five ways: who takes how much, and when?");
    println!("An access is one byte of a page. Data and tables are frames of 4 KiB; the time of");
    println!("the allocation and of the accesses, faults included, is in {unit}.");
    println!("Fault-around maps {AROUND} pages at a fault.");
    let [sparse, dense, read, both] = Workload::ALL;
    let table = [
        trials(sparse)?,
        trials(dense)?,
        trials(read)?,
        trials(both)?,
    ];
    summary(&table, unit);
    sentences(&table, unit);
    Ok(())
}

/// Runs a workload under every policy, and prints its part of the table.
fn trials(workload: Workload) -> Result<Trials, Cancelled> {
    input::check()?;
    // Once for nothing: an emulator translates code when it first runs.
    let trials = Policy::ALL.map(|policy| {
        let _ = Trial::run(policy, workload);
        Trial::run(policy, workload)
    });
    block(workload, &trials);
    Ok(trials)
}

fn block(workload: Workload, trials: &Trials) {
    println!();
    print!("{}: ", workload.name());
    match workload {
        Workload::SparseTouch => print!("one page in {STRIDE} is written"),
        Workload::DenseWrite => print!("every page is written"),
        Workload::ReadSweep => print!("every page is read"),
        Workload::ReadThenWrite => print!("every page is read, then every page is written"),
    }
    println!(" ({} accesses)", trials[0].accesses);
    println!(
        "  {:<12}{:>8}{:>8}{:>8}{:>14}{:>14}{:>14}",
        "", "data", "tables", "faults", "allocation", "accesses", "together"
    );
    for trial in trials {
        println!(
            "  {:<12}{:>8}{:>8}{:>8}{:>14}{:>14}{:>14}",
            trial.policy.name(),
            trial.cost.frames,
            trial.cost.tables,
            trial.cost.faults,
            trial.setup,
            trial.work,
            trial.ticks()
        );
    }
}

/// Who took least of what, workload by workload.
fn summary(table: &[Trials], unit: &str) {
    println!();
    println!(
        "{:<17}{:<16}fewest {unit:<18}fewest frames",
        "", "fewest faults"
    );
    for (workload, trials) in Workload::ALL.iter().zip(table) {
        println!(
            "{:<17}{:<16}{:<25}{}",
            workload.name(),
            least(trials, |trial| trial.cost.faults),
            least(trials, Trial::ticks),
            least(trials, |trial| trial.frames().unsigned_abs())
        );
    }
}

/// The smallest of the figures, and whose it is.
fn least(trials: &Trials, figure: impl Fn(&Trial) -> u64) -> String<80> {
    let least = trials.iter().map(&figure).min().unwrap_or(0);
    let mut text = String::new();
    // All names take 48 bytes, the longest figure 20: nothing is cut off.
    let _ = write!(text, "{least}");
    let names = trials.iter().filter(|trial| figure(trial) == least);
    for (index, trial) in names.enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, "{comma} {}", trial.policy.name());
    }
    text
}

/// The figures that a reader should not miss, put side by side.
fn sentences([sparse, dense, read, both]: &[Trials; 4], unit: &str) {
    let frames = |trials: &Trials, policy: Policy| trials[policy as usize].cost.frames;
    let faults = |trials: &Trials, policy: Policy| trials[policy as usize].cost.faults;
    println!();
    println!(
        "For the sparse touch immediate backing holds {} data frames, demand {}, 2M pages {}.",
        frames(sparse, Policy::Immediate),
        frames(sparse, Policy::Demand),
        frames(sparse, Policy::Large)
    );
    println!(
        "Fault-around brings the faults of the dense write from {} to {}; the data frames of the",
        faults(dense, Policy::Demand),
        faults(dense, Policy::Around)
    );
    println!(
        "sparse touch go from {} to {} with it.",
        frames(sparse, Policy::Demand),
        frames(sparse, Policy::Around)
    );
    println!(
        "Zero backing holds {} data frames for the read sweep, demand {}. Pages that are written",
        frames(read, Policy::Zero),
        frames(read, Policy::Demand)
    );
    println!(
        "after all take {} faults under zero backing, {} when nobody read them before.",
        faults(both, Policy::Zero),
        faults(dense, Policy::Zero)
    );
    let fallbacks: u64 = [sparse, dense, read, both]
        .into_iter()
        .map(|trials| trials[Policy::Large as usize].fallbacks)
        .sum();
    if fallbacks > 0 {
        println!(
            "2M pages could not be had: small pages stood in, {}.",
            Count(fallbacks, "time")
        );
    }
    if unit == bench::TICKS {
        println!("Ticks are this machine's own and change from run to run.");
    }
}
