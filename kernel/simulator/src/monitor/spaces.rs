//! `spaces` and `space`: several address spaces that share the kernel half.

use line::number;
use memory::Space;

use super::Monitor;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::Output;
use crate::account::unit::Address;
use crate::machine::{MOST_SPACES, Machine};

/// What `space` takes.
const WANTED: &str = "<new | fork | n | free n>";

/// Frames of a space that are its own, and those that another may own as well.
fn frames_of(space: &Space) -> (u64, u64) {
    let (window, end) = space.window();
    let resident = space.resident_between(window, end);
    (resident.private, resident.shared)
}

fn root_of(space: &Space) -> Address {
    Address::from(space.root().start_address())
}

/// `spaces`
pub(super) fn spaces<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let machine = &monitor.machine;
    for (number, space) in machine.spaces() {
        let is_current = number == machine.current();
        let (frames, shared) = frames_of(space);
        writeln!(
            out,
            "space={number} current={} root={} regions={} frames={frames} shared={shared}",
            if is_current { "yes" } else { "no" },
            root_of(space),
            space.region_count(),
        );
    }
    Ok(())
}

/// `space new`, `space fork`, `space <n>`, `space free <n>`
pub(super) fn space<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let machine = &mut monitor.machine;
    match arguments.word(WANTED)? {
        "new" => {
            arguments.end()?;
            let number = free_number(machine)?;
            machine.make_space(number)?;
            let root = machine.space_of(number as u64).map(root_of);
            let root = root.unwrap_or(Address(0));
            writeln!(out, "space={number} root={root}");
        }
        "fork" => {
            arguments.end()?;
            let number = free_number(machine)?;
            machine.fork(number)?;
            let copy = machine.space_of(number as u64).map(frames_of);
            writeln!(out, "space={number} shared={}", copy.unwrap_or_default().1);
        }
        "free" => {
            let number = arguments.number("<n>")?;
            arguments.end()?;
            if number == machine.current() as u64 {
                return Err(Error::CurrentSpace(number));
            }
            machine.space_of(number).ok_or(Error::NoSpace(number))?;
            let frames = machine.destroy(number as usize);
            writeln!(out, "freed={number} frames={frames}");
        }
        word => {
            let number = arguments::read(WANTED, word, number::number)?;
            arguments.end()?;
            machine.space_of(number).ok_or(Error::NoSpace(number))?;
            if number != machine.current() as u64 {
                machine.load(number as usize);
            }
            writeln!(out, "space={number} root={}", root_of(machine.space()));
        }
    }
    Ok(())
}

fn free_number<'a>(machine: &Machine) -> Result<usize, Error<'a>> {
    machine
        .free_number()
        .ok_or(Error::TooManySpaces(MOST_SPACES))
}
