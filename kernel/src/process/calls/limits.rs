//! How much of what a process may use.

use super::super::{MOST_PROCESSES, Process, descriptors, user};
use super::Errno;
use crate::growing::STACK_LIMIT;

/// As much as there is.
const INFINITY: u64 = u64::MAX;

/// The resources that have a limit (Linux: include/uapi/asm-generic/resource.h);
/// the others up to `COUNT` have none.
const STACK: u64 = 3;
const CORE: u64 = 4;
const PROCESSES: u64 = 6;
const FILES: u64 = 7;
const COUNT: u64 = 16;

/// `prlimit64(process, resource, new, old)`: the process itself alone. A limit of
/// the stack or of core files may be set to anything, and stays as it is: a stack
/// has its size when the program starts, and core files are not written.
pub(super) fn prlimit64(process: &mut Process) -> Result<u64, Errno> {
    let [id, resource, new, old, ..] = process.arguments();
    if ![0, process.id].contains(&(id as u32)) {
        return Err(Errno::NO_PROCESS);
    }
    limit(resource, new, old)
}

fn limit(resource: u64, new: u64, old: u64) -> Result<u64, Errno> {
    let limit = match resource {
        STACK => STACK_LIMIT,
        CORE => 0,
        PROCESSES => MOST_PROCESSES as u64,
        FILES => descriptors::MOST as u64,
        0..COUNT => INFINITY,
        _ => return Err(Errno::INVALID),
    };
    if new != 0 {
        let [soft, hard] = user::read_value::<[u64; 2]>(new)?;
        if soft > hard {
            return Err(Errno::INVALID);
        }
        if ![STACK, CORE].contains(&resource) {
            return Err(Errno::NOT_PERMITTED);
        }
    }
    if old != 0 {
        user::write_value(old, &[limit, limit])?;
    }
    Ok(0)
}

/// `getrlimit(resource, limits)`
pub(super) fn getrlimit(process: &mut Process) -> Result<u64, Errno> {
    let [resource, limits, ..] = process.arguments();
    limit(resource, 0, limits)
}

/// `setrlimit(resource, limits)`
pub(super) fn setrlimit(process: &mut Process) -> Result<u64, Errno> {
    let [resource, limits, ..] = process.arguments();
    limit(resource, limits, 0)
}
