//! Reserving regions: where what was asked for fits, and, where its backing
//! says so, the mapping that goes with it.

use x86_64::{PhysAddr, VirtAddr};

use super::Half;
use super::halves::HALF;
use super::map::Source;
use super::region::{Backing, Region, Rights};
use super::regions::Record;
use super::request::{AllocateError, Placement, Request};
use crate::frames::OutOfFrames;
use crate::memory::Memory;
use crate::object::MOST_PAGES;
use crate::paging::{LeafSize, span_of};

impl Half {
    /// Reserves a region and maps it if its backing says so; memory that is
    /// given by its physical address only in a low half.
    pub(super) fn allocate(
        &mut self,
        request: &Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        match request.backing {
            Backing::Immediate => self.allocate_from(request, Some(Source::Private), memory),
            Backing::Device(start, _) if self.is_kernel() => {
                Err(AllocateError::GivenMemory { start })
            }
            Backing::Device(..) => self.allocate_device(request, memory),
            Backing::Object { .. } if self.is_kernel() => Err(AllocateError::ObjectInKernelHalf),
            Backing::Demand
            | Backing::Zero
            | Backing::Object { .. }
            | Backing::Guard
            | Backing::Fixed => self.allocate_from(request, None, memory),
        }
    }

    /// Reserves a device's region and maps it.
    pub(super) fn allocate_device(
        &mut self,
        request: &Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        match request.backing {
            Backing::Device(start, _) => {
                self.allocate_from(request, Some(Source::Existing(start)), memory)
            }
            Backing::Immediate
            | Backing::Demand
            | Backing::Zero
            | Backing::Object { .. }
            | Backing::Guard
            | Backing::Fixed => self.allocate(request, memory),
        }
    }

    /// Records a fixed region and maps it to the memory from `start` on.
    pub(super) fn map_fixed(
        &mut self,
        request: &Request,
        start: PhysAddr,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        let Placement::At(base) = request.placement else {
            return Err(AllocateError::FixedNeedsAddress);
        };
        if request.backing != Backing::Fixed || !start.is_aligned(4096_u64) {
            return Err(AllocateError::BadDeviceAddress {
                start: start.as_u64(),
            });
        }
        self.check_bounds(request.backing, base, request.size)?;
        self.check_slots(base, request.size)?;
        self.allocate_from(request, Some(Source::Existing(start)), memory)
    }

    /// Checks that the level 4 slots under a range of this half have their tables.
    fn check_slots(&mut self, base: VirtAddr, size: u64) -> Result<(), AllocateError> {
        let end = base.as_u64() + size;
        let mut address = base.as_u64();
        while address < end {
            self.cursor.seek(address);
            if self.cursor.level() == 4 {
                let address = VirtAddr::new_truncate(address);
                return Err(AllocateError::NoSlot { address });
            }
            address = (address | (span_of(4) - 1)).saturating_add(1);
        }
        Ok(())
    }

    /// Reserves a region, and maps it if there is a source for its memory.
    fn allocate_from(
        &mut self,
        request: &Request,
        source: Option<Source>,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        self.check(memory);
        let mut region = self.checked(request, memory)?;
        region.base = self.place(request, region.size, region.page_size.bytes())?;
        // What cannot fit is refused before any of it is zeroed.
        let frames = region.size / LeafSize::Size4KiB.bytes();
        if matches!(source, Some(Source::Private))
            && !memory.frames(|free| free.can_allocate(frames))
        {
            return Err(self.short_of_frames(&region, source, memory));
        }
        let bases = [region.base.as_u64()];
        if let Err(OutOfFrames) = memory.with_frames(|frames| self.regions.reserve(&bases, frames))
        {
            return Err(self.short_of_frames(&region, source, memory));
        }
        let record = Record::new(region, memory.features(), self.is_kernel());
        if let Some(source) = source
            && let Err(OutOfFrames) = self.map_at_once(&record, source, request.page_size, memory)
        {
            self.give_back_spares(memory);
            return Err(self.short_of_frames(&region, Some(source), memory));
        }
        if let Some(mapping) = region.mapping()
            && let Err(error) = memory.hold_object(mapping)
        {
            self.give_back_spares(memory);
            return Err(AllocateError::Object(error));
        }
        self.regions.insert(record);
        self.give_back_spares(memory);
        self.next_source += 1;
        Ok(region)
    }

    /// What is said of a region that there are not enough frames for, once
    /// everything is as it was.
    #[cold]
    fn short_of_frames(
        &mut self,
        region: &Region,
        source: Option<Source>,
        memory: &Memory,
    ) -> AllocateError {
        let base = region.base.as_u64();
        let (pages, tables) = match source {
            Some(_) => self.missing(base, region.end()),
            None => (0, 0),
        };
        let pages = match source {
            Some(Source::Private) => pages,
            Some(Source::Existing(_)) | None => 0,
        };
        let needed = pages + tables + self.regions.nodes_for(&[base]);
        AllocateError::OutOfFrames(memory.shortage(needed))
    }

    /// The region that is asked for, still without a place.
    pub(super) fn checked(
        &self,
        request: &Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        let page_size = match request.backing {
            Backing::Object { .. } => LeafSize::Size4KiB,
            _ => request.page_size.unwrap_or(LeafSize::Size4KiB),
        };
        if request.size == 0 {
            return Err(AllocateError::ZeroSize);
        }
        let size = request
            .size
            .checked_next_multiple_of(page_size.bytes())
            .filter(|size| *size <= HALF)
            .ok_or(AllocateError::TooLarge { size: request.size })?;
        if !request.fault_around.is_power_of_two() || request.fault_around > 512 {
            let pages = request.fault_around;
            return Err(AllocateError::BadFaultAround { pages });
        }
        if request.user && self.is_kernel() {
            return Err(AllocateError::UserInKernelHalf);
        }
        if let Backing::Object {
            offset_in_pages, ..
        } = request.backing
            && offset_in_pages > MOST_PAGES - size / LeafSize::Size4KiB.bytes()
        {
            return Err(AllocateError::NoSuchPages {
                first: offset_in_pages,
            });
        }
        if let Backing::Device(start, _) = request.backing {
            let limit = memory.features().physical_end();
            let start = start.as_u64();
            if !start.is_multiple_of(page_size.bytes()) || start >= limit || size > limit - start {
                return Err(AllocateError::BadDeviceAddress { start });
            }
            if request.rights == Rights::ReadExecute {
                return Err(AllocateError::ExecutableDevice { start });
            }
            if memory.frames(|frames| frames.manages_any(start, start + size)) {
                return Err(AllocateError::DeviceIsManaged { start });
            }
        }
        Ok(Region {
            base: VirtAddr::zero(),
            size,
            rights: request.rights,
            backing: request.backing,
            page_size,
            fault_around: request.fault_around,
            user: request.user,
            grows_down: request.grows_down,
            label: request.label,
            faults: 0,
            source: self.next_source,
            offset: 0,
        })
    }

    /// Where a region of `size` bytes goes.
    fn place(&self, request: &Request, size: u64, page: u64) -> Result<VirtAddr, AllocateError> {
        let (low, high) = self.window;
        let (from, below, align) = match request.placement {
            Placement::At(base) => {
                self.check_free(request.backing, base, size, page)?;
                return Ok(base);
            }
            Placement::Anywhere | Placement::Within { .. } if request.backing == Backing::Fixed => {
                return Err(AllocateError::FixedNeedsAddress);
            }
            Placement::Anywhere => (low, high, page),
            Placement::Within { from, below, align } => {
                if !align.is_power_of_two() || align < 4096 {
                    return Err(AllocateError::BadAlignment { align });
                }
                (from.as_u64().max(low), below.min(high), align.max(page))
            }
        };
        self.regions
            .first_fit(
                size,
                align,
                from,
                below.checked_sub(1).ok_or(AllocateError::NoRoom)?,
            )
            .map(VirtAddr::new_truncate)
            .ok_or(AllocateError::NoRoom)
    }

    /// Checks that a region may lie exactly at `base`.
    fn check_free(
        &self,
        backing: Backing,
        base: VirtAddr,
        size: u64,
        page: u64,
    ) -> Result<(), AllocateError> {
        self.check_place(backing, base, size, page)?;
        let start = base.as_u64();
        match self.first_in(start, start + size) {
            Some(other) => Err(AllocateError::Overlap { base: other.base }),
            None => Ok(()),
        }
    }

    /// Checks that a region may lie at `base`, whatever lies there.
    pub(super) fn check_place(
        &self,
        backing: Backing,
        base: VirtAddr,
        size: u64,
        page: u64,
    ) -> Result<(), AllocateError> {
        if !base.is_aligned(page) {
            return Err(AllocateError::Unaligned {
                address: base,
                size: page,
            });
        }
        self.check_bounds(backing, base, size)
    }

    /// Checks that a range lies where regions of this backing may lie.
    fn check_bounds(
        &self,
        backing: Backing,
        base: VirtAddr,
        size: u64,
    ) -> Result<(), AllocateError> {
        let (start, (low, high)) = (base.as_u64(), self.bounds(backing));
        if start < low || start >= high || size > high - start {
            return Err(AllocateError::OutsideHalf { address: base });
        }
        Ok(())
    }
}
