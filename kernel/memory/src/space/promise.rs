//! Promises: pages of a demand region that hold no frame yet, but will get one
//! when they are touched, whatever happens in between.
//!
//! ```text
//! unused ──promise──> promised ──touch──> private leaf
//!   ^                    │
//!   └──────withdraw──────┘      (discard and free take both away)
//! ```
//!
//! A promise is an entry of software's in the leaf table, so that the table is
//! there as well, and the fault needs nothing but its frame. What must always
//! hold: the allocator keeps back as many frames as there are such entries
//! (the audit counts them). A promise takes tables at once, one for 2 MiB.

use core::fmt;

use x86_64::VirtAddr;

use super::Space;
use super::range::{NotWholePages, NothingHolds, whole_pages};
use super::region::Backing;
use crate::gather::Gather;
use crate::paging::{Entry, LeafSize, span_of};
use crate::physical::Physical;
use crate::tlb::Tlb;

/// Why [`Space::promise`] or [`Space::withdraw`] refused. Nothing has changed
/// then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromiseError {
    /// The address or the size is not a multiple of 4 KiB, or the size is 0.
    Unaligned(VirtAddr, u64),
    /// No region holds this address, the first such one of the range.
    NoRegion(VirtAddr),
    /// This region of the range has another backing than demand.
    NotOnDemand(VirtAddr, Backing),
    /// Not so many frames may be handed out as the pages and their tables need.
    OutOfFrames,
}

impl fmt::Display for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned(start, size) => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion(address) => NothingHolds(*address).fmt(f),
            Self::NotOnDemand(base, backing) => write!(
                f,
                "the region at {:#018x} has {backing} backing: only pages of demand regions are promised",
                base.as_u64()
            ),
            Self::OutOfFrames => write!(f, "there are not so many frames to promise"),
        }
    }
}

impl Space {
    /// Makes sure that each page of a range of demand regions can be touched:
    /// a page that holds nothing is promised a frame, and the tables on the
    /// way to it are made. All of it or nothing. Returns how many pages (4 KiB)
    /// were promised.
    ///
    /// # Errors
    ///
    /// See [`PromiseError`]; nothing has changed then.
    pub fn promise(
        &mut self,
        start: VirtAddr,
        size: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<u64, PromiseError> {
        let (start, end) = self.pages_on_demand(start, size)?;
        let (pages, tables) = self.lacking(start, end);
        if !physical.frames().can_allocate(pages + tables) {
            return Err(PromiseError::OutOfFrames);
        }
        physical
            .frames_mut()
            .reserve(pages)
            .map_err(|_| PromiseError::OutOfFrames)?;
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            if self.cursor.entry() == Entry::UNUSED {
                self.make_way(address, LeafSize::Size4KiB, physical, tlb)
                    .map_err(|_| PromiseError::OutOfFrames)?;
                self.cursor.replace(Entry::PROMISED);
            }
            address = self.cursor.next_start();
        }
        Ok(pages)
    }

    /// Takes back what was promised to the pages of a range and not touched
    /// since. Pages that hold a frame keep it. Returns how many promises
    /// (4 KiB) that were. Never needs memory.
    ///
    /// # Errors
    ///
    /// See [`PromiseError`], but for `OutOfFrames`; nothing has changed then.
    pub fn withdraw(
        &mut self,
        start: VirtAddr,
        size: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<u64, PromiseError> {
        let (start, end) = self.pages_on_demand(start, size)?;
        let before = physical.frames().counts().kept_back;
        let mut gather = self.gather(physical, tlb);
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            let next = self.cursor.next_start();
            if self.cursor.entry() == Entry::PROMISED {
                self.break_promise(&mut gather);
            }
            address = next;
        }
        gather.finish();
        Ok(before - physical.frames().counts().kept_back)
    }

    /// The first pages in a row, from `start` on and below `end` (both
    /// multiples of 4 KiB), that hold a frame: the address of the first, and
    /// the number behind the last.
    #[must_use]
    pub fn first_held(&self, start: VirtAddr, end: u64) -> Option<(VirtAddr, u64)> {
        let mut cursor = self.cursor.clone();
        let (mut address, mut first) = (start.as_u64(), None);
        while address < end {
            cursor.seek(address);
            match (cursor.leaf(), first) {
                (Some(_), None) => first = Some(address),
                (None, Some(_)) => break,
                _ => {}
            }
            address = cursor.next_start();
        }
        first.map(|first| (VirtAddr::new_truncate(first), address.min(end)))
    }

    /// Takes the promise that is stood on away, and the tables that are empty then.
    fn break_promise<T: Tlb>(&mut self, gather: &mut Gather<'_, '_, T>) {
        self.cursor.replace(Entry::UNUSED);
        gather.physical.frames_mut().unreserve(1);
        self.cursor.prune(gather);
    }

    /// The range as numbers, if it is whole pages, all of them in demand regions.
    fn pages_on_demand(&self, start: VirtAddr, size: u64) -> Result<(u64, u64), PromiseError> {
        let (start, end) = whole_pages(start, size).ok_or(PromiseError::Unaligned(start, size))?;
        self.check_regions(start, end, PromiseError::NoRegion, |region| {
            match region.backing {
                Backing::Demand => Ok(()),
                other => Err(PromiseError::NotOnDemand(region.base, other)),
            }
        })?;
        Ok((start, end))
    }

    /// Pages of a range with an unused entry, and tables that lack on the way
    /// to them.
    fn lacking(&mut self, start: u64, end: u64) -> (u64, u64) {
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
