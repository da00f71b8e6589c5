//! The kernel half: what needs a promise where Rust values live.
#![allow(unsafe_code)]

use x86_64::structures::paging::Size4KiB;
use x86_64::{PhysAddr, VirtAddr};

use super::super::{
    AllocateError, BackError, BytesError, DiscardError, FreeError, Half, ProtectError, Region,
    Request, ReserveError, Rights,
};
use crate::frames::Frame;
use crate::memory::Memory;

/// The kernel half of the address space, which all spaces share. There is one.
///
/// Looking at it is done through [`Half`], which it dereferences to.
#[derive(Debug)]
pub struct KernelHalf(pub(super) Half);

impl KernelHalf {
    /// Reserves a region with [`Backing::Device`](crate::space::Backing::Device), and
    /// maps it.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// What is mapped may be accessed so: the memory is a device's (or the
    /// firmware's), with this cache type, and no Rust reference covers it that
    /// the mapping could break.
    pub unsafe fn map_device(
        &mut self,
        request: Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        self.0.allocate_device(&request, memory)
    }

    /// Records a fixed region and maps it, for ever, to the memory from `start`
    /// on, with the largest pages that fit. The request has
    /// [`Backing::Fixed`](crate::space::Backing::Fixed) and
    /// [`Placement::At`](crate::space::Placement::At).
    ///
    /// # Errors
    ///
    /// See [`AllocateError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// - The memory exists, and is not unplugged or handed out for another use
    ///   as long as the half is used.
    /// - What the mapping allows breaks no Rust reference to that memory.
    pub unsafe fn map_fixed(
        &mut self,
        request: Request,
        start: PhysAddr,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        self.0.map_fixed(&request, start, memory)
    }

    /// As [`Space::free`](super::Space::free).
    ///
    /// # Errors
    ///
    /// See [`FreeError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// Nobody uses the allocation any more: no reference, no stack, no device.
    pub unsafe fn free(&mut self, base: VirtAddr, memory: &Memory) -> Result<u64, FreeError> {
        self.0.free(base, memory)
    }

    /// As [`Space::discard`](super::Space::discard).
    ///
    /// # Errors
    ///
    /// See [`DiscardError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// No Rust value lies in these pages: they read as zeroes afterwards.
    pub unsafe fn discard(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, DiscardError> {
        self.0.discard(start, size, memory)
    }

    /// As [`Space::protect`](super::Space::protect).
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// Whoever uses these pages does with them only what `rights` allow.
    pub unsafe fn protect(
        &mut self,
        start: VirtAddr,
        size: u64,
        rights: Rights,
        memory: &Memory,
    ) -> Result<(), ProtectError> {
        self.0.protect(start, size, rights, memory)
    }

    /// As [`Space::unreserve`](super::Space::unreserve).
    ///
    /// # Errors
    ///
    /// See [`ReserveError`], but for `OutOfFrames`; nothing has changed then.
    ///
    /// # Safety
    ///
    /// Nobody relies on the reservation: what lies in these pages need not be
    /// touched for the first time any more.
    pub unsafe fn unreserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        self.0.unreserve(start, size, memory)
    }

    /// As [`Space::back_with`](super::Space::back_with).
    ///
    /// # Errors
    ///
    /// See [`BackError`]; nothing has changed then, and the frame comes back.
    ///
    /// # Safety
    ///
    /// Nobody relies on the page holding zeroes.
    pub unsafe fn back_with(
        &mut self,
        page: VirtAddr,
        frame: Frame<Size4KiB>,
        memory: &Memory,
    ) -> Result<(), (BackError, Frame<Size4KiB>)> {
        self.0.back_with(page, frame, memory)
    }

    /// As [`Space::read`](super::Space::read).
    ///
    /// # Errors
    ///
    /// See [`BytesError`].
    ///
    /// # Safety
    ///
    /// The bytes are initialised, no `&mut` covers them, and nobody writes to
    /// them meanwhile.
    pub unsafe fn read(
        &mut self,
        from: VirtAddr,
        into: &mut [u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        // SAFETY: as the caller vouches.
        unsafe { self.0.read(from, into, memory) }
    }

    /// As [`Space::write`](super::Space::write).
    ///
    /// # Errors
    ///
    /// See [`BytesError`].
    ///
    /// # Safety
    ///
    /// No Rust reference covers the bytes, and they may hold what is written.
    pub unsafe fn write(
        &mut self,
        to: VirtAddr,
        from: &[u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        // SAFETY: as the caller vouches.
        unsafe { self.0.write(to, from, memory) }
    }
}
