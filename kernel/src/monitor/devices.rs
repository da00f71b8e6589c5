//! `mmio`: the registers of a device in the low half of the current space.

use memory::paging::Cache;
use memory::space::{AllocateError, Backing, Request};
use x86_64::{PhysAddr, VirtAddr};

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use super::regions::allocate;
use crate::spaces;

/// `mmio <physical> <size>`
pub(super) fn mmio<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let number = arguments.number("<physical>")?;
    let size = arguments.size("<size>")?;
    arguments.end()?;
    let start = PhysAddr::try_new(number)
        .map_err(|_| Error::Allocate(AllocateError::BadDeviceAddress { start: number }))?;
    if let Some((base, label)) = kernel_device(number, size) {
        return Err(Error::KernelDevice(number, label, base));
    }
    let request = Request::new(size, Backing::Device(start, Cache::Uncached));
    allocate(monitor, request, out)
}

/// Where, and under which name, the kernel has mapped device memory of this
/// range for itself. Two mappings could disagree about the cache, and a write
/// through the second would go behind the kernel's back.
fn kernel_device(start: u64, size: u64) -> Option<(VirtAddr, &'static str)> {
    let end = start.saturating_add(size);
    spaces::kernel_half(|space, _| {
        space.regions().find_map(|region| match region.backing {
            Backing::Device(device, _) => {
                let overlaps = device.as_u64() < end && start < device.as_u64() + region.size;
                overlaps.then_some((region.base, region.label))
            }
            Backing::Immediate
            | Backing::Demand
            | Backing::Zero
            | Backing::Object { .. }
            | Backing::Guard
            | Backing::Fixed => None,
        })
    })
}
