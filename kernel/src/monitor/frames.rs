//! `frames`, `faults`, `heap`: the counters.

use super::Monitor;
use super::answers::{self, OrOff};
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::process::Usage;
use crate::{fault, heap as kernel_heap, spaces};

/// `frames`
pub(super) fn frames<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    answers::frames(spaces::memory(), out);
    Ok(())
}

/// `faults`
pub(super) fn faults<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    answers::faults(spaces::memory(), out);
    let counts = spaces::memory().fault_log(|log| log.counts());
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
