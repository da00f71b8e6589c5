//! An address space of its own: what is safe where no Rust value lives.
#![allow(unsafe_code)]

use x86_64::VirtAddr;
use x86_64::structures::paging::Size4KiB;

use super::super::regions::Regions;
use super::super::{
    BackError, BytesError, DiscardError, ForkError, FreeError, Half, ProtectError, ReserveError,
    Rights,
};
use super::{HALF, KernelHalf, LOWEST};
use crate::flush::FlushBatch;
use crate::frames::{Frame, OutOfFrames};
use crate::memory::Memory;
use crate::paging::{Cursor, Table};
use crate::tlb::Scope;

/// An address space: a low half and a root of its own, and the shared kernel half.
///
/// It is given back by [`Space::destroy`]. One that is dropped keeps its frames
/// and tables for ever: they stay counted as in use, and an audit reports them.
///
/// Looking at it is done through [`Half`], which it dereferences to.
#[derive(Debug)]
#[must_use = "a space that is dropped keeps its frames: give it to `Space::destroy`"]
pub struct Space(pub(super) Half);

impl Space {
    /// Makes a space with an empty low half that shares the kernel half.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame for the root; nothing has changed.
    pub fn new(kernel: &KernelHalf, memory: &Memory) -> Result<Self, OutOfFrames> {
        kernel.check(memory);
        let root = memory.new_table()?;
        Cursor::share_kernel_half(kernel.cursor.root(), root);
        Ok(Self(Half::low(root, memory)))
    }

    /// Makes a copy of the space. The pages of both are the same frames until
    /// one of the two writes; zero pages, reserved ones and those never touched
    /// are taken over as what they are. All of it or nothing.
    ///
    /// # Errors
    ///
    /// See [`ForkError`]; nothing has changed then.
    pub fn fork(&mut self, memory: &Memory) -> Result<Self, ForkError> {
        self.0.fork(memory).map(Self)
    }

    /// Gives a whole allocation back: all regions that came of it, their
    /// frames, and the tables that are empty then. Returns how many private
    /// frames (4 KiB) went back. Never needs memory.
    ///
    /// # Errors
    ///
    /// See [`FreeError`]; nothing has changed then.
    pub fn free(&mut self, base: VirtAddr, memory: &Memory) -> Result<u64, FreeError> {
        self.0.free(base, memory)
    }

    /// Gives back the frames behind whole pages of demand and zero regions, and
    /// unmaps those of objects, whose private copies go;
    /// the regions stay, and the next access faults anew. Returns how many
    /// private frames (4 KiB) went back.
    ///
    /// # Errors
    ///
    /// See [`DiscardError`]; nothing has changed then.
    pub fn discard(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, DiscardError> {
        self.0.discard(start, size, memory)
    }

    /// Gives whole pages other rights. Regions are split as needed, and merge
    /// with their neighbours of the same allocation where nothing tells them
    /// apart any more.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has changed then.
    pub fn protect(
        &mut self,
        start: VirtAddr,
        size: u64,
        rights: Rights,
        memory: &Memory,
    ) -> Result<(), ProtectError> {
        self.0.protect(start, size, rights, memory)
    }

    /// Lets go what was reserved for the pages of a range and not
    /// touched since. Pages that hold a frame keep it. Returns how many
    /// reservations (4 KiB) that were. Never needs memory.
    ///
    /// # Errors
    ///
    /// See [`ReserveError`], but for `OutOfFrames`; nothing has changed
    /// then.
    pub fn unreserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        self.0.unreserve(start, size, memory)
    }

    /// Backs an untouched page of a demand region with a frame of the
    /// caller's, and what it holds. The page owns it from then on.
    ///
    /// # Errors
    ///
    /// See [`BackError`]; nothing has changed then, and the frame comes
    /// back.
    pub fn back_with(
        &mut self,
        page: VirtAddr,
        frame: Frame<Size4KiB>,
        memory: &Memory,
    ) -> Result<(), (BackError, Frame<Size4KiB>)> {
        self.0.back_with(page, frame, memory)
    }

    /// Reads bytes as the kernel would if the space were loaded; pages
    /// become physical as if it had.
    ///
    /// # Errors
    ///
    /// [`BytesError`] names the first address that could not be read;
    /// what was read before it is in `into`.
    pub fn read(
        &mut self,
        from: VirtAddr,
        into: &mut [u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        // SAFETY: no Rust value lives in a low half, and its frames held zeroes
        // or bytes when they were mapped.
        unsafe { self.0.read(from, into, memory) }
    }

    /// Writes bytes as the kernel would if the space were loaded; pages become
    /// physical as if it had.
    ///
    /// # Errors
    ///
    /// [`BytesError`] names the first address that could not be written; what
    /// comes before it was written.
    pub fn write(&mut self, to: VirtAddr, from: &[u8], memory: &Memory) -> Result<(), BytesError> {
        // SAFETY: no Rust value lives in a low half.
        unsafe { self.0.write(to, from, memory) }
    }

    /// Gives everything back that the low half holds: regions, frames, tables,
    /// and the root. Returns the private frames (4 KiB) that went back.
    ///
    /// # Safety
    ///
    /// No processor has the space's root loaded.
    pub unsafe fn destroy(mut self, memory: &Memory) -> u64 {
        // SAFETY: as the caller vouches; the cursor goes with the space.
        unsafe { self.0.take_down(memory) }
    }
}

impl Half {
    /// An empty low half below a root that holds the kernel half.
    pub(in crate::space) fn low(root: Table, memory: &Memory) -> Self {
        let direct_map = memory.direct_map();
        Self {
            cursor: Cursor::new(direct_map, root, 4, LOWEST),
            regions: Regions::new(direct_map),
            scope: Scope::Space(root.frame()),
            window: (LOWEST, HALF),
            next_source: 0,
            resident: 0,
            most_resident: 0,
            zero: memory.zero_frame(),
            zero_seen: memory.zero_seen(),
        }
    }

    /// Gives everything back that a low half holds, and its root.
    ///
    /// # Safety
    ///
    /// No processor has the root loaded, and the half is not used again.
    pub(in crate::space) unsafe fn take_down(&mut self, memory: &Memory) -> u64 {
        self.check(memory);
        let mut batch = FlushBatch::new(self.scope, memory);
        self.remove_all(&mut batch);
        // SAFETY: nothing uses it, as the caller vouches.
        unsafe { batch.table(self.cursor.root(), 0) };
        batch.finish()
    }
}
