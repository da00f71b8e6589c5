//! Reading and writing the bytes of a space that is not loaded: the same
//! faults, resolved in software, and the bytes moved through the direct map.

use core::fmt;

use x86_64::VirtAddr;

use super::Space;
use crate::direct_map::Bytes;
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::paging::{Entry, offset_in_page};
use crate::physical::Physical;
use crate::tlb::Tlb;

/// Why [`Space::read`] or [`Space::write`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesError {
    /// The first address that could not be accessed; all before it was.
    pub address: VirtAddr,
    /// Why not.
    pub refusal: BytesRefusal,
}

/// Why a byte of another space could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesRefusal {
    /// The page fault that the access amounts to was refused.
    Fault(Refusal),
    /// A device stands behind the page; it is not touched from outside.
    Device,
    /// The bytes reach past this half of the address space.
    OutsideHalf,
}

impl fmt::Display for BytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}: ", self.address.as_u64())?;
        match self.refusal {
            BytesRefusal::Fault(refusal) => refusal.fmt(f),
            BytesRefusal::Device => {
                f.write_str("a device's memory, which is not touched from outside")
            }
            BytesRefusal::OutsideHalf => f.write_str("outside this half of the address space"),
        }
    }
}

impl Space {
    /// Reads bytes as the kernel would if the space were loaded; pages become
    /// physical as if it had.
    ///
    /// # Errors
    ///
    /// [`BytesError`] names the first address that could not be read; what was
    /// read before it is in `into`.
    pub fn read(
        &mut self,
        from: VirtAddr,
        into: &mut [u8],
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), BytesError> {
        let mut done = 0;
        while done < into.len() {
            let (bytes, room) = self.reach(from, done, Access::Read, physical, tlb)?;
            let end = into.len().min(done.saturating_add(room));
            physical
                .direct_map()
                .read_bytes(bytes, &mut into[done..end]);
            done = end;
        }
        Ok(())
    }

    /// Writes bytes as the kernel would if the space were loaded; pages become
    /// physical as if it had.
    ///
    /// # Errors
    ///
    /// [`BytesError`] names the first address that could not be written; what
    /// comes before it was written.
    pub fn write(
        &mut self,
        to: VirtAddr,
        from: &[u8],
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(), BytesError> {
        let mut done = 0;
        while done < from.len() {
            let (bytes, room) = self.reach(to, done, Access::Write, physical, tlb)?;
            let end = from.len().min(done.saturating_add(room));
            physical.direct_map().write_bytes(bytes, &from[done..end]);
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
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<(Bytes, usize), BytesError> {
        let failed = |address, refusal| Err(BytesError { address, refusal });
        let (low, high) = self.bounds();
        let here = start.as_u64().saturating_add(done as u64);
        let address = VirtAddr::new_truncate(here);
        if here < low || here >= high {
            return failed(address, BytesRefusal::OutsideHalf);
        }
        if !self.allows(here, access)
            && let Outcome::Refused(refusal) =
                self.resolve(Fault::supervisor(address, access), physical, tlb)
        {
            return failed(address, BytesRefusal::Fault(refusal));
        }
        self.cursor.seek(here);
        let Some(size) = self.cursor.leaf() else {
            return failed(address, BytesRefusal::Fault(Refusal::NotBacked));
        };
        let entry = self.cursor.entry();
        if entry.is_borrowed() {
            return failed(address, BytesRefusal::Device);
        }
        let offset = offset_in_page(address, size);
        self.cursor.mark_used(access == Access::Write);
        let bytes = Bytes(entry.leaf_address(size).as_u64() + offset);
        Ok((bytes, (size.bytes() - offset) as usize))
    }

    /// True if the tables allow the access as they are.
    fn allows(&mut self, address: u64, access: Access) -> bool {
        self.cursor.seek(address);
        self.cursor.leaf().is_some()
            && (access != Access::Write || self.cursor.entry().flags().contains(Entry::WRITABLE))
    }
}
