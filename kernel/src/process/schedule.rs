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

use super::terminal::Terminal;
use super::watch::{Unwatched, Watch};
use super::{Ending, Id, Process, Processes, State, Summary, calls, descriptors, usage};
use memory::{Fault, Refusal};

use crate::console::input;
use crate::cpu::ring3::{Left, enter};
use crate::fault::{self, Reason};
use crate::interrupts::{self, pit};
use crate::spaces::Parked;
use crate::{report, swap};

impl Processes {
    /// Runs the processes, until the one in the foreground has ended. Ctrl-C ends
    /// it. Its descendants that still live are killed then, all of them are taken
    /// out of the table, and what was loaded before is loaded again. `None` if
    /// there is no such process.
    pub fn run(&mut self, foreground: Id) -> Option<Ending> {
        self.run_and_sum_up(foreground)
            .map(|summary| summary.ending)
    }

    /// The same, and tells what the one in the foreground has used.
    pub fn run_and_sum_up(&mut self, foreground: Id) -> Option<Summary> {
        self.run_for(foreground, &mut Unwatched)
    }

    /// The same, while somebody looks on, who may let Ctrl-Z stop them: `None`, and
    /// [`stopped`](Self::stopped) names the one in the foreground, which goes on the
    /// next time.
    pub fn run_watched(&mut self, foreground: Id, watch: &mut dyn Watch) -> Option<Summary> {
        self.run_for(foreground, watch)
    }

    /// The same, for one kind of onlookers: nobody costs nothing.
    fn run_for<W: Watch + ?Sized>(&mut self, foreground: Id, watch: &mut W) -> Option<Summary> {
        if self.stopped() != Some(foreground) {
            self.terminal = Terminal::new();
            self.foreground = foreground;
            self.by_outcome = usage::Counts::default();
            descriptors::open_console_anew();
        }
        self.is_stopped = false;
        self.terminal.can_stop = watch.can_stop();
        // Without a way to its vector the timer would be taken for an exception.
        interrupts::init();
        pit::start();
        let ending = self.run_until_halted(foreground, watch);
        self.finish_reads();
        pit::stop();
        self.load_home();
        if self.is_stopped {
            return None;
        }
        let process = self.get(foreground)?;
        let summary = ending.map(|ending| Summary {
            ending,
            used: process.used,
            by_outcome: self.by_outcome,
            most_frames: process.most_frames,
        });
        self.end_family(foreground);
        summary
    }

    /// How the one in the foreground has ended, if it has.
    fn run_until_halted<W: Watch + ?Sized>(
        &mut self,
        foreground: Id,
        watch: &mut W,
    ) -> Option<Ending> {
        loop {
            if let State::Ended(ending) = self.get(foreground)?.state {
                return Some(ending);
            }
            if self.is_stopped {
                return None;
            }
            if !self.reads.is_empty() {
                self.collect_reads();
            }
            // Some child of those that wait is always ready, or waits for a page.
            let Some(next) = self.ready.pop_front() else {
                if self.reads.is_empty() {
                    return None;
                }
                self.look_at_keys(foreground);
                continue;
            };
            let mut process = self.table.take(next)?;
            self.load(&mut process);
            self.turn(&mut process, foreground, watch);
            match process.state {
                State::Ended(_) => {
                    let id = process.id;
                    self.bury(process);
                    watch.ended(id);
                }
                State::Running | State::Ready => {
                    self.ready.push_back(process.id);
                    self.table.put(process);
                }
                State::Waiting | State::Reading | State::Suspended(_) => self.table.put(process),
            }
        }
    }

    /// Lets the process that is loaded run, until it does not any more.
    fn turn(&mut self, process: &mut Process, foreground: Id, watch: &mut (impl Watch + ?Sized)) {
        if let Some((fault, reason)) = process.unread.take() {
            fault::refuse_late(fault, reason);
            process.kill(why(&fault));
        }
        while process.state == State::Running {
            let left = enter(&mut process.context);
            watch.left(process, left);
            match left {
                Left::SystemCall => calls::call(process, self),
                Left::Timer => {
                    swap::keep_some_free();
                    self.next_turn(process, foreground);
                    watch.turn_over(self);
                }
                Left::PageFault(fault) => self.page_fault(process, fault),
                Left::Exception(vector) => process.kill(Ending::Exception(vector)),
            }
            watch.handled(process);
        }
    }

    /// The turn of a process is over; it is the time to look for Ctrl-C, which
    /// ends the one in the foreground, and for Ctrl-Z, which stops all.
    #[cold]
    fn next_turn(&mut self, process: &mut Process, foreground: Id) {
        process.state = State::Ready;
        if !self.look_at_keys(foreground) && process.id == foreground {
            process.state = State::Ended(Ending::Cancelled);
        }
    }

    /// Looks for Ctrl-Z, and for Ctrl-C: false if that was typed.
    fn look_at_keys(&mut self, foreground: Id) -> bool {
        let goes_on = input::check().is_ok();
        if goes_on {
            self.is_stopped = self.terminal.can_stop && input::take_stop();
        } else {
            // If it runs, it is not in its place, and the one who runs it sees to it.
            self.end(foreground, Ending::Cancelled);
        }
        goes_on
    }

    /// A page fault that was not resolved: the process waits for a page, or cannot go on.
    #[cold]
    fn page_fault(&mut self, process: &mut Process, fault: Fault) {
        let begun = match fault::reason_of(&fault) {
            Some(Reason::Waits) => self.begin_read(process, fault),
            _ => return process.kill(why(&fault)),
        };
        if let Err(reason) = begun {
            fault::refuse_late(fault, reason);
            process.kill(why(&fault));
        }
    }

    /// Loads a process: its space, its segments and its extended registers, unless
    /// it ran last.
    fn load(&mut self, process: &mut Process) {
        process.state = State::Running;
        // The one whose space is loaded has none to load.
        let Some(space) = process.space.take() else {
            return;
        };
        let before = space.switch();
        if self.home.is_none() {
            self.home = Some(before);
            self.faults = usage::Reading::take();
        } else if let Some(mut last) = self.table.take(self.running) {
            self.settle(&mut last);
            last.keep(before);
            self.table.put(last);
        }
        self.running = process.id;
        process.extended.load();
        process.context.load_segments();
    }

    /// Loads what was loaded before the processes, if one of them is loaded now.
    pub(super) fn load_home(&mut self) {
        if let Some(mut last) = self.table.take(self.running) {
            self.load_home_for(&mut last);
            self.table.put(last);
        }
    }

    /// The same, if it is this one, which is not in its place.
    pub(super) fn load_home_for(&mut self, process: &mut Process) {
        if process.id == self.running
            && let Some(home) = self.home.take()
        {
            self.settle(process);
            process.keep(home.switch());
        }
    }
}

/// How a process ends for which a page fault was refused.
fn why(fault: &Fault) -> Ending {
    match fault::reason_of(fault) {
        Some(Reason::Space(Refusal::PastEnd)) => Ending::PastEnd(fault.address),
        Some(Reason::Space(Refusal::OutOfFrames)) => Ending::OutOfFrames(fault.address),
        Some(Reason::Unreadable(_)) => Ending::Unreadable(fault.address),
        _ => Ending::BadAccess(fault.address),
    }
}

impl Process {
    /// Keeps what it had in the machine, now that something else is loaded.
    fn keep(&mut self, space: Parked) {
        self.extended.save();
        self.space = Some(space);
    }

    /// Reports why it cannot go on, and ends it.
    #[cold]
    fn kill(&mut self, ending: Ending) {
        let name = format_args!("process {} is killed", self.id);
        report::program(self.context.registers(), name, self.program);
        self.state = State::Ended(ending);
    }
}
