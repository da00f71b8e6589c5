//! Programs: processes with an address space of their own, in ring 3.
//!
//! | file | is |
//! |---|---|
//! | `schedule` | who runs: a loop that enters a process, handles why it left, and chooses the next |
//! | `load` | from a file to a space that its program can run in |
//! | `calls` | system calls, with Linux's numbers, arguments and errors |
//! | `user` | a process's memory, as system calls reach it |
//!
//! What must always hold: the space of the process that ran last is loaded, and
//! is not in the table; those of all others are. A process that has ended holds
//! no memory but its entry.

pub mod calls;
pub mod load;
pub mod schedule;
pub mod user;

use core::error::Error;
use core::fmt;

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use memory::Space;
use x86_64::VirtAddr;

use crate::cpu::extended;
use crate::cpu::ring3::Context;
use crate::cpu::vector::Vector;
use crate::spaces;

/// The number of a process: 1 and up.
pub type Id = u32;

/// The parent of the processes that the kernel itself has started.
pub const KERNEL: Id = 0;

/// A program that runs, or has run.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub id: Id,
    /// Who started it.
    pub parent: Id,
    /// What it does.
    pub state: State,
    /// Its registers, while it does not run.
    context: Context,
    /// Its other registers, while another process runs.
    extended: extended::State,
    /// Its memory, unless that is loaded.
    space: Option<Space>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs, or is handled because it did.
    Running,
    /// It could run.
    Ready,
    /// It has ended, and nobody asked for its status yet.
    Ended(Ending),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ended itself, with this status.
    Exited(u8),
    /// A page fault was refused.
    BadAccess(VirtAddr),
    /// It raised another exception.
    Exception(Vector),
    /// Ctrl-C was pressed while it ran in the foreground.
    Cancelled,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::BadAccess(address) => write!(f, "killed by a page fault at {address:#x}"),
            Self::Exception(vector) => write!(f, "killed by {vector}"),
            Self::Cancelled => f.write_str("killed by Ctrl-C"),
        }
    }
}

/// Why there is no new process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnError {
    /// The kernel heap has no room for its entry or its registers.
    OutOfMemory(TryReserveError),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(error) => write!(f, "no room on the heap for a process: {error}"),
        }
    }
}

impl Error for SpawnError {}

/// All processes there are.
#[derive(Debug)]
pub struct Processes {
    /// In the order in which they take turns.
    table: Vec<Process>,
    /// The index of the one that ran last; its space is loaded, if it has one.
    running: usize,
    /// The space that was loaded when the first process was, if one is loaded now.
    home: Option<Space>,
    /// The number of the next process.
    next: Id,
    /// System calls that do not exist, by number.
    unknown: calls::Unknown,
}

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}

impl Processes {
    /// No process.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            table: Vec::new(),
            running: 0,
            home: None,
            next: KERNEL + 1,
            unknown: calls::Unknown::new(),
        }
    }

    /// Adds a process that is ready to run in `space` from `context` on.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`]; the space comes back.
    pub fn spawn(
        &mut self,
        parent: Id,
        space: Space,
        context: Context,
    ) -> Result<Id, (SpawnError, Space)> {
        match extended::State::new() {
            Ok(extended) => self.add(parent, space, context, extended),
            Err(error) => Err((SpawnError::OutOfMemory(error), space)),
        }
    }

    fn add(
        &mut self,
        parent: Id,
        space: Space,
        context: Context,
        extended: extended::State,
    ) -> Result<Id, (SpawnError, Space)> {
        if let Err(error) = self.table.try_reserve(1) {
            return Err((SpawnError::OutOfMemory(error), space));
        }
        let id = self.next;
        self.next += 1;
        self.table.push(Process {
            id,
            parent,
            state: State::Ready,
            context,
            extended,
            space: Some(space),
        });
        Ok(id)
    }

    /// The process that runs, or ran last.
    #[inline]
    fn running(&mut self) -> &mut Process {
        &mut self.table[self.running]
    }

    /// The process with this number.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Process> {
        self.table.iter().find(|process| process.id == id)
    }

    fn index_of(&self, id: Id) -> Option<usize> {
        self.table.iter().position(|process| process.id == id)
    }

    /// Takes a process out that holds no memory any more.
    fn remove(&mut self, index: usize) {
        self.table.remove(index);
        if index < self.running {
            self.running -= 1;
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.table.iter()
    }

    /// The spaces of all that are not loaded, and the one that was before the
    /// processes: what an audit has to know.
    pub fn spaces(&self) -> impl Iterator<Item = &Space> + Clone {
        let kept = self
            .table
            .iter()
            .filter_map(|process| process.space.as_ref());
        kept.chain(&self.home)
    }

    /// How often a system call was made that does not exist, by number.
    #[must_use]
    pub const fn unknown_calls(&self) -> &calls::Unknown {
        &self.unknown
    }
}

impl Drop for Processes {
    /// Ends all of them; what was loaded before the first is loaded again.
    fn drop(&mut self) {
        self.load_home();
        for space in self
            .table
            .iter_mut()
            .filter_map(|process| process.space.take())
        {
            spaces::destroy(space);
        }
    }
}
