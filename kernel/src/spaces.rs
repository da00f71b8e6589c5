//! The machine's memory: what is physical, the kernel half, and the address
//! space that is loaded, each behind its lock.
//!
//! [`init`] runs once, after the descriptors are loaded; from then on a page
//! fault is resolved. Everything else goes through [`kernel_half`],
//! [`current`] or [`physical`], which hold the locks, in order and with
//! interrupts off, while a closure runs. Inside such a closure nothing
//! demand-backed may be touched: no heap value, no formatting.

use core::convert::Infallible;

use arrayvec::ArrayVec;
use memory::frames::{OutOfFrames, RunError};
use memory::paging::Cache;
use memory::space::{AllocateError, Backing, Request, Rights};
use memory::{Fault, Features, Outcome, Physical, Space};
use spin::Once;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::OffsetPageTable;
use x86_64::{PhysAddr, VirtAddr};

use crate::boot::{self, BootInfo};
use crate::cpu::switch::switch;
use crate::cpu::tlb::{self, Processor};
use crate::image::{MOST_RUNS, Run};
use crate::kernel_half::{self, BuildError, KernelHalf};
use crate::layout::KERNEL_HALF;
use crate::lock::{Lock, Rank};
use crate::physical::PhysicalError;
use crate::stack;

static CURRENT: Lock<Option<Space>> = Lock::new(Rank::CurrentSpace, None);
static KERNEL: Lock<Option<Space>> = Lock::new(Rank::KernelHalf, None);
static PHYSICAL: Lock<Option<Physical<'static>>> = Lock::new(Rank::Physical, None);

const BEFORE_INIT: &str = "spaces::init comes before any use of memory";

/// What goes on when memory is set up.
static NEXT: Once<Next> = Once::new();

struct Next {
    boot: &'static BootInfo,
    image: ArrayVec<Run, MOST_RUNS>,
    then: fn() -> !,
}

/// Why the machine's memory could not be set up.
#[derive(Debug)]
pub enum InitError {
    /// The frames.
    Physical(PhysicalError),
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
    let mut physical =
        unsafe { crate::physical::init(&boot, features) }.map_err(InitError::Physical)?;
    let (root, _) = Cr3::read();
    let table = boot.physical_memory_offset + root.start_address().as_u64();
    // SAFETY: the loader mapped all physical memory at this offset, its root
    // is a page table, and it is only read through this.
    let loader =
        unsafe { OffsetPageTable::new(&mut *table.as_mut_ptr(), boot.physical_memory_offset) };
    // SAFETY: `loader` is what is loaded, and all else comes from `boot`.
    let KernelHalf {
        space: kernel,
        stack,
        image,
    } = unsafe { kernel_half::build(&boot, &loader, &mut physical) }
        .map_err(InitError::KernelHalf)?;
    boot.memory_regions =
        crate::physical::keep(boot.memory_regions, &mut physical).map_err(InitError::BootInfo)?;
    let space = Space::new(&kernel, &mut physical).map_err(InitError::Space)?;
    let root = space.root();
    let boot = boot::keep(boot);
    NEXT.call_once(|| Next { boot, image, then });
    stack::set_current(stack);
    *CURRENT.lock() = Some(space);
    *KERNEL.lock() = Some(kernel);
    *PHYSICAL.lock() = Some(physical);
    // SAFETY:
    // - The new root maps the image where it is, and the direct map and the
    //   framebuffer at the same addresses as the loader does.
    // - The stack is new. What `finish` uses are statics, in the image.
    unsafe { switch(root, stack.top, finish) }
}

/// The first thing on the kernel's own tables and stack.
extern "sysv64" fn finish() -> ! {
    tlb::flush_all();
    let next = NEXT.get().expect(BEFORE_INIT);
    // SAFETY: the loader's tables and stack are left for good, and what it
    // said was copied.
    let reclaimed =
        physical(|physical| unsafe { kernel_half::reclaim(next.boot, &next.image, physical) });
    match reclaimed {
        Ok(frames) => log::info!("own tables are loaded; the boot loader left {frames} frames"),
        Err(error) => log::warn!("the boot loader's memory stays reserved: {error:?}"),
    }
    (next.then)()
}

/// Runs `work` on the kernel half.
///
/// # Panics
///
/// Before [`init`].
pub fn kernel_half<R>(
    work: impl FnOnce(&mut Space, &mut Physical<'static>, &mut Processor) -> R,
) -> R {
    without_interrupts(|| {
        let mut space = KERNEL.lock();
        let mut physical = PHYSICAL.lock();
        work(
            space.as_mut().expect(BEFORE_INIT),
            physical.as_mut().expect(BEFORE_INIT),
            &mut Processor,
        )
    })
}

/// Runs `work` on the address space that is loaded: its low half.
///
/// # Panics
///
/// Before [`init`].
pub fn current<R>(work: impl FnOnce(&mut Space, &mut Physical<'static>, &mut Processor) -> R) -> R {
    without_interrupts(|| {
        let mut space = CURRENT.lock();
        let mut physical = PHYSICAL.lock();
        work(
            space.as_mut().expect(BEFORE_INIT),
            physical.as_mut().expect(BEFORE_INIT),
            &mut Processor,
        )
    })
}

/// Makes an address space with an empty low half. It is not loaded.
///
/// # Errors
///
/// [`OutOfFrames`]: no frame for its root.
///
/// # Panics
///
/// Before [`init`].
pub fn create() -> Result<Space, OutOfFrames> {
    kernel_half(|kernel, physical, _| Space::new(kernel, physical))
}

/// Loads another address space, and returns the one that was loaded. Its
/// translations are forgotten, all but those of the kernel half.
///
/// # Panics
///
/// Before [`init`].
#[must_use = "the space that was loaded keeps its frames until it is destroyed"]
pub fn load(space: Space) -> Space {
    without_interrupts(|| {
        let mut current = CURRENT.lock();
        // SAFETY: every root shares the kernel half, where the kernel, its
        // stacks and all its data lie, and this one lives as long as `space`,
        // which stays in `CURRENT` until another root is loaded.
        unsafe { Cr3::write(space.root(), Cr3Flags::empty()) };
        current.replace(space).expect(BEFORE_INIT)
    })
}

/// Gives everything back that a space which is not loaded holds. Returns how
/// many private frames (4 KiB) that were.
///
/// # Panics
///
/// - Before [`init`].
/// - If the space is loaded, which only one that was taken out by force is.
pub fn destroy(space: Space) -> u64 {
    assert_ne!(
        space.root(),
        Cr3::read().0,
        "a loaded address space is not destroyed: load another first"
    );
    // SAFETY: there is one processor, and it has another root loaded.
    physical(|physical| unsafe { space.destroy(physical, &mut Processor).ok() })
        .expect("the kernel half stays in its lock and cannot be passed here")
}

/// Maps `size` bytes of a device's memory, or of the firmware's, from `start`
/// on; returns where. Neither needs to be a multiple of the page size.
///
/// # Errors
///
/// See [`AllocateError`].
///
/// # Panics
///
/// Before [`init`].
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
    let region = kernel_half(|space, physical, tlb| space.allocate(request, physical, tlb))?;
    Ok(region.base + offset)
}

/// Gives back what [`map_device`] mapped. Nothing happens if it was not that.
///
/// # Panics
///
/// Before [`init`].
pub fn unmap_device(address: VirtAddr) {
    let base = address.align_down(4096_u64);
    let freed = kernel_half(|space, physical, tlb| space.free(base, physical, tlb));
    if let Err(error) = freed {
        log::warn!("nothing was mapped for a device there: {error}");
    }
}

/// Runs `work` on frames and journal alone.
///
/// # Panics
///
/// Before [`init`].
pub fn physical<R>(work: impl FnOnce(&mut Physical<'static>) -> R) -> R {
    without_interrupts(|| work(PHYSICAL.lock().as_mut().expect(BEFORE_INIT)))
}

/// Resolves a page fault in the half that holds the address. `None` if a lock
/// is held, so that the fault came out of the memory manager itself, or if
/// there is no memory yet. Called with interrupts off.
#[inline]
pub fn resolve(fault: Fault) -> Option<Outcome> {
    let half = half_of(fault.address).try_lock();
    let mut half = half?;
    let mut physical = PHYSICAL.try_lock()?;
    Some(
        half.as_mut()?
            .resolve(fault, physical.as_mut()?, &mut Processor),
    )
}

/// True if the last two faults were the same spurious one.
#[must_use]
pub fn is_stuck() -> bool {
    PHYSICAL
        .try_lock()
        .is_some_and(|physical| physical.as_ref().is_some_and(|it| it.journal().is_stuck()))
}

/// Lets `look` see the half that holds `address`, if nobody is changing it:
/// for reports, which wait for no lock.
pub fn try_look<R>(address: VirtAddr, look: impl FnOnce(&Space) -> R) -> Option<R> {
    let half = half_of(address).try_lock()?;
    half.as_ref().map(look)
}

fn half_of(address: VirtAddr) -> &'static Lock<Option<Space>> {
    if address >= KERNEL_HALF {
        &KERNEL
    } else {
        &CURRENT
    }
}
