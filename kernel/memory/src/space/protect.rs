//! Changing what may be done with pages: regions and large leaves are split at
//! the ends of the range, and regions merge again when they are alike.

use core::fmt;

use x86_64::VirtAddr;

use super::Space;
use super::range::{NotWholePages, NothingHolds, whole_pages};
use super::region::{Backing, Region, Rights};
use super::tree::{Link, Node};
use crate::frames::OutOfFrames;
use crate::paging::{Entry, LeafSize};
use crate::physical::Physical;
use crate::pool::Handle;
use crate::tlb::Tlb;

/// Why [`Space::protect`] refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectError {
    /// The address or the size is not a multiple of 4 KiB, or the size is 0.
    Unaligned(VirtAddr, u64),
    /// No region holds this address, the first such one of the range.
    NoRegion(VirtAddr),
    /// This region of the range is a guard or fixed: its rights are not ours.
    NotManaged(VirtAddr, Backing),
    /// This region of the range is a device's, whose memory is not executed.
    ExecutableDevice(VirtAddr),
    /// No frame for a region's record or for the table of a split large page.
    OutOfFrames,
}

impl fmt::Display for ProtectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned(start, size) => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion(address) => NothingHolds(*address).fmt(f),
            Self::NotManaged(base, backing) => write!(
                f,
                "the rights of the {backing} region at {:#018x} cannot be changed",
                base.as_u64()
            ),
            Self::ExecutableDevice(base) => write!(
                f,
                "the device region at {:#018x} may be read and written, but not executed",
                base.as_u64()
            ),
            Self::OutOfFrames => write!(f, "no frame is left for what has to be split"),
        }
    }
}

impl From<OutOfFrames> for ProtectError {
    fn from(_: OutOfFrames) -> Self {
        Self::OutOfFrames
    }
}

impl Space {
    /// Gives whole pages other rights. Regions are split as needed, and merge
    /// with their neighbours of the same allocation where nothing tells them
    /// apart any more.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has changed then.
    pub fn protect(
        &mut self,
        start: VirtAddr,
        size: u64,
        rights: Rights,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), ProtectError> {
        let (start, end) = whole_pages(start, size).ok_or(ProtectError::Unaligned(start, size))?;
        self.check_rights(start, end, rights)?;
        let spare = self.reserve_splits(start, end, physical)?;
        if let Err(error) = self.split_around(start, end, physical) {
            self.release_spare(spare, physical);
            return Err(error.into());
        }
        let [first, second] = spare;
        self.split_region(start, first);
        self.split_region(end, second);
        let (features, global) = (physical.features(), self.is_kernel());
        let mut address = start;
        while let Some(node) = self.regions.find(address).filter(|_| address < end) {
            let node = self.regions.node_mut(node);
            node.region.rights = rights;
            node.plan = node.region.plan(features, global);
            address = node.region.end();
        }
        self.change_leaves(start, end, physical, tlb);
        self.merge(start, end, physical);
        self.last = None;
        Ok(())
    }

    /// Checks that every page of a range has a region that can get these rights.
    fn check_rights(&self, start: u64, end: u64, rights: Rights) -> Result<(), ProtectError> {
        self.check_regions(start, end, ProtectError::NoRegion, |region| {
            if !region.backing.is_managed() {
                return Err(ProtectError::NotManaged(region.base, region.backing));
            }
            if rights == Rights::ReadExecute && matches!(region.backing, Backing::Device(..)) {
                return Err(ProtectError::ExecutableDevice(region.base));
            }
            Ok(())
        })
    }

    /// Records for the regions that begin at the two ends of a range, where
    /// none begins there yet.
    fn reserve_splits(
        &mut self,
        start: u64,
        end: u64,
        physical: &mut Physical,
    ) -> Result<[Link; 2], OutOfFrames> {
        let mut spare = [None; 2];
        for (index, address) in [start, end].into_iter().enumerate() {
            let Some(region) = self.region_to_split(address) else {
                continue;
            };
            let plan = region.plan(physical.features(), self.is_kernel());
            match self.regions.reserve(physical.frames_mut(), region, plan) {
                Ok(node) => spare[index] = Some(node),
                Err(error) => {
                    self.release_spare(spare, physical);
                    return Err(error);
                }
            }
        }
        Ok(spare)
    }

    fn release_spare(&mut self, spare: [Link; 2], physical: &mut Physical) {
        for node in spare.into_iter().flatten() {
            self.regions.release(physical.frames_mut(), node);
        }
    }

    /// The region that holds `address`, unless it begins there.
    fn region_to_split(&self, address: u64) -> Option<Region> {
        let region = *self.regions.region(self.regions.find(address)?);
        (region.base.as_u64() != address).then_some(region)
    }

    /// Splits the region that holds `address` there; `spare` takes the rest.
    fn split_region(&mut self, address: u64, spare: Link) {
        let (Some(spare), Some(region)) = (spare, self.region_to_split(address)) else {
            return;
        };
        let address = VirtAddr::new_truncate(address);
        let mut rest = region;
        self.regions.update(region.base.as_u64(), &mut |region| {
            rest = region.split_off(address);
        });
        *self.regions.region_mut(spare) = rest;
        self.regions.insert(spare);
    }

    /// Gives every present leaf of a range what its region gives now. The zero
    /// frame stays read-only whatever the region allows.
    fn change_leaves(&mut self, start: u64, end: u64, physical: &mut Physical, tlb: &mut impl Tlb) {
        let (features, global) = (physical.features(), self.is_kernel());
        let zero = physical.zero_frame().start_address();
        let mut gather = self.gather(physical, tlb);
        let mut address = start;
        while let Some(node) = self.regions.find(address).filter(|_| address < end) {
            let region = *self.regions.region(node);
            let end = region.end().min(end);
            let flags = region.leaf_flags(features, global);
            let changed = |old: Entry, size: LeafSize| {
                let memory = old.leaf_address(size);
                let mut flags = flags | old.flags() & Entry::DIRTY;
                if memory == zero {
                    flags.remove(Entry::WRITABLE);
                }
                Entry::leaf(memory.as_u64(), size, flags.bits())
            };
            while address < end {
                self.cursor.seek(address);
                if self.cursor.level() == 1 {
                    let count = self.cursor.row_before(end);
                    let change = |old| changed(old, LeafSize::Size4KiB);
                    self.cursor.change_row(count, change, |old, new, address| {
                        if is_narrower(new, old) {
                            gather.page(address);
                        }
                    });
                    address += count * LeafSize::Size4KiB.bytes();
                    continue;
                }
                if let Some(size) = self.cursor.leaf() {
                    let new = changed(self.cursor.entry(), size);
                    let old = self.cursor.replace(new);
                    if (old.flags() & !new.flags()).contains(Entry::DIRTY) {
                        // Another processor wrote to the page meanwhile.
                        self.cursor.mark_used(true);
                    }
                    if is_narrower(new, old) {
                        gather.page(address);
                    }
                }
                address = self.cursor.next_start();
            }
        }
        gather.finish();
    }

    /// Merges what can be merged from the region before `start` to the one
    /// that begins at `end`.
    fn merge(&mut self, start: u64, end: u64, physical: &mut Physical) {
        let mut here: Option<Handle<Node>> =
            self.regions.before(start).or(self.regions.find(start));
        while let Some(node) = here {
            let region = *self.regions.region(node);
            let next = self.regions.find(region.end());
            if region.base.as_u64() >= end {
                break;
            }
            match next {
                Some(other) if region.continues_in(self.regions.region(other)) => {
                    self.regions.remove(region.end());
                    let rest = self.regions.release(physical.frames_mut(), other);
                    self.regions.update(region.base.as_u64(), &mut |region| {
                        region.size += rest.size;
                        region.faults += rest.faults;
                    });
                }
                _ => here = self.regions.from(region.end()),
            }
        }
    }
}

/// True if `new` forbids something that `old` allowed, so that the processor
/// must forget `old`. Where it only allows more, a stale translation costs one
/// spurious fault at most.
fn is_narrower(new: Entry, old: Entry) -> bool {
    let lost = old.flags() & !new.flags();
    let gained = new.flags() & !old.flags();
    lost.contains(Entry::WRITABLE) || gained.contains(Entry::NO_EXECUTE)
}
