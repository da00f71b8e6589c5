//! The regions of a space: a B+ tree whose nodes are whole frames.
//!
//! ```text
//!                    inner  | base last gap | base last gap | ...
//!                              |                |
//!      leaf | base last | ...  |           leaf | base last | ...
//!           | record    | ...               ... | record    | ...
//! ```
//!
//! Each entry of an inner node notes, of all regions below it, the first and
//! the last address and the largest gap, so that finding the region of an
//! address goes down one path, and finding room for another one does as well.
//!
//! What must always hold: regions are sorted and do not overlap; no node is
//! empty; all leaves are on one level; notes are exact. No memory comes from a
//! heap: what insertions need is reserved before ([`Regions::reserve`]), and
//! removing needs nothing. A region may end at the last address there is, so
//! ends are named by their last address here.
//!
//! The parts: `record`, `row` (entries in order), `node` (a row in a frame),
//! `link` (searches), `tree` (the root and the last hit), `spares` (the frames),
//! `change`, `room`, `check` (for the audit). All unsafe code is in `node` and
//! `tree`.

mod change;
mod check;
mod link;
mod node;
mod record;
mod room;
mod row;
mod spares;
#[cfg(test)]
mod tests;
mod tree;

use core::fmt;

pub use check::Defect;
pub(crate) use check::Met;
pub(crate) use record::Record;

use crate::direct_map::DirectMap;
use crate::frames::{Frames, OutOfFrames};
use link::{Inner, Leaf, Link};
use room::Wanted;
use spares::Spares;
use tree::Tree;

/// The regions of one space.
pub(crate) struct Regions {
    tree: Tree,
    /// Levels of the tree.
    height: u8,
    len: u64,
    /// How many insertions are reserved.
    reserved: usize,
    spares: Spares,
}

impl Regions {
    /// No regions, and no frame.
    pub(crate) const fn new(direct_map: DirectMap) -> Self {
        Self {
            tree: Tree::EMPTY,
            height: 0,
            len: 0,
            reserved: 0,
            spares: Spares::new(direct_map),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Frames that hold nodes, with those that are kept spare.
    pub(crate) fn frames(&self) -> u64 {
        self.spares.nodes()
    }

    /// True if the region stood in holds `address`.
    #[inline]
    pub(crate) fn is_at(&self, address: u64) -> bool {
        self.tree.is_at(address)
    }

    /// Moves to the region that holds `address`, if one does. In the region
    /// stood in there is nothing to search.
    #[inline(always)]
    pub(crate) fn seek(&mut self, address: u64) {
        self.tree.seek(address, Link::find_mut);
    }

    /// The region moved to, to change what the tree does not sort by.
    #[inline]
    pub(crate) fn here(&mut self) -> Option<&mut Record> {
        self.tree.last_mut()
    }

    /// The region that holds `address`, moved to.
    #[inline(always)]
    pub(crate) fn lookup(&mut self, address: u64) -> Option<&mut Record> {
        self.seek(address);
        self.here()
    }

    /// The region that holds `address`.
    pub(crate) fn find(&self, address: u64) -> Option<&Record> {
        let record = self.tree.root()?.below(address)?;
        record.contains(address).then_some(record)
    }

    /// The first region that ends at `address` or after it: the one that holds
    /// it, or else the next one up.
    pub(crate) fn from(&self, address: u64) -> Option<&Record> {
        self.tree.root()?.from(address)
    }

    /// The last region that begins before `address`.
    pub(crate) fn before(&self, address: u64) -> Option<&Record> {
        self.tree.root()?.below(address.checked_sub(1)?)
    }

    /// All regions, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        core::iter::successors(self.from(0), |record| {
            self.from(record.last().checked_add(1)?)
        })
    }

    /// The lowest multiple of `align`, a power of two, at which `size` bytes
    /// are free, all of them from `low` up to and with `last`. One path for an
    /// `align` of 4 KiB; for larger ones also the gaps that are wide enough and
    /// turn out to be ill-placed.
    pub(crate) fn first_fit(&self, size: u64, align: u64, low: u64, last: u64) -> Option<u64> {
        let wanted = Wanted {
            size,
            align,
            low,
            last,
        };
        wanted.first_fit(self.tree.root())
    }

    /// The highest multiple of `align` at which `size` bytes are free, found like
    /// the lowest one by [`Self::first_fit`].
    pub(crate) fn last_fit(&self, size: u64, align: u64, low: u64, last: u64) -> Option<u64> {
        let wanted = Wanted {
            size,
            align,
            low,
            last,
        };
        wanted.last_fit(self.tree.root())
    }

    /// Makes sure that regions with these bases can be inserted, which must be
    /// done before the next removal. Where they go, there is room as a rule:
    /// then this takes no frame.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: a frame was needed; nothing has changed.
    pub(crate) fn reserve(
        &mut self,
        bases: &[u64],
        frames: &mut Frames,
    ) -> Result<(), OutOfFrames> {
        self.spares.fill(self.nodes_for(bases), frames)?;
        self.reserved = bases.len();
        Ok(())
    }

    /// Nodes that [`Self::reserve`] makes sure of, a frame each.
    pub(crate) fn nodes_for(&self, bases: &[u64]) -> u64 {
        let splits = |base: &u64| {
            let root = self.tree.root();
            root.map_or(1, |root| root.splits(*base, bases.len()))
        };
        bases.iter().map(splits).sum()
    }

    /// Nodes that so many regions take which are inserted by address.
    pub(crate) fn nodes_in_order(len: u64) -> u64 {
        let mut row = len.div_ceil(Leaf::CAPACITY as u64);
        let mut nodes = row;
        while row > 1 {
            row = row.div_ceil(Inner::CAPACITY as u64);
            nodes += row;
        }
        nodes
    }

    /// Gives the frames back that hold no regions.
    pub(crate) fn give_back_spares(&mut self, frames: &mut Frames) {
        self.reserved = 0;
        self.spares.give_back(0, frames);
    }

    /// Inserts a region that overlaps no other, as reserved.
    ///
    /// # Panics
    ///
    /// If a node is needed and none was reserved.
    pub(crate) fn insert(&mut self, record: Record) {
        debug_assert!(self.reserved > 0, "insertions are reserved before");
        debug_assert!(self.is_apart(&record));
        self.reserved = self.reserved.saturating_sub(1);
        self.len += 1;
        let root = self.tree.root_mut();
        let upper = match root {
            Some(link) => link.insert(record, &mut self.spares),
            None => Some(Link::leaf(record, &mut self.spares)),
        };
        if let Some(upper) = upper {
            *root = Some(match root.take() {
                Some(lower) => Link::inner(lower, upper, &mut self.spares),
                None => upper,
            });
            self.height += 1;
        }
    }

    /// Takes the region with this base out. What was reserved is not any more.
    pub(crate) fn remove(&mut self, base: u64) -> Option<Record> {
        let root = self.tree.root_mut();
        let record = root.as_mut()?.remove(base, &mut self.spares);
        self.reserved = 0;
        self.len -= u64::from(record.is_some());
        while root.as_ref().is_some_and(Link::is_needless) {
            *root = root.take()?.into_only(&mut self.spares);
            self.height -= 1;
        }
        record
    }

    /// Changes the region with this base, whose ends may move, but not into
    /// another region. Returns false if there is none.
    pub(crate) fn update(&mut self, base: u64, change: impl FnOnce(&mut Record)) -> bool {
        let root = self.tree.root_mut().as_mut();
        let mut now = base;
        let change = |record: &mut Record| {
            change(record);
            now = record.base();
        };
        let is_there = root.is_some_and(|root| root.update(base, change).is_some());
        debug_assert!(!is_there || self.find(now).is_some_and(|record| self.is_apart(record)));
        is_there
    }

    /// Changes the region with this base in a way that may break the tree, to
    /// test that an audit finds it.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self, base: u64, change: impl FnOnce(&mut Record)) {
        let root = self.tree.root_mut().as_mut().expect("there are regions");
        root.update(base, change).expect("a region with this base");
    }

    /// True if no other region overlaps this one.
    fn is_apart(&self, record: &Record) -> bool {
        let before = self.tree.root().and_then(|root| root.below(record.last()));
        before.is_none_or(|before| before.last() < record.base() || core::ptr::eq(before, record))
    }
}

impl fmt::Debug for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
