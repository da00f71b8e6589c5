//! The life of a process: it becomes two, ends, waits for a child's end, and ends
//! another.

use memory::Space;
use x86_64::VirtAddr;

use super::super::family::ForkRefusal;
use super::super::{Ending, Id, KERNEL, Process, Processes, Signal, SpawnError, State, user};
use super::Errno;
use crate::cpu::ring3::{Context, END};
use crate::spaces;

impl From<ForkRefusal> for Errno {
    fn from(refusal: ForkRefusal) -> Self {
        match refusal {
            ForkRefusal::Process(SpawnError::TooMany) => Self::TRY_AGAIN,
            ForkRefusal::Process(SpawnError::OutOfMemory(_)) | ForkRefusal::Space(_) => {
                Self::NO_MEMORY
            }
        }
    }
}

/// `fork()`: the number of the child, and 0 in the child.
pub(super) fn fork(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let child = others.fork(process, |_, _, _| ())?;
    Ok(u64::from(child))
}

/// `vfork()`: the same, and the parent waits until the child has ended or runs
/// another program. What the child writes meanwhile, its parent does not see.
pub(super) fn vfork(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let child = others.fork(process, |_, _, _| ())?;
    process.state = State::Suspended(child);
    Ok(u64::from(child))
}

/// Flags of `clone` (Linux: include/uapi/linux/sched.h). The lowest byte is the
/// signal that the parent gets when the child ends: nobody is told, but it must
/// be the one that makes the child one to wait for.
mod flag {
    pub(super) const SIGNAL: u64 = 0xff;
    pub(super) const CHILD_ENDED: u64 = 17;
    pub(super) const VM: u64 = 0x100;
    pub(super) const VFORK: u64 = 0x4000;
    pub(super) const PARENT_SETTID: u64 = 0x10_0000;
    pub(super) const CHILD_CLEARTID: u64 = 0x20_0000;
    pub(super) const CHILD_SETTID: u64 = 0x100_0000;
    pub(super) const KNOWN: u64 =
        SIGNAL | VM | VFORK | PARENT_SETTID | CHILD_CLEARTID | CHILD_SETTID;
}

/// `clone(flags, stack, parent_tid, child_tid, tls)`, as far as it is a fork: a
/// child on a stack of its own if one is named, whose number is written where
/// that is wanted. Memory is shared only by a child that its parent waits for,
/// and then it is copied, as in `vfork`. Nobody waits for a number to be cleared.
pub(super) fn clone(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [flags, stack, parent_tid, child_tid, ..] = process.arguments();
    let is = |flag| flags & flag != 0;
    let is_fork = flags & !flag::KNOWN == 0
        && flags & flag::SIGNAL == flag::CHILD_ENDED
        && (is(flag::VFORK) || !is(flag::VM))
        && stack < END;
    if !is_fork {
        return Err(Errno::INVALID);
    }
    let set_up = |id: Id, context: &mut Context, space: &mut Space| {
        if stack != 0 {
            context.set_stack(VirtAddr::new(stack));
        }
        if is(flag::CHILD_SETTID) && child_tid < END {
            // As in Linux, a bad address is no error.
            let to = VirtAddr::new(child_tid);
            let _ = space.write(to, &id.to_le_bytes(), spaces::memory());
        }
    };
    let child = others.fork(process, set_up)?;
    if is(flag::PARENT_SETTID) {
        // Nor is it here.
        let _ = user::write_value(parent_tid, &child);
    }
    if is(flag::VFORK) {
        process.state = State::Suspended(child);
    }
    Ok(u64::from(child))
}

/// `exit(status)` and `exit_group(status)`: does not return to the program.
pub(super) fn exit(process: &mut Process) -> Result<u64, Errno> {
    let [status, ..] = process.arguments();
    process.state = State::Ended(Ending::Exited(status as u8));
    Ok(0)
}

/// Options of `wait4`: do not wait; and what makes no difference, since no
/// process is ever stopped and none has threads.
const NO_HANG: u64 = 1;
const OPTIONS: u64 = NO_HANG | 2 | 8 | 0x2000_0000 | 0x4000_0000;

/// `wait4(process, status, options, usage)`: the number of a child that has
/// ended, which is gone then. -1 is any child, another number below 1 any in
/// that process group.
pub(super) fn wait4(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [wanted, status, options, usage, ..] = process.arguments();
    let options = options & u64::from(u32::MAX);
    if options & !OPTIONS != 0 {
        return Err(Errno::INVALID);
    }
    let group = process.leader;
    let is_wanted = |child: &&Process| match wanted as i32 {
        -1 | 0 => true,
        one @ 1.. => one.cast_unsigned() == child.id,
        other => other.unsigned_abs() == group,
    };
    let mut is_one = false;
    let mut children = others.table.children(process.id).filter(is_wanted);
    let ended = children.find_map(|child| {
        is_one = true;
        let State::Ended(ending) = child.state else {
            return None;
        };
        Some((child.id, ending, child.used + child.used_by_children))
    });
    drop(children);
    let Some((child, ending, used)) = ended else {
        if !is_one {
            return Err(Errno::NO_CHILD);
        }
        if options & NO_HANG != 0 {
            return Ok(0);
        }
        process.state = State::Waiting;
        return Ok(process.context.call_again());
    };
    others.table.remove(child);
    process.used_by_children += used;
    if status != 0 {
        user::write_value(status, &ending.status_word())?;
    }
    if usage != 0 {
        super::usage::write(usage, used)?;
    }
    Ok(u64::from(child))
}

/// `kill(process, signal)`, with a signal that ends a process, or 0, which asks
/// whether the process is there. Process groups cannot be named. And
/// `tkill(thread, signal)`: a process has one thread, which has its number.
pub(super) fn kill(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [id, signal, ..] = process.arguments();
    send(process, others, id, signal)
}

/// `tgkill(process, thread, signal)`
pub(super) fn tgkill(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [id, thread, signal, ..] = process.arguments();
    if id as u32 != thread as u32 {
        return Err(Errno::NO_PROCESS);
    }
    send(process, others, id, signal)
}

fn send(process: &mut Process, others: &mut Processes, id: u64, signal: u64) -> Result<u64, Errno> {
    let id = id as u32;
    if id != process.id && others.get(id).is_none() {
        return Err(Errno::NO_PROCESS);
    }
    let signal = signal & u64::from(u32::MAX);
    if signal == 0 {
        return Ok(0);
    }
    let ending = Ending::Signalled(Signal::new(signal).ok_or(Errno::INVALID)?);
    if id == process.id {
        process.state = State::Ended(ending);
    } else {
        others.end(id, ending);
        // It is not in its place, where the orphans were looked for.
        if process.parent == id {
            process.parent = KERNEL;
        }
    }
    Ok(0)
}
