//! A process becomes two, or ends; and who is told.
//!
//! ```text
//!             fork                end                  wait4
//!   parent ─────────> child ─────────────> zombie ──────────────> gone
//!                       │ its children                ^
//!                       └──────────────> the kernel's │ at once
//!                                        when they end┘
//! ```
//!
//! What must always hold: a process's parent is there, or is the kernel. A zombie
//! has a parent that may wait for it, or is one that the kernel has started.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;

use memory::Space;
use memory::space::ForkError;

use super::calls::Again;
use super::descriptors::Descriptors;
use super::table::Room;
use super::{Ending, Heap, Id, KERNEL, Process, Processes, SpawnError, State, Usage};
use crate::cpu::extended;
use crate::cpu::ring3::Context;
use crate::spaces::{self, Parked};
use crate::swap;

/// Frames that a fork leaves free, if pages can go to slots: without one for a first
/// copy, none of the pages that both share could ever go.
const FOR_COPIES: u64 = 32;

/// Why a process has not become two. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkRefusal {
    /// There is no room for its entry.
    Process(SpawnError),
    /// Its memory cannot be shared.
    Space(ForkError),
}

impl fmt::Display for ForkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(error) => error.fmt(f),
            Self::Space(error) => error.fmt(f),
        }
    }
}

impl Error for ForkRefusal {}

impl From<SpawnError> for ForkRefusal {
    fn from(error: SpawnError) -> Self {
        Self::Process(error)
    }
}

impl From<ForkError> for ForkRefusal {
    fn from(error: ForkError) -> Self {
        Self::Space(error)
    }
}

/// Where a process comes from, and what it has from there.
struct Origin {
    parent: Id,
    leader: Id,
    program: &'static str,
    descriptors: Descriptors,
    heap: Heap,
}

impl Processes {
    /// Adds a process that is ready to run in `space` from `context` on, with this
    /// heap there.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`]; the space is destroyed then.
    pub fn spawn(
        &mut self,
        parent: Id,
        space: Space,
        context: Context,
        heap: Heap,
    ) -> Result<Id, SpawnError> {
        let prepared = self.prepare().and_then(|prepared| {
            let descriptors = Descriptors::standard()?;
            Ok((prepared, descriptors))
        });
        match prepared {
            Ok(((room, place, extended), descriptors)) => {
                let leader = self.get(parent).map_or(room.id, |parent| parent.leader);
                let origin = Origin {
                    parent,
                    leader,
                    program: "",
                    descriptors,
                    heap,
                };
                Ok(self.add(room, origin, (context, extended, place.park(space))))
            }
            Err(error) => {
                spaces::destroy(space);
                Err(error)
            }
        }
    }

    /// Makes a child of the process that runs, with a copy of all that it has; its
    /// system call returns 0 in the child. `set_up` changes what is to differ.
    pub(super) fn fork(
        &mut self,
        process: &mut Process,
        set_up: impl FnOnce(Id, &mut Context, &mut Space),
    ) -> Result<Id, ForkRefusal> {
        let (room, place, mut extended) = self.prepare()?;
        let descriptors = process.descriptors.fork().map_err(SpawnError::from)?;
        make_room_for_copies();
        let mut space = spaces::current(Space::fork)?;
        // The processor has them.
        extended.save();
        let mut context = process.context.clone();
        context.set_result(0);
        set_up(room.id, &mut context, &mut space);
        let origin = Origin {
            parent: process.id,
            leader: process.leader,
            program: process.program,
            descriptors,
            heap: process.heap,
        };
        Ok(self.add(room, origin, (context, extended, place.park(space))))
    }

    /// What a new process needs: a place, also among those that are ready, one for its
    /// space, and registers.
    fn prepare(&mut self) -> Result<(Room, spaces::Room, extended::State), SpawnError> {
        let room = self.table.room()?;
        let all = self.table.len() + 1;
        self.ready.try_reserve(all - self.ready.len())?;
        Ok((room, spaces::Room::new()?, extended::State::new()?))
    }

    fn add(
        &mut self,
        room: Room,
        Origin {
            parent,
            leader,
            program,
            descriptors,
            heap,
        }: Origin,
        (context, extended, space): (Context, extended::State, Parked),
    ) -> Id {
        let id = room.id;
        self.ready.push_back(id);
        let process = Process {
            id,
            parent,
            leader,
            program,
            state: State::Ready,
            most_frames: 0,
            used: Usage::default(),
            used_by_children: Usage::default(),
            context,
            extended,
            space: Some(space),
            descriptors,
            heap,
            unread: None,
            again: Again::default(),
        };
        self.table.add(room, process);
        id
    }

    /// Lets the parent of a process go on, if that waits since `vfork`.
    pub(super) fn release_parent(&mut self, process: &Process) {
        self.wake_if(process.parent, |state| {
            state == State::Suspended(process.id)
        });
    }

    fn wake_if(&mut self, id: Id, is_waiting: impl FnOnce(State) -> bool) {
        if let Some(process) = self.table.get_mut(id)
            && is_waiting(process.state)
        {
            process.state = State::Ready;
            self.ready.push_back(id);
        }
    }

    /// Ends a process that does not run.
    pub(super) fn end(&mut self, id: Id, ending: Ending) {
        let Some(process) = self.table.get_mut(id) else {
            return;
        };
        if process.has_ended() {
            return;
        }
        if process.state == State::Ready {
            self.ready.retain(|ready| *ready != id);
        }
        process.state = State::Ended(ending);
        if let Some(process) = self.table.take(id) {
            self.bury(process);
        }
    }

    /// Gives the memory of a process back that has ended, and that is not in its
    /// place, closes its files, gives its children to the kernel, and tells its parent.
    pub(super) fn bury(&mut self, mut process: Box<Process>) {
        self.load_home_for(&mut process);
        process.descriptors = Descriptors::none();
        if let Some(space) = process.space.take() {
            process.leave(space.unpark());
        }
        let Process {
            id, parent, leader, ..
        } = *process;
        self.table.put(process);
        self.orphan_children_of(id);
        // Whoever has started the first of a family asks how it ended.
        if parent == KERNEL && id != leader {
            self.table.remove(id);
        }
        let is_waiting = |state| state == State::Waiting || state == State::Suspended(id);
        self.wake_if(parent, is_waiting);
    }

    /// Gives the children of a process to the kernel, which waits for them.
    fn orphan_children_of(&mut self, id: Id) {
        let mut has_ended = false;
        for child in self.table.children_mut(id) {
            child.parent = KERNEL;
            has_ended |= child.has_ended();
        }
        if has_ended {
            let is_gone = |process: &Process| {
                process.has_ended() && process.parent == KERNEL && process.id != process.leader
            };
            self.table.remove_all(is_gone);
        }
    }

    /// Ends all that descend from a process that the kernel has started, and takes
    /// the whole family out of the table.
    pub(super) fn end_family(&mut self, leader: Id) {
        let processes = self.table.iter_mut();
        let family = processes.filter(|process| process.leader == leader);
        for space in family.filter_map(|process| process.space.take()) {
            spaces::destroy(space.unpark());
        }
        let table = &self.table;
        self.ready.retain(|id| {
            table
                .get(*id)
                .is_none_or(|process| process.leader != leader)
        });
        self.table.remove_all(|process| process.leader == leader);
    }
}

/// Makes frames free for the fork of the space that is loaded, as many as it takes for
/// tables and [`FOR_COPIES`]. Afterwards it would be too late: its pages are shared.
fn make_room_for_copies() {
    let memory = spaces::memory();
    if memory.slots().total == 0 {
        return;
    }
    let mut wanted = FOR_COPIES;
    spaces::current(|space, _| space.tables(|_| wanted += 1));
    let available = memory.counts().available();
    if available < wanted {
        swap::evict(wanted - available);
    }
}
