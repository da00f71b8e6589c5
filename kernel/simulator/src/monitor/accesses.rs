//! `read`, `write`, `fill`, `touch`: accesses that the processor makes, with all the faults
//! that come of them.
//!
//! A range that runs into something that refuses is tried there first: then the processor's
//! refusal is the error, and nothing has changed. What cannot be known before is whether the
//! frames will last; an access that is refused for want of them says how far it came.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;

use line::number;
use memory::Access;
use x86_64::VirtAddr;

use super::Monitor;
use super::answers::{self, ROW};
use super::arguments::{self, Arguments, canonical};
use super::error::{Error, Refusal};
use super::ledger::Ledger;
use super::output::Output;
use super::span::{PAGE, Span, Stride};
use crate::layout::KERNEL_HALF;
use crate::machine::{Machine, Refused};

/// Bytes that `read` prints at most.
const MOST_READ: u64 = 4096;

/// Makes sure that the accesses may be made: a write is not one to the kernel's own memory,
/// and the first place that refuses does so for real.
fn check<'a>(machine: &mut Machine, span: &Span, access: Access) -> Result<(), Error<'a>> {
    if access == Access::Write && canonical(span.first).is_some_and(|at| at >= KERNEL_HALF) {
        return Err(Error::KernelHalf(span.first));
    }
    let half = machine.half_of(VirtAddr::new_truncate(span.first));
    let Some(place) = span.first_refused(half, access) else {
        return Ok(());
    };
    try_access(machine, place, access)
        .map_err(|why| Error::Refused(Refusal::new(machine, access, place, why)))
}

/// One access that changes no byte.
fn try_access(machine: &mut Machine, place: u64, access: Access) -> Result<(), Refused> {
    if access != Access::Write {
        return machine.read(place).map(drop);
    }
    // A page that is not there yet begins with zeroes.
    machine.write(place, machine.peek(place).unwrap_or(0))
}

/// The error for an access that stopped after `done` of `of`.
fn stopped<'a>(name: &'static str, done: u64, of: u64, refusal: Box<Refusal>) -> Error<'a> {
    match done {
        0 => Error::Refused(refusal),
        _ => Error::Stopped(name, done, of, refusal),
    }
}

/// Accesses of a command: what they cost, and the result.
fn run<'a>(
    monitor: &mut Monitor,
    out: &mut Output<'_>,
    name: &str,
    count: u64,
    work: impl FnOnce(&mut Machine, &mut Output<'_>) -> Result<(), Error<'a>>,
) -> Result<(), Error<'a>> {
    let ledger = Ledger::begin(&monitor.machine);
    let mut said = String::new();
    let result = work(&mut monitor.machine, &mut Output::new(&mut said));
    let (faults, frames) = ledger.end(&monitor.machine, monitor.is_traced, out);
    write!(out, "{said}");
    result?;
    writeln!(out, "{name}={count} faults={faults} frames={frames}");
    Ok(())
}

/// `read <address> [count]`
pub(super) fn read<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let first = arguments.number("<address>")?;
    let count = arguments.size_or("[count]", 1)?;
    arguments.end()?;
    if !(1..=MOST_READ).contains(&count) {
        return Err(Error::OutOfRange("[count]", count, 1, MOST_READ));
    }
    let span = Span::new(first, count, Stride::Bytes(1))?;
    run(monitor, out, "read", count, |machine, out| {
        check(machine, &span, Access::Read)?;
        let mut done = 0;
        while done < count {
            let mut row = [0; ROW];
            let length = (count - done).min(ROW as u64);
            for (offset, byte) in (done..done + length).zip(&mut row) {
                let place = first + offset;
                *byte = machine.read(place).map_err(|why| {
                    let refusal = Refusal::new(machine, Access::Read, place, why);
                    stopped("read", offset, count, refusal)
                })?;
            }
            answers::bytes(first + done, &row[..length as usize], out);
            done += length;
        }
        Ok(())
    })
}

/// `write <address> <byte>...`
pub(super) fn write<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let first = arguments.number("<address>")?;
    let mut bytes = vec![arguments.byte()?];
    for byte in arguments.bytes() {
        bytes.push(byte?);
    }
    let count = bytes.len() as u64;
    let span = Span::new(first, count, Stride::Bytes(1))?;
    run(monitor, out, "written", count, |machine, _| {
        check(machine, &span, Access::Write)?;
        for (offset, byte) in (0..).zip(&bytes) {
            let place = first + offset;
            machine.write(place, *byte).map_err(|why| {
                let refusal = Refusal::new(machine, Access::Write, place, why);
                stopped("write", offset, count, refusal)
            })?;
        }
        Ok(())
    })
}

/// `fill <address> <size> <byte>`
pub(super) fn fill<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let first = arguments.number("<address>")?;
    let size = arguments.size("<size>")?;
    let byte = arguments.byte()?;
    arguments.end()?;
    let span = Span::new(first, size, Stride::Pages)?;
    run(monitor, out, "filled", size, |machine, _| {
        check(machine, &span, Access::Write)?;
        for place in span.places() {
            let last = span.last.min(place | (PAGE - 1));
            machine.fill(place, last, byte).map_err(|why| {
                let refusal = Refusal::new(machine, Access::Write, place, why);
                stopped("fill", place - first, size, refusal)
            })?;
        }
        Ok(())
    })
}

/// `touch <address> <size> <r|w> [stride]`
pub(super) fn touch<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let first = arguments.number("<address>")?;
    let size = arguments.size("<size>")?;
    let kinds = [("r", Access::Read), ("w", Access::Write)];
    let access = arguments.choice("<r|w>", &kinds, "r and w")?;
    let stride = match arguments.optional() {
        Some(word) => match arguments::read("[stride]", word, number::size)? {
            0 => return Err(Error::OutOfRange("[stride]", 0, 1, u64::MAX)),
            bytes => Stride::Bytes(bytes),
        },
        None => Stride::Pages,
    };
    arguments.end()?;
    let span = Span::new(first, size, stride)?;
    let count = span.count();
    run(monitor, out, "touched", count, |machine, _| {
        check(machine, &span, access)?;
        for (touched, place) in (0..).zip(span.places()) {
            try_access(machine, place, access).map_err(|why| {
                let refusal = Refusal::new(machine, access, place, why);
                stopped("touch", touched, count, refusal)
            })?;
        }
        Ok(())
    })
}
