//! Memory that is not the frame allocator's: devices' registers, the firmware's
//! tables.

use memory::paging::Cache;
use memory::space::{AllocateError, Backing, Request, Rights};
use x86_64::{PhysAddr, VirtAddr};

use super::kernel_half;

/// Memory of a device, or of the firmware, that is mapped in the kernel half.
/// It stays mapped until [`unmap`](Self::unmap) consumes it.
#[derive(Debug)]
#[must_use = "what is mapped stays mapped until it is unmapped"]
pub struct Mapping {
    address: VirtAddr,
}

impl Mapping {
    /// Where the first byte that was asked for is mapped.
    #[must_use]
    pub fn address(&self) -> VirtAddr {
        self.address
    }

    /// Gives the region back. The device's memory itself is left alone.
    ///
    /// # Panics
    ///
    /// If the region was freed behind this value's back.
    pub fn unmap(self) {
        let base = self.address.align_down(4096_u64);
        // SAFETY: the mapping is consumed: whoever had it uses it no more.
        kernel_half(|half, memory| unsafe { half.free(base, memory) })
            .expect("the region is the mapping's own");
    }

    /// The address alone, for interfaces that carry nothing else.
    pub(crate) fn into_address(self) -> VirtAddr {
        self.address
    }

    /// The mapping that [`into_address`](Self::into_address) took apart.
    ///
    /// # Safety
    ///
    /// `address` comes from `into_address`, and makes a mapping once only.
    pub(crate) unsafe fn from_address(address: VirtAddr) -> Self {
        Self { address }
    }
}

/// Maps `size` bytes of a device's memory, or of the firmware's, from `start`
/// on. Neither needs to be a multiple of the page size.
///
/// # Errors
///
/// See [`AllocateError`].
///
/// # Panics
///
/// Before [`init`](super::init).
pub fn map_device(
    start: PhysAddr,
    size: u64,
    cache: Cache,
    label: &'static str,
) -> Result<Mapping, AllocateError> {
    let first = start.align_down(4096_u64);
    let offset = start - first;
    let rights = match cache {
        Cache::WriteBack => Rights::Read,
        Cache::WriteCombining | Cache::Uncached => Rights::ReadWrite,
    };
    // A size that is no number is as good as the largest: refused.
    let size = size.saturating_add(offset);
    let request = Request::new(size, Backing::Device(first, cache))
        .rights(rights)
        .label(label);
    // SAFETY: the memory is a device's or the firmware's, as the allocator does
    // not manage it. A reference to it is made by unsafe code alone, which
    // answers for it.
    let region = kernel_half(|half, memory| unsafe { half.map_device(request, memory) })?;
    Ok(Mapping {
        address: region.base + offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registers of the I/O APIC, which every machine here has.
    const DEVICE: PhysAddr = PhysAddr::new(0xfec0_0000);

    #[test_case]
    fn a_mapping_is_a_region_until_it_is_unmapped() {
        let mapping = map_device(DEVICE + 0x10, 4, Cache::Uncached, "device of a test")
            .expect("the kernel half has room");
        let address = mapping.address();
        let look = || kernel_half(|half, _| (half.region_at(address), half.translate(address)));
        let (region, place) = look();
        assert_eq!(region.map(|region| region.label), Some("device of a test"));
        assert_eq!(place, Some(DEVICE + 0x10));
        mapping.unmap();
        assert_eq!(look(), (None, None));
    }

    #[test_case]
    fn a_size_that_passes_the_top_of_all_numbers_is_refused_and_maps_nothing() {
        let regions = || kernel_half(|half, _| half.region_count());
        let before = regions();
        for size in [u64::MAX, u64::MAX - 0xfff, 1 << 63] {
            let mapped = map_device(DEVICE + 0x10, size, Cache::Uncached, "too large");
            assert!(
                matches!(mapped, Err(AllocateError::TooLarge { .. })),
                "{size:#x}: {mapped:?}"
            );
        }
        assert_eq!(regions(), before);
    }
}
