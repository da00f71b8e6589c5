//! Programs: processes with an address space of their own, in ring 3.
//!
//! | file | is |
//! |---|---|
//! | `table` | the processes by number, and how many there may be |
//! | `schedule` | who runs: a loop that enters a process, handles why it left, and chooses the next |
//! | `descriptors` | the open files of a process, by number |
//! | `open_file` | an open file: what it is, and where it is read next |
//! | `pipe` | bytes from one open file to another |
//! | `shared_memory` | an object that is open, with a size in bytes |
//! | `terminal` | the console as a terminal: its modes, and what was typed |
//! | `truncate` | shared memory that becomes shorter |
//! | `reading` | pages that processes wait for while others run |
//! | `load` | from a file to a space that its program can run in |
//! | `family` | a process becomes two, or ends; who is told |
//! | `signal` | how a process ends, and what Linux calls that |
//! | `usage` | the page faults of a process |
//! | `calls` | system calls, with Linux's numbers, arguments and errors |
//! | `user` | a process's memory, as system calls reach it |
//! | `watch` | who looks on while processes run |
//! | `assembled` | programs of a few instructions, for tests and benchmarks |
//!
//! What must always hold: the process that runs is not in the table, but in the
//! hands of the loop, and its place stays free. The space of the one that ran last
//! is loaded, and those of all others are kept in the table. A process that has
//! ended holds no memory but its entry.

mod assembled;
pub mod calls;
pub mod descriptors;
mod family;
pub mod load;
pub mod open_file;
pub mod pipe;
mod reading;
pub mod schedule;
pub mod shared_memory;
mod signal;
mod table;
mod terminal;
mod truncate;
mod usage;
pub mod user;
pub mod watch;

use alloc::collections::VecDeque;
use memory::{Fault, Outcome, Space};

pub use calls::Heap;
pub use calls::trace::Trace;
pub use family::ForkRefusal;
pub use signal::{Ending, Signal};
pub use table::{MOST_PROCESSES, SpawnError};
pub use usage::{Counts, Usage};

use crate::cpu::extended;
use crate::cpu::ring3::Context;
use crate::fault::Reason;
use crate::spaces::{self, Parked};
use descriptors::Descriptors;
use reading::Reads;
use table::Table;
use terminal::Terminal;

/// The number of a process: 1 and up.
pub type Id = u32;

/// The parent of the processes that the kernel itself has started, and of those
/// whose parent has ended.
pub const KERNEL: Id = 0;

/// A program that runs, or has run.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub id: Id,
    /// Who started it.
    pub parent: Id,
    /// The process that the kernel has started and that this one descends from:
    /// what Linux calls its session and its process group.
    pub leader: Id,
    /// The name of the file that its program is in; empty for one without.
    pub program: &'static str,
    /// What it does.
    pub state: State,
    /// The most frames that it held at once, in the spaces that it had before.
    most_frames: u64,
    /// Its page faults, up to when it was loaded last.
    used: Usage,
    /// Those of the children that it has waited for, and of theirs.
    used_by_children: Usage,
    /// Its registers, while it does not run.
    context: Context,
    /// Its other registers, while another process runs.
    extended: extended::State,
    /// Its memory, unless that is loaded.
    space: Option<Parked>,
    /// Where its heap lies in that.
    heap: Heap,
    /// Its open files.
    pub descriptors: Descriptors,
    /// A page that it waited for could not be read, and why.
    unread: Option<(Fault, Reason)>,
    /// What the call that it makes has done, if it makes it again.
    again: calls::Again,
}

impl Process {
    /// The number of the system call that it makes, and what that has returned
    /// when it was made.
    #[must_use]
    pub const fn call(&self) -> u64 {
        self.context.call()
    }

    /// What it passed to the system call that it makes.
    const fn arguments(&self) -> [u64; 6] {
        self.context.arguments()
    }

    const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Its page faults, up to when it was loaded last.
    #[must_use]
    pub const fn used(&self) -> Usage {
        self.used
    }

    /// Its memory, unless that is loaded, or the process has ended.
    #[must_use]
    pub const fn space(&self) -> Option<&Parked> {
        self.space.as_ref()
    }

    /// The frames that it holds, private and shared, unless it is loaded.
    #[must_use]
    pub fn frames(&self) -> u64 {
        let space = self.space.as_ref();
        space.map_or(0, |space| space.look(|space| space.resident_frames()))
    }

    /// Ends a space that it had, and notes how many frames that held at most.
    pub(in crate::process) fn leave(&mut self, space: Space) {
        self.most_frames = self.most_frames.max(space.most_resident_frames());
        spaces::destroy(space);
    }
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs, or is handled because it did.
    Running,
    /// It could run.
    Ready,
    /// It waits for a child to end.
    Waiting,
    /// It waits for a page that is read.
    Reading,
    /// It waits until this child of its `vfork` has ended or runs another program.
    Suspended(Id),
    /// It has ended, and nobody asked for its status yet.
    Ended(Ending),
}

/// What became of a program that ran in the foreground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How it ended.
    pub ending: Ending,
    /// Its page faults.
    pub used: Usage,
    /// The same, and those that were refused, by outcome. One that waited for a page
    /// of a file came twice.
    pub by_outcome: Counts,
    /// The most frames that it held at once, private and shared. Its children are
    /// not counted.
    pub most_frames: u64,
}

/// All processes there are.
#[derive(Debug)]
pub struct Processes {
    table: Table,
    /// Those that are ready, in the order in which they take turns.
    ready: VecDeque<Id>,
    /// The one that runs, or ran last.
    running: Id,
    /// The space that was loaded before the processes, while one of theirs is: that
    /// of the one that runs, or ran last.
    home: Option<Parked>,
    /// The faults there had been when that was loaded.
    faults: usage::Reading,
    /// The one that was started to be waited for, and its faults.
    foreground: Id,
    by_outcome: Counts,
    /// Whether Ctrl-Z has stopped it.
    is_stopped: bool,
    /// System calls that do not exist, by number.
    unknown: calls::Unknown,
    /// What was typed for them, and how they want it.
    terminal: Terminal,
    /// What is read for them.
    reads: Reads,
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
            table: Table::new(),
            ready: VecDeque::new(),
            running: KERNEL,
            home: None,
            faults: usage::Reading::NONE,
            foreground: KERNEL,
            by_outcome: [0; Outcome::COUNT],
            is_stopped: false,
            unknown: calls::Unknown::new(),
            terminal: Terminal::new(),
            reads: Reads::new(),
        }
    }

    /// The process with this number, unless it runs.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Process> {
        self.table.get(id)
    }

    /// All of them but the one that runs.
    pub fn iter(&self) -> impl Iterator<Item = &Process> + Clone {
        self.table.iter()
    }

    /// The process that Ctrl-Z has stopped.
    #[must_use]
    pub fn stopped(&self) -> Option<Id> {
        self.is_stopped.then_some(self.foreground)
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
        let processes = self.table.iter_mut();
        for space in processes.filter_map(|process| process.space.take()) {
            spaces::destroy(space.unpark());
        }
    }
}
