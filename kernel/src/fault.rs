//! From a page fault to its answer.
//!
//! The stub in [`cpu::entry`](crate::cpu::entry) calls `page_fault`, through
//! [`handlers`](crate::handlers). The half that holds the address decides. An
//! answer of `Resolved` goes back to the instruction that faulted; a refused
//! fault goes on to [`report`](crate::report), with every register as it was,
//! which asks [`reason_of`] for the reason.
//! In the book: chapter 6, `docs/06-the-page-fault.md`.

use core::fmt;

use memory::frames::Shortage;
use memory::space::{Half, Region};
use memory::words::Count;
use memory::{Fault, Outcome, Refusal};
use spin::Mutex;
use x86_64::VirtAddr;

use crate::cpu::entry::Answer;
use crate::cpu::exception::PageFaultContext;
use crate::files::cache::{self, CacheError};
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
    /// It waits for a page of a file, which could not be read.
    Blocked,
    /// It came while another fault was being resolved.
    Nested,
    /// The same instruction faulted at the same address twice, although there
    /// was nothing left to do.
    NoProgress,
}

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

/// Reads the page of a file that the fault waits for, so that the access can be
/// tried again.
#[cold]
#[inline(never)]
fn blocked(context: &PageFaultContext) -> Answer {
    let address = context.fault.address;
    let wanted = spaces::try_look(address, |half| half.wanted_page(address)).flatten();
    match wanted.map(cache::read_page) {
        Some(Ok(())) => Answer::Resolved,
        Some(Err(CacheError::OutOfFrames)) => refuse(context, Reason::Space(Refusal::OutOfFrames)),
        Some(Err(error @ CacheError::Disk(_))) => {
            log::warn!("{error}");
            refuse(context, Reason::Blocked)
        }
        Some(Err(_)) | None => refuse(context, Reason::Blocked),
    }
}

/// Tries the access again if the page cache has frames to give.
#[cold]
#[inline(never)]
fn short_of_frames(context: &PageFaultContext) -> Answer {
    match cache::let_go() {
        true => Answer::Resolved,
        false => refuse(context, Reason::Space(Refusal::OutOfFrames)),
    }
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

/// Resolves the fault that a program's access would take, without the access. It
/// counts like any other.
///
/// # Errors
///
/// Why it is refused.
pub(crate) fn resolve_ahead(fault: &Fault) -> Result<(), Refusal> {
    loop {
        let outcome = spaces::current(|space, memory| space.resolve(fault, memory));
        let refusal = match outcome {
            Outcome::Refused(refusal) => refusal,
            Outcome::Blocked => {
                let wanted = spaces::current(|space, _| space.wanted_page(fault.address));
                match wanted.map(cache::read_page) {
                    Some(Ok(())) => continue,
                    Some(Err(CacheError::OutOfFrames)) => Refusal::OutOfFrames,
                    Some(Err(_)) | None => Refusal::NotBacked,
                }
            }
            _ => return Ok(()),
        };
        if refusal != Refusal::OutOfFrames || !cache::let_go() {
            return Err(refusal);
        }
    }
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
    if let Some(mut refused) = REFUSED.try_lock() {
        *refused = Some((context.fault, reason));
    }
    Answer::Refused
}

/// The other page fault that a refusal has to do with: a name for it, and its context.
#[must_use]
pub fn other_context(reason: Reason) -> Option<(&'static str, PageFaultContext)> {
    match reason {
        Reason::Nested => Some(("resolving:", spaces::resolving()?)),
        Reason::NoProgress => Some(("before that:", (*SPURIOUS.try_lock()?)?)),
        Reason::Space(_) | Reason::Blocked | Reason::Locked => None,
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
            Self::Blocked => f.write_str("it waits for a page of a file, which could not be read"),
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

/// Where an address lies: the region that holds it, or its nearest neighbours.
#[derive(Debug, Clone, Copy)]
pub struct Whereabouts {
    address: VirtAddr,
    here: Option<Region>,
    below: Option<Region>,
    above: Option<Region>,
}

impl Whereabouts {
    /// Looks `address` up, if nobody is changing its address space just now.
    #[must_use]
    pub fn of(address: VirtAddr) -> Option<Self> {
        spaces::try_look(address, |half| Self {
            address,
            here: half.region_at(address),
            below: half.region_below(address),
            above: half.region_above(address),
        })
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

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_u64();
        if let Some(region) = self.here {
            return match self.address - region.base {
                0 => write!(f, "the first byte of {}", Named(region)),
                offset => write!(f, "{} into {}", Count(offset, "byte"), Named(region)),
            };
        }
        match self.below {
            Some(region) => write!(
                f,
                "{} past the end of {}",
                Count(address - region.end(), "byte"),
                Named(region)
            )?,
            None => f.write_str("below every region of its half")?,
        }
        if let Some(region) = self.above {
            let distance = Count(region.base - self.address, "byte");
            write!(f, ", {distance} before {}", Named(region))?;
        }
        Ok(())
    }
}

/// A region in one phrase.
pub(crate) struct Named(pub(crate) Region);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region { label, backing, .. } = self.0;
        let name = if label.is_empty() { "a region" } else { label };
        write!(f, "{name} ({backing}, ")?;
        if let Some(rights) = self.0.allowed() {
            write!(f, "{rights}, ")?;
        }
        write!(f, "{:#x}..{:#x})", self.0.base.as_u64(), self.0.end())
    }
}
