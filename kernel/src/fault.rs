//! From a page fault to its answer.
//!
//! The stub in [`cpu::entry`](crate::cpu::entry) calls [`page_fault`] with
//! interrupts off and a frame it may change. The space that holds the address
//! decides. An answer of `Resolved` goes back to the instruction that faulted;
//! `Refused` goes on to [`report`](crate::report), with every register as it
//! was, which asks [`reason_of`] for the reason.

use core::fmt;

use memory::space::Region;
use memory::{Fault, Outcome, Refusal};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

use crate::cpu::exception::{ExceptionFrame, PageFaultFrame};
use crate::spaces;

/// What the stub does after [`page_fault`]; it looks at the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// Back to the instruction named by the frame.
    Resolved = 0,
    /// On to the report, which does not return.
    Refused = 1,
}

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
    /// The same instruction faulted at the same address twice, although there
    /// was nothing left to do.
    NoProgress,
}

/// The fault behind the frame of a report.
#[must_use]
pub fn of_frame(frame: &ExceptionFrame) -> Fault {
    Fault {
        address: VirtAddr::new_truncate(frame.cr2),
        code: PageFaultErrorCode::from_bits_retain(frame.error_code),
        instruction: VirtAddr::new_truncate(frame.rip),
    }
}

/// Where the stub of the page-fault exception arrives, on the stack that faulted.
pub extern "sysv64" fn page_fault(frame: &mut PageFaultFrame) -> Answer {
    let fault = Fault {
        address: VirtAddr::new_truncate(frame.cr2),
        code: PageFaultErrorCode::from_bits_retain(frame.error_code),
        instruction: VirtAddr::new_truncate(frame.rip),
    };
    match spaces::resolve(fault) {
        Some(Outcome::Refused(refusal)) => refuse(fault, Reason::Space(refusal)),
        Some(Outcome::Spurious) if spaces::is_stuck() => refuse(fault, Reason::NoProgress),
        Some(_) => Answer::Resolved,
        None => refuse(fault, Reason::Locked),
    }
}

#[cold]
fn refuse(fault: Fault, reason: Reason) -> Answer {
    if let Some(mut refused) = REFUSED.try_lock() {
        *refused = Some((fault, reason));
    }
    Answer::Refused
}

/// Why this fault was refused, if it was the last one that was.
#[must_use]
pub fn reason_of(fault: &Fault) -> Option<Reason> {
    let (refused, reason) = (*REFUSED.try_lock()?)?;
    (refused == *fault).then_some(reason)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(refusal) => refusal.fmt(f),
            Self::Locked => f.write_str(
                "the memory manager was at work, or not yet set up, and could not be asked",
            ),
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
        spaces::try_look(address, |space| Self {
            address,
            here: space.region_at(address),
            below: space.region_below(address),
            above: space.region_above(address),
        })
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_u64();
        if let Some(region) = self.here {
            let offset = self.address - region.base;
            return write!(f, "{offset} bytes into {}", Named(region));
        }
        match self.below {
            Some(region) => write!(
                f,
                "{} bytes past the end of {}",
                address - region.end(),
                Named(region)
            )?,
            None => f.write_str("below every region of its half")?,
        }
        if let Some(region) = self.above {
            let distance = region.base - self.address;
            write!(f, ", {distance} bytes before {}", Named(region))?;
        }
        Ok(())
    }
}

/// A region in one phrase.
struct Named(Region);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region {
            label,
            rights,
            backing,
            ..
        } = self.0;
        let name = if label.is_empty() { "a region" } else { label };
        write!(
            f,
            "{name} ({backing}, {rights}, {:#018x}..{:#018x})",
            self.0.base.as_u64(),
            self.0.end()
        )
    }
}
