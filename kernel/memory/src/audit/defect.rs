//! What can be wrong with a leaf, a table, a region, an object or a slot.

use x86_64::{PhysAddr, VirtAddr};

/// A right that a leaf gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Right {
    /// To write.
    Write,
    /// To execute.
    Execute,
    /// To access it from ring 3.
    User,
    /// To outlive a change of space in the processor's cache.
    Global,
}

/// What a frame is already, or is still, that does not go with what it is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conflict {
    /// It is in no range of the memory map.
    Unmanaged,
    /// It is free.
    Free,
    /// It is never handed out, or not yet.
    Reserved,
    /// It is the zero frame.
    Zero,
    /// It holds a page table.
    Table,
    /// It holds region records.
    Records,
    /// It is the private frame of another page.
    Private,
    /// Nobody counts how many owners it has.
    Uncounted,
}

/// What is wrong with a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeafDefect {
    /// 2: no region holds its first address.
    NoRegion,
    /// 2: it reaches past the end of its region, or begins before it.
    AcrossRegions,
    /// 2: its region is a guard.
    InGuard,
    /// 2: it gives a right that its region does not.
    Excess {
        /// That right.
        right: Right,
    },
    /// 2: it lacks a right that its region gives: faults there would be spurious for ever.
    Lack {
        /// That right.
        right: Right,
    },
    /// 2: bits of the entry are not what its region asks for.
    Bits {
        /// Those that differ.
        bits: u64,
    },
    /// 2: the entry has bits set that the processor reserves.
    ReservedBits {
        /// Those bits.
        bits: u64,
    },
    /// 2: the entry is neither present nor zero, and not that of a reserved
    /// page of a demand region either.
    Unknown,
    /// 1: it maps other memory than its device's, or another page than its
    /// object's.
    OtherMemory,
    /// 1: it maps somebody else's memory, and that memory is managed.
    BorrowsManaged,
    /// 1: the frame is something else as well.
    Frame {
        /// What else it is.
        conflict: Conflict,
    },
    /// 3: it maps the zero frame in a region that is not zero-backed.
    ZeroFrame,
    /// 3: it maps the zero frame and may be written through.
    ZeroWritable,
    /// 3: it maps a frame that others may own as well, and may be written through.
    SharedWritable,
    /// 3: with this leaf, the frame is both writable and executable.
    WritableAndExecutable,
}

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TableDefect {
    /// 1: its frame is something else as well.
    Frame {
        /// What else it is.
        conflict: Conflict,
    },
    /// 2: bits of the entry that points to it are wrong.
    Bits {
        /// Those bits.
        bits: u64,
    },
    /// 4: it has no entry in use.
    Empty,
    /// 4: the entry that points to it says so many are in use, and so many are.
    InUse {
        /// What the entry says.
        says: u64,
        /// What was found.
        found: u64,
    },
    /// 4: the kernel half's table for this address is gone.
    Missing,
    /// 4: the root differs from the kernel's in its entry for this address.
    NotShared,
    /// 4: the space's cursor remembers other tables than those on the way to this address.
    StaleCursor,
}

/// What is wrong with the record of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegionDefect {
    /// 5: base or size is not a multiple of 4 KiB, or the size is 0.
    Unaligned,
    /// 5: it does not lie in its half, or not where regions are placed.
    OutsideHalf,
    /// 5: it says that it is the continuation of a region that does not lie before it.
    TornOff,
    /// 5: it is for user mode, in the kernel half.
    User,
    /// 5: it is of an object that is gone.
    NoObject,
    /// 5: what is kept beside it for the fault path is not what follows from it.
    Derived,
    /// 4: it has all its memory from the start, and nothing is mapped at one of its pages.
    NotResident {
        /// The page.
        address: VirtAddr,
    },
}

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectDefect {
    /// 4: it counts so many regions, or such with a certain right, and so many are.
    Regions {
        /// What it counts.
        says: u64,
        /// What was found.
        found: u64,
    },
    /// 4: nothing holds it.
    Unheld,
    /// 3: some regions may write to its pages, and others execute them.
    WritableAndExecutable,
    /// 4: this page lies past its end.
    PastEnd {
        /// The page.
        page: u64,
    },
    /// 1: what is kept of this page is no frame.
    Unknown {
        /// The page.
        page: u64,
    },
    /// 1: the frame of a page is something else as well.
    Frame {
        /// The page.
        page: u64,
        /// Its frame.
        frame: PhysAddr,
        /// What else it is.
        conflict: Conflict,
    },
}

/// What is wrong with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlotDefect {
    /// It is named, and nobody counts its owners: it is free.
    Free,
    /// It has so many owners by its count, and so many entries and notes name it.
    Owners {
        /// The owners that are counted.
        says: u32,
        /// Those that were found.
        found: u32,
    },
    /// There are not so many slots.
    PastEnd,
    /// It is noted for a frame that is no page's.
    NoPage {
        /// The frame.
        frame: PhysAddr,
    },
}

impl LeafDefect {
    pub(super) const fn invariant(self) -> u8 {
        match self {
            Self::OtherMemory | Self::BorrowsManaged | Self::Frame { .. } => 1,
            Self::ZeroFrame
            | Self::ZeroWritable
            | Self::SharedWritable
            | Self::WritableAndExecutable => 3,
            Self::NoRegion
            | Self::AcrossRegions
            | Self::InGuard
            | Self::Excess { .. }
            | Self::Lack { .. }
            | Self::Bits { .. }
            | Self::ReservedBits { .. }
            | Self::Unknown => 2,
        }
    }
}
