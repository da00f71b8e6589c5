//! `walk`, `regions`, `frames`, `faults`, `audit`: what is where, and how much of it.

use alloc::vec;

use line::number;
use memory::Outcome;
use memory::audit::Audit;
use memory::space::Half;

use super::Monitor;
use super::answers;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::Output;

/// `walk <address>`
pub(super) fn walk<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let address = arguments.address()?;
    arguments.end()?;
    let walk = monitor.machine.half_of(address).walk(address);
    answers::walk(address, &walk, out);
    Ok(())
}

/// `regions [space]`
pub(super) fn regions<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let machine = &monitor.machine;
    let Some(word) = arguments.optional() else {
        list(machine.space(), out);
        list(machine.kernel(), out);
        return Ok(());
    };
    let number = arguments::read("[space]", word, number::number)?;
    arguments.end()?;
    list(machine.space_of(number).ok_or(Error::NoSpace(number))?, out);
    Ok(())
}

fn list(half: &Half, out: &mut Output<'_>) {
    for region in half.regions() {
        answers::region(&region, half.resident(&region), out);
    }
}

/// `frames`
pub(super) fn frames<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    answers::frames(monitor.machine.memory(), out);
    Ok(())
}

/// `faults`
pub(super) fn faults<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let machine = &monitor.machine;
    answers::faults(machine.memory(), out);
    let counts = machine.memory().fault_log(|log| log.counts());
    let is_resolved =
        |outcome: &Outcome| !matches!(outcome, Outcome::Blocked | Outcome::Refused(_));
    let resolved = Outcome::ALL.into_iter().filter(is_resolved);
    let minor: u64 = resolved.map(|outcome| counts[outcome.index()]).sum();
    writeln!(
        out,
        "minor={minor} major={} relieved={}",
        machine.waited, machine.relieved
    );
    Ok(())
}

/// `audit`
pub(super) fn audit<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let machine = &monitor.machine;
    let audit = Audit::of(machine.kernel(), machine.memory());
    let mut scratch = vec![0; audit.words()];
    let spaces = machine.spaces().map(|(_, space)| space);
    let report = audit.run(spaces, &mut scratch)?;
    answers::audit(&report, out);
    Ok(())
}
