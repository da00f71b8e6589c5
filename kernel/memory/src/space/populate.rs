//! Making pages physical in every way there is: large pages and what stands in
//! for them, missing tables, fault-around, and the small pages of every day
//! when their table is not there yet.
//!
//! What must always hold: when a frame or a table cannot be had, everything is
//! as it was before the fault.

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::region::{Backing, Region};
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::frames::OutOfFrames;
use crate::paging::{Entry, LeafSize};
use crate::physical::Physical;
use crate::tlb::{Flush, Tlb};

impl Space {
    /// Makes the page of an allowed access physical.
    pub(super) fn populate(
        &mut self,
        region: &Region,
        fault: &Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Outcome {
        let address = fault.address.as_u64();
        let write = fault.access() == Access::Write;
        self.cursor.seek(address);
        let entry = self.cursor.entry();
        let backed = if entry.is_present() {
            let zero_frame = physical.zero_frame().start_address();
            if !write || entry.leaf_address(LeafSize::Size4KiB) != zero_frame {
                return Outcome::Spurious;
            }
            self.replace_zero(region, address, physical, tlb)
                .map(|()| Outcome::PrivateCopy)
        } else {
            match region.backing {
                Backing::Demand => self
                    .map_private(region, address, write, physical, tlb)
                    .map(|()| Outcome::Demand),
                Backing::Zero if write => self
                    .write_unused_zero(region, address, physical, tlb)
                    .map(|()| Outcome::ZeroWrite),
                Backing::Zero => self
                    .map_zero(region, address, physical, tlb)
                    .map(|()| Outcome::ZeroRead),
                Backing::Guard => return Outcome::Refused(Refusal::Guard),
                Backing::Immediate | Backing::Device(..) | Backing::Fixed => {
                    return Outcome::Refused(Refusal::NotBacked);
                }
            }
        };
        match backed {
            Ok(outcome) => {
                if region.around > 1 {
                    self.map_around(region, address, physical);
                }
                outcome
            }
            Err(OutOfFrames) => Outcome::Refused(Refusal::OutOfFrames),
        }
    }

    /// Maps private, zeroed memory at an unused entry: a leaf of the region's
    /// page size if it fits here and can be had, or else of a smaller one.
    fn map_private(
        &mut self,
        region: &Region,
        address: u64,
        write: bool,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        if self.cursor.entry() == Entry::PROMISED {
            let start = physical.new_promised_page()?;
            self.fill(region, start, LeafSize::Size4KiB, write, physical);
            return Ok(());
        }
        let mut size = region.page_size;
        while size.level() > self.cursor.level() || !region.holds_leaf(address, size) {
            size = size.smaller().unwrap_or(LeafSize::Size4KiB);
        }
        let wanted = size;
        let start = loop {
            let memory = self.private_with_way(address, size, physical, tlb);
            match (memory, size.smaller()) {
                (Ok(start), _) => break start,
                (Err(_), Some(smaller)) => size = smaller,
                (Err(error), None) => return Err(error),
            }
        };
        physical.count_fallbacks(u64::from(size < wanted));
        self.fill(region, start, size, write, physical);
        Ok(())
    }

    /// A private frame of `size`, and the tables on the way to it: both or
    /// neither, so that a large frame that leaves none for the tables can give
    /// way to a small one.
    #[inline]
    fn private_with_way(
        &mut self,
        address: u64,
        size: LeafSize,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<PhysAddr, OutOfFrames> {
        if !physical.features().has(size) {
            return Err(OutOfFrames);
        }
        let start = physical.new_private(size)?;
        if let Err(error) = self.make_way(address, size, physical, tlb) {
            physical.free_private(start, size);
            return Err(error);
        }
        Ok(start)
    }

    /// A write to an unused page of a zero region.
    fn write_unused_zero(
        &mut self,
        region: &Region,
        address: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        if self.cursor.level() == 1 && self.make_block_large(region, address, physical, tlb) {
            return Ok(());
        }
        self.map_private(region, address, true, physical, tlb)
    }

    /// Maps the zero frame, read-only, at an unused entry.
    fn map_zero(
        &mut self,
        region: &Region,
        address: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        self.make_way(address, LeafSize::Size4KiB, physical, tlb)?;
        self.fill_zero(region, physical);
        Ok(())
    }

    /// Puts a private frame in the place of the zero frame. The zero frame may
    /// be cached by the processor: the page is flushed.
    fn replace_zero(
        &mut self,
        region: &Region,
        address: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), OutOfFrames> {
        if self.make_block_large(region, address, physical, tlb) {
            return Ok(());
        }
        let start = physical.new_private_page()?;
        self.fill(region, start, LeafSize::Size4KiB, true, physical);
        let page = VirtAddr::new_truncate(address);
        tlb.flush(self.scope, Flush::Pages(&[page]));
        Ok(())
    }

    /// Replaces a 2 MiB block of a large-page zero region that holds nothing
    /// but zero leaves, and their table, by one private large leaf. False, and
    /// nothing changed, if the region is not of that kind, the block holds a
    /// private page, or there is no large frame (counted as a fall-back).
    fn make_block_large(
        &mut self,
        region: &Region,
        address: u64,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> bool {
        let size = LeafSize::Size2MiB;
        let zero = physical.zero_frame().start_address();
        let is_zero =
            |entry: Entry| entry == Entry::UNUSED || entry.leaf_address(LeafSize::Size4KiB) == zero;
        if region.page_size < size
            || !region.holds_leaf(address, size)
            || !self.cursor.table_entries().all(is_zero)
        {
            return false;
        }
        let Ok(start) = physical.new_private(size) else {
            // A small page stands in, if there is one: the table is here already.
            physical.count_fallbacks(u64::from(physical.frames().can_allocate(1)));
            return false;
        };
        let mut flags = region.leaf_flags(physical.features(), self.is_kernel());
        flags.insert(PageTableFlags::DIRTY);
        let block = address & !(size.bytes() - 1);
        let mut gather = self.gather(physical, tlb);
        for page in (block..block + size.bytes()).step_by(4096) {
            self.cursor.seek(page);
            if self.cursor.entry() != Entry::UNUSED {
                gather.page(page);
            }
        }
        let table = self.cursor.climb();
        self.cursor
            .replace(Entry::leaf(start.as_u64(), size, flags.bits()));
        gather.table(table, block);
        gather.finish();
        true
    }

    /// Maps the pages around a fault that are still unused, as far as region,
    /// leaf table and free frames go. In a zero region they get the zero frame.
    fn map_around(&mut self, region: &Region, address: u64, physical: &mut Physical) {
        let span = u64::from(region.around) * 4096;
        let first = (address & !(span - 1)).max(region.base.as_u64());
        let end = (address & !(span - 1))
            .saturating_add(span)
            .min(region.end());
        for page in (first..end).step_by(4096) {
            self.cursor.seek(page);
            if self.cursor.level() > 1 {
                break;
            }
            if self.cursor.entry() != Entry::UNUSED {
                continue;
            }
            if region.backing == Backing::Zero {
                self.fill_zero(region, physical);
            } else if let Ok(start) = physical.new_private_page() {
                self.fill(region, start, LeafSize::Size4KiB, false, physical);
            } else {
                break;
            }
        }
        self.cursor.seek(address);
    }

    /// Puts a private leaf at the entry stood on.
    #[inline]
    fn fill(
        &mut self,
        region: &Region,
        start: PhysAddr,
        size: LeafSize,
        write: bool,
        physical: &Physical,
    ) {
        let mut flags = region.leaf_flags(physical.features(), self.is_kernel());
        flags.set(PageTableFlags::DIRTY, write);
        self.cursor
            .replace(Entry::leaf(start.as_u64(), size, flags.bits()));
    }

    /// Puts the zero frame at the entry stood on, without the right to write.
    #[inline]
    fn fill_zero(&mut self, region: &Region, physical: &Physical) {
        let mut flags = region.leaf_flags(physical.features(), self.is_kernel());
        flags.remove(PageTableFlags::WRITABLE);
        let zero = physical.zero_frame().start_address().as_u64();
        self.cursor
            .replace(Entry::leaf(zero, LeafSize::Size4KiB, flags.bits()));
    }
}
