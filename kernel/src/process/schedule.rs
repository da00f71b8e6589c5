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

use super::{Ending, Id, Process, Processes, State, Summary, calls, usage};
use memory::{Fault, Refusal, Space};

use crate::console::input;
use crate::cpu::ring3::{Left, enter};
use crate::fault::{self, Reason};
use crate::interrupts::pit;
use crate::{report, spaces};

impl Processes {
    /// Runs the processes, until the one in the foreground has ended. Ctrl-C ends
    /// it. Its descendants that still live are killed then, all of them are taken
    /// out of the table, and what was loaded before is loaded again. `None` if
    /// there is no such process, or if none can run.
    pub fn run(&mut self, foreground: Id) -> Option<Ending> {
        self.run_and_sum_up(foreground)
            .map(|summary| summary.ending)
    }

    /// The same, and tells what the one in the foreground has used.
    pub fn run_and_sum_up(&mut self, foreground: Id) -> Option<Summary> {
        pit::start();
        let ending = self.run_until_ended(foreground);
        pit::stop();
        self.load_home();
        let process = self.get(foreground)?;
        let summary = ending.map(|ending| Summary {
            ending,
            used: process.used,
            most_frames: process.most_frames,
        });
        self.end_family(foreground);
        summary
    }

    fn run_until_ended(&mut self, foreground: Id) -> Option<Ending> {
        loop {
            if let State::Ended(ending) = self.get(foreground)?.state {
                return Some(ending);
            }
            let next = self.ready.pop_front()?;
            self.load(self.table.find(next)?);
            self.turn(foreground);
        }
    }

    /// Lets the process that is loaded run, until it does not any more.
    fn turn(&mut self, foreground: Id) {
        loop {
            match enter(&mut self.running().context) {
                Left::SystemCall => calls::call(self),
                Left::Timer => {
                    if input::check().is_err() {
                        self.cancel(foreground);
                    }
                    if self.running().state == State::Running {
                        self.running().state = State::Ready;
                    }
                }
                Left::PageFault(fault) => self.kill(why(&fault)),
                Left::Exception(vector) => self.kill(Ending::Exception(vector)),
            }
            match self.running().state {
                State::Running => {}
                State::Ready => return self.wake(self.running),
                State::Waiting | State::Suspended(_) => return,
                State::Ended(_) => return self.bury(self.running),
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
        if let Some(index) = self.table.find(foreground) {
            self.end(index, Ending::Cancelled);
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
                self.faults = usage::Reading::take();
            } else {
                self.settle();
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
            self.settle();
            self.running().keep(before);
        }
    }
}

/// How a process ends for which a page fault was refused.
fn why(fault: &Fault) -> Ending {
    match fault::reason_of(fault) {
        Some(Reason::Space(Refusal::PastEnd)) => Ending::PastEnd(fault.address),
        Some(Reason::Space(Refusal::OutOfFrames)) => Ending::OutOfFrames(fault.address),
        _ => Ending::BadAccess(fault.address),
    }
}

impl Process {
    /// Keeps what it had in the machine, now that something else is loaded.
    fn keep(&mut self, space: Space) {
        self.extended.save();
        self.space = Some(space);
    }
}
