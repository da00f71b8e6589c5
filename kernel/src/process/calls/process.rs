//! The turn of a process, its segments, and what it says about itself.

use x86_64::VirtAddr;

use super::super::{Process, State, user};
use super::Errno;
use crate::cpu::ring3::END;

/// `sched_yield()`: the others first.
pub(super) fn sched_yield(process: &mut Process) -> Result<u64, Errno> {
    process.state = State::Ready;
    Ok(0)
}

/// `prctl(operation, ...)`: a name for the process, which nobody asks for, and no
/// large pages, of which the kernel gives it none unless they cost nothing.
pub(super) fn prctl(process: &mut Process) -> Result<u64, Errno> {
    const SET_NAME: u64 = 15;
    const DISABLE_LARGE_PAGES: u64 = 41;
    match process.arguments() {
        [SET_NAME | DISABLE_LARGE_PAGES, ..] => Ok(0),
        _ => Err(Errno::INVALID),
    }
}

/// What `arch_prctl` does (Linux: arch/x86/include/uapi/asm/prctl.h).
const SET_GS: u64 = 0x1001;
const SET_FS: u64 = 0x1002;
const GET_FS: u64 = 0x1003;
const GET_GS: u64 = 0x1004;

/// `arch_prctl(operation, address)`: says or asks where FS or GS begins.
#[inline(never)]
pub(super) fn arch_prctl(process: &mut Process) -> Result<u64, Errno> {
    let [operation, address, ..] = process.arguments();
    let context = &mut process.context;
    let base = match operation {
        SET_FS | GET_FS => &mut context.fs_base,
        SET_GS | GET_GS => &mut context.gs_base,
        _ => return Err(Errno::INVALID),
    };
    if matches!(operation, GET_FS | GET_GS) {
        user::write_value(address, &base.as_u64())?;
    } else if address < END {
        *base = VirtAddr::new(address);
        context.load_bases();
    } else {
        return Err(Errno::NOT_PERMITTED);
    }
    Ok(0)
}
