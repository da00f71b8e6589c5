//! What programs say about signals when they start. Nothing is remembered: a
//! signal ends the process that it is sent to, whatever was said before.

use super::super::{Process, user};
use super::Errno;

/// Bytes of a set of signals, which has a bit for each.
const SET: u64 = 8;
const MOST: u64 = SET * 8;

/// Signals whose effect cannot be changed: KILL and STOP.
const UNCHANGEABLE: [u64; 2] = [9, 19];

/// `rt_sigaction(signal, action, old, size)`: what was to be done before is
/// always the default.
pub(super) fn rt_sigaction(process: &mut Process) -> Result<u64, Errno> {
    let [signal, action, old, size, ..] = process.arguments();
    let can_change = !UNCHANGEABLE.contains(&signal) || action == 0;
    if size != SET || !(1..=MOST).contains(&signal) || !can_change {
        return Err(Errno::INVALID);
    }
    if old != 0 {
        // Handler, flags, restorer, mask.
        user::write_value(old, &[0_u64; 4])?;
    }
    Ok(0)
}

/// `rt_sigprocmask(how, set, old, size)`: no signal was ever held back.
pub(super) fn rt_sigprocmask(process: &mut Process) -> Result<u64, Errno> {
    let [how, set, old, size, ..] = process.arguments();
    const MOST_HOW: u64 = 2;
    if size != SET || set != 0 && how > MOST_HOW {
        return Err(Errno::INVALID);
    }
    if old != 0 {
        user::write_value(old, &0_u64)?;
    }
    Ok(0)
}

/// `sigaltstack(stack, old)`: there was none before.
pub(super) fn sigaltstack(process: &mut Process) -> Result<u64, Errno> {
    let [_, old, ..] = process.arguments();
    const DISABLED: u64 = 2;
    if old != 0 {
        // Start, flags, size.
        user::write_value(old, &[0, DISABLED, 0_u64])?;
    }
    Ok(0)
}
