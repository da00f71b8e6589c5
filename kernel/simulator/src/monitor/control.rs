//! `trace`, `limit`, `swap`, `evict`, and what this machine alone has: `flush`, `restart`.

use line::number;

use super::Monitor;
use super::answers::OrOff;
use super::arguments::{self, Arguments, find};
use super::error::Error;
use super::output::Output;
use crate::swap::Chosen;

const ON_OR_OFF: [(&str, bool); 2] = [("on", true), ("off", false)];

/// Bytes of a slot.
const SLOT: u64 = 4096;

/// `trace <on|off>`
pub(super) fn trace<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let is_on = arguments.choice("<on|off>", &ON_OR_OFF, "on and off")?;
    arguments.end()?;
    monitor.is_traced = is_on;
    writeln!(
        out,
        "trace={}",
        if monitor.is_traced { "on" } else { "off" }
    );
    Ok(())
}

/// `limit frames <n|off>`
pub(super) fn limit<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.choice("frames", &[("frames", ())], "frames")?;
    let word = arguments.word("<n|off>")?;
    arguments.end()?;
    let limit = match find(word, &[("off", ())]) {
        Some(()) => None,
        None => Some(arguments::read("<n|off>", word, number::number)?),
    };
    let memory = monitor.machine.memory();
    memory.set_limit(limit);
    let counts = memory.counts();
    writeln!(out, "limit={} free={}", OrOff(counts.limit), counts.free);
    Ok(())
}

/// `swap [policy <name>]`
pub(super) fn swap<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let machine = &mut monitor.machine;
    match arguments.optional() {
        None => {
            let slots = machine.memory().slots();
            out.facts(format_args!(
                "slots={} used={} saved={} written={} read={} writes_saved={}\n  policy={} laps={} dropped=0 broken_up={} relieved={} failed=0",
                slots.total,
                slots.used,
                slots.saved,
                slots.written,
                slots.read,
                slots.writes_saved,
                machine.swap.chosen.name(),
                machine.swap.laps,
                machine.swap.broken_up,
                machine.relieved,
            ));
            if slots.total == 0 {
                writeln!(
                    out,
                    "there is no disk for slots: `restart 256K` begins anew with one"
                );
            }
        }
        Some("policy") => {
            let chosen = arguments.choice("<name>", &Chosen::ALL, Chosen::NAMES)?;
            arguments.end()?;
            machine.swap.chosen = chosen;
            writeln!(out, "policy={}", chosen.name());
        }
        Some(word) => return Err(arguments.surplus(word)),
    }
    Ok(())
}

/// `evict <n>`
pub(super) fn evict<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let pages = arguments.number("<n>")?;
    arguments.end()?;
    let evicted = monitor.machine.evict(pages);
    writeln!(
        out,
        "evicted={} written={} saved={} dropped=0",
        evicted.written + evicted.saved,
        evicted.written,
        evicted.saved,
    );
    Ok(())
}

/// `flush [on|off]`
pub(super) fn flush<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let machine = &mut monitor.machine;
    let word = arguments.optional();
    arguments.end()?;
    match word {
        Some(word) => {
            let obeys = find(word, &ON_OR_OFF);
            machine.set_obeys(obeys.ok_or(Error::NotOneOf("[on|off]", word, "on and off"))?);
            let is_on = if machine.obeys() { "on" } else { "off" };
            writeln!(out, "flush={is_on}");
        }
        None => {
            let forgotten = machine.forget_all();
            writeln!(out, "forgotten={forgotten}");
        }
    }
    Ok(())
}

/// `restart [swap]`
pub(super) fn restart<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let swap = arguments.size_or("[swap]", 0)?;
    arguments.end()?;
    *monitor = Monitor::new(swap / SLOT)?;
    let memory = monitor.machine.memory();
    writeln!(
        out,
        "total={} free={} slots={}",
        memory.counts().total,
        memory.counts().free,
        memory.slots().total
    );
    Ok(())
}
