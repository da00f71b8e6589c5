//! Slots: places for pages on a disk, known by number.
//!
//! This crate reads and writes no disk. It says which page goes to which slot
//! ([`Space::evict`](crate::Space::evict)) and which one comes back
//! ([`Space::swap_in`](crate::Space::swap_in)); a closure of the kernel's
//! moves the bytes. How many owners each slot has is counted in `memory`.

use core::error::Error;
use core::fmt;

use crate::frames::Shortage;
use crate::words::Count;

/// Slots that there can be: 2^36, so that a slot's number fits into the address
/// bits of a page-table entry.
pub const MOST_SLOTS: u64 = 1 << 36;

/// The place of one page on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u64);

impl Slot {
    /// Its number, from 0 on.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// How the slots are used, and what was moved to them and from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotCounts {
    /// Slots that there are.
    pub total: u64,
    /// Slots that are not free.
    pub used: u64,
    /// Pages in memory that still have the slot they came from.
    pub saved: u64,
    /// Pages that were written to a slot.
    pub written: u64,
    /// Pages that were read from one.
    pub read: u64,
    /// Pages that went back to the slot they came from, and were not written.
    pub writes_saved: u64,
}

impl SlotCounts {
    /// No slots.
    pub const NONE: Self = Self {
        total: 0,
        used: 0,
        saved: 0,
        written: 0,
        read: 0,
        writes_saved: 0,
    };
}

/// Why [`Memory::set_slots`](crate::Memory::set_slots) refused. There are as many slots
/// as before then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetSlotsError {
    /// There can be [`MOST_SLOTS`] at most.
    TooMany {
        /// Slots that were asked for.
        slots: u64,
    },
    /// So many slots hold pages.
    InUse {
        /// Slots.
        used: u64,
    },
    /// Not enough frames to be kept back for the tables in which owners are counted.
    OutOfFrames(Shortage),
}

impl fmt::Display for SetSlotsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { slots } => {
                write!(
                    f,
                    "{slots} slots are more than the {MOST_SLOTS} there can be"
                )
            }
            Self::InUse { used } => write!(f, "pages are kept in {}", Count(*used, "slot")),
            Self::OutOfFrames(shortage) => write!(f, "counting the owners of slots {shortage}"),
        }
    }
}

impl Error for SetSlotsError {}
