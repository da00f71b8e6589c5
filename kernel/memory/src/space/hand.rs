//! The hand that goes over the pages of a space, and stops at one that may go.
//!
//! ```text
//!   region   region      region
//!   [.#.##]  [#####]     [##]          # a page in memory, . none
//!        ^ hand            │
//!   ^──────── next lap ────┘
//! ```
//!
//! What must always hold: the place is an address and no more, so that regions and
//! tables may come and go between two steps; only small pages are met that one
//! leaf owns alone, or that are a file's. What was aged is in the
//! batch: without the flush a page that is still in use would look as if it was not.

use core::ops::Range;

use x86_64::VirtAddr;

use super::region::{Backing, Region};
use super::{Content, Half, WantedPage};
use crate::flush::FlushBatch;
use crate::memory::{Memory, Removed};
use crate::object::ObjectKind;
use crate::paging::{Entry, LeafSize};
use crate::policy::{Candidate, Choice, Policy};

const SMALL: LeafSize = LeafSize::Size4KiB;

/// How far eviction has come in a space. It belongs to one space, and may be made
/// anew at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hand {
    /// The first address that was not passed in this lap.
    pub(super) address: u64,
    pub(super) laps: u64,
    /// Pages of this lap that could go.
    pub(super) candidates: u64,
}

impl Hand {
    /// The first address that was not passed in this lap, as a number.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// How often it has been round the space.
    #[must_use]
    pub const fn laps(&self) -> u64 {
        self.laps
    }
}

/// What a page that may go leaves behind.
#[derive(Clone, Copy)]
pub(super) enum Victim {
    /// Nobody else has its bytes: they go to a slot, and then this goes back.
    ToSlot(Removed),
    /// A mapping of this page of a file, which has the bytes as well.
    Mapping(WantedPage, Removed),
}

impl Half {
    /// Goes on to the next page that the policy takes, and stands on it. At the end of
    /// the lap it says how many could have gone.
    pub(super) fn next_victim<P: Policy + ?Sized>(
        &mut self,
        hand: &mut Hand,
        policy: &mut P,
        batch: &mut FlushBatch<'_>,
    ) -> Result<Victim, u64> {
        while let Some(region) = self.region_from(hand.address) {
            let end = region.end();
            let mut address = hand.address.max(region.base.as_u64());
            while address < end && may_lose_pages(&region) {
                self.cursor.seek(address);
                if self.cursor.level() != SMALL.level() {
                    address = self.cursor.next_in_use(end);
                    continue;
                }
                let pages = address..end.min(end_of_table(address));
                address = pages.end;
                if let Some(victim) = self.victim_in_table(&region, pages, hand, policy, batch) {
                    return Ok(victim);
                }
            }
            hand.address = end;
        }
        hand.address = 0;
        hand.laps += 1;
        Err(core::mem::take(&mut hand.candidates))
    }

    /// The next page that the policy takes among these, which are in the table stood
    /// in. The hand is behind it, and the cursor stands on it.
    fn victim_in_table<P: Policy + ?Sized>(
        &mut self,
        region: &Region,
        pages: Range<u64>,
        hand: &mut Hand,
        policy: &mut P,
        batch: &mut FlushBatch<'_>,
    ) -> Option<Victim> {
        for address in pages.step_by(SMALL.bytes() as usize) {
            let entry = self.cursor.neighbour(address);
            let Some(victim) = self.victim_of(entry, address, region, batch.memory()) else {
                continue;
            };
            hand.candidates += 1;
            let flags = entry.flags();
            let choice = policy.choose(&Candidate {
                is_accessed: flags.contains(Entry::ACCESSED),
                is_dirty: flags.contains(Entry::DIRTY),
                is_of_file: matches!(victim, Victim::Mapping(..)),
                lap: hand.laps,
            });
            match choice {
                Choice::Take => {
                    self.cursor.seek(address);
                    hand.address = address + SMALL.bytes();
                    return Some(victim);
                }
                Choice::Age if flags.contains(Entry::ACCESSED) => {
                    self.cursor.seek(address);
                    self.cursor.clear_accessed();
                    batch.page(address);
                }
                Choice::Age | Choice::Pass => {}
            }
        }
        None
    }

    /// The region that holds an address, or else the next one.
    fn region_from(&self, address: u64) -> Option<Region> {
        let here = self.regions.find(address);
        here.or_else(|| self.regions.from(address))
            .map(|record| record.region)
    }

    /// What stands behind the entry of a small page, if it is one that could go.
    #[inline]
    fn victim_of(
        &self,
        entry: Entry,
        address: u64,
        region: &Region,
        memory: &Memory,
    ) -> Option<Victim> {
        if !entry.is_present() {
            return None;
        }
        match Content::of(entry, SMALL, self.zero) {
            Content::Private(start) => Some(Victim::ToSlot(Removed::Private(start, 1))),
            Content::Shared(start) | Content::Object(start) => {
                let owners = memory.owners(start);
                let removed = Removed::Shared(start, 1);
                let address = VirtAddr::new_truncate(address);
                let of_file = region
                    .wanted_page(address)
                    .filter(|wanted| memory.object_page(wanted.object, wanted.page) == Some(start));
                match of_file {
                    None => (owners == 1).then_some(Victim::ToSlot(removed)),
                    Some(wanted) => {
                        let kind = memory.object(wanted.object)?.kind;
                        let is_dirty = entry.flags().contains(Entry::DIRTY);
                        let may_go = kind == ObjectKind::File && !is_dirty;
                        may_go.then_some(Victim::Mapping(wanted, removed))
                    }
                }
            }
            Content::Zero(_) | Content::Borrowed(_) | Content::Fixed(_) => None,
        }
    }
}

/// The end of what the leaf table of an address spans.
const fn end_of_table(address: u64) -> u64 {
    const SPAN: u64 = LeafSize::Size2MiB.bytes();
    (address & !(SPAN - 1)) + SPAN
}

/// True if a page of the region may be anywhere but in memory. One with immediate
/// backing was promised that no access fails later.
fn may_lose_pages(region: &Region) -> bool {
    match region.backing {
        Backing::Demand | Backing::Zero | Backing::Object { .. } => true,
        Backing::Immediate | Backing::Device(..) | Backing::Guard | Backing::Fixed => false,
    }
}
