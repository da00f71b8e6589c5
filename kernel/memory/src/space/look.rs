//! What is where: regions by address and in order, leaves, tables and walks.
//! Nothing here changes anything.

use core::fmt;

use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use super::halves::{HALF, bounds_of};
use super::region::{Backing, Region};
use super::{Content, Half};
use crate::fault::{Access, Fault};
use crate::paging::{Cursor, EntryKind, LeafSize, Walk};
use crate::slot::Slot;
use crate::tlb::Scope;

/// What of a range is mapped, in frames of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Behind private leaves: frames that the range owns.
    pub private: u64,
    /// Behind shared leaves: frames that others may own as well.
    pub shared: u64,
    /// Pages that share the zero frame.
    pub zero: u64,
    /// Behind borrowed leaves.
    pub borrowed: u64,
    /// Pages that are in slots, and not in memory.
    pub swapped: u64,
}

/// A leaf: memory behind a page, whether its region lets anybody access it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The first address that it maps.
    pub page: VirtAddr,
    /// How much it maps.
    pub size: LeafSize,
    /// What it maps.
    pub content: Content,
}

impl Half {
    /// The region that holds `address`.
    #[must_use]
    pub fn region_at(&self, address: VirtAddr) -> Option<Region> {
        let record = self.regions.find(address.as_u64())?;
        Some(record.region)
    }

    /// The nearest region that lies wholly below `address`.
    #[must_use]
    pub fn region_below(&self, address: VirtAddr) -> Option<Region> {
        let base = self
            .region_at(address)
            .map_or(address, |region| region.base);
        let record = self.regions.before(base.as_u64())?;
        Some(record.region)
    }

    /// The nearest region that lies wholly above `address`.
    #[must_use]
    pub fn region_above(&self, address: VirtAddr) -> Option<Region> {
        let end = self
            .region_at(address)
            .map_or(address.as_u64(), |region| region.end());
        let record = self.regions.from(end)?;
        Some(record.region)
    }

    /// The highest multiple of 4 KiB in the window, but not below `from`, at which
    /// `size` bytes are free that end at `below` or before.
    #[must_use]
    pub fn highest_room(&self, size: u64, from: VirtAddr, below: u64) -> Option<VirtAddr> {
        let (low, high) = self.window;
        let (low, last) = (from.as_u64().max(low), below.min(high).checked_sub(1)?);
        let place = self.regions.last_fit(size, 4096, low, last)?;
        Some(VirtAddr::new_truncate(place))
    }

    /// All regions, by address.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        self.regions.iter().map(|record| record.region)
    }

    /// How many regions there are.
    #[must_use]
    pub fn region_count(&self) -> u64 {
        self.regions.len()
    }

    /// Frames that hold the region records.
    #[must_use]
    pub fn record_frames(&self) -> u64 {
        self.regions.frames()
    }

    /// The level 4 table: what CR3 is loaded with to use the space.
    #[must_use]
    pub fn root(&self) -> PhysFrame {
        self.cursor.root().frame()
    }

    /// True for the kernel half.
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        self.scope == Scope::Kernel
    }

    /// Whose translations a change here outdates.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Where regions are placed: the first address, and the number behind the last.
    #[must_use]
    pub fn window(&self) -> (VirtAddr, u64) {
        (VirtAddr::new_truncate(self.window.0), self.window.1)
    }

    /// Where a region of this backing may lie at all; in the kernel half that
    /// is more than the window for what somebody else maps.
    pub(crate) fn bounds(&self, backing: Backing) -> (u64, u64) {
        if backing.is_managed() {
            self.window
        } else {
            bounds_of(self.scope)
        }
    }

    /// The way from the root to what `address` is translated to, level by
    /// level. The tables of the other half are not this one's to read: a walk
    /// to an address there ends in the root.
    #[must_use]
    pub fn walk(&self, address: VirtAddr) -> Walk {
        if !self.holds(address) {
            return Walk::of_root(&self.cursor, address);
        }
        let mut cursor = self.cursor.clone();
        cursor.seek(address.as_u64());
        Walk::of(&cursor, address)
    }

    /// The physical address that `address` is translated to, if it lies in this
    /// half and is mapped: what [`Self::walk`] ends in.
    #[inline]
    #[must_use]
    pub fn translate(&self, address: VirtAddr) -> Option<PhysAddr> {
        let here = self.holds(address).then_some(address.as_u64())?;
        self.cursor.translate(here)
    }

    /// The slot that the page of this address is in: what a fault there that is
    /// [blocked](crate::Outcome::Blocked) waits for. `None` if the page is in none.
    #[must_use]
    pub fn wanted_slot(&self, address: VirtAddr) -> Option<Slot> {
        let end = self.walk(address).end();
        match end.entry.kind(end.level) {
            EntryKind::Swapped(slot) => Some(slot),
            EntryKind::Unused
            | EntryKind::Reserved
            | EntryKind::Table(_)
            | EntryKind::Leaf(..)
            | EntryKind::Unknown(_) => None,
        }
    }

    /// How many frames of 4 KiB it takes to resolve this fault: one for each table
    /// that is missing, and one for the page, unless it can share the zero frame.
    #[must_use]
    pub fn frames_needed(&self, fault: &Fault) -> u64 {
        let level = self.walk(fault.address).end().level;
        let region = self.region_at(fault.address);
        let is_shared = fault.access() != Access::Write
            && region.is_some_and(|region| region.backing == Backing::Zero)
            && self.wanted_slot(fault.address).is_none();
        u64::from(level - 1) + u64::from(!is_shared)
    }

    /// True if `address` lies in this half.
    fn holds(&self, address: VirtAddr) -> bool {
        (address.as_u64() >= HALF) == self.is_kernel()
    }

    /// All leaves of this half that map something from `start` on and
    /// below `end`, by address. The first may begin before `start`, the last end
    /// behind `end`.
    pub fn leaves(&self, start: VirtAddr, end: u64) -> Leaves<'_> {
        let (low, high) = bounds_of(self.scope);
        Leaves {
            half: self,
            cursor: self.cursor.clone(),
            next: start.as_u64().max(low),
            end: end.min(high),
        }
    }

    /// What of the region is mapped now. Costs a walk over what is mapped.
    #[must_use]
    pub fn resident(&self, region: &Region) -> Resident {
        self.resident_between(region.base, region.end())
    }

    /// The same of the pages from `start` on and below `end`.
    #[must_use]
    pub fn resident_between(&self, start: VirtAddr, end: u64) -> Resident {
        let mut resident = Resident::default();
        let mut entries = self.leaves(start, end);
        while let Some((page, kind)) = entries.step() {
            if let EntryKind::Swapped(_) = kind {
                resident.swapped += 1;
            }
            let Some(leaf) = entries.leaf(page, kind) else {
                continue;
            };
            let first = leaf.page.max(start).as_u64();
            // The end of a leaf of somebody else's may be 2^64, which is no number.
            let last = end.min(leaf.page.as_u64().saturating_add(leaf.size.bytes()));
            let frames = (last - first) / LeafSize::Size4KiB.bytes();
            match leaf.content {
                Content::Zero(_) => resident.zero += frames,
                Content::Private(_) => resident.private += frames,
                Content::Shared(_) | Content::Object(_) => resident.shared += frames,
                Content::Borrowed(_) => resident.borrowed += frames,
                Content::Fixed(_) => {}
            }
        }
        resident
    }

    /// Frames of 4 KiB behind the leaves of this half, private and shared, each as
    /// often as it is mapped. Costs nothing, since it is counted.
    #[must_use]
    pub fn resident_frames(&self) -> u64 {
        self.resident
    }

    /// The most that [`Self::resident_frames`] has been.
    #[must_use]
    #[inline]
    pub fn most_resident_frames(&self) -> u64 {
        self.most_resident.max(self.resident)
    }

    /// Names all page tables of this half to `see`: the root, and all that lie
    /// below its slots.
    pub fn tables(&self, mut see: impl FnMut(PhysFrame)) {
        let slots = if self.is_kernel() { 256..512 } else { 0..256 };
        see(self.root());
        self.cursor.tables_below_root(slots, &mut see);
    }
}

/// The iterator over the leaves of a half: see [`Half::leaves`].
#[derive(Debug)]
pub struct Leaves<'a> {
    half: &'a Half,
    cursor: Cursor,
    next: u64,
    end: u64,
}

impl Leaves<'_> {
    /// Steps to the next entry, be it a leaf or not: an address that it spans, and
    /// what it says.
    fn step(&mut self) -> Option<(u64, EntryKind)> {
        let page = (self.next < self.end).then_some(self.next)?;
        self.cursor.seek(page);
        self.next = self.cursor.next_in_use(self.end);
        Some((page, self.cursor.kind()))
    }

    /// The entry stood on, if it is a leaf.
    fn leaf(&self, page: u64, kind: EntryKind) -> Option<Leaf> {
        let EntryKind::Leaf(_, size) = kind else {
            return None;
        };
        Some(Leaf {
            page: VirtAddr::new_truncate(page & !(size.bytes() - 1)),
            size,
            content: Content::of(self.cursor.entry(), size, self.half.zero),
        })
    }
}

impl Iterator for Leaves<'_> {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        loop {
            let (page, kind) = self.step()?;
            if let Some(leaf) = self.leaf(page, kind) {
                return Some(leaf);
            }
        }
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half")
            .field("scope", &self.scope)
            .field("regions", &self.regions.len())
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}
