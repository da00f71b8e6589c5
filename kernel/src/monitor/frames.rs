//! `frames`, `faults`, `heap`: the counters.

use memory::Outcome;
use memory::fault::Cause;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::account::words::{self, Outcomes};
use crate::process::Usage;
use crate::{fault, heap as kernel_heap, spaces};

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
    let memory = spaces::memory();
    let borrowed = memory.borrowed();
    let (counts, largest_run, blocks) = memory.frames(|frames| {
        let (largest_run, blocks) = (frames.largest_run(), frames.free_2m_blocks());
        (frames.counts(), largest_run, blocks)
    });
    out.facts(format_args!(
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
    out.facts(format_args!(
        "limit={} borrowed={borrowed} largest_run={largest_run} free_2m={blocks}",
        OrOff(counts.limit)
    ));
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
    let (all, causes, counts) = spaces::memory().fault_log(|log| {
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
        out.facts(format_args!("{}", Outcomes { counts, is_shown }));
    }
    let usage = Usage::of(&counts, fault::waited_for_slots());
    writeln!(
        out,
        "minor={} major={} relieved={}",
        usage.minor,
        usage.major,
        fault::relieved()
    );
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
    let resident = kernel_heap::resident();
    let reserved = spaces::memory().counts().kept_back;
    writeln!(
        out,
        "size={} in_use={} resident={resident} reserved={reserved}",
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
    let counts = spaces::memory().counts();
    writeln!(out, "limit={} free={}", OrOff(counts.limit), counts.free);
}
