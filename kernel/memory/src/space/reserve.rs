//! Reserved pages: pages of a demand region that hold no frame yet, but will
//! get one when they are touched, whatever happens in between.
//!
//! ```text
//! unused ──reserve──> reserved ──touch──> private leaf
//!   ^                    │
//!   └─────unreserve──────┘      (discard and free take both away)
//! ```
//!
//! It is a promise for the first touch. A page that holds something is not reserved: in
//! a space it may go to a slot, and comes back like any other then, if there is a frame.
//!
//! A reservation is an entry of software's in the leaf table, so that the table
//! is there as well, and the fault needs nothing but its frame. To whoever asks
//! only whether an entry is zero such a page looks mapped. What must always
//! hold: the allocator keeps back as many frames as there are such entries (the
//! audit counts them). A reservation takes tables at once, one for 2 MiB.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;

use super::Half;
use super::map::prune;
use super::range::{NotWholePages, NothingHolds, whole_pages};
use super::region::Backing;
use crate::flush::FlushBatch;
use crate::frames::{OutOfFrames, Shortage};
use crate::memory::Memory;
use crate::paging::{Entry, EntryKind, LeafSize, span_of};

/// Why [`Space::reserve`](super::Space::reserve) or
/// [`Space::unreserve`](super::Space::unreserve) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The range is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Where it starts.
        start: VirtAddr,
        /// Its bytes.
        size: u64,
    },
    /// No region holds this address of the range.
    NoRegion {
        /// The first such address, as a number: behind the low half it is none.
        address: u64,
    },
    /// A region of the range has another backing than demand.
    NotOnDemand {
        /// The region's base.
        base: VirtAddr,
        /// Its backing.
        backing: Backing,
    },
    /// Not so many frames may be handed out as the pages and their tables need.
    OutOfFrames(Shortage),
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { start, size } => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion { address } => NothingHolds(*address).fmt(f),
            Self::NotOnDemand { base, backing } => write!(
                f,
                "the region at {:#x} has {backing} backing: only pages of demand regions are reserved",
                base.as_u64()
            ),
            Self::OutOfFrames(shortage) => write!(f, "the reservation {shortage}"),
        }
    }
}

impl Error for ReserveError {}

impl Half {
    /// Reserves every page of a range that holds nothing.
    pub(super) fn reserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        self.check(memory);
        let (start, end) = self.pages_on_demand(start, size)?;
        let (pages, tables) = self.missing(start, end);
        // One frame for each reservation, which stays, and one for each table.
        let needed = pages + tables;
        let short = |OutOfFrames| ReserveError::OutOfFrames(memory.shortage(needed));
        memory.keep_back(needed).map_err(short)?;
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            if self.cursor.entry() == Entry::UNUSED {
                while self.cursor.level() > 1 {
                    self.cursor.descend(memory.take_table().map_err(short)?);
                }
                self.cursor.replace(Entry::RESERVED);
            }
            address = self.cursor.next_start();
        }
        Ok(pages)
    }

    /// Lets every reservation in a range go.
    pub(super) fn unreserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        self.check(memory);
        let (start, end) = self.pages_on_demand(start, size)?;
        let mut batch = FlushBatch::new(self.scope, memory);
        let (mut address, mut pages) = (start, 0);
        while address < end {
            self.cursor.seek(address);
            address = self.cursor.next_start();
            if self.cursor.kind() == EntryKind::Reserved {
                self.cursor.replace(Entry::UNUSED);
                prune(&mut self.cursor, &mut batch);
                pages += 1;
            }
        }
        memory.let_go(pages);
        batch.finish();
        Ok(pages)
    }

    /// The range as numbers, if it is whole pages, all of them in demand regions.
    fn pages_on_demand(&self, start: VirtAddr, size: u64) -> Result<(u64, u64), ReserveError> {
        let (start, end) =
            whole_pages(start, size).ok_or(ReserveError::Unaligned { start, size })?;
        let no_region = |address| ReserveError::NoRegion { address };
        self.check_regions(start, end, no_region, |region| match region.backing {
            Backing::Demand => Ok(()),
            backing @ (Backing::Immediate
            | Backing::Zero
            | Backing::Device(..)
            | Backing::Object { .. }
            | Backing::Guard
            | Backing::Fixed) => Err(ReserveError::NotOnDemand {
                base: region.base,
                backing,
            }),
        })?;
        Ok((start, end))
    }

    /// Pages of a range with an unused entry, and tables that are missing on
    /// the way to them.
    pub(super) fn missing(&mut self, start: u64, end: u64) -> (u64, u64) {
        let (mut pages, mut tables) = (0, 0);
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            let stop = self.cursor.next_start().min(end);
            if self.cursor.entry() == Entry::UNUSED {
                pages += (stop - address) / LeafSize::Size4KiB.bytes();
                tables += (2..=self.cursor.level())
                    .map(|level| (stop - 1) / span_of(level) - address / span_of(level) + 1)
                    .sum::<u64>();
            }
            address = stop;
        }
        (pages, tables)
    }
}
