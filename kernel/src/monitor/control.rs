//! `trace`, `limit`, `audit`, `exit`.

use line::number;

use super::Monitor;
use super::answers;
use super::arguments::{self, Arguments, find};
use super::error::Error;
use super::frames::tell_limit;
use super::output::Output;
use crate::spaces;

/// The highest status of `exit`.
const MOST_STATUS: u64 = 63;

/// `trace <on|off>`
pub(super) fn trace<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let is_on = arguments.choice("<on|off>", &[("on", true), ("off", false)], "on and off")?;
    arguments.end()?;
    monitor.is_traced = is_on;
    writeln!(out, "trace={}", if is_on { "on" } else { "off" });
    Ok(())
}

/// `limit frames <n|off>`
pub(super) fn limit<'a>(
    _: &mut Monitor,
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
    spaces::memory().set_limit(limit);
    tell_limit(out);
    Ok(())
}

/// `audit`
pub(super) fn audit<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let report = spaces::audit([])?;
    answers::audit(&report, out);
    Ok(())
}

/// `exit [status]`
pub(super) fn exit<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    _: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let status = match arguments.optional() {
        Some(word) => arguments::read("[status]", word, number::number)?,
        None => 0,
    };
    arguments.end()?;
    if status > MOST_STATUS {
        return Err(Error::OutOfRange("[status]", status, 0, MOST_STATUS));
    }
    monitor.ending = Some(status as u8);
    Ok(())
}
