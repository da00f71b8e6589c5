//! The machine's memory: what is physical, the kernel half, and the address
//! space that is loaded.
//!
//! [`init`] runs once, after the descriptors are loaded; from then on a page
//! fault is resolved. Everything else goes through [`memory()`],
//! [`kernel_half()`] and [`current`]; the latter two hold the lock of a half,
//! with interrupts off, while a closure runs. Inside such a closure nothing
//! demand-backed of the same half may be touched: no heap value, no formatting.

mod audit;
mod devices;
mod parked;
mod setup;
mod shortage;

pub use audit::{AuditError, audit};
pub use devices::{Mapping, map_device};
pub use parked::{FIRST_ROOMS, Parked, Room, each_parked, make_rooms};
pub use setup::{InitError, init};
pub use shortage::{Relief, on_shortage};
pub(crate) use shortage::{relieve, relieved};

use core::sync::atomic::{AtomicU64, Ordering};

use memory::frames::OutOfFrames;
use memory::space::{Half, Hand};
use memory::{Fault, KernelHalf, Memory, Outcome, Space};
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr3, Cr3Flags};

use crate::cpu::exception::PageFaultContext;
use crate::lock::{Lock, Rank};

/// What all halves share.
static MEMORY: Once<Memory> = Once::new();

/// The low half of the space that is loaded.
static CURRENT: Lock<InUse<Low>> = Lock::empty(Rank::Space);

/// The kernel half.
static KERNEL: Lock<InUse<KernelHalf>> = Lock::empty(Rank::KernelHalf);

/// Faults in the kernel half that the fault log has, in the order of [`Outcome::ALL`].
static KERNEL_FAULTS: [AtomicU64; Outcome::COUNT] = [const { AtomicU64::new(0) }; Outcome::COUNT];

/// A low half, and how far eviction has come in it.
struct Low {
    space: Space,
    hand: Hand,
}

impl Low {
    fn new(space: Space) -> Self {
        Self {
            space,
            hand: Hand::default(),
        }
    }
}

/// A half, and what it shares with all others.
struct InUse<H> {
    half: H,
    memory: &'static Memory,
}

impl<H> InUse<H> {
    fn work<R>(&mut self, work: impl FnOnce(&mut H, &Memory) -> R) -> R {
        work(&mut self.half, self.memory)
    }
}

/// What all halves share: frames, the direct map, the zero frame, the fault log.
///
/// # Panics
///
/// Before [`init`].
#[must_use]
pub fn memory() -> &'static Memory {
    MEMORY.get().expect("memory is set up before it is used")
}

/// Runs `work` on the kernel half.
///
/// # Panics
///
/// Before [`init`].
pub fn kernel_half<R>(work: impl FnOnce(&mut KernelHalf, &Memory) -> R) -> R {
    without_interrupts(|| KERNEL.lock().work(work))
}

/// Runs `work` on the address space that is loaded: its low half.
///
/// # Panics
///
/// Before [`init`].
pub fn current<R>(work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
    without_interrupts(|| {
        CURRENT
            .lock()
            .work(|low, memory| work(&mut low.space, memory))
    })
}

/// Lets `look` see the half that holds `address`.
///
/// # Panics
///
/// Before [`init`].
pub fn look<R>(address: VirtAddr, look: impl FnOnce(&Half) -> R) -> R {
    if is_kernels(address) {
        kernel_half(|kernel, _| look(kernel))
    } else {
        current(|space, _| look(space))
    }
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
    kernel_half(|kernel, memory| Space::new(kernel, memory))
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
        let loaded = &mut CURRENT.lock().half;
        set_root(&space);
        core::mem::replace(loaded, Low::new(space)).space
    })
}

/// Lets the processor use the tables of a space, which is about to be the one that
/// is loaded.
fn set_root(space: &Space) {
    // SAFETY: every root shares the kernel half, where the kernel, its
    // stacks and all its data lie. The root stays allocated: a space gives
    // it back only when it is destroyed, and `destroy` refuses one that is
    // loaded.
    unsafe { Cr3::write(space.root(), Cr3Flags::empty()) };
}

/// Runs `work` on a low half and its hand, if there is one in this turn and nobody is
/// at work on it: turn 0 is that of the space that is loaded, the others are those of
/// the places of parked ones.
pub(crate) fn try_low<R>(
    turn: usize,
    work: impl FnOnce(&mut Space, &mut Hand, &Memory) -> R,
) -> Option<R> {
    let work = |low: &mut Low, memory| work(&mut low.space, &mut low.hand, memory);
    match turn.checked_sub(1) {
        Some(place) => parked::try_change(place, |low| work(low, memory())),
        None => without_interrupts(|| {
            let current = &mut *CURRENT.try_lock()?;
            Some(work(&mut current.half, current.memory))
        }),
    }
}

/// How many turns [`try_low`] has.
pub(crate) fn turns() -> usize {
    1 + parked::try_count().unwrap_or(0)
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
    unsafe { space.destroy(memory()) }
}

/// Resolves a page fault in the half that holds the address. `None` if its lock
/// or that of the memory is held, so that the fault came out of the memory
/// manager itself, or if there is no memory yet. Called with interrupts off.
#[inline]
pub(crate) fn resolve(context: &PageFaultContext) -> Option<Outcome> {
    if is_kernels(context.fault.address) {
        let outcome = resolve_in(&KERNEL, context, KernelHalf::resolve);
        if let Some(outcome) = outcome {
            KERNEL_FAULTS[outcome.index()].fetch_add(1, Ordering::Relaxed);
        }
        outcome
    } else {
        resolve_in(&CURRENT, context, |low, fault, memory| {
            low.space.resolve(fault, memory)
        })
    }
}

/// Faults in the kernel half since the start, by outcome: as many as the fault log has.
pub(crate) fn faults_in_kernel_half() -> impl Iterator<Item = u64> {
    KERNEL_FAULTS
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
}

/// The same, in this half.
#[inline(always)]
fn resolve_in<H>(
    half: &Lock<InUse<H>>,
    context: &PageFaultContext,
    resolve: impl FnOnce(&mut H, &Fault, &Memory) -> Outcome,
) -> Option<Outcome> {
    let mut half = half.try_lock_for(context)?;
    if half.memory.is_locked() {
        return None;
    }
    let InUse { half, memory } = &mut *half;
    Some(resolve(half, &context.fault, memory))
}

/// The context of the page fault that is being resolved.
#[must_use]
pub(crate) fn resolving() -> Option<PageFaultContext> {
    let context = KERNEL.purpose().or(CURRENT.purpose())?;
    // SAFETY: the locks are held for page faults only with their context, on the
    // stack of a handler that has not returned.
    Some(unsafe { *context.cast::<PageFaultContext>().as_ref() })
}

/// True if the last two faults were the same spurious one.
#[must_use]
pub fn is_stuck() -> bool {
    try_memory(|memory| memory.fault_log(|log| log.is_stuck())) == Some(true)
}

/// Lets `look` see the half that holds `address`, if nobody is changing it:
/// for reports, which wait for no lock.
pub fn try_look<R>(address: VirtAddr, look: impl FnOnce(&Half) -> R) -> Option<R> {
    if is_kernels(address) {
        let kernel = KERNEL.try_lock()?;
        Some(look(&kernel.half))
    } else {
        let current = CURRENT.try_lock()?;
        Some(look(&current.half.space))
    }
}

/// Lets `look` see what all halves share, if nobody is changing it: for reports.
pub fn try_memory<R>(look: impl FnOnce(&Memory) -> R) -> Option<R> {
    let memory = MEMORY.get().filter(|memory| !memory.is_locked())?;
    Some(look(memory))
}

#[inline]
pub(crate) fn is_kernels(address: VirtAddr) -> bool {
    address.as_u64() >> 63 == 1
}
