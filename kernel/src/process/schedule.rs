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

use super::descriptors::Descriptors;
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
        self.table[index] = None;
        ending
    }

    fn run_until_ended(&mut self, foreground: Id) -> Option<Ending> {
        loop {
            if let State::Ended(ending) = self.get(foreground)?.state {
                return Some(ending);
            }
            let index = self.choose()?;
            let mut process = self.table[index].take()?;
            self.load(index, &mut process);
            self.turn(&mut process, foreground);
            if let State::Ended(_) = process.state {
                self.load_home_for(&mut process);
                process.give_back();
            }
            self.table[index] = Some(process);
        }
    }

    /// The next process that could run, after the one that ran last.
    fn choose(&self) -> Option<usize> {
        let count = self.table.len();
        let is_ready = |place: &Option<Process>| {
            let process = place.as_ref();
            process.is_some_and(|process| process.state == State::Ready)
        };
        (1..=count)
            .map(|step| (self.running + step) % count)
            .find(|&index| is_ready(&self.table[index]))
    }

    /// Lets the process that is loaded run, until it does not any more.
    fn turn(&mut self, process: &mut Process, foreground: Id) {
        while process.state == State::Running {
            match enter(&mut process.context) {
                Left::SystemCall => calls::call(process, self),
                Left::Timer => self.next_turn(process, foreground),
                Left::PageFault(fault) => process.kill(Ending::BadAccess(fault.address)),
                Left::Exception(vector) => process.kill(Ending::Exception(vector)),
            }
        }
    }

    /// The turn of a process is over; it is the time to look for Ctrl-C, which
    /// ends the one in the foreground.
    #[cold]
    fn next_turn(&mut self, process: &mut Process, foreground: Id) {
        process.state = State::Ready;
        if input::check().is_ok() {
            return;
        }
        if process.id == foreground {
            process.state = State::Ended(Ending::Cancelled);
        } else if let Some(index) = self.index_of(foreground)
            && let Some(other) = &mut self.table[index]
        {
            other.state = State::Ended(Ending::Cancelled);
            other.give_back();
        }
    }

    /// Loads the process of the place `index`: its space, its segments and its
    /// extended registers, unless it ran last.
    fn load(&mut self, index: usize, process: &mut Process) {
        process.state = State::Running;
        // The one whose space is loaded has none to load.
        let Some(space) = process.space.take() else {
            return;
        };
        let before = spaces::load(space);
        if self.home.is_none() {
            self.home = Some(before);
        } else if let Some(last) = &mut self.table[self.running] {
            last.keep(before);
        }
        self.running = index;
        process.extended.load();
        process.context.load_segments();
    }

    /// Loads what was loaded before the processes, if one of them is loaded now.
    pub(super) fn load_home(&mut self) {
        if let Some(mut last) = self.table.get_mut(self.running).and_then(Option::take) {
            self.load_home_for(&mut last);
            self.table[self.running] = Some(last);
        }
    }

    /// The same, while the process that ran last is not in the table.
    fn load_home_for(&mut self, last: &mut Process) {
        if let Some(home) = self.home.take() {
            last.keep(spaces::load(home));
        }
    }
}

impl Process {
    /// Keeps what it had in the machine, now that something else is loaded.
    fn keep(&mut self, space: Space) {
        self.extended.save();
        self.space = Some(space);
    }

    /// Reports why it cannot go on, and ends it.
    #[cold]
    fn kill(&mut self, ending: Ending) {
        let name = format_args!("process {} is killed", self.id);
        report::program(self.context.registers(), name);
        self.state = State::Ended(ending);
    }

    /// Gives its memory back, which is not loaded, and closes its files.
    fn give_back(&mut self) {
        self.descriptors = Descriptors::none();
        if let Some(space) = self.space.take() {
            spaces::destroy(space);
        }
    }
}
