//! The machine's memory: what is physical, the kernel half, and the address
//! space that is loaded, each behind its lock.
//!
//! [`init`] runs once, after the descriptors are loaded; from then on a page
//! fault is resolved. Everything else goes through [`kernel_half`],
//! [`current`] or [`physical`], which hold the locks, in order and with
//! interrupts off, while a closure runs. Inside such a closure nothing
//! demand-backed may be touched: no heap value, no formatting.

use memory::frames::OutOfFrames;
use memory::space::{KernelHalfError, Backing, Placement, Request, Rights};
use memory::{Fault, Outcome, Physical, Space};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr3, Cr3Flags};

use crate::boot::{BootInfo, UPPER_HALF};
use crate::cpu::tlb::Processor;
use crate::lock::{Lock, Rank};
use crate::physical::PhysicalError;

/// Level 4 slots for the kernel's regions. The boot loader fills its own slots
/// upwards from 256; these lie far above.
pub const REGION_SLOTS: core::ops::Range<u16> = 384..388;

static CURRENT: Lock<Option<Space>> = Lock::new(Rank::CurrentSpace, None);
static KERNEL: Lock<Option<Space>> = Lock::new(Rank::KernelHalf, None);
static PHYSICAL: Lock<Option<Physical<'static>>> = Lock::new(Rank::Physical, None);

const BEFORE_INIT: &str = "spaces::init comes before any use of memory";

/// Why the machine's memory could not be set up.
#[derive(Debug)]
pub enum InitError {
    /// The frames.
    Physical(PhysicalError),
    /// The kernel half.
    KernelHalf(KernelHalfError),
    /// The first address space.
    Space(OutOfFrames),
}

/// Sets up the machine's memory: frames, kernel half, and a first address
/// space with an empty low half, which is loaded.
///
/// # Errors
///
/// See [`InitError`]; the machine is too small for this kernel then.
///
/// # Safety
///
/// Called once, while the tables of the boot loader are loaded.
pub unsafe fn init(boot: &BootInfo, features: memory::Features) -> Result<(), InitError> {
    // SAFETY: called once, as the caller vouches.
    let mut physical =
        unsafe { crate::physical::init(boot, features) }.map_err(InitError::Physical)?;
    let (root, _) = Cr3::read();
    // SAFETY: `root` is the loaded level 4 table, in memory that the loader
    // keeps for itself and that stays reserved; nothing else edits tables.
    let mut kernel = unsafe { Space::adopt_kernel_half(root, REGION_SLOTS, &mut physical) }
        .map_err(InitError::KernelHalf)?;
    record_fixed(boot, &mut kernel, &mut physical);
    let space = Space::new(&kernel, &mut physical).map_err(InitError::Space)?;
    // SAFETY: the new root shares the whole upper half with the one in use,
    // and the kernel, its stack and all its data lie there.
    unsafe { Cr3::write(space.root(), Cr3Flags::empty()) };
    *CURRENT.lock() = Some(space);
    *KERNEL.lock() = Some(kernel);
    *PHYSICAL.lock() = Some(physical);
    Ok(())
}

/// Records what the boot loader mapped, so that reports can name it.
fn record_fixed(boot: &BootInfo, kernel: &mut Space, physical: &mut Physical<'static>) {
    let map = crate::physical::map(boot.memory_regions);
    let memory_end = map
        .entries()
        .last()
        .map_or(0, |entry| entry.range.end.as_u64());
    let guard = boot.stack.guard();
    let regions = [
        (
            boot.physical_memory_offset,
            memory_end,
            Backing::Fixed,
            "direct map",
        ),
        (
            boot.stack.bottom,
            boot.stack.top - boot.stack.bottom,
            Backing::Fixed,
            "boot stack",
        ),
        (
            guard.start,
            guard.end - guard.start,
            Backing::Guard,
            "guard of the boot stack",
        ),
    ];
    for (base, size, backing, label) in regions {
        let request = Request::new(size, backing)
            .rights(Rights::ReadWrite)
            .placement(Placement::At(base))
            .label(label);
        if let Err(error) = kernel.allocate(request, physical, &mut Processor) {
            log::warn!("{label} at {base:#x} is not recorded: {error}");
        }
    }
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
    physical(|physical| unsafe { space.destroy(physical, &mut Processor) })
        .ok()
        .expect("the kernel half stays in its lock and cannot be passed here")
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
    if address >= UPPER_HALF {
        &KERNEL
    } else {
        &CURRENT
    }
}
