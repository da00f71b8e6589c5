//! `swap` and `evict`: pages that leave memory, and the slots that they go to.

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::swap::{self, Chosen};

/// `swap [policy <name>]`
pub(super) fn swap<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    match arguments.optional() {
        None => {
            tell(out);
            return Ok(());
        }
        Some("policy") => {}
        Some(word) => return Err(arguments.surplus(word)),
    }
    let chosen = arguments.choice("<name>", &Chosen::ALL, Chosen::NAMES)?;
    arguments.end()?;
    swap::set_policy(chosen);
    writeln!(out, "policy={}", swap::policy().name());
    Ok(())
}

fn tell(out: &mut Output<'_>) {
    let (slots, totals) = (swap::slots(), swap::totals());
    out.facts(format_args!(
        "slots={} used={} saved={} written={} read={} writes_saved={}\n  policy={} laps={} dropped={} broken_up={} relieved={} failed={}",
        slots.total,
        slots.used,
        slots.saved,
        slots.written,
        slots.read,
        slots.writes_saved,
        swap::policy().name(),
        totals.laps,
        totals.evicted.dropped,
        totals.broken_up,
        totals.relieved,
        totals.failed
    ));
    if let Some((slot, error)) = totals.last_failure {
        writeln!(
            out,
            "the last that failed: {slot} could not be written: {error}"
        );
    }
    if slots.total == 0 {
        writeln!(
            out,
            "there is no disk for slots: `--swap SIZE` of the runner adds one"
        );
    }
}

/// `evict <n>`
pub(super) fn evict<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let pages = arguments.number("<n>")?;
    arguments.end()?;
    let evicted = swap::evict(pages);
    writeln!(
        out,
        "evicted={} written={} saved={} dropped={}",
        evicted.pages(),
        evicted.written,
        evicted.saved,
        evicted.dropped
    );
    Ok(())
}
