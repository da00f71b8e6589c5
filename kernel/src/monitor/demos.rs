//! `tour`, `crash`, `bench`: what other parts of the kernel show by themselves,
//! each in an address space of its own, where nobody's regions are in the way.
//!
//! They take it for granted that there is memory, and so the monitor makes sure.

use memory::frames::Shortage;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::console::input::Cancelled;
use crate::crash::{self, CRASHES, Crash};
use crate::tour::{self, TOURS};
use crate::{bench, spaces};

/// Frames (4 KiB) that the benchmarks need: nine large pages, and some more.
const BENCH_FRAMES: u64 = 6 * 1024;
/// Frames that a crash needs.
const CRASH_FRAMES: u64 = 128;

/// `tour [name]`
pub(super) fn tour<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let Some(name) = arguments.optional() else {
        for tour in &TOURS {
            writeln!(out, "tour={} {}", tour.name, tour.shows);
        }
        return Ok(());
    };
    arguments.end()?;
    let tour = tour::find(name).ok_or(Error::NoTour(name))?;
    apart("the tour", tour.frames, tour.run)
}

/// `bench`
pub(super) fn bench<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    _: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    apart("the benchmark", BENCH_FRAMES, bench::run)
}

/// `crash <name>`
pub(super) fn crash<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let Some(name) = arguments.optional() else {
        for Crash { name, does, .. } in &CRASHES {
            writeln!(out, "crash={name} {does}");
        }
        return Ok(());
    };
    arguments.end()?;
    let crash = crash::find(name).ok_or(Error::NoCrash(name))?;
    apart("the crash", CRASH_FRAMES, || crash.run())
}

/// Does `work` in a new address space with at least so many frames to be had.
fn apart<'a>(
    what: &'static str,
    frames: u64,
    work: impl FnOnce() -> Result<(), Cancelled>,
) -> Result<(), Error<'a>> {
    let available = spaces::memory().counts().available();
    if available < frames {
        let needed = frames;
        return Err(Error::FewFrames(what, Shortage { needed, available }));
    }
    let before = spaces::load(spaces::create()?);
    let result = work();
    spaces::destroy(spaces::load(before));
    Ok(result?)
}
