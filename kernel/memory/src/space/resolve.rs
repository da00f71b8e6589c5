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
//!   reserved  ............................ the frame that was kept back for it
//!   leaf      a write to a read-only leaf of a writable region:
//!               zero frame ............... a new zeroed frame, flush
//!             anything else .............. Spurious
//! ```
//!
//! What must always hold: a refused fault changes nothing but the log; nothing
//! is allocated but frames and tables; there is no loop that a caller could
//! make endless. Absent to present needs no flush (Intel SDM vol. 3A 4.10.4.3).
//! How each line is done is in `page`.

use x86_64::VirtAddr;

use super::region::Backing;
use super::{Content, Half};
use crate::fault::{Access, Fault, Outcome};
use crate::memory::Memory;
use crate::paging::EntryKind;

impl Half {
    /// Resolves a page fault in this half, counts it, and writes one event to
    /// the log. On any outcome but [`Outcome::Refused`] the access can be tried
    /// again.
    pub(super) fn resolve_near_or_far(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        self.check(memory);
        if self.is_near(fault.address) {
            self.resolve(fault, memory)
        } else {
            self.resolve_far(fault, memory)
        }
    }

    /// True if the last fault was in the same region and the same leaf table:
    /// then nothing is searched.
    #[inline]
    fn is_near(&self, address: VirtAddr) -> bool {
        self.regions.is_at(address.as_u64()) && self.cursor.is_near(address.as_u64())
    }

    /// [`Self::resolve`], compiled once more for faults that search, so that
    /// those near the last one keep no registers safe from searches.
    #[inline(never)]
    fn resolve_far(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        self.resolve(fault, memory)
    }

    /// Moves to the page of the fault, and makes it physical or says why not.
    #[inline(always)]
    fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        self.regions.seek(fault.address.as_u64());
        let Some(record) = self.regions.here() else {
            return self.refuse_outside(fault, memory);
        };
        if fault.code.intersects(record.refused) {
            return self.refuse_inside(fault, memory);
        }
        let is_write = fault.access() == Access::Write;
        self.cursor.seek(fault.address.as_u64());
        let entry = self.cursor.entry();
        match entry.kind(self.cursor.level()) {
            EntryKind::Unused => match record.region.backing {
                Backing::Demand => self.back(fault, memory, Outcome::Demand),
                Backing::Zero if !is_write => self.share_zero(fault, memory),
                Backing::Zero => self.back(fault, memory, Outcome::ZeroWrite),
                Backing::Guard | Backing::Immediate | Backing::Device(..) | Backing::Fixed => {
                    self.refuse_inside(fault, memory)
                }
            },
            EntryKind::Reserved => self.take_reserved(fault, memory),
            EntryKind::Leaf(_, size) if is_write && !entry.is_writable() => {
                match Content::of(entry, size, memory.zero_frame()) {
                    Content::Zero(_) => self.replace_zero(fault, memory),
                    Content::Private(_) | Content::Borrowed(_) | Content::Fixed(_) => {
                        self.already_allowed(fault, memory)
                    }
                }
            }
            EntryKind::Leaf(..) => self.already_allowed(fault, memory),
            EntryKind::Table(_) | EntryKind::Unknown(_) => self.refuse_inside(fault, memory),
        }
    }
}
