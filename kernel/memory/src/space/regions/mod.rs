//! Temporary: the interface of the new tree over the old one.
use super::region::Region;
use super::tree::{Link, Node, Tree};
use crate::direct_map::DirectMap;
use crate::frames::{Frames, OutOfFrames};
use arrayvec::ArrayVec;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;
use crate::pool::Handle;

/// A region, and what the fault path needs to know of it, worked out beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) region: Region,
    /// The flags of a leaf that gives all that the region gives.
    pub(crate) rights: PageTableFlags,
    /// The bits of an error code that the region refuses whatever is mapped.
    pub(crate) refused: PageFaultErrorCode,
}

pub(crate) struct Regions {
    pub(crate) tree: Tree,
    pub(crate) last: Link,
    spares: ArrayVec<Handle<Node>, 512>,
}

impl Regions {
    pub(crate) fn new(direct_map: DirectMap) -> Self {
        Self { tree: Tree::new(direct_map), last: None, spares: ArrayVec::new() }
    }
    #[inline]
    pub(crate) fn lookup(&mut self, address: u64) -> Option<&mut Record> {
        if let Some(last) = self.last {
            let region = self.tree.region(last);
            if address.wrapping_sub(region.base.as_u64()) < region.size {
                return Some(&mut self.tree.node_mut(last).record);
            }
        }
        self.look_further(address)
    }
    #[inline(never)]
    fn look_further(&mut self, address: u64) -> Option<&mut Record> {
        let found = self.tree.find(address)?;
        self.last = Some(found);
        Some(&mut self.tree.node_mut(found).record)
    }
    pub(crate) fn find(&self, address: u64) -> Option<&Record> {
        self.tree.find(address).map(|node| &self.tree.node(node).record)
    }
    pub(crate) fn from(&self, address: u64) -> Option<&Record> {
        self.tree.from(address).map(|node| &self.tree.node(node).record)
    }
    pub(crate) fn before(&self, address: u64) -> Option<&Record> {
        self.tree.before(address).map(|node| &self.tree.node(node).record)
    }
    pub(crate) fn reserve(&mut self, insertions: usize, frames: &mut Frames) -> Result<(), OutOfFrames> {
        while self.spares.len() < insertions {
            match self.tree.reserve(frames, Record::EMPTY) {
                Ok(node) => self.spares.push(node),
                Err(error) => { self.give_back_spares(frames); return Err(error); }
            }
        }
        Ok(())
    }
    pub(crate) fn insert(&mut self, record: Record) {
        let node = self.spares.pop().expect("reserved");
        self.tree.node_mut(node).record = record;
        self.tree.insert(node);
    }
    pub(crate) fn remove(&mut self, base: u64) -> Option<Record> {
        self.last = None;
        let node = self.tree.remove(base)?;
        let record = self.tree.node(node).record;
        self.spares.push(node);
        Some(record)
    }
    pub(crate) fn update(&mut self, base: u64, change: impl FnOnce(&mut Record)) {
        let mut change = Some(change);
        self.tree.update(base, &mut |record| if let Some(change) = change.take() { change(record) });
    }
    pub(crate) fn give_back_spares(&mut self, frames: &mut Frames) {
        for node in self.spares.drain(..) {
            self.tree.release(frames, node);
        }
    }
    pub(crate) fn first_fit(&self, size: u64, align: u64, low: u64, high: u64) -> Option<u64> {
        self.tree.first_fit(size, align, low, high)
    }
    pub(crate) fn len(&self) -> u64 { self.tree.len() }
    pub(crate) fn frames(&self) -> u64 { self.tree.frames() }
}

impl Record {
    pub(crate) fn new(region: Region, features: crate::Features, is_kernel: bool) -> Self {
        Self { rights: region.leaf_flags(features, is_kernel), refused: region.refused(), region }
    }
    const EMPTY: Self = Self {
        region: Region { base: x86_64::VirtAddr::zero(), size: 0, backing: super::Backing::Guard, rights: super::Rights::Read, page_size: crate::paging::LeafSize::Size4KiB, user: false, fault_around: 1, label: "", faults: 0, source: 0, offset: 0 },
        rights: PageTableFlags::empty(),
        refused: PageFaultErrorCode::empty(),
    };
}
