//! Why the frame allocator refused: one type per operation.

use core::error::Error;
use core::fmt;

use x86_64::PhysAddr;

use super::FrameKind;
use crate::words::Count;

/// [`Frames::new`](super::Frames::new) could not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewError {
    /// The storage is too short; both numbers are words of 64 bits.
    StorageTooShort {
        /// What the ranges need.
        needed: usize,
        /// What was given.
        given: usize,
    },
    /// The range that starts here starts before the end of the one before it.
    NotSorted {
        /// The start of the range.
        start: PhysAddr,
    },
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StorageTooShort { needed, given } => {
                write!(
                    f,
                    "the frame bitmap needs {} of storage and was given {given}",
                    Count(*needed as u64, "word")
                )
            }
            Self::NotSorted { start } => {
                write!(
                    f,
                    "the memory range at {start:#x} starts before the end of the one before it: sort and clip the map first"
                )
            }
        }
    }
}

impl Error for NewError {}

/// How many 4 KiB frames something needs, and how many may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What it needs.
    pub needed: u64,
    /// What may be handed out: free, not kept back, and within the limit.
    pub available: u64,
}

/// What is said behind the name of what needs them.
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, available } = *self;
        write!(
            f,
            "needs {}, and {available} may be handed out: free some memory, or raise the limit",
            Count(needed, "frame")
        )
    }
}

/// No frame of the wanted size is free, or the limit does not allow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;

impl fmt::Display for OutOfFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no frame of this size may be handed out: free some memory, or raise the limit")
    }
}

impl Error for OutOfFrames {}

/// [`Frames::allocate_run`](super::Frames::allocate_run) found no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// A run of no frames was asked for.
    Empty,
    /// The alignment is not a power of two.
    Alignment {
        /// What was asked for, in bytes.
        align: u64,
    },
    /// Fewer frames than that are free, or the limit allows.
    OutOfFrames(Shortage),
    /// There are enough free frames, but not in one aligned row below the bound.
    NoRun {
        /// How many frames in a row were asked for.
        count: u64,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a run of frames holds at least one frame"),
            Self::Alignment { align } => {
                write!(f, "an alignment is a power of two, and {align:#x} is none")
            }
            Self::OutOfFrames(shortage) => write!(f, "the run {shortage}"),
            Self::NoRun { count } => {
                write!(
                    f,
                    "no row of {} has this alignment and bound",
                    Count(*count, "free frame")
                )
            }
        }
    }
}

impl Error for RunError {}

/// [`Frames::allocate_at`](super::Frames::allocate_at) refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocateAtError {
    /// The range holds no frame.
    Empty,
    /// The frame lies outside of the memory map.
    NotManaged {
        /// The first frame that is not free.
        frame: PhysAddr,
    },
    /// The frame is handed out already.
    InUse {
        /// The first frame that is not free.
        frame: PhysAddr,
    },
    /// The frame is never handed out, or was not reclaimed yet.
    Reserved {
        /// The first frame that is not free.
        frame: PhysAddr,
    },
    /// All of them are free, but the limit or the frames kept back for reserved
    /// pages do not leave so many.
    OutOfFrames {
        /// How many frames may be handed out.
        available: u64,
    },
}

impl fmt::Display for AllocateAtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => RunError::Empty.fmt(f),
            Self::NotManaged { frame } => {
                write!(f, "the frame at {frame:#x} is not in the memory map")
            }
            Self::InUse { frame } => write!(f, "the frame at {frame:#x} is in use"),
            Self::Reserved { frame } => write!(f, "the frame at {frame:#x} is reserved"),
            Self::OutOfFrames { available } => write!(
                f,
                "the frames are free, but only {available} may be handed out: raise the limit"
            ),
        }
    }
}

impl Error for AllocateAtError {}

/// [`Frames::free_raw`](super::Frames::free_raw) refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeError {
    /// The address is not a multiple of the frame's size.
    Misaligned {
        /// The address that was given.
        start: PhysAddr,
    },
    /// The allocator does not hand out this frame: it lies outside of the
    /// memory map, or is reserved.
    Foreign {
        /// The first such frame.
        frame: PhysAddr,
    },
    /// The frame is free already.
    NotAllocated {
        /// The first such frame.
        frame: PhysAddr,
    },
    /// Fewer frames than that are in use for this.
    WrongKind {
        /// The kind that was given.
        kind: FrameKind,
    },
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { start } => write!(f, "no frame of this size starts at {start:#x}"),
            Self::Foreign { frame } => {
                write!(f, "the frame at {frame:#x} is not one that is handed out")
            }
            Self::NotAllocated { frame } => write!(f, "the frame at {frame:#x} is free already"),
            Self::WrongKind { kind } => write!(f, "fewer frames are in use as {kind:?}"),
        }
    }
}

impl Error for FreeError {}

/// [`Frames::reclaim`](super::Frames::reclaim) refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReclaimError {
    /// The frame is not one of those that are reserved until reclaimed.
    NotReclaimable {
        /// The first such frame.
        frame: PhysAddr,
    },
}

impl fmt::Display for ReclaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NotReclaimable { frame } = self;
        write!(
            f,
            "the frame at {frame:#x} is not reserved for the boot loader (or was reclaimed before)"
        )
    }
}

impl Error for ReclaimError {}
