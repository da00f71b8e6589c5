//! Memory that is not the frame allocator's: devices' registers, the firmware's
//! tables.

use memory::paging::Cache;
use memory::space::{AllocateError, Backing, Request, Rights};
use x86_64::{PhysAddr, VirtAddr};

use super::kernel_half;

/// Maps `size` bytes of a device's memory, or of the firmware's, from `start`
/// on; returns where. Neither needs to be a multiple of the page size.
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
) -> Result<VirtAddr, AllocateError> {
    let first = start.align_down(4096_u64);
    let offset = start - first;
    let rights = match cache {
        Cache::WriteBack => Rights::Read,
        Cache::WriteCombining | Cache::Uncached => Rights::ReadWrite,
    };
    let request = Request::new(size + offset, Backing::Device(first, cache))
        .rights(rights)
        .label(label);
    // SAFETY: (temporary)
    let region = kernel_half(|half, memory| unsafe { half.map_device(request, memory) })?;
    Ok(region.base + offset)
}

/// Gives back what [`map_device`] mapped. Nothing happens if it was not that.
///
/// # Panics
///
/// Before [`init`](super::init).
pub fn unmap_device(address: VirtAddr) {
    let base = address.align_down(4096_u64);
    // SAFETY: (temporary)
    let freed = kernel_half(|half, memory| unsafe { half.free(base, memory) });
    if let Err(error) = freed {
        log::warn!("nothing was mapped for a device there: {error}");
    }
}
