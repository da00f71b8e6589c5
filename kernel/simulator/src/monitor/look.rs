//! `walk`, `regions`, `frames`, `faults`, `audit`: what is where, and how much of it.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use line::number;
use memory::Outcome;
use memory::audit::Audit;
use memory::fault::Cause;
use memory::paging::{LeafSize, index_at, offset_in_page};
use memory::space::Half;

use super::Monitor;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::Output;
use crate::account::unit::Address;
use crate::account::words::{self, Outcomes};
use crate::state::regions::rights;

/// `walk <address>`
pub(super) fn walk<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output,
) -> Result<(), Error<'a>> {
    let address = arguments.address()?;
    arguments.end()?;
    let walk = monitor.machine.half_of(address).walk(address);
    let [level4, level3, level2, level1] = [4, 3, 2, 1].map(|level| index_at(address, level));
    out.facts(&format!(
        "address={} level4={level4} level3={level3} level2={level2} level1={level1} offset={:#x}",
        Address::from(address),
        offset_in_page(address, LeafSize::Size4KiB)
    ));
    for step in walk.steps() {
        writeln!(out, "{step}");
    }
    match walk.physical() {
        Some(physical) => writeln!(out, "physical={}", Address::from(physical)),
        None => writeln!(out, "not mapped at level={}", walk.end().level),
    }
    Ok(())
}

/// `regions [space]`
pub(super) fn regions<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output,
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

fn list(half: &Half, out: &mut Output) {
    for region in half.regions() {
        let resident = half.resident(&region);
        out.facts(&format!(
            "region={} end={} rights={} backing={}\n  page={} resident={} shared={} zero={} borrowed={} swapped={} faults={}",
            Address::from(region.base),
            Address(region.end()),
            rights(&region),
            region.backing,
            region.page_size,
            resident.private,
            resident.shared,
            resident.zero,
            resident.borrowed,
            resident.swapped,
            region.faults,
        ));
    }
}

/// `frames`
pub(super) fn frames<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let memory = monitor.machine.memory();
    let borrowed = memory.borrowed();
    let (counts, largest_run, blocks) = memory.frames(|frames| {
        let (largest_run, blocks) = (frames.largest_run(), frames.free_2m_blocks());
        (frames.counts(), largest_run, blocks)
    });
    out.facts(&format!(
        "total={} used={} free={} reserved={} tables={} kernel={}\n  private={} shared={} zero={}",
        counts.total,
        counts.used,
        counts.free,
        counts.reserved,
        counts.tables,
        counts.kernel,
        counts.private,
        counts.shared,
        counts.zero
    ));
    out.facts(&format!(
        "limit={} borrowed={borrowed} largest_run={largest_run} free_2m={blocks}",
        or_off(counts.limit)
    ));
    Ok(())
}

/// A number, or `off` without one.
pub(super) fn or_off(number: Option<u64>) -> alloc::string::String {
    number.map_or_else(|| "off".into(), |number| number.to_string())
}

/// `faults`
pub(super) fn faults<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    const CAUSES: [Cause; 3] = [Cause::Absent, Cause::Protection, Cause::ReservedBit];
    let machine = &monitor.machine;
    let (all, causes, counts) = machine.memory().fault_log(|log| {
        (
            log.faults(),
            CAUSES.map(|cause| log.count_by_cause(cause)),
            log.counts(),
        )
    });
    write!(out, "faults={all}");
    for (cause, count) in CAUSES.into_iter().zip(causes) {
        write!(out, " {}={count}", words::cause(cause));
    }
    writeln!(out);
    for refused in [false, true] {
        let is_shown = |outcome: Outcome, _| matches!(outcome, Outcome::Refused(_)) == refused;
        out.facts(&format!("{}", Outcomes { counts, is_shown }));
    }
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
    out: &mut Output,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let machine = &monitor.machine;
    let audit = Audit::of(machine.kernel(), machine.memory());
    let mut scratch = vec![0; audit.words()];
    let spaces = machine.spaces().map(|(_, space)| space);
    let report = audit.run(spaces, &mut scratch)?;
    out.facts(&format!(
        "audit=ok checks={} halves={} regions={} tables={}\n  private={} zero={} borrowed={} fixed={}",
        report.checks,
        report.halves,
        report.regions,
        report.tables,
        report.private,
        report.zero,
        report.borrowed,
        report.fixed
    ));
    Ok(())
}
