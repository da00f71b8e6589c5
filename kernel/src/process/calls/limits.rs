//! How much of what a process may use.

use super::super::load::STACK_SIZE;
use super::super::{MOST_PROCESSES, Processes, user};
use super::Errno;

/// As much as there is.
const INFINITY: u64 = u64::MAX;

/// The resources that have a limit (Linux: include/uapi/asm-generic/resource.h);
/// the others up to `COUNT` have none.
const STACK: u64 = 3;
const CORE: u64 = 4;
const PROCESSES: u64 = 6;
const COUNT: u64 = 16;

/// `prlimit64(process, resource, new, old)`: the process itself alone. A limit of
/// the stack or of core files may be set to anything, and stays as it is: a stack
/// has its size when the program starts, and core files are not written.
pub(super) fn prlimit64(
    processes: &mut Processes,
    [process, resource, new, old, ..]: [u64; 6],
) -> Result<u64, Errno> {
    if ![0, processes.running().id].contains(&(process as u32)) {
        return Err(Errno::NO_PROCESS);
    }
    let limit = match resource {
        STACK => STACK_SIZE,
        CORE => 0,
        PROCESSES => MOST_PROCESSES as u64,
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
pub(super) fn getrlimit(
    processes: &mut Processes,
    [resource, limits, ..]: [u64; 6],
) -> Result<u64, Errno> {
    prlimit64(processes, [0, resource, 0, limits, 0, 0])
}

/// `setrlimit(resource, limits)`
pub(super) fn setrlimit(
    processes: &mut Processes,
    [resource, limits, ..]: [u64; 6],
) -> Result<u64, Errno> {
    prlimit64(processes, [0, resource, limits, 0, 0, 0])
}
