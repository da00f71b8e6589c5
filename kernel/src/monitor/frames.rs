//! `frames`, `faults`, `heap`: the counters.

use memory::Outcome;
use memory::fault::Cause;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::ledger;
use super::look::Half;
use super::output::Output;
use crate::{heap as kernel_heap, spaces};

/// A number, or `off` without one.
struct OrOff(Option<u64>);

impl core::fmt::Display for OrOff {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("off"),
        }
    }
}

/// `frames`
pub(super) fn frames<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let (counts, borrowed, largest_run, blocks) = spaces::physical(|physical| {
        let frames = physical.frames();
        (
            frames.counts(),
            physical.borrowed(),
            frames.largest_run(),
            frames.free_2m_blocks(),
        )
    });
    writeln!(
        out,
        "total={} used={} free={} reserved={} tables={} kernel={} private={} shared={} zero={}",
        counts.total,
        counts.used,
        counts.free,
        counts.reserved,
        counts.tables,
        counts.kernel,
        counts.private,
        counts.shared,
        counts.zero
    );
    writeln!(
        out,
        "limit={} borrowed={borrowed} largest_run={largest_run} free_2m={blocks}",
        OrOff(counts.limit)
    );
    Ok(())
}

/// `faults`
pub(super) fn faults<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    const CAUSES: [Cause; 3] = [Cause::Absent, Cause::Protection, Cause::ReservedBit];
    let (all, causes, outcomes) = spaces::physical(|physical| {
        let journal = physical.journal();
        (
            journal.faults(),
            CAUSES.map(|cause| journal.count_by_cause(cause)),
            Outcome::ALL.map(|outcome| journal.count(outcome)),
        )
    });
    write!(out, "faults={all}");
    for (cause, count) in CAUSES.into_iter().zip(causes) {
        write!(out, " {}={count}", ledger::cause(cause));
    }
    writeln!(out);
    for refused in [false, true] {
        let mut separator = "";
        for (outcome, count) in Outcome::ALL.into_iter().zip(outcomes) {
            if matches!(outcome, Outcome::Refused(_)) == refused {
                write!(out, "{separator}{}={count}", ledger::outcome(outcome));
                separator = " ";
            }
        }
        writeln!(out);
    }
    Ok(())
}

/// `heap [trim]`
pub(super) fn heap<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let trimmed = match arguments.optional() {
        None => None,
        Some("trim") => {
            arguments.end()?;
            Some(kernel_heap::trim())
        }
        Some(word) => return Err(Error::NotOneOf("[trim]", word, "trim")),
    };
    let usage = kernel_heap::usage();
    let (resident, promised) = Half::Kernel.look(|space, physical| {
        let regions = space.regions();
        let regions = regions.filter(|region| region.label == kernel_heap::LABEL);
        let resident: u64 = regions
            .map(|region| space.resident(&region, physical).private)
            .sum();
        (resident, physical.frames().counts().kept_back)
    });
    writeln!(
        out,
        "size={} in_use={} resident={resident} promised={promised}",
        usage.size, usage.in_use
    );
    writeln!(
        out,
        "blocks={} largest_free={} growths={} trims={}",
        usage.blocks, usage.largest_free, usage.growths, usage.trims
    );
    for class in usage.classes.iter().filter(|class| class.spans > 0) {
        writeln!(
            out,
            "class={} blocks={} spans={}",
            class.size, class.blocks, class.spans
        );
    }
    if let Some(frames) = trimmed {
        writeln!(out, "trimmed={frames}");
    }
    Ok(())
}

/// `limit=...` as `limit` and `frames` print it.
pub(super) fn tell_limit(out: &mut Output<'_>) {
    let counts = spaces::physical(|physical| physical.frames().counts());
    writeln!(out, "limit={} free={}", OrOff(counts.limit), counts.free);
}
