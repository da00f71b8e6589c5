//! Which pages are there, without touching them, and what is in them.

use core::fmt;
use core::ops::Range;

use programs::calls;
use programs::faults::PAGE;
use programs::pages::Pages;

use crate::script::MOST_PAGES;

/// A page of which `mincore` said nothing: no mapping.
const NOTHING: u8 = 0xff;

/// The pages of a range: `3#2.59_` is three that are resident, two that are mapped,
/// and 59 that are not.
pub(crate) struct Residency {
    pages: [u8; MOST_PAGES],
    count: usize,
}

impl Residency {
    /// Of `units` times `unit` pages.
    pub(crate) fn of(start: usize, unit: usize, units: usize) -> Self {
        let (mut pages, count) = ([NOTHING; MOST_PAGES], unit * units);
        let mut next = 0;
        while next < count {
            let rest = &mut pages[next..count];
            // Says something of all pages in front of a gap.
            let _ = calls::residency(start + next * PAGE, rest);
            let told = rest.iter().take_while(|page| **page != NOTHING).count();
            // What is not mapped is whole units, most often.
            next += if told > 0 { told } else { unit - next % unit };
        }
        Self { pages, count }
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signs = self.pages[..self.count].chunk_by(|one, other| one == other);
        for run in signs {
            let sign = match run[0] {
                NOTHING => '_',
                page if page & 1 == 1 => '#',
                _ => '.',
            };
            write!(f, "{}{sign}", run.len())?;
        }
        Ok(())
    }
}

/// A digest of the first page of every so many pages of a range, where that can be
/// read; `object` is one to try it with.
pub(crate) fn contents(range: Range<usize>, every: usize, object: usize) -> usize {
    // Not 0, from which pages of zeroes lead nowhere.
    let nothing = 0xcbf2_9ce4_8422_2325_usize;
    range.step_by(every * PAGE).fold(nothing, |digest, page| {
        if calls::can_read(page, object) {
            with(digest, page)
        } else {
            digest.rotate_left(1)
        }
    })
}

/// Writes to so many new pages, and unmaps them. Where fewer frames can be had, others
/// that nobody uses go to a disk.
pub(crate) fn press(count: usize) {
    let pages = Pages::anonymous(count, 0).expect("mmap");
    for page in 0..count {
        pages.write(page * PAGE, 1);
    }
    pages.unmap().expect("munmap");
}

/// A digest, and what is in a page that can be read.
fn with(digest: usize, page: usize) -> usize {
    let words = (page..page + PAGE).step_by(8);
    words.fold(digest, |digest, word| {
        // SAFETY: the page can be read, and no Rust value lies in it.
        let word = unsafe { (word as *const usize).read_volatile() };
        (digest ^ word)
            .wrapping_mul(0x100_0000_01b3)
            .rotate_left(23)
    })
}
