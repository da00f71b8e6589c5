//! Making and destroying address spaces.
//!
//! ```text
//! level 4:   0 ........ 255 | 256 ............ slots ............ 511
//!            low half:      | image, direct map:   kernel regions:
//!            a space's own  | somebody else's      level 3 tables made here
//! ```
//!
//! The level 4 entries of the kernel half are written once, before the first
//! space is made, and copied into every root; below them everything is shared,
//! so a change in the kernel half is seen by all. They are never changed again,
//! and the level 3 tables they point to are never freed.

use core::ops::Range;

use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::spot::Spot;
use super::tree::Tree;
use crate::frames::OutOfFrames;
use crate::gather::Gather;
use crate::paging::{Cursor, Entry, Table, span_of};
use crate::physical::Physical;
use crate::tlb::{Scope, Tlb};

/// Bytes of one half of the address space: 2^47.
pub const HALF: u64 = 1 << 47;
/// The lowest address that a region may have: page 0 is never mapped, so that
/// a null pointer always faults.
pub const LOWEST: u64 = 4096;
/// The last page of the address space stays out of the kernel half, so that
/// the end of every region is a number.
const HIGHEST: u64 = u64::MAX - 4095;

/// Why a kernel half could not be made. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelHalfError {
    /// The slots must lie within 256 to 511 and not be empty.
    NotInKernelHalf(u16, u16),
    /// This slot is in use already.
    SlotTaken(u16),
    /// No frame for a table.
    OutOfFrames,
}

impl Space {
    /// Makes a kernel half with a root of its own. `window` are the level 4
    /// slots in which regions are placed; `fixed` are further slots, for
    /// [`Self::map_fixed`]. All of them get empty level 3 tables.
    ///
    /// # Errors
    ///
    /// See [`KernelHalfError`]; nothing has changed then.
    pub fn new_kernel_half(
        window: Range<u16>,
        fixed: &[Range<u16>],
        physical: &mut Physical,
    ) -> Result<Self, KernelHalfError> {
        let root = physical
            .new_table()
            .map_err(|_| KernelHalfError::OutOfFrames)?;
        let made = Self::kernel_half_below(root, window, fixed, physical);
        if made.is_err() {
            physical.free_table(root);
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
    ///   of `physical`, and stays allocated for ever.
    /// - Nobody else edits the chosen slots from now on, and nobody changes
    ///   other level 4 entries of the upper half.
    #[expect(unsafe_code, reason = "declares what the caller vouches for")]
    pub unsafe fn adopt_kernel_half(
        root: PhysFrame,
        window: Range<u16>,
        physical: &mut Physical,
    ) -> Result<Self, KernelHalfError> {
        let root = Table::from_address(root.start_address().as_u64());
        Self::kernel_half_below(root, window, &[], physical)
    }

    fn kernel_half_below(
        root: Table,
        window: Range<u16>,
        fixed: &[Range<u16>],
        physical: &mut Physical,
    ) -> Result<Self, KernelHalfError> {
        let address = |slot: u16| VirtAddr::new_truncate(u64::from(slot) * span_of(4)).as_u64();
        let all = || core::iter::once(&window).chain(fixed);
        let slots = || all().cloned().flatten();
        for range in all() {
            if range.is_empty() || range.start < 256 || range.end > 512 {
                return Err(KernelHalfError::NotInKernelHalf(range.start, range.end));
            }
        }
        // The level 4 entries are written through a cursor that may write
        // them, for this once.
        let direct_map = physical.direct_map();
        let mut cursor = Cursor::new(direct_map, root, 4, address(window.start));
        for slot in slots() {
            cursor.seek(address(slot));
            if cursor.level() != 4 || cursor.entry() != Entry::UNUSED {
                return Err(KernelHalfError::SlotTaken(slot));
            }
        }
        if !physical.frames().can_allocate(slots().count() as u64) {
            return Err(KernelHalfError::OutOfFrames);
        }
        for slot in slots() {
            cursor.seek(address(slot));
            if cursor.level() == 4 {
                cursor
                    .descend(physical)
                    .map_err(|OutOfFrames| KernelHalfError::OutOfFrames)?;
            }
        }
        let low = address(window.start);
        let size = window.len() as u64 * span_of(4);
        let high = low.checked_add(size).unwrap_or(HIGHEST);
        Ok(Self {
            cursor: Cursor::new(direct_map, root, 3, low),
            regions: Tree::new(direct_map),
            last: None,
            spot: Spot::CLOSED,
            scope: Scope::Kernel,
            window: (low, high),
            next_source: 0,
        })
    }

    /// Makes a space with an empty low half that shares the kernel half.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: no frame for the root; nothing has changed.
    pub fn new(kernel: &Self, physical: &mut Physical) -> Result<Self, OutOfFrames> {
        let direct_map = physical.direct_map();
        let root = physical.new_table()?;
        Cursor::share_kernel_half(direct_map, kernel.cursor.root(), root);
        let frame = PhysFrame::containing_address(PhysAddr::new_truncate(root.address()));
        Ok(Self {
            cursor: Cursor::new(direct_map, root, 4, LOWEST),
            regions: Tree::new(direct_map),
            last: None,
            spot: Spot::CLOSED,
            scope: Scope::Space(frame),
            window: (LOWEST, HALF),
            next_source: 0,
        })
    }

    /// The level 4 table: what CR3 is loaded with to use the space.
    #[must_use]
    pub fn root(&self) -> PhysFrame {
        PhysFrame::containing_address(PhysAddr::new_truncate(self.cursor.root().address()))
    }

    /// True for the kernel half.
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        self.scope == Scope::Kernel
    }

    /// Where regions may lie: the first address, and the number behind the last.
    #[must_use]
    pub fn window(&self) -> (VirtAddr, u64) {
        (VirtAddr::new_truncate(self.window.0), self.window.1)
    }

    /// Where a region may lie at all; in the kernel half that is more than the
    /// window, since fixed regions are recorded wherever they are.
    pub(super) fn bounds(&self) -> (u64, u64) {
        if self.is_kernel() {
            (HALF.wrapping_neg(), HIGHEST)
        } else {
            self.window
        }
    }

    /// Gives everything back that the low half of a space holds: regions,
    /// frames, tables, and the root. Returns the private frames (4 KiB) that
    /// went back.
    ///
    /// # Errors
    ///
    /// The kernel half is not destroyed: it comes back as the error.
    ///
    /// # Safety
    ///
    /// No processor has the space's root loaded.
    #[expect(unsafe_code, reason = "declares what the caller vouches for")]
    #[expect(
        clippy::result_large_err,
        reason = "a space that is not destroyed comes back"
    )]
    pub unsafe fn destroy(
        mut self,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Result<u64, Self> {
        if self.is_kernel() {
            return Err(self);
        }
        let mut gather = Gather::new(self.scope, physical, tlb);
        while let Some(node) = self.regions.from(0) {
            self.remove_region(node, &mut gather);
        }
        gather.table(self.cursor.root(), 0);
        Ok(gather.finish())
    }
}
