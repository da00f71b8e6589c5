//! The spot of the last fault: the pages of one region under one leaf table,
//! with all that a fault there needs to know worked out.
//!
//! ```text
//!   region   |------------------------------|
//!   tables        |  2 MiB  |  2 MiB  |  2 MiB  |
//!   spot                    |---------|
//! ```
//!
//! Faults come in rows, so that most fall into the spot of the one before.
//! Those are answered in `faults`, without a search, a walk or a call. With one
//! lock instead of two this took a zero-page read from 195 instructions to 150.
//!
//! What must always hold: an open spot says what its region and its tables say.
//! Nothing is taken out of the tables, and no region changes, but through
//! [`Space::gather`], which closes it.

mod faults;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::region::{Region, Way};
use super::tree::{Link, Node};
use crate::direct_map::Place;
use crate::fault::{Cause, Outcome};
use crate::gather::Gather;
use crate::journal::Row;
use crate::paging::{Cursor, Entry, LeafSize, span_of};
use crate::physical::Physical;
use crate::pool::Handle;
use crate::tlb::Tlb;

/// Pages of a region that share a leaf table, and what a fault there gets.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Spot {
    /// The first address.
    base: u64,
    /// Bytes; 0 if the spot is closed.
    size: u64,
    /// The entry for the first address.
    first: Place,
    /// The entry that points to the leaf table.
    parent: Place,
    /// Bytes in which a read of an unused page shares the zero frame: all or none.
    shared_size: u64,
    /// The bits of an error code that the region refuses, and PRESENT: the first
    /// touch of a page has none of them.
    no_touch: PageFaultErrorCode,
    /// The same, and WRITE: its first read has none of them.
    no_read: PageFaultErrorCode,
    /// What such a read maps. No entry is that where none shares it.
    shared: Entry,
    /// The zero frame, which it maps.
    zero: PhysAddr,
    /// A leaf of physical address 0 that gives all that the region gives.
    private: Entry,
    /// What the first touch of a page is that takes a frame, and where it counts.
    filled: Outcome,
    filled_row: Row,
    /// The record of the region, and where the region begins.
    node: Link,
    region: VirtAddr,
    /// Faults that the record does not count yet.
    faults: u64,
}

impl Spot {
    pub(super) const CLOSED: Self = Self {
        base: 0,
        size: 0,
        first: Place::NONE,
        parent: Place::NONE,
        shared_size: 0,
        no_touch: PageFaultErrorCode::empty(),
        no_read: PageFaultErrorCode::empty(),
        shared: Entry::UNUSED,
        zero: PhysAddr::zero(),
        private: Entry::UNUSED,
        filled: Outcome::Demand,
        filled_row: Row::of(Outcome::Demand, Cause::Absent),
        node: None,
        region: VirtAddr::zero(),
        faults: 0,
    };

    /// Where its region begins.
    pub(super) fn region(&self) -> VirtAddr {
        self.region
    }

    /// Lies down on the pages of its region around the address that `cursor`
    /// stands on, in their leaf table.
    fn lie_around(&mut self, cursor: &Cursor, region: &Region) {
        let block = cursor.address() & !(span_of(2) - 1);
        self.base = region.base.as_u64().max(block);
        self.size = region.end().min(block + span_of(2)) - self.base;
        let is_shared = self.shared != Entry::UNUSED;
        self.shared_size = if is_shared { self.size } else { 0 };
        self.first = cursor.table_place().nth(self.base >> 12 & 0x1ff);
        self.parent = cursor.parent_place();
    }

    /// Whether it says what a spot that is opened anew would say.
    pub(super) fn is_current(&self, space: &Space, physical: &Physical) -> bool {
        let mut cursor = space.cursor.clone();
        cursor.seek(self.base);
        let anew = || {
            let node = space.regions.find(self.base)?;
            let mut spot = space.spot_in(node, physical)?;
            spot.lie_around(&cursor, space.regions.region(node));
            spot.faults = self.faults;
            (cursor.level() == 1).then_some(spot)
        };
        self.size == 0 || anew() == Some(*self)
    }
}

impl Space {
    /// What takes things out of the tables: every such work begins here, and
    /// closes the spot.
    pub(super) fn gather<'a, 'm, T: Tlb>(
        &mut self,
        physical: &'a mut Physical<'m>,
        tlb: &'a mut T,
    ) -> Gather<'a, 'm, T> {
        self.move_spot(Spot::CLOSED);
        Gather::new(self.scope, physical, tlb)
    }

    /// Opens the spot around `address` if faults there are of the everyday kind:
    /// small pages on demand, whose leaf table exists. Takes a frame in hand for
    /// the next of them. False if neither was left to do: a fault that the spot
    /// could not resolve is of another kind.
    #[inline(never)]
    pub(super) fn open_spot(&mut self, address: u64, physical: &mut Physical) -> bool {
        if address.wrapping_sub(self.spot.base) < self.spot.size {
            return false;
        }
        let Some(node) = self.lookup(address) else {
            return false;
        };
        self.cursor.seek(address);
        if self.cursor.level() > 1 {
            return false;
        }
        if self.spot.node != Some(node) {
            let Some(spot) = self.spot_in(node, physical) else {
                return false;
            };
            self.move_spot(spot);
        }
        self.spot
            .lie_around(&self.cursor, self.regions.region(node));
        true
    }

    /// Leaves the spot, whose faults the region's record counts now, for another.
    fn move_spot(&mut self, to: Spot) {
        let Spot { node, faults, .. } = core::mem::replace(&mut self.spot, to);
        if let Some(node) = node {
            self.regions.region_mut(node).faults += faults;
        }
    }

    /// Faults in the region of a record that the record does not count yet.
    pub(super) fn faults_in_spot(&self, node: Handle<Node>) -> u64 {
        let is_here = self.spot.node == Some(node);
        if is_here { self.spot.faults } else { 0 }
    }

    /// A spot in a region, which lies nowhere yet.
    fn spot_in(&self, node: Handle<Node>, physical: &Physical) -> Option<Spot> {
        let record = self.regions.node(node);
        let (region, plan) = (&record.region, record.plan);
        if plan.way == Way::Other {
            return None;
        }
        let zero = physical.zero_frame().start_address();
        let leaf = |flags: PageTableFlags| Entry::leaf(0, LeafSize::Size4KiB, flags.bits());
        let is_shared = plan.way == Way::Zero;
        let filled = if is_shared {
            Outcome::ZeroWrite
        } else {
            Outcome::Demand
        };
        Some(Spot {
            no_touch: plan.refused | PRESENT,
            no_read: plan.refused | PRESENT | WRITE,
            shared: if is_shared {
                leaf(plan.flags.difference(PageTableFlags::WRITABLE)).at(zero, false)
            } else {
                Entry::UNUSED
            },
            zero,
            private: leaf(plan.flags),
            filled,
            filled_row: Row::of(filled, Cause::Absent),
            node: Some(node),
            region: region.base,
            ..Spot::CLOSED
        })
    }
}

const WRITE: PageFaultErrorCode = PageFaultErrorCode::CAUSED_BY_WRITE;
const PRESENT: PageFaultErrorCode = PageFaultErrorCode::PROTECTION_VIOLATION;
