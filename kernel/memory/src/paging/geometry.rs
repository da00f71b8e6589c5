//! The shape of the tables: page sizes, indices, and what an entry spans.

use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::{PageSize, Size4KiB};

use crate::Features;

/// The size of one leaf: how much memory a single present entry maps.
///
/// Each is numbered by the level of the tables that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LeafSize {
    /// 4 KiB, an entry of a level 1 table.
    Size4KiB = 1,
    /// 2 MiB, an entry of a level 2 table.
    Size2MiB = 2,
    /// 1 GiB, an entry of a level 3 table; not every processor has it.
    Size1GiB = 3,
}

impl LeafSize {
    /// Bytes that a leaf of this size maps.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> u64 {
        span_of(self.level())
    }

    /// 4 KiB frames that a leaf of this size holds: 1, 512 or 262,144.
    #[must_use]
    pub const fn frames(self) -> u64 {
        self.bytes() / Size4KiB::SIZE
    }

    /// The level of the tables that hold leaves of this size: 1, 2 or 3.
    #[must_use]
    #[inline]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The leaf size of a level, 1 to 3; level 4 has no leaves.
    #[must_use]
    pub const fn of_level(level: u8) -> Option<Self> {
        match level {
            1 => Some(Self::Size4KiB),
            2 => Some(Self::Size2MiB),
            3 => Some(Self::Size1GiB),
            _ => None,
        }
    }

    /// True if the processor has leaves of this size.
    #[must_use]
    pub(crate) const fn exists_with(self, features: Features) -> bool {
        match self {
            Self::Size4KiB | Self::Size2MiB => true,
            Self::Size1GiB => features.gigabyte_pages,
        }
    }

    /// The next smaller size; 4 KiB has none.
    #[must_use]
    pub const fn smaller(self) -> Option<Self> {
        Self::of_level(self.level() - 1)
    }
}

impl fmt::Display for LeafSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size4KiB => "4K",
            Self::Size2MiB => "2M",
            Self::Size1GiB => "1G",
        })
    }
}

/// Bytes that one entry of a table at `level` (1 to 4) spans.
#[inline]
pub(crate) const fn span_of(level: u8) -> u64 {
    1 << (3 + 9 * level as u64)
}

/// The first address of a slot: of what an entry of the level 4 table spans.
pub(crate) const fn slot_base(slot: u16) -> u64 {
    VirtAddr::new_truncate(slot as u64 * span_of(4)).as_u64()
}

/// The index (0 to 511) that `address` selects in a table at `level` (1 to 4).
#[inline]
pub(crate) const fn index_in(address: u64, level: u8) -> usize {
    (address / span_of(level)) as usize % 512
}

/// The index (0 to 511) that `address` selects in a table at `level` (1 to 4).
#[must_use]
pub const fn index_at(address: VirtAddr, level: u8) -> u16 {
    index_in(address.as_u64(), level) as u16
}

/// The low bits of `address` that take no part in the translation to a page
/// of the given size: 12, 21 or 30 of them.
#[must_use]
pub const fn offset_in_page(address: VirtAddr, size: LeafSize) -> u64 {
    address.as_u64() & (size.bytes() - 1)
}
