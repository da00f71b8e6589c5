//! What is where: regions by address and in order, and walks.

use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::region::Region;
use super::tree::Link;
use crate::paging::{LeafSize, Walk};
use crate::physical::Physical;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// What of a range is mapped, in frames of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Behind private leaves: frames that the range owns.
    pub private: u64,
    /// Pages that share the zero frame.
    pub zero: u64,
    /// Behind borrowed leaves.
    pub borrowed: u64,
}

impl Space {
    /// The region that holds `address`.
    #[must_use]
    pub fn region_at(&self, address: VirtAddr) -> Option<Region> {
        self.region(self.regions.find(address.as_u64()))
    }

    /// The nearest region that lies wholly below `address`.
    #[must_use]
    pub fn region_below(&self, address: VirtAddr) -> Option<Region> {
        let base = self
            .region_at(address)
            .map_or(address, |region| region.base);
        self.region(self.regions.before(base.as_u64()))
    }

    /// The nearest region that lies wholly above `address`.
    #[must_use]
    pub fn region_above(&self, address: VirtAddr) -> Option<Region> {
        let end = self
            .region_at(address)
            .map_or(address.as_u64(), |region| region.end());
        self.region(self.regions.from(end))
    }

    /// All regions, by address.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        let mut next = self.regions.from(0);
        core::iter::from_fn(move || {
            let region = self.region(next)?;
            next = self.regions.from(region.end());
            Some(region)
        })
    }

    /// How many regions there are.
    #[must_use]
    pub fn region_count(&self) -> u64 {
        self.regions.len()
    }

    /// Frames that hold the region records.
    #[must_use]
    pub fn record_frames(&self) -> u64 {
        self.regions.frames()
    }

    /// The way from the root to what `address` is translated to, level by
    /// level. An address of the other half is walked to as well.
    #[must_use]
    pub fn walk(&self, address: VirtAddr) -> Walk {
        let mut cursor = self.cursor.clone();
        cursor.seek(address.as_u64());
        Walk::of(&cursor, address)
    }

    /// The physical address that `address` is translated to, if it is mapped:
    /// what [`Self::walk`] ends in. An address of the other half is translated
    /// as well.
    #[inline]
    #[must_use]
    pub fn translate(&self, address: VirtAddr) -> Option<PhysAddr> {
        self.cursor.translate(address.as_u64())
    }

    /// What of the region is mapped now. Costs a walk over what is mapped.
    #[must_use]
    pub fn resident(&self, region: &Region, physical: &Physical) -> Resident {
        let mut whole = [Resident::default()];
        self.resident_parts(region, physical, &mut whole);
        let [whole] = whole;
        whole
    }

    /// The same for as many parts of the region as `parts` has room for: part
    /// `n` of `m` ends before page `pages * (n + 1) / m`. All in one walk.
    pub fn resident_parts(&self, region: &Region, physical: &Physical, parts: &mut [Resident]) {
        let zero = physical.zero_frame().start_address();
        let (pages, count) = (region.size / PAGE, parts.len() as u64);
        let mut cursor = self.cursor.clone();
        let mut address = region.base.as_u64();
        for (part, number) in parts.iter_mut().zip(1..) {
            *part = Resident::default();
            let end = region.base.as_u64() + pages * number / count * PAGE;
            while address < end {
                cursor.seek(address);
                let stop = cursor.next_start().min(end);
                if let Some(size) = cursor.leaf() {
                    let entry = cursor.entry();
                    let frames = (stop - address) / PAGE;
                    if entry.is_borrowed() {
                        part.borrowed += frames;
                    } else if size == LeafSize::Size4KiB && entry.leaf_address(size) == zero {
                        part.zero += frames;
                    } else {
                        part.private += frames;
                    }
                }
                address = stop;
            }
        }
    }

    fn region(&self, link: Link) -> Option<Region> {
        let node = link?;
        let mut region = *self.regions.region(node);
        region.faults += self.faults_in_spot(node);
        Some(region)
    }

    /// The record of the region that holds `address`, the last hit first: in
    /// the same region a fault takes 13 ns then, in a random one of 1,000
    /// without it 66.
    #[inline]
    pub(super) fn lookup(&mut self, address: u64) -> Link {
        if let Some(last) = self.last {
            let region = self.regions.region(last);
            if address.wrapping_sub(region.base.as_u64()) < region.size {
                return self.last;
            }
        }
        self.look_further(address)
    }

    /// Out of line, so that the common way keeps the registers.
    #[inline(never)]
    fn look_further(&mut self, address: u64) -> Link {
        let found = self.regions.find(address);
        if found.is_some() {
            self.last = found;
        }
        found
    }
}
