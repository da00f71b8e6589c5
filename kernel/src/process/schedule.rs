//! Who runs: a process after the other, each until it leaves ring 3 for something
//! that is not done at once.
//!
//! ```text
//!   choose ─> load ─> enter ─> handle ─ still running ─┐
//!     ^                 ^                              │
//!     │                 └──────────────────────────────┤
//!     └────────────────── ready or ended ──────────────┘
//! ```
//!
//! Ready processes take turns (round robin); a turn is over at the next interrupt
//! of the timer. Space, segments and extended registers are loaded only when
//! another process runs than the last one.

use super::{Ending, Id, Process, Processes, State, calls};
use memory::Space;

use crate::console::input;
use crate::cpu::ring3::{Left, enter};
use crate::interrupts::pit;
use crate::{report, spaces};

impl Processes {
    /// Runs the processes, until the one in the foreground has ended, and takes
    /// that out of the table. Ctrl-C ends it. What was loaded before is loaded
    /// again in the end. `None` if there is no such process.
    pub fn run(&mut self, foreground: Id) -> Option<Ending> {
        pit::start();
        let ending = self.run_until_ended(foreground);
        pit::stop();
        self.load_home();
        let index = self.index_of(foreground)?;
        self.remove(index);
        ending
    }

    fn run_until_ended(&mut self, foreground: Id) -> Option<Ending> {
        loop {
            if let State::Ended(ending) = self.get(foreground)?.state {
                return Some(ending);
            }
            let next = self.choose()?;
            self.load(next);
            self.turn(foreground);
        }
    }

    /// The next process that could run, after the one that ran last.
    fn choose(&self) -> Option<usize> {
        let count = self.table.len();
        (1..=count)
            .map(|step| (self.running + step) % count)
            .find(|&index| self.table[index].state == State::Ready)
    }

    /// Lets the process that is loaded run, until it does not any more.
    fn turn(&mut self, foreground: Id) {
        loop {
            match enter(&mut self.running().context) {
                Left::SystemCall => calls::call(self),
                Left::Timer => {
                    self.running().state = State::Ready;
                    if input::check().is_err() {
                        self.cancel(foreground);
                    }
                }
                Left::PageFault(fault) => self.kill(Ending::BadAccess(fault.address)),
                Left::Exception(vector) => self.kill(Ending::Exception(vector)),
            }
            match self.running().state {
                State::Running => {}
                State::Ready => return,
                State::Ended(_) => return self.give_back(self.running),
            }
        }
    }

    /// Reports why the running process cannot go on, and ends it.
    fn kill(&mut self, ending: Ending) {
        let process = self.running();
        let name = format_args!("process {} is killed", process.id);
        report::program(process.context.registers(), name);
        process.state = State::Ended(ending);
    }

    /// Ends the process in the foreground because of Ctrl-C.
    fn cancel(&mut self, foreground: Id) {
        if let Some(index) = self.index_of(foreground) {
            self.table[index].state = State::Ended(Ending::Cancelled);
            if index != self.running {
                self.give_back(index);
            }
        }
    }

    /// Makes the process at `index` the running one: its space, its segments and
    /// its extended registers.
    fn load(&mut self, index: usize) {
        // The one that is loaded has no space in the table.
        if let Some(space) = self.table[index].space.take() {
            let before = spaces::load(space);
            if self.home.is_none() {
                self.home = Some(before);
            } else {
                self.running().keep(before);
            }
            self.running = index;
            let process = self.running();
            process.extended.load();
            process.context.load_segments();
        }
        self.running().state = State::Running;
    }

    /// Loads what was loaded before the processes, if one of them is loaded now.
    pub(super) fn load_home(&mut self) {
        if let Some(home) = self.home.take() {
            let before = spaces::load(home);
            self.running().keep(before);
        }
    }

    /// Gives the memory of a process back that has ended.
    fn give_back(&mut self, index: usize) {
        if index == self.running {
            self.load_home();
        }
        if let Some(space) = self.table[index].space.take() {
            spaces::destroy(space);
        }
    }
}

impl Process {
    /// Keeps what it had in the machine, now that something else is loaded.
    fn keep(&mut self, space: Space) {
        self.extended.save();
        self.space = Some(space);
    }

    /// Ends it.
    pub(super) fn end(&mut self, ending: Ending) {
        self.state = State::Ended(ending);
    }
}
