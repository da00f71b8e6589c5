//! Why pages cannot be moved.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;

use super::range::{NotWholePages, NothingHolds};
use crate::frames::Shortage;

/// Why [`Space::move_range`](super::Space::move_range) refused. Nothing has
/// changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveError {
    /// The range is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Where it starts.
        start: VirtAddr,
        /// Its bytes.
        size: u64,
    },
    /// The address to move to is not a multiple of 4 KiB.
    UnalignedTarget {
        /// The address.
        address: VirtAddr,
    },
    /// No region holds the first address.
    NoRegion {
        /// The address.
        address: VirtAddr,
    },
    /// The region that holds the first address ends before the range does.
    PastTheRegion {
        /// The region's base.
        base: VirtAddr,
    },
    /// The region is fixed: it stays for ever.
    Fixed {
        /// Its base.
        base: VirtAddr,
    },
    /// The pages would not lie within the half.
    OutsideHalf {
        /// Where they were to go.
        address: VirtAddr,
    },
    /// A region lies where the pages are to go; it may be their own.
    InTheWay {
        /// Its base.
        base: VirtAddr,
    },
    /// Not enough frames for records, for the tables at the target, and for those
    /// of split large pages.
    OutOfFrames(Shortage),
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { start, size } => NotWholePages(*start, *size).fmt(f),
            Self::UnalignedTarget { address } => {
                write!(f, "{:#x} is not a multiple of 0x1000", address.as_u64())
            }
            Self::NoRegion { address } => NothingHolds(address.as_u64()).fmt(f),
            Self::PastTheRegion { base } => write!(
                f,
                "the range ends behind the region at {:#x}: pages of one region are moved at a time",
                base.as_u64()
            ),
            Self::Fixed { base } => {
                write!(f, "the region at {:#x} is fixed and stays", base.as_u64())
            }
            Self::OutsideHalf { address } => {
                write!(f, "pages at {:#x} would leave the half", address.as_u64())
            }
            Self::InTheWay { base } => {
                write!(f, "the region at {:#x} is in the way", base.as_u64())
            }
            Self::OutOfFrames(shortage) => write!(f, "moving the pages {shortage}"),
        }
    }
}

impl Error for MoveError {}
