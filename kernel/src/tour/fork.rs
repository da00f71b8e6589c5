//! Forks: a process becomes two, and pages are copied when somebody writes.
//!
//! What a kind of fault means is explained once, when the first of it comes. What
//! the tour of loading tells of is only counted: faults of the start, and for pages
//! of the file.

use memory::space::Resident;
use memory::words::Count;

use super::faults::{Faults, Kind};
use super::program::{Played, Step, play};
use super::say::{Explained, say};
use crate::account::meter::Cost;
use crate::console::input::{self, Cancelled};
use crate::process::Id;
use crate::{dashboard, println};

/// The program.
pub const PROGRAM: &str = "bin/forks";
/// Its name alone: it shows all that it can.
pub const WORDS: [&str; 1] = ["forks"];
/// The region that its processes write to, and count faults in.
const MAPPED: &str = "mapping";

/// Runs the program, and tells which pages are shared, and which are copied.
///
/// # Errors
///
/// Ctrl-C has ended the program.
///
/// # Panics
///
/// See [`play`].
pub fn run() -> Result<(), Cancelled> {
    println!();
    say!(
        "A process is a program that runs. A process that calls fork becomes two, which have the \
         same in their memory and go on independently. Memory consists of pages (4096 bytes \
         each). This tour runs the program forks, and shows that no page is copied before somebody \
         writes to it. What the processor cannot do without the kernel is a page fault: it \
         calls the kernel, which sees to the page, and tries again. Lines that begin with # are \
         the tour's, all others are printed by forks."
    );
    println!("#");
    let mut story = Story::default();
    match play(PROGRAM, &WORDS, &mut |step| story.tell(step)) {
        Ok(played) => story.tell_end(&played),
        Err(why) => say!("But {why}."),
    }
    input::check()
}

/// What was told so far.
#[derive(Default)]
struct Story {
    explained: Explained,
    /// Faults that come of loading, and that were not told yet.
    of_loading: u64,
    forks: u64,
    copies: u64,
    taken_over: u64,
}

impl Story {
    fn tell(&mut self, step: &Step<'_>) {
        match step {
            Step::Loaded { .. } => {}
            Step::Faults(faults) => self.tell_faults(faults),
            Step::Forked {
                parent,
                child,
                shown,
                cost,
            } => self.tell_fork((*parent, *child), shown, cost),
            Step::Ended {
                process,
                shown,
                cost,
            } => self.tell_death(*process, shown, cost),
        }
        dashboard::refresh();
    }

    fn tell_faults(&mut self, faults: &Faults) {
        let is_start = self.forks == 0 && faults.place() != MAPPED;
        if is_start || faults.kind == Kind::File {
            self.of_loading += faults.count;
            return;
        }
        match faults.kind {
            Kind::Copied => self.copies += faults.count,
            Kind::TakenOver => self.taken_over += faults.count,
            _ => {}
        }
        self.tell_loading();
        say!("process {}, {faults}", faults.process);
        if let Some(why) = why(faults.kind) {
            self.explained.once(why);
        }
    }

    fn tell_loading(&mut self) {
        match core::mem::take(&mut self.of_loading) {
            0 => {}
            count => say!(
                "({} to bring the program into memory: `tour load` tells of those.)",
                Count(count, "fault")
            ),
        }
    }

    fn tell_fork(&mut self, (parent, child): (Id, Id), shown: &Resident, cost: &Cost) {
        self.forks += 1;
        self.tell_loading();
        println!("#");
        say!(
            "Process {parent} forks: process {child} is its child, and has the same pages, {} in the \
             same frames as its parent, {} in the frame of zeroes. Frames taken: {} for pages, {} \
             for page tables (which say where each page leads), {} for the list of regions.",
            shown.shared,
            shown.zero,
            cost.frames,
            cost.tables,
            cost.records
        );
        self.explained.once(
            "Nothing was copied. But neither of the two may write to a frame that both see, so \
             the kernel has made these pages read-only, and counts the owners of each frame. The \
             first to be written is the stack: functions keep there what they work on.",
        );
        println!("#");
    }

    fn tell_death(&mut self, process: Id, shown: &Resident, cost: &Cost) {
        self.tell_loading();
        println!("#");
        let (held, back) = (shown.private + shown.shared, -cost.frames);
        say!(
            "Process {process} has ended. It had {}. Frames that came back: {back} of pages, {} of \
             page tables, {} of the list of regions. The other {} of its pages are in frames that \
             have other owners.",
            Count(held, "page"),
            -cost.tables,
            -cost.records,
            held.saturating_add_signed(-back)
        );
        self.explained.once(
            "A frame comes back when its last owner is gone. Owners are the processes that show it, \
             and a file whose page it is.",
        );
        println!("#");
    }

    fn tell_end(&self, played: &Played) {
        let Self {
            forks,
            copies,
            taken_over,
            ..
        } = self;
        say!(
            "forks has ended ({}). Of {} to shared pages {copies} copied the page, since its frame had \
             other owners, and {taken_over} did not, since the process had become the last one. \
             The {} themselves copied nothing.",
            played.summary.ending,
            Count(copies + taken_over, "write"),
            Count(*forks, "fork")
        );
        say!("{played}");
    }
}

/// Why a fault was answered like this.
fn why(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::New => {
            "A mapping is memory that a program has asked for. Nothing was there so far, so the page \
             gets a frame (4096 bytes of physical memory), which is the process's own."
        }
        Kind::Zeroes => {
            "Nothing was ever written there. A page that is only read shows a frame of \
             zeroes that all processes have in common."
        }
        Kind::OwnZeroes => {
            "The page showed the common frame of zeroes. The first write gives it a frame of \
             its own; all others still read zeroes."
        }
        Kind::Copied => {
            "The frame has another owner, who must not see what is written now. So the process \
             that writes gets a copy in a frame of its own. The others keep the old frame."
        }
        Kind::TakenOver => {
            "The frame was shared, but its other owners have a copy by now, or have ended. There \
             is nobody left to copy for, so the page is only made writable again."
        }
        Kind::FileCopied => {
            "The page is one of the file that may be changed: the process gets a copy of it."
        }
        Kind::File | Kind::Other(_) => return None,
    })
}
