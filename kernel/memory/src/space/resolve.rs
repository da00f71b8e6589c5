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

use x86_64::{PhysAddr, VirtAddr};

use super::halves::LOWEST;
use super::page::Page;
use super::region::Backing;
use super::{Content, Half};
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::fault_log::Resolved;
use crate::frames::OutOfFrames;
use crate::memory::Memory;
use crate::paging::EntryKind;

impl Half {
    /// Resolves a page fault in this half, counts it, and writes one event to
    /// the log. On any outcome but [`Outcome::Refused`] the access can be tried
    /// again.
    #[inline]
    pub(super) fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        self.check(memory);
        let address = fault.address.as_u64();
        let Some(record) = self.regions.lookup(address) else {
            return self.refuse(fault, nothing_at(address), memory);
        };
        if fault.code.intersects(record.refused) {
            let refusal = record.region.refusal_of(fault);
            return self.refuse(fault, refusal, memory);
        }
        let is_write = fault.access() == Access::Write;
        let backing = record.region.backing;
        let page = Page::at(address, &mut self.cursor, record, &self.scope, memory);
        let entry = page.entry();
        let backed = match page.kind_of(entry) {
            EntryKind::Unused => match backing {
                Backing::Zero if !is_write => page.share_zero(),
                Backing::Demand | Backing::Zero => page.back(is_write),
                Backing::Guard => return self.refuse(fault, Refusal::Guard, memory),
                Backing::Immediate | Backing::Device(..) | Backing::Fixed => {
                    return self.refuse(fault, Refusal::NotBacked, memory);
                }
            },
            EntryKind::Reserved => page.take_reserved(is_write),
            EntryKind::Leaf(start, size) if is_write && !entry.is_writable() => {
                match Content::of(entry, size, memory.zero_frame()) {
                    Content::Zero(_) => page.replace_zero(),
                    Content::Private(_) | Content::Borrowed(_) | Content::Fixed(_) => {
                        page.allows(start)
                    }
                }
            }
            EntryKind::Leaf(start, _) => page.allows(start),
            EntryKind::Table(_) | EntryKind::Unknown(_) => {
                return self.refuse(fault, Refusal::NotBacked, memory);
            }
        };
        match backed {
            Ok(resolved) => memory.record(fault, resolved),
            Err(OutOfFrames) => self.refuse(fault, Refusal::OutOfFrames, memory),
        }
    }

    /// Counts a refused fault, and writes it to the log.
    #[cold]
    #[inline(never)]
    fn refuse(&self, fault: &Fault, refusal: Refusal, memory: &Memory) -> Outcome {
        let region = self.region_at(fault.address);
        let resolved = Resolved {
            outcome: Outcome::Refused(refusal),
            region: region.map_or(VirtAddr::zero(), |region| region.base),
            frame: PhysAddr::zero(),
        };
        memory.record(fault, resolved)
    }
}

/// Why an address that no region holds is refused.
fn nothing_at(address: u64) -> Refusal {
    if address < LOWEST {
        Refusal::NullPage
    } else {
        Refusal::NoRegion
    }
}
