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
use crate::fault_log::Event;
use crate::memory::Memory;
use crate::paging::EntryKind;

impl Half {
    /// Resolves a page fault in this half, counts it, and writes one event to
    /// the log. On any outcome but [`Outcome::Refused`] the access can be tried
    /// again.
    #[inline]
    pub(super) fn resolve(&mut self, fault: Fault, memory: &Memory) -> Outcome {
        self.check(memory);
        let address = fault.address.as_u64();
        let Some(record) = self.regions.lookup(address) else {
            return refuse(fault, VirtAddr::zero(), nothing_at(address), memory);
        };
        if fault.code.intersects(record.refused) {
            let refusal = record.region.refusal_of(&fault);
            return refuse(fault, record.region.base, refusal, memory);
        }
        let is_write = fault.access() == Access::Write;
        let mut page = Page::at(address, &mut self.cursor, record, self.scope, memory);
        let backed = match page.kind() {
            EntryKind::Unused => match page.region().backing {
                Backing::Demand => page.back(is_write).map(|()| Outcome::Demand),
                Backing::Zero if is_write => page.back(true).map(|()| Outcome::ZeroWrite),
                Backing::Zero => page.share_zero().map(|()| Outcome::ZeroRead),
                Backing::Guard => {
                    return refuse(fault, page.region().base, Refusal::Guard, memory);
                }
                Backing::Immediate | Backing::Device(..) | Backing::Fixed => {
                    return refuse(fault, page.region().base, Refusal::NotBacked, memory);
                }
            },
            EntryKind::Reserved => page.take_reserved(is_write).map(|()| Outcome::Demand),
            EntryKind::Leaf(_, size) if is_write && !page.is_writable() => {
                match page.content(size) {
                    Content::Zero(_) => page.replace_zero().map(|()| Outcome::PrivateCopy),
                    Content::Private(_) | Content::Borrowed(_) | Content::Fixed(_) => {
                        Ok(Outcome::Spurious)
                    }
                }
            }
            EntryKind::Leaf(..) => Ok(Outcome::Spurious),
            EntryKind::Table(_) | EntryKind::Unknown(_) => {
                return refuse(fault, page.region().base, Refusal::NotBacked, memory);
            }
        };
        match backed {
            Ok(outcome) => page.record(fault, outcome),
            Err(_) => refuse(fault, page.region().base, Refusal::OutOfFrames, memory),
        }
    }
}

/// Counts a refused fault, and writes it to the log.
#[cold]
fn refuse(fault: Fault, region: VirtAddr, refusal: Refusal, memory: &Memory) -> Outcome {
    let outcome = Outcome::Refused(refusal);
    memory.record(Event {
        fault,
        outcome,
        region,
        frame: PhysAddr::zero(),
    });
    outcome
}

/// Why an address that no region holds is refused.
fn nothing_at(address: u64) -> Refusal {
    if address < LOWEST {
        Refusal::NullPage
    } else {
        Refusal::NoRegion
    }
}
