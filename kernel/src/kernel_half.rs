//! Building the kernel half: the kernel's own page tables.
//!
//! They hold the image by section, a direct map of the memory that exists (and
//! no more), the framebuffer, and a stack with a guard below it; nothing that
//! the boot loader mapped for itself. Every leaf lies in a region.
//!
//! What must always hold: no frame is writable and executable, over all its
//! mappings. So code, constants and the zero frame are read-only in the direct
//! map as well.

use core::ops::Range;

use arrayvec::ArrayVec;
use memory::Physical;
use memory::frames::ReclaimError;
use memory::memory_map::{FrameRange, Kind};
use memory::paging::Cache;
use memory::space::{AllocateError, Backing, KernelHalfError, Placement, Request, Rights, Space};
use x86_64::structures::paging::{OffsetPageTable, Translate};
use x86_64::{PhysAddr, VirtAddr};

use crate::boot::BootInfo;
use crate::cpu::descriptors::exception_stacks;
use crate::cpu::tlb::Processor;
use crate::image::{self, ImageError, MOST_RUNS, Run};
use crate::layout::{DIRECT_MAP_SLOTS, IMAGE_SLOT, REGION_SLOTS, SLOT_SIZE, STACK_SIZE};
use crate::physical;
use crate::stack::{GUARD_SIZE, Stack};

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
pub struct KernelHalf {
    /// Its regions and tables.
    pub space: Space,
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
/// what that loader handed over, and `physical` was made from it.
pub unsafe fn build(
    boot: &BootInfo,
    loader: &OffsetPageTable<'_>,
    physical: &mut Physical<'static>,
) -> Result<KernelHalf, BuildError> {
    let memory = physical::managed(boot.memory_regions, physical.features());
    let end = memory.clone().last().map_or(0, |range| range.end());
    let slots = end.div_ceil(SLOT_SIZE) as usize;
    if slots > DIRECT_MAP_SLOTS.len() {
        return Err(BuildError::TooMuchMemory(end));
    }
    let fixed = [
        IMAGE_SLOT..IMAGE_SLOT + 1,
        DIRECT_MAP_SLOTS.start..DIRECT_MAP_SLOTS.start + slots as u16,
    ];
    let space =
        Space::new_kernel_half(REGION_SLOTS, &fixed, physical).map_err(BuildError::Tables)?;
    // SAFETY: as the caller vouches.
    let image = unsafe { image::runs(boot, loader) }.map_err(BuildError::Image)?;
    let mut builder = Builder { space, physical };
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
    unsafe { builder.map_memory(memory, boot.physical_memory_offset, &image)? };
    if let Some(screen) = &boot.screen {
        builder.map_screen(screen, loader)?;
    }
    let stack = builder.make_stack()?;
    let Builder { space, .. } = builder;
    Ok(KernelHalf {
        space,
        stack,
        image,
    })
}

/// A kernel half in the making.
struct Builder<'a> {
    space: Space,
    physical: &'a mut Physical<'static>,
}

impl Builder<'_> {
    fn allocate(&mut self, request: Request, label: &'static str) -> Result<VirtAddr, BuildError> {
        self.space
            .allocate(request.label(label), self.physical, &mut Processor)
            .map(|region| region.base)
            .map_err(|error| BuildError::Region(label, error))
    }

    /// Maps a fixed region.
    ///
    /// # Safety
    ///
    /// As for [`Space::map_fixed`].
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
        unsafe {
            self.space
                .map_fixed(request, frame, self.physical, &mut Processor)
        }
        .map(|_| ())
        .map_err(|error| BuildError::Region(label, error))
    }

    /// Maps the memory that exists at `offset` plus its physical address.
    ///
    /// # Safety
    ///
    /// As for [`Space::map_fixed`].
    unsafe fn map_memory(
        &mut self,
        memory: impl Iterator<Item = FrameRange>,
        offset: VirtAddr,
        image: &[Run],
    ) -> Result<(), BuildError> {
        let zero = self.physical.zero_frame().start_address().as_u64();
        let constant = image
            .iter()
            .filter(|run| run.rights != Rights::ReadWrite)
            .map(|run| run.frame.as_u64()..run.frame.as_u64() + run.size)
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
        .placement(Placement::At(start));
        self.allocate(request, label).map(|_| ())
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
        Ok(Stack {
            name: "the kernel stack",
            bottom,
            top: bottom + STACK_SIZE,
        })
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
/// those of its kind that no page of the image lies in. Returns how many.
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
    physical: &mut Physical<'static>,
) -> Result<u64, ReclaimError> {
    let kept = image
        .iter()
        .map(|run| run.frame.as_u64()..run.frame.as_u64() + run.size);
    let map = physical::map(boot.memory_regions, physical.features());
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
                // SAFETY: the caller says that nothing but what is kept is in use.
                reclaimed += unsafe { physical.frames_mut().reclaim(range)? };
            }
            start = stop;
        }
    }
    Ok(reclaimed)
}
