//! Loading: a program runs, and each of its pages comes when it is touched.
//!
//! What a kind of fault means is explained once, when the first of it comes.

use memory::space::{Backing, Region, Resident, Rights};
use memory::words::Count;

use super::faults::{Faults, Kind};
use super::program::{Played, Step, play};
use super::say::{Explained, say};
use crate::console::input::{self, Cancelled};
use crate::{dashboard, println};

/// The program.
pub const PROGRAM: &str = "bin/lazy";
/// Its name, and the two parts of it that show what this tour is about.
pub const WORDS: [&str; 3] = ["lazy", "bss", "data"];

/// Runs the program, and tells where its pages come from.
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
        "A program is a file, and the processor can only use what is in memory. This tour runs \
         the program lazy, and tells when each of its pages (4096 bytes each) comes into memory, \
         and from where. Lines that begin with # are the tour's, all others are printed by lazy."
    );
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
    /// What the pages showed when the program ended.
    shown: Resident,
}

impl Story {
    fn tell(&mut self, step: &Step<'_>) {
        match step {
            Step::Loaded {
                regions,
                resident,
                pages_read,
            } => tell_regions(regions, *resident, *pages_read),
            Step::Faults(faults) => {
                say!("{faults}");
                let stack = (faults.place() == "stack").then_some(STACK);
                for why in [stack, why(faults)].into_iter().flatten() {
                    self.explained.once(why);
                }
            }
            Step::Forked { .. } => {}
            Step::Ended { shown, .. } => self.shown = *shown,
        }
        dashboard::refresh();
    }

    fn tell_end(&self, played: &Played) {
        let Resident {
            private,
            shared,
            zero,
            ..
        } = self.shown;
        println!("#");
        say!(
            "lazy has ended ({}), after {}. At the end {} had memory: {private} in frames of its own, \
             {shared} in frames of the file, {zero} in the frame of zeroes.",
            played.summary.ending,
            Count(played.summary.used.faults(), "fault"),
            Count(private + shared + zero, "page")
        );
        let unread = played.file_pages - played.pages_read;
        say!(
            "Of the {} of the file, {} had to be read, and {unread} never were: nobody has \
             touched them.",
            Count(played.file_pages, "page"),
            played.pages_read
        );
        say!("{played}");
    }
}

/// The regions of a program before its first instruction.
fn tell_regions(regions: &[Region], resident: Resident, pages_read: u64) {
    println!("#");
    say!(
        "lazy is loaded, but has not run yet. Its file says which of its bytes belong at which \
         addresses. The kernel has made a region for each part, a range of pages with one purpose:"
    );
    println!("#");
    println!("#   first page      pages  region              a program may   comes from");
    let pages = regions.iter().map(tell_region).sum();
    println!("#");
    say!(
        "The instructions of a program are called its text, its variables data. These are {}. \
         So far {} of the file {} read, and there is memory behind {}: the end of the stack, \
         where the kernel has written how lazy was started.",
        Count(pages, "page"),
        Count(pages_read, "page"),
        if pages_read == 1 { "was" } else { "were" },
        Count(resident.private + resident.shared, "page")
    );
    println!("#");
    say!(
        "Now it runs. When it touches a page that is not in memory, the processor stops it and \
         calls the kernel. That is a page fault. The kernel puts a page there and lets lazy try \
         again, so lazy does not notice."
    );
    println!("#");
}

/// One of them; returns its pages.
fn tell_region(region: &Region) -> u64 {
    let pages = region.size / 4096;
    let rights = match region.allowed() {
        None | Some(Rights::NoAccess) => "do nothing",
        Some(Rights::Read) => "read",
        Some(Rights::ReadWrite) => "read, write",
        Some(Rights::ReadExecute) => "read, execute",
    };
    let source = match region.backing {
        Backing::Object { .. } => "the file",
        Backing::Guard => "nowhere",
        Backing::Zero => "zeroes",
        Backing::Demand | Backing::Immediate | Backing::Device(..) | Backing::Fixed => "memory",
    };
    let Region { base, label, .. } = region;
    println!("#   {base:<#14x} {pages:>6}  {label:<18}  {rights:<14}  {source}");
    pages
}

/// What is told of the first fault there.
const STACK: &str = "Functions keep what they work on in the stack. It is used from its end \
     downwards, and each page of it comes when lazy reaches it: the stack grows.";

/// Why a fault was answered like this.
fn why(faults: &Faults) -> Option<&'static str> {
    Some(match faults.kind {
        Kind::File if faults.was_read => {
            "The page was not in memory. The kernel reads it into a frame (4096 bytes of physical \
             memory) and maps it: from here on the addresses of the page lead to that frame. \
             Whoever else runs lazy is shown the same frame."
        }
        Kind::File => {
            "This page of the file was read before, so it is in memory already and only has to \
             be mapped."
        }
        Kind::FileCopied => {
            "lazy may change its variables, but not its file. So it gets a copy of the page in a \
             frame of its own, and the frame of the file stays as it is."
        }
        Kind::Copied => {
            "The page was only read so far, and shows the frame of the file, which nobody may \
             write to. The first write gives lazy a copy in a frame of its own."
        }
        Kind::Zeroes => {
            "Nobody has written to this page, so it holds zeroes. All such pages show one frame \
             of zeroes, which nobody may write to: no memory is taken."
        }
        Kind::OwnZeroes => {
            "The page was only read so far, and shows the common frame of zeroes. The first write \
             gives it a frame of its own."
        }
        Kind::New => {
            "Nobody has used this page, so it holds zeroes. lazy writes to it, which gives it a \
             frame of its own."
        }
        Kind::TakenOver | Kind::Other(_) => return None,
    })
}
