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
//! tables may come and go between two steps; only pages are met that one
//! leaf owns alone, or that are a file's. What was aged is to be flushed: without that a
//! page that is still in use would look as if it was not.

use core::ops::ControlFlow;

use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use super::region::{Backing, Region};
use super::regions::Regions;
use super::{Content, Half};
use crate::flush::Outdated;
use crate::memory::Memory;
use crate::object::ObjectKind;
use crate::paging::{Age, Cursor, Entry, LeafSize};
use crate::policy::{Candidate, Choice, Policy};

const SMALL: LeafSize = LeafSize::Size4KiB;

/// How far eviction has come in a space. It belongs to one space, and may be made
/// anew at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hand {
    /// The first address that was not passed in this lap.
    pub(super) address: u64,
    pub(super) laps: u64,
    /// Small pages of this lap that could go.
    small: u64,
    /// Small pages that the large ones of this lap are worth which could go.
    in_large: u64,
    takes_large: bool,
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

    /// True if in this lap large pages are broken up: in the last one there was little
    /// else that could go, less than an eighth.
    #[must_use]
    pub const fn takes_large(&self) -> bool {
        self.takes_large
    }

    /// Begins anew. Returns how many pages of 4 KiB of the lap could go.
    pub(super) fn end_lap(&mut self) -> u64 {
        let Self {
            laps,
            small,
            in_large,
            ..
        } = *self;
        *self = Self {
            laps: laps + 1,
            takes_large: 8 * small < in_large,
            ..Self::default()
        };
        small + in_large
    }
}

/// What is done with a page that goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// Nobody else has its bytes: it needs a slot.
    Page,
    /// It is a mapping of a page of a file, which has the bytes as well.
    Mapping,
    /// It is large: it is broken up.
    Large,
}

impl Half {
    /// Goes on to the next page that the policy takes, and stands on it. At the end of
    /// the lap there is none.
    #[inline(always)]
    pub(super) fn next_victim<P: Policy + ?Sized>(
        &mut self,
        hand: &mut Hand,
        policy: &mut P,
        aged: &mut Outdated,
        memory: &Memory,
    ) -> Option<Victim> {
        while let Some(region) = region_from(&mut self.regions, hand.address) {
            let end = region.end();
            hand.address = hand.address.max(region.base.as_u64());
            while hand.address < end && may_lose_pages(region) {
                self.cursor.seek(hand.address);
                let victim = if self.cursor.level() == SMALL.level() {
                    small_victim(
                        &mut self.cursor,
                        region,
                        self.zero,
                        hand,
                        policy,
                        aged,
                        memory,
                    )
                } else {
                    large_victim(&mut self.cursor, end, self.zero, hand, policy, aged)
                };
                if victim.is_some() {
                    return victim;
                }
            }
            hand.address = end;
        }
        None
    }
}

/// The next page that the policy takes in the leaf table stood in, and in the region. It
/// is stood on then, and the hand is behind it.
#[inline(always)]
fn small_victim<P: Policy + ?Sized>(
    cursor: &mut Cursor,
    region: &Region,
    zero: PhysFrame,
    hand: &mut Hand,
    policy: &mut P,
    aged: &mut Outdated,
    memory: &Memory,
) -> Option<Victim> {
    let row = cursor.row_before(region.end());
    let found = cursor.age_row(row, |entry, address| {
        let Some(victim) = victim_of(entry, address, region, zero, memory) else {
            return ControlFlow::Continue(Age::Keep);
        };
        hand.small += 1;
        let is_of_file = victim == Victim::Mapping;
        match policy.choose(&candidate(entry, is_of_file, hand.laps)) {
            Choice::Take => ControlFlow::Break(victim),
            Choice::Age if entry.flags().contains(Entry::ACCESSED) => {
                aged.page(address);
                ControlFlow::Continue(Age::Clear)
            }
            Choice::Age | Choice::Pass => ControlFlow::Continue(Age::Keep),
        }
    });
    if found.is_some() {
        hand.address = cursor.address() + SMALL.bytes();
    } else {
        hand.address += row * SMALL.bytes();
    }
    found
}

/// The large page stood on, if it is private, and if the policy takes it in a lap in
/// which such pages are broken up. If not, the hand is behind it, and behind what is not
/// in use before `end`.
#[cold]
#[inline(never)]
fn large_victim<P: Policy + ?Sized>(
    cursor: &mut Cursor,
    end: u64,
    zero: PhysFrame,
    hand: &mut Hand,
    policy: &mut P,
    aged: &mut Outdated,
) -> Option<Victim> {
    let entry = cursor.entry();
    let leaf = cursor.leaf().filter(|size| {
        entry.is_present() && matches!(Content::of(entry, *size, zero), Content::Private(_))
    });
    if let Some(size) = leaf {
        hand.in_large += size.frames();
        if hand.takes_large {
            match policy.choose(&candidate(entry, false, hand.laps)) {
                Choice::Take => return Some(Victim::Large),
                Choice::Age if entry.flags().contains(Entry::ACCESSED) => {
                    cursor.clear_accessed();
                    aged.page(cursor.address());
                }
                Choice::Age | Choice::Pass => {}
            }
        }
    }
    hand.address = cursor.next_in_use(end);
    None
}

/// What a policy is told of the page behind an entry.
#[inline(always)]
fn candidate(entry: Entry, is_of_file: bool, lap: u64) -> Candidate {
    let flags = entry.flags();
    Candidate {
        is_accessed: flags.contains(Entry::ACCESSED),
        is_dirty: flags.contains(Entry::DIRTY),
        is_of_file,
        lap,
    }
}

/// The region that holds an address, or else the next one.
#[inline(always)]
fn region_from(regions: &mut Regions, address: u64) -> Option<&Region> {
    regions.seek(address);
    if regions.is_at(address) {
        regions.here().map(|record| &record.region)
    } else {
        regions.from(address).map(|record| &record.region)
    }
}

/// What would be done with the page behind the entry of a small one, if it could go.
#[inline(always)]
fn victim_of(
    entry: Entry,
    address: u64,
    region: &Region,
    zero: PhysFrame,
    memory: &Memory,
) -> Option<Victim> {
    if !entry.is_present() {
        return None;
    }
    match Content::of(entry, SMALL, zero) {
        Content::Private(_) => Some(Victim::Page),
        Content::Shared(start) | Content::Object(start) => {
            shared_victim(entry, start, address, region, memory)
        }
        Content::Zero(_) | Content::Borrowed(_) | Content::Fixed(_) => None,
    }
}

/// The same for a frame that has other owners, or had: it could go if this is the last
/// one, or if it is a file's.
#[inline(never)]
fn shared_victim(
    entry: Entry,
    start: PhysAddr,
    address: u64,
    region: &Region,
    memory: &Memory,
) -> Option<Victim> {
    let of_file = region
        .wanted_page(VirtAddr::new_truncate(address))
        .filter(|wanted| memory.object_page(wanted.object, wanted.page) == Some(start));
    let Some(wanted) = of_file else {
        return (memory.owners(start) == 1).then_some(Victim::Page);
    };
    let kind = memory.object(wanted.object)?.kind;
    let is_dirty = entry.flags().contains(Entry::DIRTY);
    let may_go = kind == ObjectKind::File && !is_dirty;
    may_go.then_some(Victim::Mapping)
}

/// True if a page of the region may be anywhere but in memory. One with immediate
/// backing was promised that no access fails later.
fn may_lose_pages(region: &Region) -> bool {
    match region.backing {
        Backing::Demand | Backing::Zero | Backing::Object { .. } => true,
        Backing::Immediate | Backing::Device(..) | Backing::Guard | Backing::Fixed => false,
    }
}
