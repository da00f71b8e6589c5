//! A program of the archive runs, and what becomes of its memory is handed to
//! whoever asked, step by step: the tours tell it, the tests assert it.
//!
//! What must always hold: all that a step says comes from the fault log, from the
//! counters, or from the space of the process. Frames of the kernel's own heap are
//! left out of costs. When the program has ended, nothing is left of it.

use alloc::collections::BTreeSet;
use core::fmt;

use archive::{ArchiveError, Kind};
use heapless::Vec;
use memory::space::Resident;
use memory::{Outcome, Space};
use x86_64::VirtAddr;

use super::faults::Faults;
use crate::account::meter::{self, Cost};
use crate::cpu::ring3::Left;
use crate::files::{self, cache};
use crate::process::calls::number;
use crate::process::load::StartError;
use crate::process::watch::Watch;
use crate::process::{Id, Process, Processes, State, Summary};
use crate::{heap, spaces};

/// The most words that a program is started with, its name included.
const MOST_WORDS: usize = 8;

/// What has just happened.
#[derive(Debug)]
pub enum Step<'a> {
    /// The program is loaded: it has not executed an instruction.
    Loaded {
        /// Its memory.
        space: &'a Space,
        /// Pages of its file that were read.
        pages_read: u64,
    },
    /// Page faults of one kind, in neighbouring pages.
    Faults(Faults),
    /// A process has become two.
    Forked {
        /// The one that was there.
        parent: Id,
        /// The copy.
        child: Id,
        /// What the pages of the parent show since then, and those of the child, too.
        shown: Resident,
        /// What it took.
        cost: Cost,
    },
    /// A process has ended.
    Ended {
        /// Its number.
        process: Id,
        /// What its pages showed.
        shown: Resident,
        /// What came back.
        cost: Cost,
    },
}

/// A program that has run.
#[derive(Debug)]
pub struct Played {
    /// How it ended, and what it used.
    pub summary: Summary,
    /// Pages of its file.
    pub file_pages: u64,
    /// Those of them that were read, each counted once.
    pub pages_read: u64,
    /// Frames that were free before it was started.
    pub free_before: u64,
    /// Frames that were free when all of it was gone.
    pub free_after: u64,
}

impl fmt::Display for Played {
    /// What became of the frames: `Free frames before the tour: 31200, after it: 31200.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.free_before, self.free_after);
        write!(
            f,
            "Free frames before the tour: {before}, after it: {after}."
        )
    }
}

/// Why there is nothing to show.
#[derive(Debug, PartialEq, Eq)]
pub enum NotPlayed {
    /// The archive is damaged.
    Archive(ArchiveError),
    /// It has no such program.
    NoProgram(&'static str),
    /// The program could not be started.
    Start(StartError),
}

impl core::error::Error for NotPlayed {}

impl fmt::Display for NotPlayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => error.fmt(f),
            Self::NoProgram(name) => write!(
                f,
                "this kernel was started without the file {name}, so there is nothing to show"
            ),
            Self::Start(error) => error.fmt(f),
        }
    }
}

/// Runs a program with these words, the first of which is its own name, and hands
/// each step to `tell`. No page of a file that nobody maps is in memory before,
/// nor after.
///
/// # Errors
///
/// See [`NotPlayed`].
///
/// # Panics
///
/// - If there are more words than a tour's program has.
/// - If the program ends in no way at all.
pub fn play(
    name: &'static str,
    words: &[&str],
    tell: &mut dyn FnMut(&Step<'_>),
) -> Result<Played, NotPlayed> {
    let archive = files::archive().map_err(NotPlayed::Archive)?;
    let Some(Kind::File(contents)) = archive.find(name).map(|entry| entry.kind) else {
        return Err(NotPlayed::NoProgram(name));
    };
    // What the page cache needs for itself is there before anything is counted.
    let _ = cache::object_of(contents);
    let free_before = free_when_idle();
    let words: Vec<&[u8], MOST_WORDS> = words.iter().map(|word| word.as_bytes()).collect();
    let mut processes = Processes::new();
    let started = processes.start(name, contents, &words, &[]);
    let id = started.map_err(NotPlayed::Start)?;
    if let Some(space) = processes.spaces().next() {
        let pages_read = cache::pages_of(contents);
        tell(&Step::Loaded { space, pages_read });
    }
    let mut onlooker = Onlooker::new(tell);
    let summary = processes.run_watched(id, &mut onlooker);
    let summary = summary.expect("the program has no child that it does not wait for");
    let pages_read = onlooker.read.len() as u64;
    drop((processes, onlooker));
    Ok(Played {
        summary,
        file_pages: (contents.len() as u64).div_ceil(4096),
        pages_read,
        free_before,
        free_after: free_when_idle(),
    })
}

/// The frames that are free when nothing is kept that may be needed again.
fn free_when_idle() -> u64 {
    cache::let_go();
    heap::trim();
    spaces::memory().counts().free
}

/// Looks on while the program runs.
struct Onlooker<'a> {
    tell: &'a mut dyn FnMut(&Step<'_>),
    /// Faults that were seen.
    seen: u64,
    /// Pages of the file that were read. One that is shown with zeroes behind its
    /// bytes, too, is read twice.
    read: BTreeSet<u64>,
    /// Those at the end, which may go on.
    last: Option<Faults>,
    /// The page for which a fault waits until it is read.
    awaited: Option<VirtAddr>,
    /// The counters before the fork that is made.
    fork: Option<Reading>,
    /// The counters before the memory of a process goes back, and what it showed.
    end: Option<(Reading, Resident)>,
}

impl<'a> Onlooker<'a> {
    fn new(tell: &'a mut dyn FnMut(&Step<'_>)) -> Self {
        while spaces::memory().next_event().is_some() {}
        Self {
            tell,
            seen: 0,
            read: BTreeSet::new(),
            last: None,
            awaited: None,
            fork: None,
            end: None,
        }
    }

    /// Tells of the faults of a process that have come since this was done before.
    fn tell_faults(&mut self, process: Id) {
        while let Some(event) = spaces::memory().next_event() {
            let page = event.fault.address.align_down(4096_u64);
            if spaces::is_kernels(page) {
                continue;
            }
            // The access that waits faults again when its page is there.
            if event.outcome == Outcome::Blocked {
                self.awaited = Some(page);
                continue;
            }
            self.seen += 1;
            let was_read = self.awaited.take() == Some(page);
            let next = Faults::new(self.seen, process, event, was_read);
            self.read.extend(next.file_page.filter(|_| next.was_read));
            match &mut self.last {
                Some(last) if last.goes_on_with(&next) => last.count += 1,
                last => {
                    let last = last.replace(next);
                    last.into_iter()
                        .for_each(|last| (self.tell)(&Step::Faults(last)));
                }
            }
        }
        let last = self.last.take();
        last.into_iter()
            .for_each(|last| (self.tell)(&Step::Faults(last)));
    }
}

impl Watch for Onlooker<'_> {
    fn left(&mut self, process: &Process, why: Left) {
        self.tell_faults(process.id);
        let is_fork = why == Left::SystemCall && process.call() == number::FORK;
        self.fork = is_fork.then(Reading::take);
    }

    fn handled(&mut self, process: &Process) {
        if let Some(before) = self.fork.take() {
            let cost = Reading::take().since(before);
            // An error is a number below 0.
            if let Ok(child @ 1..) = Id::try_from(process.call()) {
                (self.tell)(&Step::Forked {
                    parent: process.id,
                    child,
                    shown: shown(),
                    cost,
                });
            }
        }
        self.tell_faults(process.id);
        if let State::Ended(_) = process.state {
            self.end = Some((Reading::take(), shown()));
        }
    }

    fn ended(&mut self, process: Id) {
        if let Some((before, shown)) = self.end.take() {
            let cost = Reading::take().since(before);
            (self.tell)(&Step::Ended {
                process,
                shown,
                cost,
            });
        }
    }
}

/// What the pages of the loaded space show.
fn shown() -> Resident {
    spaces::current(|space, _| {
        let (start, end) = space.window();
        space.resident_between(start, end)
    })
}

/// The counters at one moment.
struct Reading {
    all: meter::Reading,
    heap: u64,
}

impl Reading {
    fn take() -> Self {
        Self {
            all: meter::Reading::take(),
            heap: heap::resident(),
        }
    }

    /// What has changed, without the kernel's heap.
    fn since(&self, before: Self) -> Cost {
        let cost = self.all.since(before.all);
        let heap = self.heap.cast_signed() - before.heap.cast_signed();
        Cost {
            frames: cost.frames - heap,
            ..cost
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test_case]
    fn without_an_archive_there_is_a_sentence_and_no_step() {
        let played = play("bin/hello", &["hello"], &mut |step| panic!("{step:?}"));
        let why = played.expect_err("the kernel's own tests have no archive");
        assert_eq!(
            why.to_string(),
            "this kernel was started without the file bin/hello, so there is nothing to show"
        );
    }
}
