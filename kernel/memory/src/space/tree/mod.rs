//! The regions of a space in order: an AVL tree that also knows the gaps.
//!
//! Each node holds one [`Region`] and, of the subtree below it, the addresses
//! it spans and the largest gap between two of its regions. Finding the region
//! of an address and finding room for a new one both go down one path.
//!
//! What must always hold: regions are sorted by base and do not overlap; the
//! heights of siblings differ by at most 1; span and gap are those of the
//! subtree. Nodes live in a [`Pool`], never on a heap.

mod balance;

use super::region::Region;
use super::regions::Record;
use crate::direct_map::DirectMap;
use crate::frames::{Frames, OutOfFrames};
use crate::pool::{Handle, Pool};

pub(crate) type Link = Option<Handle<Node>>;

/// A region and its place in the tree.
///
/// All that a search looks at is in the first cache line. In the order that the
/// compiler chooses it is in two or three, and with 100,000 regions each is
/// fetched from far away.
#[repr(C, align(64))]
pub(crate) struct Node {
    pub(crate) left: Link,
    pub(crate) right: Link,
    /// The first address of the subtree's first region.
    pub(crate) start: u64,
    /// The end of the subtree's last region.
    pub(crate) end: u64,
    /// The largest gap between two neighbours within the subtree, in bytes.
    pub(crate) gap: u64,
    pub(crate) height: u8,
    pub(crate) record: Record,
}

/// The regions of one space.
pub(crate) struct Tree {
    pub(crate) pool: Pool<Node>,
    pub(crate) root: Link,
    pub(crate) len: u64,
}

impl Tree {
    pub(crate) const fn new(direct_map: DirectMap) -> Self {
        Self {
            pool: Pool::new(direct_map),
            root: None,
            len: 0,
        }
    }

    /// Frames that hold the records.
    pub(crate) fn frames(&self) -> u64 {
        self.pool.frames()
    }

    /// Regions in the tree.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A record that is not yet in the tree: what an operation reserves.
    pub(crate) fn reserve(
        &mut self,
        frames: &mut Frames,
        record: Record,
    ) -> Result<Handle<Node>, OutOfFrames> {
        self.pool.insert(
            frames,
            Node {
                record,
                left: None,
                right: None,
                height: 1,
                start: 0,
                end: 0,
                gap: 0,
            },
        )
    }

    /// Gives a record back that is not in the tree.
    pub(crate) fn release(&mut self, frames: &mut Frames, node: Handle<Node>) -> Region {
        self.pool.remove(frames, node).record.region
    }

    /// The region of a record.
    #[inline]
    pub(crate) fn region(&self, node: Handle<Node>) -> &Region {
        &self.pool.get(node).record.region
    }

    /// The region of a record, to change what the tree does not sort by.
    #[inline]
    pub(crate) fn region_mut(&mut self, node: Handle<Node>) -> &mut Region {
        &mut self.pool.get_mut(node).record.region
    }

    /// The record itself.
    #[inline]
    pub(crate) fn node(&self, node: Handle<Node>) -> &Node {
        self.pool.get(node)
    }

    /// The same, to change it.
    #[inline]
    pub(crate) fn node_mut(&mut self, node: Handle<Node>) -> &mut Node {
        self.pool.get_mut(node)
    }

    /// Puts a reserved record, which overlaps no other, into its place.
    pub(crate) fn insert(&mut self, node: Handle<Node>) {
        let base = self.base(node);
        self.root = Some(self.insert_below(self.root, node, base));
        self.len += 1;
    }

    /// Takes the record of the region with this base out of the tree; it is
    /// still reserved then.
    pub(crate) fn remove(&mut self, base: u64) -> Link {
        let (root, removed) = self.remove_below(self.root, base);
        self.root = root;
        self.len -= u64::from(removed.is_some());
        removed
    }

    /// Changes the region with this base in a way that may move its end.
    pub(crate) fn update(&mut self, base: u64, change: &mut impl FnMut(&mut Record)) {
        self.update_below(self.root, base, change);
    }

    /// The record of the region that holds `address`. One comparison for each
    /// level of the tree, without a branch, and one with the size at the end:
    /// 8 instructions a level, where two comparisons took 9.
    pub(crate) fn find(&self, address: u64) -> Link {
        let mut link = self.root;
        let mut begins_before = None;
        while let Some(node) = link {
            let here = self.pool.get(node);
            if here.record.region.base.as_u64() <= address {
                begins_before = Some(node);
                link = here.right;
            } else {
                link = here.left;
            }
        }
        begins_before.filter(|node| {
            let region = self.region(*node);
            address - region.base.as_u64() < region.size
        })
    }

    /// The first record whose region ends after `address`: the one that holds
    /// it, or else the next one up.
    pub(crate) fn from(&self, address: u64) -> Link {
        let mut link = self.root;
        let mut best = None;
        while let Some(node) = link {
            let here = self.pool.get(node);
            if address < here.record.region.end() {
                best = Some(node);
                link = here.left;
            } else {
                link = here.right;
            }
        }
        best
    }

    /// The last record whose region begins below `address`.
    pub(crate) fn before(&self, address: u64) -> Link {
        let mut link = self.root;
        let mut best = None;
        while let Some(node) = link {
            let here = self.pool.get(node);
            if here.record.region.base.as_u64() < address {
                best = Some(node);
                link = here.right;
            } else {
                link = here.left;
            }
        }
        best
    }

    /// The lowest multiple of `align` from `low` on at which `size` bytes are
    /// free below `high`. One path for an `align` of 4 KiB; for larger ones
    /// also the gaps that are wide enough and turn out to be ill-placed.
    pub(crate) fn first_fit(&self, size: u64, align: u64, low: u64, high: u64) -> Option<u64> {
        let search = Search {
            size,
            align,
            low,
            high,
        };
        self.fit_below(self.root, low, high, &search)
    }

    fn fit_below(&self, link: Link, before: u64, after: u64, search: &Search) -> Option<u64> {
        let Some(node) = link else {
            return search.place_in(before, after);
        };
        let here = self.pool.get(node);
        let edge = (here.start.saturating_sub(before)).max(after.saturating_sub(here.end));
        if here.gap.max(edge) < search.size || after <= search.low || before >= search.high {
            return None;
        }
        let (base, end) = (here.record.region.base.as_u64(), here.record.region.end());
        self.fit_below(here.left, before, base, search)
            .or_else(|| self.fit_below(here.right, end, after, search))
    }
    fn base(&self, node: Handle<Node>) -> u64 {
        self.pool.get(node).record.region.base.as_u64()
    }
}

/// What a search for room looks for.
struct Search {
    size: u64,
    align: u64,
    low: u64,
    high: u64,
}

impl Search {
    /// The lowest place in the gap from `start` to `end`, if there is one.
    fn place_in(&self, start: u64, end: u64) -> Option<u64> {
        let place = start.max(self.low).checked_next_multiple_of(self.align)?;
        let room = end.min(self.high).checked_sub(place)?;
        (room >= self.size).then_some(place)
    }
}
