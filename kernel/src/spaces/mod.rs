//! The machine's memory: what is physical, the kernel half, and the address
//! space that is loaded, each behind its lock.
//!
//! [`init`] runs once, after the descriptors are loaded; from then on a page
//! fault is resolved. Everything else goes through [`kernel_half()`],
//! [`current`] or [`physical`], which hold the locks, in order and with
//! interrupts off, while a closure runs. Inside such a closure nothing
//! demand-backed may be touched: no heap value, no formatting.

mod audit;
mod devices;
mod setup;

pub use audit::{AuditError, audit};
pub use devices::{map_device, unmap_device};
pub use setup::{InitError, init};

use memory::frames::OutOfFrames;
use memory::{Fault, Outcome, Physical, Space};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr3, Cr3Flags};

use crate::cpu::tlb::Processor;
use crate::lock::{Lock, Rank};

/// The low half of the space that is loaded, and the kernel half: in the order
/// of bit 63 of the addresses that they hold.
static HALVES: [Lock<Option<Space>>; 2] = [
    Lock::new(Rank::CurrentSpace, None),
    Lock::new(Rank::KernelHalf, None),
];
const CURRENT: &Lock<Option<Space>> = &HALVES[0];
const KERNEL: &Lock<Option<Space>> = &HALVES[1];
static PHYSICAL: Lock<Option<Physical<'static>>> = Lock::new(Rank::Physical, None);

const BEFORE_INIT: &str = "spaces::init comes before any use of memory";

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

/// Lets `look` see frames and journal, if nobody is changing them: for reports.
pub fn try_physical<R>(look: impl FnOnce(&Physical<'static>) -> R) -> Option<R> {
    let physical = PHYSICAL.try_lock()?;
    physical.as_ref().map(look)
}

#[inline]
fn half_of(address: VirtAddr) -> &'static Lock<Option<Space>> {
    &HALVES[(address.as_u64() >> 63) as usize]
}
