//! Where the kernel half comes from: a root of its own, or the boot loader's.
//!
//! What must always hold: a half that could not be made has changed nothing.
#![allow(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::ops::Range;

use x86_64::structures::paging::PhysFrame;

use super::super::Half;
use super::super::regions::Regions;
use super::{HIGHEST, KernelHalf};
use crate::frames::{OutOfFrames, Shortage};
use crate::memory::Memory;
use crate::paging::{Cursor, Entry, Table, slot_base, span_of};
use crate::tlb::Scope;

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
    /// Not enough frames for the tables.
    OutOfFrames(Shortage),
}

impl fmt::Display for KernelHalfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInKernelHalf { start, end } => write!(
                f,
                "the slots {start}..{end} do not lie in the kernel half, which is 256..512"
            ),
            Self::SlotTaken { slot } => write!(f, "slot {slot} of the root is in use already"),
            Self::OutOfFrames(shortage) => write!(f, "the kernel half {shortage}"),
        }
    }
}

impl Error for KernelHalfError {}

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
        let tables = 1 + slots(&window, fixed).count() as u64;
        let short = || KernelHalfError::OutOfFrames(memory.shortage(tables));
        let root = memory.new_table().map_err(|OutOfFrames| short())?;
        Self::below(root, window, fixed, memory).map_err(|error| {
            // SAFETY: nothing was linked into it, and no processor knows it.
            memory.free_frame(unsafe { root.into_frame() });
            match error {
                KernelHalfError::OutOfFrames(_) => short(),
                other => other,
            }
        })
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
        for &Range { start, end } in core::iter::once(&window).chain(fixed) {
            if start >= end || start < 256 || end > 512 {
                return Err(KernelHalfError::NotInKernelHalf { start, end });
            }
        }
        // The level 4 entries are written through a cursor that may write
        // them, for this once.
        let direct_map = memory.direct_map();
        let mut cursor = Cursor::new(direct_map, root, 4, slot_base(window.start));
        let mut missing = 0;
        for slot in slots(&window, fixed) {
            cursor.seek(slot_base(slot));
            if cursor.level() != 4 || cursor.entry() != Entry::UNUSED {
                return Err(KernelHalfError::SlotTaken { slot });
            }
            missing += 1;
        }
        let short = |OutOfFrames| KernelHalfError::OutOfFrames(memory.shortage(missing));
        memory.keep_back(missing).map_err(short)?;
        for slot in slots(&window, fixed) {
            cursor.seek(slot_base(slot));
            if cursor.level() == 4 {
                cursor.descend(memory.take_table().map_err(short)?);
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
            resident: 0,
            most_resident: 0,
            zero: memory.zero_frame(),
            zero_seen: memory.zero_seen(),
        }))
    }
}

/// All slots that are to get tables.
fn slots<'a>(window: &'a Range<u16>, fixed: &'a [Range<u16>]) -> impl Iterator<Item = u16> + 'a {
    core::iter::once(window).chain(fixed).cloned().flatten()
}
