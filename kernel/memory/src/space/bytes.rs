//! Reading and writing the bytes of a space that is not loaded: the same
//! faults, resolved in software, and the bytes moved through the direct map.

#![allow(unsafe_code)]

use core::error::Error;
use core::fmt;

use x86_64::{PhysAddr, VirtAddr};

use super::{Content, Half, WantedPage};
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::memory::Memory;
use crate::paging::{Entry, offset_in_page};
use crate::slot::Slot;

/// Why [`Space::read`](super::Space::read) or [`Space::write`](super::Space::write) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesError {
    /// The first address that could not be accessed; all before it was. As a
    /// number: behind the low half it is none.
    pub address: u64,
    /// Why not.
    pub refusal: BytesRefusal,
}

/// Why a byte of another space could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BytesRefusal {
    /// The page fault that the access amounts to was refused.
    Fault {
        /// Why.
        refusal: Refusal,
    },
    /// This page of a file is not there: it is to be read and provided.
    Absent {
        /// The page.
        wanted: WantedPage,
    },
    /// The page is in this slot: it is to be [brought back](super::Space::swap_in).
    Swapped {
        /// The slot.
        slot: Slot,
    },
    /// Somebody else's memory (a device's, the kernel's image) stands behind the
    /// page; it is not touched from outside.
    Device,
    /// The bytes reach past this half of the address space.
    OutsideHalf,
}

impl fmt::Display for BytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}: ", self.address)?;
        match self.refusal {
            BytesRefusal::Fault { refusal } => refusal.fmt(f),
            BytesRefusal::Absent { wanted } => {
                write!(f, "page {} of {} is not there", wanted.page, wanted.object)
            }
            BytesRefusal::Swapped { slot } => write!(f, "the page is in {slot}"),
            BytesRefusal::Device => {
                f.write_str("a device's memory, which is not touched from outside")
            }
            BytesRefusal::OutsideHalf => f.write_str("outside this half of the address space"),
        }
    }
}

impl Error for BytesError {}

impl Half {
    /// Reads bytes as the kernel would if the half were loaded.
    ///
    /// # Safety
    ///
    /// The bytes are initialised, and no `&mut` covers them.
    pub(super) unsafe fn read(
        &mut self,
        from: VirtAddr,
        into: &mut [u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        let mut done = 0;
        while done < into.len() {
            let (bytes, room) = self.reach(from, done, Access::Read, memory)?;
            let end = into.len().min(done.saturating_add(room));
            // SAFETY: `reach` found them in a present leaf of a managed frame,
            // and no more than are left of its page; for their being
            // initialised and nobody's alone the caller vouches.
            unsafe { memory.direct_map().read(bytes, &mut into[done..end]) };
            done = end;
        }
        Ok(())
    }

    /// Writes bytes as the kernel would if the half were loaded.
    ///
    /// # Safety
    ///
    /// No Rust reference covers the bytes, and they may hold what is written.
    pub(super) unsafe fn write(
        &mut self,
        to: VirtAddr,
        from: &[u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        let mut done = 0;
        while done < from.len() {
            let (bytes, room) = self.reach(to, done, Access::Write, memory)?;
            let end = from.len().min(done.saturating_add(room));
            // SAFETY: as in `read`; the leaf is writable, so the bytes may change, and the
            // caller vouches that no reference covers the bytes.
            unsafe { memory.direct_map().write(bytes, &from[done..end]) };
            done = end;
        }
        Ok(())
    }

    /// Makes the byte at `start + done` accessible; returns where it lies and
    /// how many bytes follow in the same page.
    fn reach(
        &mut self,
        start: VirtAddr,
        done: usize,
        access: Access,
        memory: &Memory,
    ) -> Result<(PhysAddr, usize), BytesError> {
        self.check(memory);
        let (low, high) = self.window;
        let here = start.as_u64().saturating_add(done as u64);
        let failed = |refusal| {
            let address = here;
            Err(BytesError { address, refusal })
        };
        if here < low || here >= high {
            return failed(BytesRefusal::OutsideHalf);
        }
        let address = VirtAddr::new_truncate(here);
        self.cursor.seek(here);
        if !self.allows(access) {
            let fault = Fault::supervisor(address, access);
            let outcome = self.resolve_near_or_far(&fault, memory);
            if let Outcome::Refused(refusal) = outcome {
                return failed(BytesRefusal::Fault { refusal });
            }
            if outcome == Outcome::Blocked {
                if let Some(slot) = self.wanted_slot(address) {
                    return failed(BytesRefusal::Swapped { slot });
                }
                if let Some(wanted) = self.wanted_page(address) {
                    return failed(BytesRefusal::Absent { wanted });
                }
            }
        }
        let Some(size) = self.cursor.leaf() else {
            return failed(BytesRefusal::Fault {
                refusal: Refusal::NotBacked,
            });
        };
        let start = match Content::of(self.cursor.entry(), size, self.zero) {
            Content::Zero(start)
            | Content::Private(start)
            | Content::Shared(start)
            | Content::Object(start) => start,
            Content::Borrowed(_) | Content::Fixed(_) => {
                return failed(BytesRefusal::Device);
            }
        };
        let offset = offset_in_page(address, size);
        self.cursor.mark_used(access == Access::Write);
        Ok((start + offset, (size.bytes() - offset) as usize))
    }

    /// True if the tables allow the access at the entry stood on as they are.
    fn allows(&self, access: Access) -> bool {
        self.cursor.entry().is_present()
            && self.cursor.leaf().is_some()
            && (access != Access::Write || self.cursor.entry().flags().contains(Entry::WRITABLE))
    }
}
