//! The life of a process: it becomes two, ends, waits for a child's end, and ends
//! another.

use memory::Space;
use x86_64::VirtAddr;

use super::super::family::ForkRefusal;
use super::super::{Ending, Id, Processes, Signal, State, Usage, user};
use super::Errno;
use crate::cpu::ring3::{Context, END};
use crate::spaces;

impl From<ForkRefusal> for Errno {
    fn from(refusal: ForkRefusal) -> Self {
        match refusal {
            ForkRefusal::Process(_) => Self::TRY_AGAIN,
            ForkRefusal::Space(_) => Self::NO_MEMORY,
        }
    }
}

/// `fork()`: the number of the child, and 0 in the child.
pub(super) fn fork(processes: &mut Processes) -> Result<u64, Errno> {
    let child = processes.fork(|_, _, _| ())?;
    Ok(u64::from(child))
}

/// `vfork()`: the same, and the parent waits until the child has ended or runs
/// another program. What the child writes meanwhile, its parent does not see.
pub(super) fn vfork(processes: &mut Processes) -> Result<u64, Errno> {
    let child = processes.fork(|_, _, _| ())?;
    processes.running().state = State::Suspended(child);
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
pub(super) fn clone(
    processes: &mut Processes,
    [flags, stack, parent_tid, child_tid, ..]: [u64; 6],
) -> Result<u64, Errno> {
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
    let child = processes.fork(set_up)?;
    if is(flag::PARENT_SETTID) {
        // Nor is it here.
        let _ = user::write_value(parent_tid, &child);
    }
    if is(flag::VFORK) {
        processes.running().state = State::Suspended(child);
    }
    Ok(u64::from(child))
}

/// `exit(status)` and `exit_group(status)`: does not return to the program.
pub(super) fn exit(processes: &mut Processes, [status, ..]: [u64; 6]) -> Result<u64, Errno> {
    processes.running().state = State::Ended(Ending::Exited(status as u8));
    Ok(0)
}

/// Options of `wait4`: do not wait; and what makes no difference, since no
/// process is ever stopped and none has threads.
const NO_HANG: u64 = 1;
const OPTIONS: u64 = NO_HANG | 2 | 8 | 0x2000_0000 | 0x4000_0000;

/// `wait4(process, status, options, usage)`: the number of a child that has
/// ended, which is gone then. -1 is any child, another number below 1 any in
/// that process group.
pub(super) fn wait4(
    processes: &mut Processes,
    [wanted, status, options, usage, ..]: [u64; 6],
) -> Result<u64, Errno> {
    let options = options & u64::from(u32::MAX);
    if options & !OPTIONS != 0 {
        return Err(Errno::INVALID);
    }
    let (parent, group) = (processes.running().id, processes.running().leader);
    let is_wanted = |child: Id| match wanted as i32 {
        -1 | 0 => true,
        one @ 1.. => one.cast_unsigned() == child,
        other => other.unsigned_abs() == group,
    };
    let Some((index, ending)) = processes.child_of(parent, is_wanted)? else {
        if options & NO_HANG != 0 {
            return Ok(0);
        }
        let process = processes.running();
        process.state = State::Waiting;
        return Ok(process.context.call_again());
    };
    let Reaped { id, used } = processes.reap(index);
    if status != 0 {
        user::write_value(status, &ending.status_word())?;
    }
    if usage != 0 {
        super::usage::write(usage, used)?;
    }
    Ok(u64::from(id))
}

/// A child that is gone.
struct Reaped {
    id: Id,
    used: Usage,
}

impl Processes {
    /// The first child that is wanted and has ended; `None` if one is wanted that
    /// has not.
    fn child_of(
        &self,
        parent: Id,
        is_wanted: impl Fn(Id) -> bool,
    ) -> Result<Option<(usize, Ending)>, Errno> {
        let mut is_one = false;
        // Children stand behind their parents.
        for index in self.running + 1..self.table.len() {
            let process = &self.table[index];
            if process.parent == parent && is_wanted(process.id) {
                if let State::Ended(ending) = process.state {
                    return Ok(Some((index, ending)));
                }
                is_one = true;
            }
        }
        if is_one {
            Ok(None)
        } else {
            Err(Errno::NO_CHILD)
        }
    }

    /// Takes out a child of the running process that has ended.
    fn reap(&mut self, index: usize) -> Reaped {
        let child = &self.table[index];
        let id = child.id;
        let mut used = child.used;
        used += child.used_by_children;
        self.remove(index);
        self.running().used_by_children += used;
        Reaped { id, used }
    }
}

/// `kill(process, signal)`, with a signal that ends a process, or 0, which asks
/// whether the process is there. Process groups cannot be named.
pub(super) fn kill(
    processes: &mut Processes,
    [process, signal, ..]: [u64; 6],
) -> Result<u64, Errno> {
    let id = u32::try_from(process as i32).map_err(|_| Errno::NO_PROCESS)?;
    let index = processes.table.find(id).ok_or(Errno::NO_PROCESS)?;
    if signal as u32 != 0 {
        let signal = Signal::new(signal & u64::from(u32::MAX)).ok_or(Errno::INVALID)?;
        processes.end(index, Ending::Signalled(signal));
    }
    Ok(0)
}

/// `tkill(thread, signal)`: a process has one thread, which has its number.
pub(super) fn tkill(processes: &mut Processes, arguments: [u64; 6]) -> Result<u64, Errno> {
    kill(processes, arguments)
}

/// `tgkill(process, thread, signal)`
pub(super) fn tgkill(
    processes: &mut Processes,
    [process, thread, signal, ..]: [u64; 6],
) -> Result<u64, Errno> {
    if process as u32 != thread as u32 {
        return Err(Errno::NO_PROCESS);
    }
    kill(processes, [process, signal, 0, 0, 0, 0])
}
