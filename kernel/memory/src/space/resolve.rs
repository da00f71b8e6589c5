//! The heart of a page-fault handler: from a fault to a page that is physical,
//! or to the reason why not.
//!
//! ```text
//! find region ............................ none: NullPage, NoRegion
//! refused by the region? ................. Guard, Protection, ReservedBit
//! stand on the entry, making tables ...... OutOfFrames
//!   unused    demand ..................... a new zeroed frame
//!             zero, read ................. the zero frame, read-only: no allocation
//!             zero, write ................ a new zeroed frame
//!             object, page there, read ... its frame; writable only in a shared mapping
//!             object, page there, write .. shared mapping: its frame; private mapping: a copy
//!             object, page not there ..... shared memory: a new zeroed frame; a file: Blocked
//!   reserved  ............................ the frame that was kept back for it
//!   swapped   ............................ Blocked: its slot is to be read
//!   leaf      a write to a read-only leaf of a writable region:
//!               zero frame ............... a new zeroed frame, flush
//!               several owners ........... a copy, flush
//!               last owner ............... writable where it is, flush
//!             anything else .............. Spurious
//! ```
//!
//! What must always hold: a refused fault changes nothing but the log; nothing
//! is allocated but frames and tables; there is no loop that a caller could
//! make endless. Absent to present needs no flush (Intel SDM vol. 3A 4.10.4.3).
//! How each line is done is in `page`.

use super::region::{ANY_ACCESS, Backing};
use super::{Content, Half};
use crate::fault::{Fault, Outcome};
use crate::memory::Memory;
use crate::paging::EntryKind;

impl Half {
    /// Resolves a page fault in this half, counts it, and writes one event to
    /// the log. On any outcome but [`Outcome::Refused`] the access can be tried
    /// again; on [`Outcome::Blocked`] once the page is there.
    #[inline(always)]
    pub(super) fn resolve_near_or_far(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        self.check(memory);
        let address = fault.address.as_u64();
        if self.regions.is_at(address) && self.cursor.is_near(address) {
            self.cursor.seek(address);
            self.resolve(fault, memory)
        } else {
            self.resolve_far(fault, memory)
        }
    }

    /// The same for a fault in another region or leaf table than the last one:
    /// both are searched. Its own copy of [`Self::resolve`] keeps all that out
    /// of the common path. An address of no region may be one of the other half:
    /// the cursor does not go there.
    #[inline(never)]
    pub(super) fn resolve_far(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let address = fault.address.as_u64();
        if self.regions.lookup(address).is_some() {
            self.cursor.walk_to(address);
        }
        self.resolve(fault, memory)
    }

    /// Makes the page of the fault, to which the half has moved, physical, or
    /// says why not.
    #[inline(always)]
    fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let Some(record) = self.regions.here() else {
            return self.refuse_outside(fault, memory);
        };
        if (fault.code | ANY_ACCESS).intersects(record.refused) {
            return self.refuse_inside(fault, memory);
        }
        let entry = self.cursor.entry();
        match entry.kind(self.cursor.level()) {
            EntryKind::Unused => match record.region.backing {
                Backing::Demand => self.back(fault, memory, Outcome::Demand),
                Backing::Zero if !fault.is_write() => self.share_zero(fault, memory),
                Backing::Zero => self.back(fault, memory, Outcome::ZeroWrite),
                Backing::Object { .. } => self.map_object(fault, memory),
                Backing::Guard | Backing::Immediate | Backing::Device(..) | Backing::Fixed => {
                    self.refuse_inside(fault, memory)
                }
            },
            EntryKind::Reserved => self.take_reserved(fault, memory),
            EntryKind::Swapped(_) => self.wait_for_slot(fault, memory),
            EntryKind::Leaf(_, size) if fault.is_write() && !entry.is_writable() => {
                match Content::of(entry, size, memory.zero_frame()) {
                    Content::Zero(_) => self.replace_zero(fault, memory),
                    Content::Shared(_) => self.write_shared(fault, memory),
                    Content::Private(_)
                    | Content::Object(_)
                    | Content::Borrowed(_)
                    | Content::Fixed(_) => self.already_allowed(fault, memory),
                }
            }
            EntryKind::Leaf(..) => self.already_allowed(fault, memory),
            EntryKind::Table(_) | EntryKind::Unknown(_) => self.refuse_inside(fault, memory),
        }
    }
}
