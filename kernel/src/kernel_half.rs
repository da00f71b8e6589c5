//! Building the kernel half: the kernel's own page tables.
//!
//! They hold the image by section, a direct map of the memory that exists (and
//! no more), the framebuffer, and a stack with a guard below it; nothing that
//! the boot loader mapped for itself. Every leaf lies in a region.
//!
//! What must always hold: no frame is writable and executable, over all its
//! mappings. So code, constants and the zero frame are read-only in the direct
//! map as well; and so is the archive of files, which nobody may change.

use core::ops::Range;

use arrayvec::ArrayVec;
use memory::frames::ReclaimError;
use memory::memory_map::{FrameRange, Kind};
use memory::paging::Cache;
use memory::space::{AllocateError, Backing, KernelHalfError, Placement, Request, Rights};
use memory::{KernelHalf, Memory};
use x86_64::structures::paging::{OffsetPageTable, Translate};
use x86_64::{PhysAddr, VirtAddr};

use crate::boot::BootInfo;
use crate::image::{self, ImageError, MOST_RUNS, Run};
use crate::layout::{DIRECT_MAP_SLOTS, IMAGE_SLOT, REGION_SLOTS, SLOT_SIZE, STACK_SIZE};
use crate::physical;
use crate::stack::{GUARD_SIZE, Stack, exception_stacks};

/// Why the kernel half could not be built.
#[derive(Debug)]
pub enum BuildError {
    /// Its tables.
    Tables(KernelHalfError),
    /// The image.
    Image(ImageError),
    /// This part of it could not be mapped.
    Region(&'static str, AllocateError),
    /// There is memory past the end of the direct map's slots.
    TooMuchMemory(u64),
}

/// The kernel half, not yet loaded.
pub struct Built {
    /// Its regions and tables.
    pub half: KernelHalf,
    /// The stack that the kernel goes on with.
    pub stack: Stack,
    /// The pages of the image; their frames stay reserved.
    pub image: ArrayVec<Run, MOST_RUNS>,
}

/// Builds the kernel half.
///
/// # Errors
///
/// See [`BuildError`]; the machine is too small, or unlike all that are known.
///
/// # Safety
///
/// `loader` describes the boot loader's tables, which are loaded; `boot` is
/// what that loader handed over, and `memory` was made from it. Called once.
pub unsafe fn build(
    boot: &BootInfo,
    loader: &OffsetPageTable<'_>,
    memory: &Memory,
) -> Result<Built, BuildError> {
    let managed = physical::managed(boot.memory_regions, memory.features());
    let end = managed.clone().last().map_or(0, |range| range.end());
    let slots = end.div_ceil(SLOT_SIZE) as usize;
    if slots > DIRECT_MAP_SLOTS.len() {
        return Err(BuildError::TooMuchMemory(end));
    }
    let fixed = [
        IMAGE_SLOT..IMAGE_SLOT + 1,
        DIRECT_MAP_SLOTS.start..DIRECT_MAP_SLOTS.start + slots as u16,
    ];
    // SAFETY: this is the one kernel half of the machine: `spaces::init` loads
    // it before anything is allocated in it, and no other is made.
    let half =
        unsafe { KernelHalf::new(REGION_SLOTS, &fixed, memory) }.map_err(BuildError::Tables)?;
    // SAFETY: as the caller vouches.
    let image = unsafe { image::runs(boot, loader) }.map_err(BuildError::Image)?;
    let mut builder = Builder { half, memory };
    for run in &image {
        // SAFETY: these frames are the image; each section is mapped as it is
        // used, at the address that the kernel runs at.
        unsafe {
            builder.map(
                image::label(run.rights),
                run.start,
                run.frame,
                run.size,
                run.rights,
            )?
        };
    }
    for stack in exception_stacks() {
        let guard = Request::new(GUARD_SIZE, Backing::Guard);
        let place = Placement::At(stack.guard().start);
        builder.allocate(guard.placement(place), "guard of an exception stack")?;
    }
    // SAFETY: the direct map is the one `physical` works with, of the memory
    // that it manages.
    unsafe { builder.map_memory(managed, boot, &image)? };
    if let Some(screen) = &boot.screen {
        builder.map_screen(screen, loader)?;
    }
    let stack = builder.make_stack()?;
    let Builder { half, .. } = builder;
    Ok(Built { half, stack, image })
}

/// A kernel half in the making.
struct Builder<'a> {
    half: KernelHalf,
    memory: &'a Memory,
}

impl Builder<'_> {
    fn allocate(&mut self, request: Request, label: &'static str) -> Result<VirtAddr, BuildError> {
        self.half
            .allocate(request.label(label), self.memory)
            .map(|region| region.base)
            .map_err(|error| BuildError::Region(label, error))
    }

    /// Maps a fixed region.
    ///
    /// # Safety
    ///
    /// As for [`KernelHalf::map_fixed`].
    unsafe fn map(
        &mut self,
        label: &'static str,
        start: VirtAddr,
        frame: PhysAddr,
        size: u64,
        rights: Rights,
    ) -> Result<(), BuildError> {
        let request = Request::new(size, Backing::Fixed)
            .placement(Placement::At(start))
            .rights(rights)
            .label(label);
        // SAFETY: as the caller vouches.
        unsafe { self.half.map_fixed(request, frame, self.memory) }
            .map(|_| ())
            .map_err(|error| BuildError::Region(label, error))
    }

    /// Maps the memory that exists where the loader has it: at an offset plus its physical address.
    ///
    /// # Safety
    ///
    /// As for [`KernelHalf::map_fixed`].
    unsafe fn map_memory(
        &mut self,
        memory: impl Iterator<Item = FrameRange>,
        boot: &BootInfo,
        image: &[Run],
    ) -> Result<(), BuildError> {
        let offset = boot.physical_memory_offset;
        let zero = self.memory.zero_frame().start_address().as_u64();
        let constant = image
            .iter()
            .filter(|run| run.rights != Rights::ReadWrite)
            .map(|run| run.frame.as_u64()..run.frame.as_u64() + run.size)
            .chain(boot.archive_frames())
            .chain(core::iter::once(zero..zero + 4096));
        for range in memory {
            let (mut start, end) = (range.start().as_u64(), range.end());
            while start < end {
                let (stop, is_constant) = next_change(constant.clone(), start, end);
                let (label, rights) = if is_constant {
                    ("direct map of constants", Rights::Read)
                } else {
                    ("direct map", Rights::ReadWrite)
                };
                // SAFETY: as the caller vouches.
                unsafe {
                    self.map(
                        label,
                        offset + start,
                        PhysAddr::new(start),
                        stop - start,
                        rights,
                    )?
                };
                start = stop;
            }
        }
        Ok(())
    }

    /// Maps the framebuffer where the loader has it, write-combining.
    fn map_screen(
        &mut self,
        screen: &Range<VirtAddr>,
        loader: &OffsetPageTable<'_>,
    ) -> Result<(), BuildError> {
        let label = "framebuffer";
        let start = screen.start.align_down(4096_u64);
        let frame = loader
            .translate_addr(start)
            .ok_or(BuildError::Image(ImageError::NotMapped(start)))?;
        let request = Request::new(
            screen.end - start,
            Backing::Device(frame, Cache::WriteCombining),
        )
        .placement(Placement::At(start))
        .label(label);
        // SAFETY: the framebuffer is the screen's memory, and is accessed as
        // volatile memory only.
        unsafe { self.half.map_device(request, self.memory) }
            .map(|_| ())
            .map_err(|error| BuildError::Region(label, error))
    }

    /// A stack with a guard below it.
    fn make_stack(&mut self) -> Result<Stack, BuildError> {
        let guard = self.allocate(
            Request::new(GUARD_SIZE, Backing::Guard),
            "guard of the kernel stack",
        )?;
        let bottom = guard + GUARD_SIZE;
        let request = Request::new(STACK_SIZE, Backing::Immediate).placement(Placement::At(bottom));
        self.allocate(request, "kernel stack")?;
        Ok(Stack::new("the kernel stack", bottom, bottom + STACK_SIZE))
    }
}

/// Up to where, from `start` on and at most to `end`, all bytes are in the
/// `constant` ranges, or none is; and which of the two.
fn next_change(
    constant: impl Iterator<Item = Range<u64>> + Clone,
    start: u64,
    end: u64,
) -> (u64, bool) {
    let here = constant.clone().filter(|range| range.contains(&start));
    match here.map(|range| range.end).max() {
        Some(stop) => (stop.min(end), true),
        None => {
            let next = constant.map(|range| range.start).filter(|at| *at > start);
            (next.min().unwrap_or(end).min(end), false)
        }
    }
}

/// Hands the frames that only the boot loader used to the frame allocator:
/// those of its kind in which neither the image nor the archive of files lies.
/// Returns how many.
///
/// # Errors
///
/// [`ReclaimError`]: the map and the allocator disagree about a frame, which
/// then stays reserved, and so does what follows it.
///
/// # Safety
///
/// The kernel's own tables and its own stack are in use, and nothing is kept
/// that lies in the loader's memory.
pub unsafe fn reclaim(
    boot: &BootInfo,
    image: &[Run],
    memory: &Memory,
) -> Result<u64, ReclaimError> {
    let kept = image
        .iter()
        .map(|run| run.frame.as_u64()..run.frame.as_u64() + run.size)
        .chain(boot.archive_frames());
    let map = physical::map(boot.memory_regions, memory.features());
    let mut reclaimed = 0;
    for entry in map
        .entries()
        .filter(|entry| entry.kind == Kind::Reclaimable)
    {
        let (mut start, end) = (entry.range.start().as_u64(), entry.range.end());
        while start < end {
            let (stop, is_kept) = next_change(kept.clone(), start, end);
            if !is_kept {
                let range = FrameRange::new(PhysAddr::new(start), stop);
                // SAFETY: only the loader used these frames, and nothing of it
                // is used any more, as the caller vouches.
                reclaimed += unsafe { memory.reclaim(range) }?;
            }
            start = stop;
        }
    }
    Ok(reclaimed)
}
