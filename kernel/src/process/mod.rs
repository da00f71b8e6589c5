//! Programs: processes with an address space of their own, in ring 3.
//!
//! | file | is |
//! |---|---|
//! | `schedule` | who runs: a loop that enters a process, handles why it left, and chooses the next |
//! | `calls` | system calls, with Linux's numbers, arguments and errors |
//! | `user` | a process's memory, as system calls reach it |
//!
//! What must always hold: the process that runs is not in the table, but in the
//! hands of the loop, and its place stays free. The space of the one that ran last
//! is loaded, and those of all others are kept in the table. A process that has
//! ended holds no memory but its entry.

pub mod calls;
pub mod schedule;
pub mod user;

use core::error::Error;
use core::fmt;

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
pub use calls::Heap;
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
    /// Where its heap lies in that.
    heap: Heap,
}

impl Process {
    /// What it passed to the system call that it makes.
    const fn arguments(&self) -> [u64; 6] {
        self.context.arguments()
    }
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
    /// In the order in which they take turns. One that has gone leaves its place.
    table: Vec<Option<Process>>,
    /// The place of the one that runs, or ran last.
    running: usize,
    /// The space that was loaded before the processes, while one of theirs is: that
    /// of the one that runs, or ran last.
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

    /// Adds a process that is ready to run in `space` from `context` on, with an
    /// empty heap there.
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
        match self.prepare() {
            Ok((index, extended)) => {
                let id = self.next;
                self.next += 1;
                self.table[index] = Some(Process {
                    id,
                    parent,
                    state: State::Ready,
                    context,
                    extended,
                    space: Some(space),
                    heap,
                });
                Ok(id)
            }
            Err(error) => {
                spaces::destroy(space);
                Err(SpawnError::OutOfMemory(error))
            }
        }
    }

    /// What a new process needs: a place, and registers.
    fn prepare(&mut self) -> Result<(usize, extended::State), TryReserveError> {
        Ok((self.free_place()?, extended::State::new()?))
    }

    /// A place that nobody has, or will come back to.
    fn free_place(&mut self) -> Result<usize, TryReserveError> {
        let mut places = self.table.iter().enumerate();
        let free = places.find(|(index, place)| place.is_none() && *index != self.running);
        if let Some((index, _)) = free {
            return Ok(index);
        }
        self.table.try_reserve(1)?;
        self.table.push(None);
        Ok(self.table.len() - 1)
    }

    /// The process with this number.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Process> {
        self.iter().find(|process| process.id == id)
    }

    fn index_of(&self, id: Id) -> Option<usize> {
        let is_it = |place: &Option<Process>| place.as_ref().is_some_and(|it| it.id == id);
        self.table.iter().position(is_it)
    }

    /// All of them but the one that runs.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.table.iter().flatten()
    }

    /// The spaces of all that are not loaded, and the one that was before the
    /// processes: what an audit has to know.
    pub fn spaces(&self) -> impl Iterator<Item = &Space> {
        let kept = self.iter().filter_map(|process| process.space.as_ref());
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
        let processes = self.table.iter_mut().flatten();
        for space in processes.filter_map(|process| process.space.take()) {
            spaces::destroy(space);
        }
    }
}
