//! From the boot loader's memory map to frames: the first step of having memory.
//!
//! The map is cleaned and printed, and handed to [`Memory::new`]. What the loader
//! still holds (its tables, and the kernel itself) stays reserved.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use memory::frames::{FrameKind, Run, RunError};
use memory::memory_map::{FrameRange, Kind, MemoryMap, Region};
use memory::{Features, Memory, NewMemoryError};
use x86_64::structures::paging::PhysFrame;

use crate::boot::BootInfo;
use crate::cpu::tlb::Processor;

/// The loader's regions in the words of [`memory::memory_map`].
fn loaders(regions: &[MemoryRegion]) -> impl Iterator<Item = Region> + Clone {
    regions.iter().map(|region| Region {
        start: region.start,
        end: region.end,
        kind: match region.kind {
            MemoryRegionKind::Usable => Kind::Usable,
            MemoryRegionKind::Bootloader => Kind::Reclaimable,
            _ => Kind::Reserved,
        },
    })
}

/// The loader's map, for a processor of these features.
pub fn map(
    regions: &[MemoryRegion],
    features: Features,
) -> MemoryMap<impl Iterator<Item = Region> + Clone> {
    MemoryMap::new(loaders(regions)).physical_bits(features.physical_bits)
}

/// The memory that exists: what the frame allocator manages, neighbours merged.
pub fn managed(
    regions: &[MemoryRegion],
    features: Features,
) -> impl Iterator<Item = FrameRange> + Clone {
    let map = map(regions, features);
    let mut ranges = map.managed().map(|entry| entry.range);
    let mut next = ranges.next();
    core::iter::from_fn(move || {
        let mut merged = next.take()?;
        for range in ranges.by_ref() {
            if range.start().as_u64() != merged.end() {
                next = Some(range);
                break;
            }
            merged = FrameRange::new(merged.start(), range.end());
        }
        Some(merged)
    })
}

/// Frames that [`keep_run`] took.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Frames that the kernel holds itself, outside of any region.
#[must_use]
pub fn kept_frames() -> u64 {
    KEPT.load(Relaxed)
}

/// Takes frames in a row for the kernel itself, outside of any region.
///
/// # Errors
///
/// [`RunError`]: there are not enough frames in a row.
pub fn keep_run(frames: u64, memory: &Memory) -> Result<Run, RunError> {
    let run = memory.allocate_run(frames, 4096, 1 << 52, FrameKind::Kernel)?;
    KEPT.fetch_add(frames, Relaxed);
    Ok(run)
}

/// Gives such frames back, of which only the first is named.
///
/// # Safety
///
/// They come from [`keep_run`], as many as it was asked for, and nobody uses them any more.
pub unsafe fn let_run_go(first: PhysFrame, frames: u64, memory: &Memory) {
    for frame in PhysFrame::range(first, first + frames) {
        // SAFETY: as the caller vouches.
        let freed = unsafe { memory.free_raw(frame, FrameKind::Kernel) };
        freed.expect("the frames were kept");
    }
    KEPT.fetch_sub(frames, Relaxed);
}

/// Copies items out of the boot loader's memory into frames of their own.
///
/// # Errors
///
/// [`RunError`]: there are not enough frames in a row.
pub fn keep<T: Copy>(items: &[T], memory: &Memory) -> Result<&'static [T], RunError> {
    const {
        assert!(
            align_of::<T>() <= 4096,
            "a run of frames is aligned to a page"
        )
    };
    let frames = (size_of_val(items) as u64).div_ceil(4096).max(1);
    let run = keep_run(frames, memory)?;
    let copy = memory
        .direct_map()
        .address_of(run.start())
        .as_mut_ptr::<T>();
    // SAFETY: the run is ours, and as nobody gives it back, for ever; it is mapped, aligned
    // to a page, and as long as the items, which it does not overlap.
    unsafe {
        copy.copy_from_nonoverlapping(items.as_ptr(), items.len());
        Ok(core::slice::from_raw_parts(copy, items.len()))
    }
}

/// Logs the cleaned memory map as a table, with sizes.
fn log_map(map: &MemoryMap<impl Iterator<Item = Region> + Clone>) {
    log::info!("physical memory, cleaned:");
    for entry in map.entries() {
        let kind = match entry.kind {
            Kind::Usable => "usable",
            Kind::Reclaimable => "boot loader",
            Kind::Reserved => "reserved",
        };
        log::info!(
            "  {:#014x}..{:#014x} {}  {kind}",
            entry.range.start().as_u64(),
            entry.range.end(),
            Size(entry.range.bytes())
        );
    }
}

/// Takes the machine's memory over.
///
/// # Errors
///
/// See [`NewMemoryError`]; a machine on which it comes cannot run this kernel.
///
/// # Safety
///
/// Called once: what the map says is usable is the allocator's from now on.
pub unsafe fn init(boot: &BootInfo, features: Features) -> Result<Memory, NewMemoryError> {
    let map = map(boot.memory_regions, features);
    log_map(&map);
    let regions = loaders(boot.memory_regions);
    // SAFETY:
    // - The loader mapped all physical memory at this offset; the kernel's own
    //   tables map the memory that is managed at the same.
    // - What is usable in the loader's map is used by nobody, and this is called
    //   once. What is reclaimable is the loader's, until it is reclaimed.
    // - The features were read from CPUID, and `cpu::init` has switched on NX,
    //   global pages and CR0.WP. `Processor` flushes this processor, the only one.
    let memory =
        unsafe { Memory::new(regions, boot.physical_memory_offset, features, &Processor) }?;
    let counts = memory.counts();
    log::info!(
        "frames: {} in all, {} free, {} reserved",
        counts.total,
        counts.free,
        counts.reserved
    );
    Ok(memory)
}

/// A number of bytes in the largest unit that keeps it readable.
pub struct Size(pub u64);

impl core::fmt::Display for Size {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (unit, name) = match self.0 {
            0..0x10_0000 => (1 << 10, "KiB"),
            0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
            0x4000_0000..0x100_0000_0000 => (1 << 30, "GiB"),
            _ => (1 << 40, "TiB"),
        };
        let tenths = u128::from(self.0) * 10 / unit;
        write!(f, "{:>6}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test_case]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        assert_eq!(Size(4096).to_string().trim(), "4.0 KiB");
        assert_eq!(Size(0x18_0000).to_string().trim(), "1.5 MiB");
        assert_eq!(Size(6 << 30).to_string().trim(), "6.0 GiB");
        assert_eq!(Size(1 << 40).to_string().trim(), "1.0 TiB");
    }
}
