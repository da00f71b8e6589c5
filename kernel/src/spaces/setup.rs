//! Setting the machine's memory up, and the step from the boot loader's tables
//! and stack to the kernel's own.
//!
//! ```text
//! memory map -> frames -> kernel half -> first space -> CR3 and RSP -> reclaim
//! ```

use core::convert::Infallible;

use arrayvec::ArrayVec;
use memory::frames::{OutOfFrames, RunError};
use memory::words::Count;
use memory::{Features, NewMemoryError, Space};
use spin::Once;

use super::{CURRENT, InUse, KERNEL, Low, MEMORY, memory};
use crate::boot::{self, BootInfo};
use crate::cpu::switch::switch;
use crate::cpu::tlb;
use crate::image::{MOST_RUNS, Run};
use crate::kernel_half::{self, BuildError, Built};
use crate::stack::{self, Stack};

/// What goes on when memory is set up.
static NEXT: Once<Next> = Once::new();

struct Next {
    boot: &'static BootInfo,
    image: ArrayVec<Run, MOST_RUNS>,
    stack: Stack,
    then: fn() -> !,
}

/// Why the machine's memory could not be set up.
#[derive(Debug)]
pub enum InitError {
    /// The frames.
    Memory(NewMemoryError),
    /// The kernel's own tables.
    KernelHalf(BuildError),
    /// The first address space.
    Space(OutOfFrames),
    /// Room for what the boot loader said.
    BootInfo(RunError),
}

/// Sets up the machine's memory: frames, the kernel's own tables, and a first
/// address space with an empty low half. Goes on with `then`, on a new stack;
/// what the boot loader held is free then.
///
/// # Errors
///
/// See [`InitError`]; the machine is too small for this kernel then.
///
/// # Safety
///
/// Called once, while the tables of the boot loader are loaded. Nothing that
/// `then` uses lies in the loader's memory or on its stack.
pub unsafe fn init(
    mut boot: BootInfo,
    features: Features,
    then: fn() -> !,
) -> Result<Infallible, InitError> {
    // SAFETY: called once, as the caller vouches.
    let new = unsafe { crate::physical::init(&boot, features) }.map_err(InitError::Memory)?;
    let memory = MEMORY.call_once(|| new);
    // SAFETY: the loader's tables are loaded, as the caller vouches, and it
    // mapped all physical memory at this offset.
    let loader = unsafe { boot::loaders_tables(boot.physical_memory_offset) };
    // SAFETY: `loader` is what is loaded, and all else comes from `boot`.
    let built = unsafe { kernel_half::build(&boot, &loader, memory) };
    let Built { half, stack, image } = built.map_err(InitError::KernelHalf)?;
    boot.memory_regions =
        crate::physical::keep(boot.memory_regions, memory).map_err(InitError::BootInfo)?;
    let space = Space::new(&half, memory).map_err(InitError::Space)?;
    let root = space.root();
    // SAFETY: as the caller vouches; its list of regions was copied just now.
    let boot = unsafe { boot::keep(boot) };
    NEXT.call_once(|| Next {
        boot,
        image,
        stack,
        then,
    });
    stack::leave_current();
    KERNEL.fill(InUse { half, memory });
    CURRENT.fill(InUse {
        half: Low::new(space),
        memory,
    });
    // SAFETY:
    // - The new root maps the image where it is, and the direct map and the
    //   framebuffer at the same addresses as the loader does.
    // - The stack is new. What `finish` uses are statics, in the image.
    unsafe { switch(root, stack.top(), finish) }
}

/// The first thing on the kernel's own tables and stack.
extern "sysv64" fn finish() -> ! {
    tlb::flush_all();
    let next = NEXT.get().expect("`init` says what goes on");
    // SAFETY: the kernel half maps its stack, and never frees it.
    unsafe { stack::set_current(next.stack) };
    // SAFETY: the loader's tables and stack are left for good, and what it
    // said was copied.
    let reclaimed = unsafe { kernel_half::reclaim(next.boot, &next.image, memory()) };
    match reclaimed {
        Ok(frames) => log::info!(
            "own tables are loaded; the boot loader left {}",
            Count(frames, "frame")
        ),
        Err(error) => log::warn!("the boot loader's memory stays reserved: {error:?}"),
    }
    (next.then)()
}
