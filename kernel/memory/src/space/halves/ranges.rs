//! What a low half does to ranges and allocations as `munmap`, `brk` and
//! `mremap` of Unix want it. No Rust value lives there, so all of it is safe.

use x86_64::VirtAddr;

use super::super::{AllocateError, FreeRangeError, GrowError, MoveError, Region, Request};
use super::Space;
use crate::memory::Memory;

impl Space {
    /// Gives every page of a range back, over several regions and over gaps. A
    /// region that reaches over an end keeps the rest of its pages, and what
    /// lies behind the range is an allocation of its own from then on. Returns
    /// how many private frames (4 KiB) went back.
    ///
    /// Never needs memory where no region lies on both sides of the range, and
    /// no large page across an end.
    ///
    /// # Errors
    ///
    /// See [`FreeRangeError`]; nothing has changed then.
    pub fn free_range(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, FreeRangeError> {
        self.0.free_range(start, size, memory)
    }

    /// Puts a region at `base`, in the place of whatever lies there: as
    /// [`free_range`](Self::free_range) and [`allocate`](Self::allocate) would one
    /// after the other, but all of it or nothing. The placement of the request does
    /// not matter. Only demand, zero, object and guard regions are put there. What
    /// the range holds of an object counts until it is gone.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`], of which `Overlap` names a fixed region, that stays;
    /// nothing has changed then.
    pub fn replace(
        &mut self,
        base: VirtAddr,
        request: Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        self.0.replace(base, &request, memory)
    }

    /// Makes the last region of the allocation that begins at `base` larger in
    /// place, by `by` bytes, and returns that region. Only demand, zero, object
    /// and guard regions grow. Never needs memory.
    ///
    /// # Errors
    ///
    /// See [`GrowError`]; nothing has changed then.
    pub fn grow(&mut self, base: VirtAddr, by: u64, memory: &Memory) -> Result<Region, GrowError> {
        self.0.grow(base, by, memory)
    }

    /// Joins neighbours alike: where two allocations meet in a range or at an end
    /// of it, and nothing tells the pages on both sides apart, they are one from
    /// then on, whose base is that of the lower one. Never needs memory.
    pub fn join(&mut self, start: VirtAddr, size: u64, memory: &Memory) {
        self.0.join(start, size, memory);
    }

    /// Moves the pages of a range, which lies in one region, to `to`, where no
    /// region may be. What they hold comes along: frames, reservations, what
    /// was accessed and written. The part that moved is an allocation of its own,
    /// and is returned; what lay behind it is one as well. A large page is
    /// split if the distance is not a multiple of its size.
    ///
    /// # Errors
    ///
    /// See [`MoveError`]; nothing has changed then.
    pub fn move_range(
        &mut self,
        start: VirtAddr,
        size: u64,
        to: VirtAddr,
        memory: &Memory,
    ) -> Result<Region, MoveError> {
        self.0.move_range(start, size, to, memory)
    }
}
