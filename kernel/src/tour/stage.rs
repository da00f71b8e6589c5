//! The ground a demonstration stands on: a region of its own in the low half
//! of the space that is loaded, and real accesses to its bytes.
//!
//! A stage is the only owner of its region, so that an access through it can
//! disturb nobody. [`meter`](crate::account::meter) says what the accesses cost.

use memory::paging::Walk;
use memory::space::{Region, Request, Resident};
use x86_64::VirtAddr;

use crate::cpu::access;
use crate::spaces;

/// A region that a demonstration has to itself.
#[derive(Debug)]
#[must_use = "its region stays until it is released"]
pub struct Stage(Region);

impl Stage {
    /// Reserves the region that is asked for.
    ///
    /// # Panics
    ///
    /// If there is no room for it, or no frame is left.
    pub fn reserve(request: Request) -> Self {
        spaces::current(|space, memory| space.allocate(request, memory))
            .map(Self)
            .expect("the low half has room for a demonstration")
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> Region {
        self.0
    }

    /// The address `offset` bytes into the region.
    ///
    /// # Panics
    ///
    /// If the region ends before.
    #[inline]
    #[must_use]
    pub fn address(&self, offset: u64) -> VirtAddr {
        assert!(offset < self.0.size, "{offset:#x} lies past the region");
        self.0.base + offset
    }

    /// Reads a byte, through the processor.
    ///
    /// # Panics
    ///
    /// If the region ends before `offset`.
    #[inline]
    pub fn read(&self, offset: u64) -> u8 {
        // SAFETY: the address lies in the stage's own region.
        unsafe { access::read_byte(self.address(offset)) }
    }

    /// Writes a byte, through the processor.
    ///
    /// # Panics
    ///
    /// If the region ends before `offset`.
    #[inline]
    pub fn write(&self, offset: u64, byte: u8) {
        // SAFETY: as in `read`; no Rust value stands there.
        unsafe { access::write_byte(self.address(offset), byte) }
    }

    /// What is mapped in the region now.
    #[must_use]
    pub fn resident(&self) -> Resident {
        spaces::current(|space, _| space.resident(&self.0))
    }

    /// Gives the region back, and all that stands behind it.
    ///
    /// # Panics
    ///
    /// If another space was loaded meanwhile.
    pub fn release(self) {
        spaces::current(|space, memory| space.free(self.0.base, memory))
            .expect("the region is the stage's own");
    }
}

/// The way through the loaded tables to an address of the low half, as it is now.
#[must_use]
pub fn walk(address: VirtAddr) -> Walk {
    spaces::look(address, |half| half.walk(address))
}
