//! From a page fault to its answer.
//!
//! The stub in [`cpu::entry`](crate::cpu::entry) calls `page_fault`, through
//! [`handlers`](crate::handlers). The half that holds the address decides. An
//! answer of `Resolved` goes back to the instruction that faulted; a refused
//! fault goes on to [`report`](crate::report), with every register as it was,
//! which asks [`reason_of`] for the reason.
//! In the book: chapter 6, `docs/06-the-page-fault.md`.

mod waiting;
mod whereabouts;

pub use waiting::Unreadable;
pub(crate) use waiting::{OnDisk, bring, on_disk, resolve_ahead};
pub(crate) use whereabouts::Named;
pub use whereabouts::Whereabouts;

use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use memory::frames::Shortage;
use memory::space::Half;
use memory::{Fault, Outcome, Refusal};
use spin::Mutex;
use x86_64::VirtAddr;

use crate::cpu::entry::Answer;
use crate::cpu::exception::PageFaultContext;
use crate::{growing, spaces};

/// The last fault that was refused, and why.
static REFUSED: Mutex<Option<(Fault, Reason)>> = Mutex::new(None);

/// Why a page fault was not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The address space refused it.
    Space(Refusal),
    /// The memory manager was at work and could not be asked: the fault came
    /// from inside it, or before it was set up.
    Locked,
    /// It waits for a page that is on a disk, which its program may do while others run.
    Waits,
    /// It waits for a page that could not be read.
    Unreadable(Unreadable),
    /// It came while another fault was being resolved.
    Nested,
    /// The same instruction faulted at the same address twice, although there
    /// was nothing left to do.
    NoProgress,
}

/// Faults that waited for a slot.
static WAITED_FOR_SLOTS: AtomicU64 = AtomicU64::new(0);

/// Faults that were short of frames, and came again when some had come free.
static RELIEVED: AtomicU64 = AtomicU64::new(0);

/// Tries of one access in a row that frames may come free for: those that came may be
/// gone before it is made. If the only pages that can go are those of the file that
/// the access itself needs, each try takes them from it again.
const MOST_TRIES: u32 = 16;

/// The last fault for which frames came free, and how often in a row it was the same.
static SHORT: Mutex<Option<(Fault, u32)>> = Mutex::new(None);

/// The last fault that left nothing to do.
static SPURIOUS: Mutex<Option<PageFaultContext>> = Mutex::new(None);

/// Where the stub of the page-fault exception arrives, on the stack that
/// faulted, with interrupts off.
#[inline]
pub(crate) fn page_fault(context: &PageFaultContext) -> Answer {
    match spaces::resolve(context) {
        Some(
            Outcome::Demand
            | Outcome::ZeroRead
            | Outcome::ZeroWrite
            | Outcome::PrivateCopy
            | Outcome::SharedCopy
            | Outcome::TakenOver
            | Outcome::ObjectMapped
            | Outcome::ObjectNew
            | Outcome::ObjectCopy,
        ) => Answer::Resolved,
        Some(Outcome::Spurious) => spurious(context),
        Some(Outcome::Blocked) => blocked(context),
        Some(Outcome::Refused(Refusal::OutOfFrames)) => short_of_frames(context),
        Some(Outcome::Refused(Refusal::NoRegion)) => no_region(context),
        Some(Outcome::Refused(refusal)) => refuse(context, Reason::Space(refusal)),
        None => refuse(context, Reason::Locked),
    }
}

/// Brings what the fault waits for, so that the access can be tried again.
#[cold]
#[inline(never)]
fn blocked(context: &PageFaultContext) -> Answer {
    let on_disk = on_disk(context.fault.address);
    count_wait(on_disk);
    if context.fault.is_user() && on_disk.is_some() {
        return refuse(context, Reason::Waits);
    }
    match waiting::bring(context.fault.address) {
        Ok(()) => Answer::Resolved,
        Err(reason) => refuse(context, reason),
    }
}

/// Counts a fault that waits for this.
fn count_wait(what: Option<OnDisk>) {
    let is_slot = matches!(what, Some(OnDisk::Slot(_)));
    WAITED_FOR_SLOTS.fetch_add(u64::from(is_slot), Relaxed);
}

/// Tries the access again if some frames come free, a few times.
#[cold]
#[inline(never)]
fn short_of_frames(context: &PageFaultContext) -> Answer {
    match spaces::relieve() && is_worth_another_try(context.fault) {
        true => {
            RELIEVED.fetch_add(1, Relaxed);
            Answer::Resolved
        }
        false => refuse(context, Reason::Space(Refusal::OutOfFrames)),
    }
}

/// Where an address lies, if nobody is changing its half just now.
#[must_use]
pub fn whereabouts(address: VirtAddr) -> Option<Whereabouts> {
    spaces::try_look(address, |half| Whereabouts::of(half, address))
}

/// Counts a try. False if there were too many in a row.
fn is_worth_another_try(fault: Fault) -> bool {
    let Some(mut short) = SHORT.try_lock() else {
        return true;
    };
    let tries = short.filter(|(last, _)| *last == fault);
    let tries = 1 + tries.map_or(0, |(_, tries)| tries);
    *short = (tries < MOST_TRIES).then_some((fault, tries));
    short.is_some()
}

/// Tries the access again if the mapping above it grows down to it.
#[cold]
#[inline(never)]
fn no_region(context: &PageFaultContext) -> Answer {
    let address = context.fault.address;
    if spaces::is_kernels(address) || !growing::grow_down_to(address) {
        return refuse(context, Reason::Space(Refusal::NoRegion));
    }
    Answer::Resolved
}

/// Tries the access again once, and no more.
#[cold]
#[inline(never)]
fn spurious(context: &PageFaultContext) -> Answer {
    if spaces::is_stuck() {
        return refuse(context, Reason::NoProgress);
    }
    if let Some(mut spurious) = SPURIOUS.try_lock() {
        *spurious = Some(*context);
    }
    Answer::Resolved
}

/// All faults since the start.
#[must_use]
pub fn all() -> u64 {
    spaces::memory().fault_log(|log| log.faults())
}

/// Faults that waited for a page in a slot, since the start. The access does not fault
/// again, as one that waits for a page of a file does.
#[must_use]
pub fn waited_for_slots() -> u64 {
    WAITED_FOR_SLOTS.load(Relaxed)
}

/// Faults, among those that the log counts as refused for want of frames, that came
/// again when some had come free.
#[must_use]
pub fn relieved() -> u64 {
    RELIEVED.load(Relaxed)
}

/// Faults in the low half, whatever space was loaded: those of programs. By
/// outcome, in the order of [`Outcome::ALL`]; one that waits for a page of a file
/// counts twice, since it comes again.
#[must_use]
pub fn in_low_half() -> [u64; Outcome::COUNT] {
    let mut counts = spaces::memory().fault_log(|log| log.counts());
    for (count, kernels) in counts.iter_mut().zip(spaces::faults_in_kernel_half()) {
        *count -= kernels;
    }
    counts
}

/// Refuses a fault, for this reason unless it came while another one, in
/// whichever half, was being resolved.
#[cold]
#[inline(never)]
fn refuse(context: &PageFaultContext, reason: Reason) -> Answer {
    let reason = match spaces::resolving() {
        Some(_) => Reason::Nested,
        None => reason,
    };
    refuse_late(context.fault, reason);
    Answer::Refused
}

/// Notes why a fault is refused after all that had to wait.
pub(crate) fn refuse_late(fault: Fault, reason: Reason) {
    if let Some(mut refused) = REFUSED.try_lock() {
        *refused = Some((fault, reason));
    }
}

/// The other page fault that a refusal has to do with: a name for it, and its context.
#[must_use]
pub fn other_context(reason: Reason) -> Option<(&'static str, PageFaultContext)> {
    match reason {
        Reason::Nested => Some(("resolving:", spaces::resolving()?)),
        Reason::NoProgress => Some(("before that:", (*SPURIOUS.try_lock()?)?)),
        Reason::Space(_) | Reason::Waits | Reason::Unreadable(_) | Reason::Locked => None,
    }
}

/// Why this fault was refused, if it was the last one that was.
#[must_use]
pub fn reason_of(fault: &Fault) -> Option<Reason> {
    let (refused, reason) = (*REFUSED.try_lock()?)?;
    (refused == *fault).then_some(reason)
}

/// How many frames it takes to resolve a fault, and how many there are, if
/// nobody is changing them just now.
#[must_use]
pub fn shortage_of(fault: &Fault) -> Option<Shortage> {
    let needed = spaces::try_look(fault.address, |half| half.frames_needed(fault))?;
    let available = spaces::try_memory(|memory| memory.counts().available())?;
    Some(Shortage { needed, available })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(refusal) => refusal.fmt(f),
            Self::Waits => f.write_str("it waits for a page that is in a slot"),
            Self::Unreadable(what) => write!(f, "it waits for {what}"),
            Self::Locked => f.write_str(
                "the memory manager was at work, or not yet set up, and could not be asked",
            ),
            Self::Nested => f.write_str("it came while another page fault was being resolved"),
            Self::NoProgress => f.write_str(
                "the same fault came twice, although the page is mapped as it should be",
            ),
        }
    }
}

/// Whether the kernel tried to access a page of user programs, which SMAP and
/// SMEP keep it from (Intel SDM vol. 3A, 4.6).
#[must_use]
pub fn is_kept_from_user_page(fault: &Fault) -> bool {
    let is_users = |space: &Half| {
        let region = space.region_at(fault.address);
        region.is_some_and(|region| region.user)
    };
    !fault.is_user() && spaces::try_look(fault.address, is_users) == Some(true)
}
