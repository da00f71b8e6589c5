//! The machine's memory: what is physical, the kernel half, and the address
//! space that is loaded, behind one lock.
//!
//! [`init`] runs once, after the descriptors are loaded; from then on a page
//! fault is resolved. Everything else goes through [`kernel_half()`],
//! [`current`] or [`physical`], which hold the lock, with interrupts off, while a
//! closure runs. Inside such a closure nothing
//! demand-backed may be touched: no heap value, no formatting.

mod audit;
mod devices;
mod setup;

pub use audit::{AuditError, audit};
pub use devices::{Mapping, map_device};
pub use setup::{InitError, init};

use memory::frames::OutOfFrames;
use memory::{Fault, Outcome, Physical, Space};
use x86_64::VirtAddr;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr3, Cr3Flags};

use crate::cpu::exception::PageFaultFrame;
use crate::cpu::tlb::Processor;
use crate::lock::{Lock, Rank};

/// All of memory, behind one lock: whatever changes a half takes or gives back
/// frames too, and a fault pays for one lock, not for two.
struct Memory {
    /// The low half of the space that is loaded, and the kernel half: in the
    /// order of bit 63 of the addresses that they hold.
    halves: [Space; 2],
    physical: Physical<'static>,
}

static MEMORY: Lock<Memory> = Lock::empty(Rank::Memory);

/// Runs `work` on the kernel half.
///
/// # Panics
///
/// Before [`init`].
pub fn kernel_half<R>(
    work: impl FnOnce(&mut Space, &mut Physical<'static>, &mut Processor) -> R,
) -> R {
    with_memory(|memory| {
        let [_, kernel] = &mut memory.halves;
        work(kernel, &mut memory.physical, &mut Processor)
    })
}

/// Runs `work` on the address space that is loaded: its low half.
///
/// # Panics
///
/// Before [`init`].
pub fn current<R>(work: impl FnOnce(&mut Space, &mut Physical<'static>, &mut Processor) -> R) -> R {
    with_memory(|memory| {
        let [current, _] = &mut memory.halves;
        work(current, &mut memory.physical, &mut Processor)
    })
}

fn with_memory<R>(work: impl FnOnce(&mut Memory) -> R) -> R {
    without_interrupts(|| work(&mut MEMORY.lock()))
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
    with_memory(|memory| {
        // SAFETY: every root shares the kernel half, where the kernel, its
        // stacks and all its data lie, and this one lives as long as `space`,
        // which stays in `MEMORY` until another root is loaded.
        unsafe { Cr3::write(space.root(), Cr3Flags::empty()) };
        let [current, _] = &mut memory.halves;
        core::mem::replace(current, space)
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
    with_memory(|memory| work(&mut memory.physical))
}

/// See [`Space::share_in_spot`]; also `None` if the lock is held. Called with
/// interrupts off.
#[inline(always)]
pub(crate) fn share_in_spot(fault: Fault, frame: &PageFaultFrame) -> Option<Outcome> {
    let mut memory = MEMORY.try_lock_for(frame)?;
    let Memory { halves, physical } = &mut *memory;
    half_of(halves, fault.address).share_in_spot(fault, physical)
}

/// The same for [`Space::fill_in_spot`].
#[inline(always)]
pub(crate) fn fill_in_spot(fault: Fault, frame: &PageFaultFrame) -> Option<Outcome> {
    let mut memory = MEMORY.try_lock_for(frame)?;
    let Memory { halves, physical } = &mut *memory;
    half_of(halves, fault.address).fill_in_spot(fault, physical)
}

/// The same for [`Space::replace_in_spot`].
#[inline(always)]
pub(crate) fn replace_in_spot(fault: Fault, frame: &PageFaultFrame) -> Option<Outcome> {
    let mut memory = MEMORY.try_lock_for(frame)?;
    let Memory { halves, physical } = &mut *memory;
    half_of(halves, fault.address).replace_in_spot(fault, physical, &mut Processor)
}

/// Resolves a page fault in the half that holds the address. `None` if the lock
/// is held, so that the fault came out of the memory manager itself, or if
/// there is no memory yet. Called with interrupts off.
pub(crate) fn resolve(frame: &PageFaultFrame) -> Option<Outcome> {
    let mut memory = MEMORY.try_lock_for(frame)?;
    let Memory { halves, physical } = &mut *memory;
    let fault = frame.fault();
    Some(half_of(halves, fault.address).resolve(fault, physical, &mut Processor))
}

/// The frame of the page fault that is being resolved.
#[must_use]
pub(crate) fn resolving() -> Option<PageFaultFrame> {
    let frame = MEMORY.purpose()?.cast::<PageFaultFrame>();
    // SAFETY: the lock is held for page faults only with their frame, on the
    // stack of a handler that has not returned.
    Some(unsafe { *frame.as_ref() })
}

/// True if the last two faults were the same spurious one.
#[must_use]
pub fn is_stuck() -> bool {
    try_physical(|physical| physical.journal().is_stuck()) == Some(true)
}

/// Lets `look` see the half that holds `address`, if nobody is changing it:
/// for reports, which wait for no lock.
pub fn try_look<R>(address: VirtAddr, look: impl FnOnce(&Space) -> R) -> Option<R> {
    let mut memory = MEMORY.try_lock()?;
    Some(look(half_of(&mut memory.halves, address)))
}

/// Lets `look` see frames and journal, if nobody is changing them: for reports.
pub fn try_physical<R>(look: impl FnOnce(&Physical<'static>) -> R) -> Option<R> {
    let memory = MEMORY.try_lock()?;
    Some(look(&memory.physical))
}

#[inline]
fn half_of(halves: &mut [Space; 2], address: VirtAddr) -> &mut Space {
    &mut halves[(address.as_u64() >> 63) as usize]
}
