//! Giving memory back: a whole allocation, or the frames of some pages.

use core::fmt;

use x86_64::VirtAddr;

use super::Space;
use super::range::{NotWholePages, NothingHolds, whole_pages};
use super::region::{Backing, Region};
use super::tree::Node;
use crate::gather::Gather;
use crate::physical::Physical;
use crate::pool::Handle;
use crate::tlb::Tlb;

/// Why [`Space::free`] refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// No region holds the address.
    NoRegion(VirtAddr),
    /// The address lies in an allocation that starts here.
    NotTheBase(VirtAddr),
    /// The region is fixed: it stays for ever.
    Fixed(VirtAddr),
}

/// Why [`Space::discard`] refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscardError {
    /// The address or the size is not a multiple of 4 KiB, or the size is 0.
    Unaligned(VirtAddr, u64),
    /// No region holds this address, the first such one of the range.
    NoRegion(VirtAddr),
    /// This region of the range, with this backing, does not get its frames
    /// back by faults: only demand and zero backing do.
    NotOnDemand(VirtAddr, Backing),
    /// A large page is to be split, and there is no frame for the table.
    OutOfFrames,
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegion(address) => NothingHolds(*address).fmt(f),
            Self::NotTheBase(base) => write!(
                f,
                "that is inside the allocation at {:#018x}, which is freed by its base",
                base.as_u64()
            ),
            Self::Fixed(base) => {
                write!(
                    f,
                    "the region at {:#018x} is fixed and stays",
                    base.as_u64()
                )
            }
        }
    }
}

impl fmt::Display for DiscardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned(start, size) => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion(address) => NothingHolds(*address).fmt(f),
            Self::NotOnDemand(base, backing) => write!(
                f,
                "the region at {:#018x} has {backing} backing, and its pages do not come back by faults: only those of demand and zero regions do",
                base.as_u64()
            ),
            Self::OutOfFrames => write!(f, "no frame is left for the table of a split large page"),
        }
    }
}

impl Space {
    /// Gives a whole allocation back: all regions that came of it, their
    /// frames, and the tables that are empty then. Returns how many private
    /// frames (4 KiB) went back. Never needs memory.
    ///
    /// # Errors
    ///
    /// See [`FreeError`]; nothing has changed then.
    pub fn free(
        &mut self,
        base: VirtAddr,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<u64, FreeError> {
        let node = self
            .regions
            .find(base.as_u64())
            .ok_or(FreeError::NoRegion(base))?;
        let Region {
            source,
            offset,
            backing,
            base: start,
            ..
        } = *self.regions.region(node);
        let first = start - offset;
        if first != base {
            return Err(FreeError::NotTheBase(first));
        }
        if backing == Backing::Fixed {
            return Err(FreeError::Fixed(base));
        }
        let mut gather = self.gather(physical, tlb);
        let mut next = Some(node);
        while let Some(node) = next.filter(|node| self.regions.region(*node).source == source) {
            let end = self.remove_region(node, &mut gather);
            next = self.regions.find(end);
        }
        Ok(gather.finish())
    }

    /// Gives back the frames behind whole pages of demand and zero regions;
    /// the regions stay, and the next access faults anew. Returns how many
    /// private frames (4 KiB) went back.
    ///
    /// # Errors
    ///
    /// See [`DiscardError`]; nothing has changed then.
    pub fn discard(
        &mut self,
        start: VirtAddr,
        size: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<u64, DiscardError> {
        let (start, end) = whole_pages(start, size).ok_or(DiscardError::Unaligned(start, size))?;
        self.check_regions(start, end, DiscardError::NoRegion, |region| {
            match region.backing {
                Backing::Demand | Backing::Zero => Ok(()),
                other => Err(DiscardError::NotOnDemand(region.base, other)),
            }
        })?;
        self.split_around(start, end, physical)
            .map_err(|_| DiscardError::OutOfFrames)?;
        let mut gather = self.gather(physical, tlb);
        self.unmap(start, end, &mut gather);
        Ok(gather.finish())
    }

    /// Unmaps a region and takes it out of the tree; returns its end.
    pub(super) fn remove_region<T: Tlb>(
        &mut self,
        node: Handle<Node>,
        gather: &mut Gather<'_, '_, T>,
    ) -> u64 {
        let region = *self.regions.region(node);
        if region.backing.is_managed() {
            self.unmap(region.base.as_u64(), region.end(), gather);
        }
        self.regions.remove(region.base.as_u64());
        self.regions.release(gather.physical.frames_mut(), node);
        self.last = None;
        region.end()
    }
}
