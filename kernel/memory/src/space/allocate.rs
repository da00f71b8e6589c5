//! Reserving regions: where what was asked for fits, and, for immediate and
//! device backing, the mapping that goes with it.

use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::backing::Source;
use super::halves::HALF;
use super::region::{Backing, Region, Rights};
use super::request::{AllocateError, Placement, Request};
use crate::paging::{LeafSize, span_of};
use crate::physical::Physical;
use crate::tlb::Tlb;

impl Space {
    /// Reserves a region, and maps it if its backing says so. First fit by
    /// address; O(log n) for an alignment of 4 KiB.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`]; nothing has changed then.
    pub fn allocate(
        &mut self,
        request: Request,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<Region, AllocateError> {
        let source = match request.backing {
            Backing::Immediate => Some(Source::Private),
            Backing::Device(start, _) => Some(Source::Existing(start)),
            _ => None,
        };
        self.allocate_from(&request, source, physical, tlb)
    }

    /// Records a fixed region and maps it, for ever, to the memory from `start`
    /// on, with the largest pages that fit. The kernel half only; the request
    /// has [`Backing::Fixed`] and [`Placement::At`].
    ///
    /// # Errors
    ///
    /// See [`AllocateError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// - The memory exists, and is not unplugged or handed out for another use
    ///   as long as the space is used.
    /// - What the mapping allows breaks no Rust reference to that memory.
    #[expect(unsafe_code, reason = "declares what the caller vouches for")]
    pub unsafe fn map_fixed(
        &mut self,
        request: Request,
        start: PhysAddr,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<Region, AllocateError> {
        let fixed = request.backing == Backing::Fixed && self.is_kernel();
        let Placement::At(base) = request.placement else {
            return Err(AllocateError::FixedNeedsAddress);
        };
        if !fixed || !start.is_aligned(4096_u64) {
            return Err(AllocateError::BadDeviceAddress(start.as_u64()));
        }
        self.check_slots(base, request.size)?;
        self.allocate_from(&request, Some(Source::Existing(start)), physical, tlb)
    }

    /// Checks that the level 4 slots under a range have their tables.
    fn check_slots(&mut self, base: VirtAddr, size: u64) -> Result<(), AllocateError> {
        let end = base.as_u64().saturating_add(size);
        let mut address = base.as_u64();
        while address < end {
            self.cursor.seek(address);
            if self.cursor.level() == 4 {
                return Err(AllocateError::NoSlot(VirtAddr::new_truncate(address)));
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
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<Region, AllocateError> {
        let mut region = self.checked(request, physical)?;
        region.base = self.place(request, region.size, region.page_size.bytes())?;
        // What cannot fit is refused before any of it is zeroed.
        let frames = region.size / LeafSize::Size4KiB.bytes();
        if matches!(source, Some(Source::Private)) && !physical.frames().can_allocate(frames) {
            return Err(AllocateError::OutOfFrames);
        }
        let plan = region.plan(physical.features(), self.is_kernel());
        let node = self.regions.reserve(physical.frames_mut(), region, plan)?;
        if let Some(source) = source
            && let Err(error) = self.map_at_once(&region, source, request.page_size, physical, tlb)
        {
            self.regions.release(physical.frames_mut(), node);
            return Err(error.into());
        }
        self.regions.insert(node);
        self.next_source += 1;
        Ok(region)
    }

    /// The region that is asked for, still without a place.
    fn checked(&self, request: &Request, physical: &Physical) -> Result<Region, AllocateError> {
        let page_size = request.page_size.unwrap_or(LeafSize::Size4KiB);
        if request.size == 0 {
            return Err(AllocateError::ZeroSize);
        }
        let size = request
            .size
            .checked_next_multiple_of(page_size.bytes())
            .filter(|size| *size <= HALF)
            .ok_or(AllocateError::TooLarge(request.size))?;
        if !request.around.is_power_of_two() || request.around > 512 {
            return Err(AllocateError::BadAround(request.around));
        }
        if request.user && self.is_kernel() {
            return Err(AllocateError::UserInKernelHalf);
        }
        if let Backing::Device(start, _) = request.backing {
            let limit = 1_u64 << physical.features().physical_bits;
            let start = start.as_u64();
            if !start.is_multiple_of(page_size.bytes()) || start >= limit || size > limit - start {
                return Err(AllocateError::BadDeviceAddress(start));
            }
            if request.rights == Rights::ReadExecute {
                return Err(AllocateError::ExecutableDevice(start));
            }
            if physical.frames().manages_any(start, start + size) {
                return Err(AllocateError::DeviceIsManaged(start));
            }
        }
        Ok(Region {
            base: VirtAddr::zero(),
            size,
            rights: request.rights,
            backing: request.backing,
            page_size,
            around: request.around,
            user: request.user,
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
            _ if request.backing == Backing::Fixed => {
                return Err(AllocateError::FixedNeedsAddress);
            }
            Placement::Anywhere => (low, high, page),
            Placement::Within(from, below, align) => {
                if !align.is_power_of_two() || align < 4096 {
                    return Err(AllocateError::BadAlignment(align));
                }
                (
                    from.as_u64().max(low),
                    below.as_u64().min(high),
                    align.max(page),
                )
            }
        };
        self.regions
            .first_fit(size, align, from, below)
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
        if !base.is_aligned(page) {
            return Err(AllocateError::Unaligned(base, page));
        }
        let start = base.as_u64();
        let (low, high) = if backing.is_managed() {
            self.window
        } else {
            self.bounds()
        };
        if start < low || start >= high || size > high - start {
            return Err(AllocateError::OutsideHalf(base));
        }
        match self.regions.from(start) {
            Some(node) if self.regions.region(node).base.as_u64() < start + size => {
                Err(AllocateError::Overlap(self.regions.region(node).base))
            }
            _ => Ok(()),
        }
    }
}
