//! An access that the processor refused, for people.

use core::fmt;

use memory::Access;
use memory::Refusal::OutOfFrames;
use memory::frames::Shortage;
use memory::words::Count;
use x86_64::VirtAddr;

use crate::account::unit::Address;
use crate::cpu::access::Refused;
use crate::fault::{self, Reason};

/// An access that was refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    access: Access,
    address: u64,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A page fault; the reason is known unless another fault came since.
    PageFault(Option<Reason>),
    /// A page fault that there were too few frames for.
    OutOfFrames(Shortage),
    NotCanonical,
}

impl Refusal {
    /// The refusal of an access to `address`.
    pub(super) fn new(access: Access, address: u64, refused: Refused) -> Self {
        match refused {
            Refused::PageFault(fault) => {
                let reason = fault::reason_of(&fault);
                let shortage = match reason {
                    Some(Reason::Space(OutOfFrames)) => fault::shortage_of(&fault),
                    _ => None,
                };
                Self {
                    access,
                    address: fault.address.as_u64(),
                    why: shortage.map_or(Why::PageFault(reason), Why::OutOfFrames),
                }
            }
            Refused::GeneralProtection => Self {
                access,
                address,
                why: Why::NotCanonical,
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = match self.access {
            Access::Read => "read of",
            Access::Write => "write to",
            Access::Execute => "fetch from",
        };
        write!(f, "{tried} {} was refused: ", Address(self.address))?;
        match self.why {
            Why::NotCanonical => {
                return f.write_str(
                    "#GP, since the address is not canonical: bits 48 to 63 must be the same as bit 47",
                );
            }
            Why::PageFault(Some(reason)) => write!(f, "{reason}")?,
            Why::PageFault(None) => f.write_str("a page fault that was not resolved")?,
            Why::OutOfFrames(Shortage { needed, available }) => {
                let needed = Count(needed, "frame");
                write!(
                    f,
                    "{OutOfFrames}: {needed} needed, {available} may be handed out"
                )?;
            }
        }
        match fault::whereabouts(VirtAddr::new_truncate(self.address)) {
            Some(place) => write!(f, "; the address is {place}"),
            None => Ok(()),
        }
    }
}
