//! `read`, `write`, `fill`, `touch`: accesses that the processor makes for
//! real, with all the faults that come of them.
//!
//! A range that runs into something that refuses is tried there first: then
//! the processor's refusal is the error, and nothing has changed. What cannot
//! be known before is whether the frames will last; an access that is refused
//! for want of them says how far it came.
//!
//! What must always hold: nothing but regions of the low half is written to.
//! No Rust value lives there, so no access can break one.

use line::{LONGEST, number};
use memory::Access;
use memory::space::Half;

use super::Monitor;
use super::answers::{self, ROW};
use super::arguments::{self, Arguments, canonical};
use super::error::Error;
use super::ledger::{ACCESSES, Ledger};
use super::output::Output;
use super::refusal::Refusal;
use super::span::{PAGE, Span, Stride};
use crate::console::input::{self, Cancelled};
use crate::cpu::access::{self, Refused};
use crate::layout::KERNEL_HALF;
use crate::spaces;

/// Bytes that `read` prints at most.
const MOST_READ: u64 = 4096;
/// Accesses, or pages that are filled, after which Ctrl-C is looked for.
const PATIENCE: u64 = 1024;

/// Makes sure that the accesses may be made: a write is not one to the
/// kernel's own memory, and the first place that refuses does so for real.
fn check<'a>(
    span: &Span,
    access: Access,
    ledger: &mut Ledger,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    if access == Access::Write && canonical(span.first).is_some_and(|at| at >= KERNEL_HALF) {
        return Err(Error::KernelHalf(span.first));
    }
    let look = |half: &Half| span.first_refused(half, access);
    let refused = if span.first >= KERNEL_HALF.as_u64() {
        spaces::kernel_half(|half, _| look(half))
    } else {
        spaces::current(|space, _| look(space))
    };
    let Some(place) = refused else {
        return Ok(());
    };
    ledger
        .run(out, || try_access(place, access))
        .map_err(|refused| Error::Refused(Refusal::new(access, place, refused)))
}

/// One access that changes no byte.
fn try_access(place: u64, access: Access) -> Result<(), Refused> {
    if access != Access::Write {
        return load(place).map(drop);
    }
    // A page that is not there yet begins with zeroes.
    let is_mapped =
        canonical(place).is_some_and(|at| spaces::look(at, |half| half.translate(at).is_some()));
    let byte = if is_mapped { load(place)? } else { 0 };
    store(place, 1, byte).map_err(|stopped| stopped.why)
}

fn load(place: u64) -> Result<u8, Refused> {
    // SAFETY: reading memory changes nothing; a device that is read was mapped
    // with `mmio` by who reads it now, or is one of the kernel's, none of whose
    // registers minds being read.
    unsafe { access::try_read(place) }
}

fn store(place: u64, count: u64, byte: u8) -> Result<(), access::Stopped> {
    assert!(
        place < KERNEL_HALF.as_u64(),
        "{place:#x} is in the kernel half"
    );
    // SAFETY: the first byte lies below the kernel half, and the others do too:
    // before it come numbers that are no address, where the processor stops.
    // The low half holds the monitor's regions and no Rust value; where it
    // holds nothing, the processor refuses.
    unsafe { access::try_fill(place, count, byte) }
}

/// The error for an access that stopped after `done` of `of`.
fn stopped<'a>(name: &'static str, done: u64, of: u64, refusal: Refusal) -> Error<'a> {
    if done == 0 {
        Error::Refused(refusal)
    } else {
        Error::Stopped(name, done, of, refusal)
    }
}

/// Makes sure that Ctrl-C was not pressed, now and then.
fn check_cancel<'a>(name: &'static str, turn: u64, done: u64, of: u64) -> Result<(), Error<'a>> {
    if !turn.is_multiple_of(PATIENCE) {
        return Ok(());
    }
    input::check().map_err(|Cancelled| Error::CancelledAfter(name, done, of))
}

fn result(name: &str, count: u64, ledger: &Ledger, out: &mut Output<'_>) {
    let cost = ledger.cost();
    writeln!(
        out,
        "{name}={count} faults={} frames={}",
        cost.faults, cost.frames
    );
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
    let mut ledger = monitor.ledger();
    check(&span, Access::Read, &mut ledger, out)?;
    let mut done = 0;
    while done < count {
        let mut row = [0; ROW];
        let length = (count - done).min(ROW as u64);
        for (offset, byte) in (done..done + length).zip(&mut row) {
            let place = first + offset;
            *byte = ledger.run(out, || load(place)).map_err(|refused| {
                stopped(
                    "read",
                    offset,
                    count,
                    Refusal::new(Access::Read, place, refused),
                )
            })?;
        }
        answers::bytes(first + done, &row[..length as usize], out);
        done += length;
    }
    result("read", count, &ledger, out);
    Ok(())
}

/// `write <address> <byte>...`
pub(super) fn write<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let first = arguments.number("<address>")?;
    let mut bytes = heapless::Vec::<u8, LONGEST>::new();
    // A line has more characters than it can have bytes to write.
    let _ = bytes.push(arguments.byte()?);
    for byte in arguments.bytes() {
        let _ = bytes.push(byte?);
    }
    let count = bytes.len() as u64;
    let span = Span::new(first, count, Stride::Bytes(1))?;
    let mut ledger = monitor.ledger();
    check(&span, Access::Write, &mut ledger, out)?;
    for (offset, byte) in (0..).zip(&bytes) {
        let place = first + offset;
        let stored = ledger.run(out, || store(place, 1, *byte));
        stored.map_err(|error| {
            stopped(
                "write",
                offset,
                count,
                Refusal::new(Access::Write, place, error.why),
            )
        })?;
    }
    result("written", count, &ledger, out);
    Ok(())
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
    let mut ledger = monitor.ledger();
    check(&span, Access::Write, &mut ledger, out)?;
    for (page, place) in (0..).zip(span.places()) {
        check_cancel("fill", page, place - first, span.size())?;
        let count = (span.last - place).min(PAGE - 1 - place % PAGE) + 1;
        let stored = ledger.run(out, || store(place, count, byte));
        stored.map_err(|error| {
            let done = place - first + error.done;
            let refusal = Refusal::new(Access::Write, place + error.done, error.why);
            stopped("fill", done, span.size(), refusal)
        })?;
    }
    result("filled", span.size(), &ledger, out);
    Ok(())
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
    let mut ledger = monitor.ledger();
    check(&span, access, &mut ledger, out)?;
    let mut places = span.places().peekable();
    let mut touched = 0;
    while places.peek().is_some() {
        check_cancel("touch", touched, touched, span.count())?;
        ledger.run(out, || {
            for place in places.by_ref().take(ACCESSES) {
                try_access(place, access).map_err(|refused| {
                    let refusal = Refusal::new(access, place, refused);
                    stopped("touch", touched, span.count(), refusal)
                })?;
                touched += 1;
            }
            Ok::<_, Error<'a>>(())
        })?;
    }
    result("touched", touched, &ledger, out);
    Ok(())
}
