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

use core::error::Error;
use core::fmt;

use memory::Space;
use memory::space::ForkError;

use super::table::Room;
use super::{Ending, Id, KERNEL, Process, Processes, SpawnError, State, Usage};
use crate::cpu::extended;
use crate::cpu::ring3::Context;
use crate::spaces;

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

impl Processes {
    /// Adds a process that is ready to run in `space` from `context` on.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`]; the space comes back.
    #[expect(clippy::result_large_err, reason = "the space is not lost")]
    pub fn spawn(
        &mut self,
        parent: Id,
        space: Space,
        context: Context,
    ) -> Result<Id, (SpawnError, Space)> {
        let room = self.room().and_then(|room| {
            let extended = extended::State::new()?;
            Ok((room, extended))
        });
        let (room, extended) = match room {
            Ok(room) => room,
            Err(error) => return Err((error, space)),
        };
        let id = room.id;
        let leader = self.get(parent).map_or(id, |parent| parent.leader);
        let process = Process {
            id,
            parent,
            leader,
            program: "",
            state: State::Ready,
            most_frames: 0,
            used: Usage::default(),
            used_by_children: Usage::default(),
            context,
            extended,
            space: Some(space),
        };
        self.add(room, process);
        Ok(id)
    }

    /// Makes a child of the running process, with a copy of all that it has; its
    /// system call returns 0 in the child. `set_up` changes what is to differ.
    pub(super) fn fork(
        &mut self,
        set_up: impl FnOnce(Id, &mut Context, &mut Space),
    ) -> Result<Id, ForkRefusal> {
        let room = self.room()?;
        let process = self.running();
        process.extended.save();
        let extended = process.extended.try_clone().map_err(SpawnError::from)?;
        let mut space = spaces::current(Space::fork)?;
        let (id, program) = (room.id, process.program);
        let (parent, leader) = (process.id, process.leader);
        let mut context = process.context.clone();
        context.set_result(0);
        set_up(id, &mut context, &mut space);
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
        };
        self.add(room, process);
        Ok(id)
    }

    /// Makes room for one process more, also among those that are ready.
    fn room(&mut self) -> Result<Room, SpawnError> {
        let room = self.table.room()?;
        let all = self.table.len() + 1;
        self.ready.try_reserve(all - self.ready.len())?;
        Ok(room)
    }

    fn add(&mut self, room: Room, process: Process) {
        self.ready.push_back(process.id);
        self.table.add(room, process);
    }

    /// Lets a process that waits run again.
    pub(super) fn wake(&mut self, index: usize) {
        let process = &mut self.table[index];
        process.state = State::Ready;
        self.ready.push_back(process.id);
    }

    /// Lets the parent of the running process go on, if that waits since `vfork`.
    pub(super) fn release_parent(&mut self) {
        let Process { id, parent, .. } = *self.running();
        if let Some(parent) = self.table.find(parent)
            && self.table[parent].state == State::Suspended(id)
        {
            self.wake(parent);
        }
    }

    /// Ends a process. If it is the running one, that is done when the system call
    /// has been handled.
    pub(super) fn end(&mut self, index: usize, ending: Ending) {
        let Process { id, state, .. } = self.table[index];
        match state {
            State::Ended(_) => return,
            State::Ready => self.ready.retain(|ready| *ready != id),
            State::Running | State::Waiting | State::Suspended(_) => {}
        }
        self.table[index].state = State::Ended(ending);
        if index != self.running || state != State::Running {
            self.bury(index);
        }
    }

    /// Gives the memory of a process back that has ended, gives its children to
    /// the kernel, and tells its parent.
    pub(super) fn bury(&mut self, index: usize) {
        if index == self.running {
            self.load_home();
        }
        self.table[index].note_frames();
        if let Some(space) = self.table[index].space.take() {
            spaces::destroy(space);
        }
        let Process {
            id, parent, leader, ..
        } = self.table[index];
        self.orphan_children_of(index);
        if parent == KERNEL {
            // Whoever has started the first of a family asks how it ended.
            if id != leader {
                self.remove(index);
            }
        } else if let Some(parent) = self.table.find(parent) {
            let state = self.table[parent].state;
            if state == State::Waiting || state == State::Suspended(id) {
                self.wake(parent);
            }
        }
    }

    /// Gives the children of a process to the kernel, which waits for them.
    fn orphan_children_of(&mut self, index: usize) {
        let id = self.table[index].id;
        for child in (index + 1..self.table.len()).rev() {
            if self.table[child].parent == id {
                self.table[child].parent = KERNEL;
                if let State::Ended(_) = self.table[child].state {
                    self.remove(child);
                }
            }
        }
    }

    /// Takes a process out that holds no memory any more.
    pub(super) fn remove(&mut self, index: usize) {
        self.table.remove(index);
        if index < self.running {
            self.running -= 1;
        }
    }

    /// Ends all that descend from a process that the kernel has started, and takes
    /// the whole family out of the table.
    pub(super) fn end_family(&mut self, leader: Id) {
        // Children stand behind their parents, so nobody is left to be told.
        for index in (0..self.table.len()).rev() {
            let process = &mut self.table[index];
            if process.leader == leader {
                process.parent = KERNEL;
                self.end(index, Ending::Signalled(super::Signal::KILL));
            }
        }
        for index in (0..self.table.len()).rev() {
            if self.table[index].leader == leader {
                self.remove(index);
            }
        }
    }
}
