//! What a process has used.

use super::super::{Process, Processes, Usage, user};
use super::Errno;

/// Words of `struct rusage`, and where page faults stand in it. The rest is 0:
/// nobody counts it.
const WORDS: usize = 18;
const MINOR: usize = 8;
const MAJOR: usize = 9;

/// Writes a `struct rusage`.
pub(super) fn write(address: u64, usage: Usage) -> Result<(), Errno> {
    let mut words = [0_u64; WORDS];
    words[MINOR] = usage.minor;
    words[MAJOR] = usage.major;
    Ok(user::write_value(address, &words)?)
}

/// `getrusage(who, usage)`: the process, its only thread, or the children that it
/// has waited for.
pub(super) fn getrusage(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [who, usage, ..] = process.arguments();
    const SELF: i32 = 0;
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    let used = match who as i32 {
        SELF | THREAD => {
            others.settle(process);
            process.used
        }
        CHILDREN => process.used_by_children,
        _ => return Err(Errno::INVALID),
    };
    write(usage, used)?;
    Ok(0)
}
