//! The two kinds of half, and what is safe in which.
//!
//! ```text
//! level 4:   0 ........ 255 | 256 ............ slots ............ 511
//!            low half:      | image, direct map:   kernel regions:
//!            a space's own  | somebody else's      level 3 tables made here
//! ```
//!
//! No Rust value lives in a low half, so everything a [`Space`] does is safe. In
//! the [`KernelHalf`] Rust values live: whatever can pull memory from under a
//! reference, or show the same memory twice, is `unsafe` there.
//!
//! What must always hold: the level 4 entries of the kernel half are written
//! once, before the first space is made, and copied into every root; the level
//! 3 tables that they point to are never freed. Below them everything is
//! shared, so a change in the kernel half is seen by all spaces.
#![allow(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::ops::{Deref, Range};

use x86_64::structures::paging::{PhysFrame, Size4KiB};
use x86_64::{PhysAddr, VirtAddr};

use super::regions::Regions;
use super::{
    AllocateError, BackError, BytesError, DiscardError, FreeError, Half, ProtectError, Region,
    Request, ReserveError, Rights,
};
use crate::fault::{Fault, Outcome};
use crate::flush::FlushBatch;
use crate::frames::{Frame, OutOfFrames};
use crate::memory::Memory;
use crate::paging::{Cursor, Entry, Table, slot_base, span_of};
use crate::tlb::Scope;

/// Bytes of one half of the address space: 2^47.
pub const HALF: u64 = 1 << 47;
/// The lowest address that a region may have: page 0 is never mapped, so that
/// a null pointer always faults.
pub const LOWEST: u64 = 4096;
/// The last page of the address space stays out of the kernel half, so that
/// the end of every region is a number.
const HIGHEST: u64 = u64::MAX - 4095;

/// Where a region may lie at all in a half of this scope: the first address,
/// and the number behind the last.
pub(super) fn bounds_of(scope: Scope) -> (u64, u64) {
    match scope {
        Scope::Kernel => (HALF.wrapping_neg(), HIGHEST),
        Scope::Space(_) => (LOWEST, HALF),
    }
}

/// The kernel half of the address space, which all spaces share. There is one.
///
/// Looking at it is done through [`Half`], which it dereferences to.
#[derive(Debug)]
pub struct KernelHalf(Half);

/// An address space: a low half and a root of its own, and the shared kernel half.
///
/// It is given back by [`Space::destroy`]. One that is dropped keeps its frames
/// and tables for ever: they stay counted as in use, and an audit reports them.
///
/// Looking at it is done through [`Half`], which it dereferences to.
#[derive(Debug)]
#[must_use = "a space that is dropped keeps its frames: give it to `Space::destroy`"]
pub struct Space(Half);

impl Deref for KernelHalf {
    type Target = Half;

    fn deref(&self) -> &Half {
        &self.0
    }
}

impl Deref for Space {
    type Target = Half;

    fn deref(&self) -> &Half {
        &self.0
    }
}

/// Why a kernel half could not be made. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelHalfError {
    /// Slots must lie within 256 to 511, and there must be one at least.
    NotInKernelHalf {
        /// The first slot that was given.
        start: u16,
        /// The slot behind the last.
        end: u16,
    },
    /// This slot is in use already.
    SlotTaken {
        /// Its number.
        slot: u16,
    },
    /// No frame for a table.
    OutOfFrames,
}

impl fmt::Display for KernelHalfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInKernelHalf { start, end } => write!(
                f,
                "the slots {start}..{end} do not lie in the kernel half, which is 256..512"
            ),
            Self::SlotTaken { slot } => write!(f, "slot {slot} of the root is in use already"),
            Self::OutOfFrames => f.write_str("no frame is left for a page table"),
        }
    }
}

impl Error for KernelHalfError {}

impl From<OutOfFrames> for KernelHalfError {
    fn from(_: OutOfFrames) -> Self {
        Self::OutOfFrames
    }
}

/// What is safe in both halves: nothing here takes away or changes memory that
/// somebody may be using.
macro_rules! both_halves {
    ($half:ident) => {
        impl $half {
            /// Reserves a region, and maps it if its backing says so. First fit
            /// by address; O(log n) for an alignment of 4 KiB.
            ///
            /// # Errors
            ///
            /// See [`AllocateError`]; nothing has changed then.
            pub fn allocate(
                &mut self,
                request: Request,
                memory: &Memory,
            ) -> Result<Region, AllocateError> {
                self.0.allocate(&request, memory)
            }

            /// Resolves a page fault in this half, counts it, and writes one
            /// event to the log. On any outcome but [`Outcome::Refused`] the
            /// access can be tried again.
            #[inline]
            pub fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
                self.0.resolve_near_or_far(fault, memory)
            }

            /// Makes sure that each page of a range of demand regions can be
            /// touched: for a page that holds nothing a frame is kept back, and
            /// the tables on the way to it are made. All of it or nothing.
            /// Returns for how many pages (4 KiB) a frame was kept back.
            ///
            /// # Errors
            ///
            /// See [`ReserveError`]; nothing has changed then.
            pub fn reserve(
                &mut self,
                start: VirtAddr,
                size: u64,
                memory: &Memory,
            ) -> Result<u64, ReserveError> {
                self.0.reserve(start, size, memory)
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

            /// Reads bytes as the kernel would if this half were loaded; pages
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
                self.0.read(from, into, memory)
            }

            /// The half itself, for tests that break it by hand.
            #[cfg(test)]
            pub(crate) fn half_mut(&mut self) -> &mut Half {
                &mut self.0
            }
        }
    };
}

both_halves!(Space);
both_halves!(KernelHalf);

impl Space {
    /// Makes a space with an empty low half that shares the kernel half.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame for the root; nothing has changed.
    pub fn new(kernel: &KernelHalf, memory: &Memory) -> Result<Self, OutOfFrames> {
        kernel.check(memory);
        let direct_map = memory.direct_map();
        let root = memory.new_table()?;
        Cursor::share_kernel_half(kernel.cursor.root(), root);
        Ok(Self(Half {
            cursor: Cursor::new(direct_map, root, 4, LOWEST),
            regions: Regions::new(direct_map),
            scope: Scope::Space(root.frame()),
            window: (LOWEST, HALF),
            next_source: 0,
            zero: memory.zero_frame(),
            zero_seen: memory.zero_seen(),
        }))
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

    /// Gives back the frames behind whole pages of demand and zero regions;
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
        self.0.check(memory);
        let mut batch = FlushBatch::new(self.0.scope, memory);
        self.0.remove_all(&mut batch);
        // SAFETY: no processor has it loaded, as the caller vouches, and the
        // cursor goes with the space.
        unsafe { batch.table(self.0.cursor.root(), 0) };
        batch.finish()
    }
}

impl KernelHalf {
    /// Makes a kernel half with a root of its own. `window` are the level 4
    /// slots in which regions are placed; `fixed` are further slots, for
    /// [`Self::map_fixed`]. All of them get empty level 3 tables.
    ///
    /// # Errors
    ///
    /// See [`KernelHalfError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// It is the one kernel half of the machine: its root, or that of a space
    /// made from it, is loaded before anything that was allocated in it is
    /// used, and no other kernel half is used besides it.
    pub unsafe fn new(
        window: Range<u16>,
        fixed: &[Range<u16>],
        memory: &Memory,
    ) -> Result<Self, KernelHalfError> {
        let root = memory.new_table()?;
        let made = Self::below(root, window, fixed, memory);
        if made.is_err() {
            // SAFETY: nothing was linked into it, and no processor knows it.
            memory.free_frame(unsafe { root.into_frame() });
        }
        made
    }

    /// Makes the kernel half below the root that is loaded now: the `window`
    /// slots of its level 4 table get empty level 3 tables, and regions are
    /// placed in them. The other slots of the half stay as they are, and are
    /// shared.
    ///
    /// # Errors
    ///
    /// See [`KernelHalfError`]; nothing has changed then.
    ///
    /// # Safety
    ///
    /// - `root` is the level 4 table in use, reachable through the direct map
    ///   of `memory`, as are all tables below it; it stays allocated for ever.
    /// - Nobody else edits the chosen slots from now on, and nobody changes
    ///   other level 4 entries of the upper half.
    /// - It is the one kernel half of the machine.
    pub unsafe fn adopt(
        root: PhysFrame,
        window: Range<u16>,
        memory: &Memory,
    ) -> Result<Self, KernelHalfError> {
        // SAFETY: it is a table, and stays one, as the caller vouches.
        let root = unsafe { Table::at(root.start_address(), memory.direct_map()) };
        Self::below(root, window, &[], memory)
    }

    fn below(
        root: Table,
        window: Range<u16>,
        fixed: &[Range<u16>],
        memory: &Memory,
    ) -> Result<Self, KernelHalfError> {
        let all = || core::iter::once(&window).chain(fixed);
        let slots = || all().cloned().flatten();
        for &Range { start, end } in all() {
            if start >= end || start < 256 || end > 512 {
                return Err(KernelHalfError::NotInKernelHalf { start, end });
            }
        }
        // The level 4 entries are written through a cursor that may write
        // them, for this once.
        let direct_map = memory.direct_map();
        let mut cursor = Cursor::new(direct_map, root, 4, slot_base(window.start));
        let mut missing = 0;
        for slot in slots() {
            cursor.seek(slot_base(slot));
            if cursor.level() != 4 || cursor.entry() != Entry::UNUSED {
                return Err(KernelHalfError::SlotTaken { slot });
            }
            missing += 1;
        }
        memory.keep_back(missing)?;
        for slot in slots() {
            cursor.seek(slot_base(slot));
            if cursor.level() == 4 {
                cursor.descend(memory.take_table()?);
            } else {
                // A slot that was named twice needs no second table.
                memory.let_go(1);
            }
        }
        let low = slot_base(window.start);
        let size = window.len() as u64 * span_of(4);
        let high = low.checked_add(size).unwrap_or(HIGHEST);
        Ok(Self(Half {
            cursor: Cursor::new(direct_map, root, 3, low),
            regions: Regions::new(direct_map),
            scope: Scope::Kernel,
            window: (low, high),
            next_source: 0,
            zero: memory.zero_frame(),
            zero_seen: memory.zero_seen(),
        }))
    }

    /// Reserves a region with [`Backing::Device`](super::Backing::Device), and
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
    /// [`Backing::Fixed`](super::Backing::Fixed) and
    /// [`Placement::At`](super::Placement::At).
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

    /// As [`Space::free`].
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

    /// As [`Space::discard`].
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

    /// As [`Space::protect`].
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

    /// As [`Space::write`].
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
