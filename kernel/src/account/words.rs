//! What became of a fault, in one word each.

use core::fmt;

use memory::fault::{Cause, Refusal};
use memory::fault_log::Event;
use memory::{Access, Outcome};

use super::unit::Address;

/// A cause in one word.
pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Absent => "absent",
        Cause::Protection => "protection",
        Cause::ReservedBit => "reserved_bit",
    }
}

/// An outcome in one word.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Demand => "demand",
        Outcome::ZeroRead => "zero_read",
        Outcome::ZeroWrite => "zero_write",
        Outcome::PrivateCopy => "private_copy",
        Outcome::SharedCopy => "shared_copy",
        Outcome::TakenOver => "taken_over",
        Outcome::ObjectMapped => "object_mapped",
        Outcome::ObjectNew => "object_new",
        Outcome::ObjectCopy => "object_copy",
        Outcome::Blocked => "blocked",
        Outcome::Spurious => "spurious",
        Outcome::Refused(refusal) => match refusal {
            Refusal::NoRegion => "refused_no_region",
            Refusal::NullPage => "refused_null_page",
            Refusal::Guard => "refused_guard",
            Refusal::Protection(Access::Read) => "refused_read",
            Refusal::Protection(Access::Write) => "refused_write",
            Refusal::Protection(Access::Execute) => "refused_execute",
            Refusal::NotBacked => "refused_not_backed",
            Refusal::PastEnd => "refused_past_end",
            Refusal::ReservedBit => "refused_reserved_bit",
            Refusal::OutOfFrames => "refused_out_of_frames",
        },
    }
}

/// Faults by outcome, those of them that `is_shown` picks.
pub(crate) struct Outcomes<F> {
    /// In the order of [`Outcome::ALL`].
    pub(crate) counts: [u64; Outcome::COUNT],
    pub(crate) is_shown: F,
}

impl<F: Fn(Outcome, u64) -> bool> fmt::Display for Outcomes<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, count) in Outcome::ALL.into_iter().zip(self.counts) {
            if (self.is_shown)(kind, count) {
                write!(f, "{separator}{}={count}", outcome(kind))?;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// A fault, and all that is known of it, as a trace shows it.
pub(crate) struct Traced<'a>(pub(crate) &'a Event);

impl fmt::Display for Traced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(event) = self;
        let fault = &event.fault;
        write!(
            f,
            "fault={} access={} cause={} code={:#x} region={}\n  instruction={} outcome={} frame={}",
            Address::from(fault.address),
            fault.access(),
            cause(fault.cause()),
            fault.code.bits(),
            OrNone(event.region.as_u64()),
            Address::from(fault.instruction),
            outcome(event.outcome),
            OrNone(event.frame.as_u64()),
        )
    }
}

/// An address, or `none` for 0.
struct OrNone(u64);

impl fmt::Display for OrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            address => Address(address).fmt(f),
        }
    }
}
