//! Leaves and what stands behind them: how a leaf takes ownership of memory,
//! and how it gives it up.
//!
//! Today a leaf holds a private frame, the shared zero frame, or borrowed
//! memory. [`Space::install`] is the one function that gives a leaf memory;
//! [`Gather::leaf`] is the one that takes it away. A counted share would be a
//! third kind in these two.

use x86_64::PhysAddr;

use super::Space;
use super::region::{Backing, Region};
use crate::frames::OutOfFrames;
use crate::gather::Gather;
use crate::paging::{Entry, LeafSize};
use crate::physical::Physical;
use crate::tlb::Tlb;

/// Where the memory of a region that is mapped from the start comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// New private frames.
    Private,
    /// Memory that exists and belongs to somebody else, from here on.
    Existing(PhysAddr),
}

impl Space {
    /// Maps the whole of a region, with leaves of at most `wanted`; all of it
    /// or nothing.
    pub(super) fn map_at_once(
        &mut self,
        region: &Region,
        source: Source,
        wanted: Option<LeafSize>,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        let largest = wanted.unwrap_or(LeafSize::Size1GiB);
        let (mut address, mut fallbacks) = (region.base.as_u64(), 0);
        while address < region.end() {
            match self.map_largest(region, source, address, largest, physical, tlb) {
                Ok(size) => {
                    let mut leaves = 1;
                    if size == LeafSize::Size4KiB {
                        leaves += self.map_row(region, source, physical);
                    }
                    let is_fallback = wanted.is_some_and(|wanted| size < wanted);
                    fallbacks += leaves * u64::from(is_fallback);
                    address += leaves * size.bytes();
                }
                Err(error) => {
                    let mut gather = self.gather(physical, tlb);
                    self.unmap(region.base.as_u64(), address, &mut gather);
                    gather.finish();
                    return Err(error);
                }
            }
        }
        physical.count_fallbacks(fallbacks);
        Ok(())
    }

    /// Maps the pages behind the small one stood on, to the end of the table or
    /// of the region, as long as there are frames: no larger leaf begins among
    /// them. Returns how many.
    fn map_row(&mut self, region: &Region, source: Source, physical: &mut Physical) -> u64 {
        let page = LeafSize::Size4KiB;
        let address = self.cursor.address() + page.bytes();
        if address >= region.end() || address.is_multiple_of(LeafSize::Size2MiB.bytes()) {
            return 0;
        }
        self.cursor.seek(address);
        let count = self.cursor.row_before(region.end());
        let flags = region.leaf_flags(physical.features(), self.is_kernel());
        let leaf = |start: PhysAddr| Entry::leaf(start.as_u64(), page, flags.bits());
        match source {
            Source::Private => self
                .cursor
                .fill_row(count, |_| physical.new_private_page().ok().map(leaf)),
            Source::Existing(start) => {
                let start = start + (address - region.base.as_u64());
                let leaves = self
                    .cursor
                    .fill_row(count, |done| Some(leaf(start + done * page.bytes())));
                if matches!(region.backing, Backing::Device(..)) {
                    physical.borrow_frames(leaves);
                }
                leaves
            }
        }
    }

    /// Maps one leaf at `address`, of the largest size up to `largest` that the
    /// region, the processor and the free frames allow.
    pub(super) fn map_largest(
        &mut self,
        region: &Region,
        source: Source,
        address: u64,
        largest: LeafSize,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<LeafSize, OutOfFrames> {
        let mut size = largest;
        loop {
            let memory = if address.is_multiple_of(size.bytes()) && region.holds_leaf(address, size)
            {
                source.memory(region, address, size, physical)
            } else {
                Err(OutOfFrames)
            };
            match (memory, size.smaller()) {
                (Ok(start), _) => {
                    let installed = self.install(region, address, start, size, physical, tlb);
                    if installed.is_err() {
                        source.give_back(start, size, physical);
                    }
                    return installed.map(|()| size);
                }
                (Err(_), Some(smaller)) => size = smaller,
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// Puts a leaf with all the rights of the region at `address`, where
    /// nothing is mapped, and passes the memory at `start` to it.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame for a table on the way; the memory is still
    /// the caller's, and everything is as it was.
    pub(super) fn install(
        &mut self,
        region: &Region,
        address: u64,
        start: PhysAddr,
        size: LeafSize,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        self.make_way(address, size, physical, tlb)?;
        if matches!(region.backing, Backing::Device(..)) {
            physical.borrow_frames(size.frames());
        }
        let flags = region.leaf_flags(physical.features(), self.is_kernel());
        self.cursor
            .replace(Entry::leaf(start.as_u64(), size, flags.bits()));
        Ok(())
    }

    /// Moves the cursor to the entry for a leaf of `size` at `address`, making
    /// the tables that lack on the way.
    #[inline]
    pub(super) fn make_way(
        &mut self,
        address: u64,
        size: LeafSize,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        self.cursor.seek(address);
        while self.cursor.level() > size.level() {
            if let Err(error) = self.cursor.descend(physical) {
                let mut gather = self.gather(physical, tlb);
                self.cursor.prune(&mut gather);
                gather.finish();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes every leaf and every promise between two page boundaries out of
    /// the tables, and the tables that are empty then. No leaf may reach across a boundary.
    pub(super) fn unmap<T: Tlb>(&mut self, start: u64, end: u64, gather: &mut Gather<'_, '_, T>) {
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            let mut next = self.cursor.next_start();
            if self.cursor.level() == 1 {
                let count = self.cursor.row_before(end);
                self.cursor.clear_row(count, |old, address| {
                    if old == Entry::PROMISED {
                        gather.physical.frames_mut().unreserve(1);
                    } else {
                        gather.leaf(old, address, LeafSize::Size4KiB);
                    }
                });
                self.cursor.prune(gather);
                next = address + count * LeafSize::Size4KiB.bytes();
            } else if let Some(size) = self.cursor.leaf() {
                let old = self.cursor.replace(Entry::UNUSED);
                gather.leaf(old, address, size);
                self.cursor.prune(gather);
            }
            address = next;
        }
    }

    /// Tables that [`Self::split_at`] needs for a boundary at `address`.
    pub(super) fn tables_to_split_at(&mut self, address: u64) -> u64 {
        self.cursor.seek(address);
        match self.cursor.leaf() {
            Some(size) if !address.is_multiple_of(LeafSize::Size2MiB.bytes()) => {
                u64::from(size.level() - 1)
            }
            Some(size) => u64::from(!address.is_multiple_of(size.bytes())),
            None => 0,
        }
    }

    /// Splits large leaves until none reaches across `address`.
    pub(super) fn split_at(
        &mut self,
        address: u64,
        physical: &mut Physical,
    ) -> Result<(), OutOfFrames> {
        self.cursor.seek(address);
        while self
            .cursor
            .leaf()
            .is_some_and(|size| !address.is_multiple_of(size.bytes()))
        {
            self.cursor.descend(physical)?;
        }
        Ok(())
    }

    /// Splits large leaves until none reaches across either end of a range.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: not enough frames for the tables; nothing has changed.
    pub(super) fn split_around(
        &mut self,
        start: u64,
        end: u64,
        physical: &mut Physical,
    ) -> Result<(), OutOfFrames> {
        let mut needed = self.tables_to_split_at(start) + self.tables_to_split_at(end);
        // Both ends in one large leaf: the tables on the common way are made once.
        let (first, last) = (start ^ end, self.common_leaf(start, end));
        if let Some(size) = last {
            let in_one_block = first < LeafSize::Size2MiB.bytes();
            let cut = |address: u64, by: LeafSize| !address.is_multiple_of(by.bytes());
            let both_cut = |by| cut(start, by) && cut(end, by);
            needed -= u64::from(size == LeafSize::Size1GiB && both_cut(size));
            needed -= u64::from(in_one_block && both_cut(LeafSize::Size2MiB));
        }
        if !physical.frames().can_allocate(needed) {
            return Err(OutOfFrames);
        }
        self.split_at(start, physical)?;
        self.split_at(end, physical)
    }

    /// The size of the one large leaf that spans both addresses, if one does.
    fn common_leaf(&mut self, start: u64, end: u64) -> Option<LeafSize> {
        self.cursor.seek(start);
        let size = self.cursor.leaf()?;
        (size > LeafSize::Size4KiB && start / size.bytes() == end / size.bytes()).then_some(size)
    }
}

impl Source {
    /// The memory for a leaf of `size` at `address` of a region. The error
    /// says that there is none of that size.
    fn memory(
        self,
        region: &Region,
        address: u64,
        size: LeafSize,
        physical: &mut Physical,
    ) -> Result<PhysAddr, OutOfFrames> {
        if !physical.features().has(size) {
            return Err(OutOfFrames);
        }
        match self {
            Self::Private => physical.new_private(size),
            Self::Existing(start) => {
                let start = start + (address - region.base.as_u64());
                if start.is_aligned(size.bytes()) {
                    Ok(start)
                } else {
                    Err(OutOfFrames)
                }
            }
        }
    }

    fn give_back(self, start: PhysAddr, size: LeafSize, physical: &mut Physical) {
        if let Self::Private = self {
            physical.free_private(start, size);
        }
    }
}
