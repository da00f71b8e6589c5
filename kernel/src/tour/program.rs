//! A program of the archive runs, and what becomes of its memory is handed to
//! whoever asked, step by step: the tours tell it, the tests assert it.
//!
//! What must always hold: all that a step says comes from the fault log, from the
//! counters, or from the space of the process. Frames of the kernel's own heap are
//! left out of costs. When the program has ended, nothing is left of it.

use core::fmt;

use archive::Kind;
use heapless::Vec;
use memory::space::{Region, Resident};

use super::faults::Faults;
use super::onlooker::Onlooker;
use crate::account::meter::Cost;
use crate::files::{self, Contents, FilesError, cache};
use crate::process::load::StartError;
use crate::process::{Id, Process, Processes, Summary};
use crate::{heap, spaces};

/// The most words that a program is started with, its name included.
const MOST_WORDS: usize = 8;

/// What has just happened.
#[derive(Debug)]
pub enum Step<'a> {
    /// The program is loaded: it has not executed an instruction.
    Loaded {
        /// The regions of its memory, by address.
        regions: &'a [Region],
        /// What is in memory of them.
        resident: Resident,
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
    /// The archive is damaged, or cannot be read.
    Archive(FilesError),
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
    let Some(Kind::File(place)) = archive.find(name).map(|entry| entry.kind) else {
        return Err(NotPlayed::NoProgram(name));
    };
    let contents = Contents::from(place);
    // What the page cache needs for itself is there before anything is counted.
    let _ = cache::object_of(contents);
    let free_before = free_when_idle();
    let words: Vec<&[u8], MOST_WORDS> = words.iter().map(|word| word.as_bytes()).collect();
    let mut processes = Processes::new();
    let started = processes.start(name, contents, &words, &[]);
    let id = started.map_err(NotPlayed::Start)?;
    // Of a file on a disk the first page is read to load it.
    let first_read = cache::pages_of(contents);
    if let Some(space) = processes.get(id).and_then(Process::space) {
        let (regions, resident) = space.look(|space| {
            let (start, end) = space.window();
            let regions: alloc::vec::Vec<Region> = space.regions().collect();
            (regions, space.resident_between(start, end))
        });
        tell(&Step::Loaded {
            regions: &regions,
            resident,
            pages_read: first_read,
        });
    }
    let mut onlooker = Onlooker::new(tell, first_read);
    let summary = processes.run_watched(id, &mut onlooker);
    let summary = summary.expect("the program has no child that it does not wait for");
    let pages_read = onlooker.pages_read();
    drop((processes, onlooker));
    Ok(Played {
        summary,
        file_pages: contents.pages(),
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
