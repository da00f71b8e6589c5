//! What criterion wrote down: for each measurement a directory `new` with three
//! files. The least time of all samples is what the work takes; everything
//! above it is what else the machine was doing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, fs};

use serde_json::Value;

/// Measurements this much older than the newest are of another run.
const ONE_RUN: Duration = Duration::from_secs(3 * 60 * 60);

/// One contestant at one work.
pub(crate) struct Figure {
    /// `layer: work`, as the benchmark named its group.
    pub(crate) group: String,
    pub(crate) contestant: String,
    /// What the work was done with, where there is a choice.
    pub(crate) parameter: String,
    /// Nanoseconds per element.
    pub(crate) least: f64,
    pub(crate) median: f64,
    when: SystemTime,
}

/// Where criterion writes: beside what cargo builds.
pub(crate) fn directory() -> Option<PathBuf> {
    if let Some(home) = env::var_os("CRITERION_HOME") {
        return Some(home.into());
    }
    let program = env::current_exe().ok()?;
    program
        .ancestors()
        .map(|directory| directory.join("criterion"))
        .find(|directory| directory.is_dir())
}

/// All figures of the last run, in the order in which they were measured.
pub(crate) fn all(directory: &Path) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    collect(directory, &mut figures)?;
    figures.sort_by_key(|figure| figure.when);
    let newest = figures.last().map(|figure| figure.when);
    figures.retain(|figure| newest.is_some_and(|newest| figure.when + ONE_RUN > newest));
    Ok(figures)
}

fn collect(directory: &Path, figures: &mut Vec<Figure>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") {
            figures.extend(figure(&path)?);
        } else {
            collect(&path, figures)?;
        }
    }
    Ok(())
}

/// The figure in a directory `new`; none if the measurement was not finished.
fn figure(path: &Path) -> io::Result<Option<Figure>> {
    let names = path.join("benchmark.json");
    if !names.exists() {
        return Ok(None);
    }
    let when = fs::metadata(&names)?.modified()?;
    let names = read(&names)?;
    let sample = read(&path.join("sample.json"))?;
    let estimates = read(&path.join("estimates.json"))?;
    let text = |name: &str| names[name].as_str().unwrap_or_default().to_owned();
    let elements = names["throughput"]["Elements"].as_f64().unwrap_or(1.0);
    let numbers = |name: &str| {
        let values = sample[name].as_array().map_or(&[][..], Vec::as_slice);
        values.iter().filter_map(Value::as_f64)
    };
    let least = numbers("times")
        .zip(numbers("iters"))
        .map(|(time, iterations)| time / iterations)
        .min_by(f64::total_cmp);
    let median = estimates["median"]["point_estimate"].as_f64();
    Ok(least.zip(median).map(|(least, median)| Figure {
        group: text("group_id"),
        contestant: text("function_id"),
        parameter: text("value_str"),
        least: least / elements,
        median: median / elements,
        when,
    }))
}

fn read(path: &Path) -> io::Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
