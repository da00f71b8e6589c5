//! Who a process is, and what machine it runs on.

use super::super::{Process, Processes, user};
use super::Errno;

/// `getpid()`, and `gettid()` and `set_tid_address(address)`: the number of the
/// process. The address matters to threads only.
pub(super) fn getpid(process: &Process) -> Result<u64, Errno> {
    Ok(u64::from(process.id))
}

/// `getppid()`: the number of its parent.
pub(super) fn getppid(process: &Process) -> Result<u64, Errno> {
    Ok(u64::from(process.parent))
}

/// `getpgrp()`: the first of its family, whose number is that of the group.
pub(super) fn getpgrp(process: &Process) -> Result<u64, Errno> {
    Ok(u64::from(process.leader))
}

/// `getpgid(process)` and `getsid(process)`: the same of any process, or, for 0,
/// of the one that asks.
pub(super) fn getpgid(process: &Process, others: &Processes) -> Result<u64, Errno> {
    let [wanted, ..] = process.arguments();
    let wanted = wanted as u32;
    if wanted == 0 || wanted == process.id {
        return getpgrp(process);
    }
    getpgrp(others.get(wanted).ok_or(Errno::NO_PROCESS)?)
}

/// Bytes of a name in what `uname` tells.
const NAME: usize = 65;

/// System, host, release, version, machine and domain. Programs look at the
/// release to find out what system calls there are; it is that of a Linux which
/// has all of ours.
const NAMES: [&str; 6] = [
    "Linux",
    "faultline",
    "6.1.0",
    concat!("Faultline ", env!("CARGO_PKG_VERSION")),
    "x86_64",
    "(none)",
];

/// `uname(names)`
#[inline(never)]
pub(super) fn uname(process: &Process) -> Result<u64, Errno> {
    let [names, ..] = process.arguments();
    let mut bytes = [[0; NAME]; NAMES.len()];
    for (place, name) in bytes.iter_mut().zip(NAMES) {
        place[..name.len()].copy_from_slice(name.as_bytes());
    }
    user::write_value(names, &bytes)?;
    Ok(0)
}
