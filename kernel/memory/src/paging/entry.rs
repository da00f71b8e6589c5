//! One entry of a page table: 64 bits with a meaning.
//!
//! ```text
//!  63 62 61       52 51                    12 11  9 8 7 6 5 4 3 2 1 0
//! +--+--+-----------+------------------------+-----+-+-+-+-+-+-+-+-+-+
//! |NX| - | in use    | physical address       | sw  |G|S|D|A|C|T|U|W|P|
//! +--+--+-----------+------------------------+-----+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! This file is the one place that names the bits the processor leaves to
//! software: 52 to 61 of a table entry count the entries in use below it, and
//! bits 9 and 10 of a leaf mark memory that the leaf does not own. An entry that is not present and
//! not zero is software's own: [`Entry::PROMISED`] is the one there is (eviction will want more).

use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags;

use super::geometry::{LeafSize, Table};

/// Which cache type a leaf asks for, by its PWT and PCD bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cache {
    /// Ordinary memory: PAT entry 0.
    WriteBack,
    /// PAT entry 1: write-through after reset. A kernel that puts
    /// write-combining there (for framebuffers) gets write-combining.
    WriteCombining,
    /// Device registers: PAT entry 3, strongly uncached.
    Uncached,
}

impl Cache {
    pub(crate) const fn flags(self) -> PageTableFlags {
        match self {
            Self::WriteBack => PageTableFlags::empty(),
            Self::WriteCombining => PageTableFlags::WRITE_THROUGH,
            Self::Uncached => PageTableFlags::WRITE_THROUGH.union(PageTableFlags::NO_CACHE),
        }
    }
}

/// What an entry says, told apart by its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// All zero: nothing is mapped here.
    Unused,
    /// Points to a table one level down, at this physical address.
    Table(PhysAddr),
    /// Maps memory of this size at this physical address.
    Leaf(PhysAddr, LeafSize),
    /// Not present, not zero: software's own bits. The processor ignores it.
    Software(u64),
}

/// An entry of a page table at any level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Entry(u64);

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const PRESENT: u64 = PageTableFlags::PRESENT.bits();
const HUGE: u64 = PageTableFlags::HUGE_PAGE.bits();
const COUNT_SHIFT: u32 = 52;
const COUNT: u64 = 0x3ff << COUNT_SHIFT;

impl Entry {
    /// The page-size bit of leaves above level 1.
    pub(crate) const HUGE_BIT: u64 = HUGE;

    /// The entry that maps nothing.
    pub const UNUSED: Self = Self(0);

    /// The level 1 entry of a page that maps nothing, but for which a frame is
    /// promised. Its table stays as long as it is there.
    pub const PROMISED: Self = Self(PageTableFlags::BIT_9.bits());

    /// True for a leaf of borrowed memory.
    pub(crate) const fn is_borrowed(self) -> bool {
        self.flags().contains(Self::BORROWED)
    }

    pub(crate) const WRITABLE: PageTableFlags = PageTableFlags::WRITABLE;
    pub(crate) const DIRTY: PageTableFlags = PageTableFlags::DIRTY;
    pub(crate) const NO_EXECUTE: PageTableFlags = PageTableFlags::NO_EXECUTE;

    /// Bit 9 of a leaf: the frame is borrowed (a device's, or one that
    /// somebody else accounts for) and is not given back with the leaf.
    pub const BORROWED: PageTableFlags = PageTableFlags::BIT_9;

    /// Bit 10 of a leaf: it belongs to a fixed region, and what it maps is
    /// accounted for elsewhere (the kernel's image, the direct map).
    pub const FIXED: PageTableFlags = PageTableFlags::BIT_10;

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The raw 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// An entry that points to `table`, of whose entries `count` are in use.
    ///
    /// Rights are decided by leaves alone, so a table entry grants everything.
    pub(crate) const fn table(table: Table, count: u64, user: bool) -> Self {
        let flags = PRESENT
            | PageTableFlags::WRITABLE.bits()
            | PageTableFlags::ACCESSED.bits()
            | if user {
                PageTableFlags::USER_ACCESSIBLE.bits()
            } else {
                0
            };
        Self(table.address() | flags | count << COUNT_SHIFT)
    }

    /// A present leaf of the given size: `flags` need not name PRESENT or the
    /// page-size bit.
    #[inline]
    pub(crate) const fn leaf(address: u64, size: LeafSize, flags: u64) -> Self {
        let page_size = match size {
            LeafSize::Size4KiB => 0,
            LeafSize::Size2MiB | LeafSize::Size1GiB => HUGE,
        };
        Self(address | flags | PRESENT | page_size)
    }

    /// The same leaf of another physical address than 0, DIRTY if it `is_written`.
    #[inline]
    pub(crate) const fn at(self, address: PhysAddr, is_written: bool) -> Self {
        let dirty = (is_written as u64) << PageTableFlags::DIRTY.bits().trailing_zeros();
        Self(self.0 | address.as_u64() | dirty)
    }

    /// What the entry says in a table at `level` (1 to 4).
    #[must_use]
    pub const fn kind(self, level: u8) -> EntryKind {
        if self.0 == 0 {
            EntryKind::Unused
        } else if self.0 & PRESENT == 0 {
            EntryKind::Software(self.0)
        } else {
            match LeafSize::of_level(level) {
                Some(size) if level == 1 || self.0 & HUGE != 0 => {
                    EntryKind::Leaf(self.leaf_address(size), size)
                }
                _ => EntryKind::Table(PhysAddr::new_truncate(self.0 & ADDRESS)),
            }
        }
    }

    /// True if the entry, in a table above level 1, points to another table.
    #[inline]
    pub(crate) const fn is_table(self) -> bool {
        self.0 & (PRESENT | HUGE) == PRESENT
    }

    /// The table that the entry points to; meaningful if [`Self::is_table`].
    #[inline]
    pub(crate) const fn as_table(self) -> Table {
        Table::from_address(self.0 & ADDRESS)
    }

    /// The physical address that a leaf of `size` maps. In large leaves the
    /// low address bits are reserved, and bit 12 is the PAT bit.
    #[must_use]
    pub const fn leaf_address(self, size: LeafSize) -> PhysAddr {
        PhysAddr::new_truncate(self.0 & ADDRESS & !(size.bytes() - 1))
    }

    /// True for a present entry.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// The flag bits, those of the in-use count left out.
    #[must_use]
    pub const fn flags(self) -> PageTableFlags {
        PageTableFlags::from_bits_truncate(self.0 & !ADDRESS & !COUNT)
    }

    /// How many of the 512 entries of the table below are in use.
    #[must_use]
    pub const fn in_use(self) -> u64 {
        (self.0 & COUNT) >> COUNT_SHIFT
    }

    /// The same entry for a table of which `count` entries are in use.
    #[inline]
    pub(crate) const fn with_in_use(self, count: u64) -> Self {
        Self(self.0 & !COUNT | count << COUNT_SHIFT)
    }

    /// True for a present leaf in which the processor has no bit left to set:
    /// ACCESSED is, and DIRTY is or can never be. Nobody else writes it, so it
    /// can be changed without an exchange, which would take 2 ns.
    #[inline]
    pub(crate) const fn is_settled(self) -> bool {
        const ACCESSED: u64 = PageTableFlags::ACCESSED.bits();
        let dirty_or_read_only =
            self.0 & Self::DIRTY.bits() != 0 || self.0 & Self::WRITABLE.bits() == 0;
        self.0 & (PRESENT | ACCESSED) == PRESENT | ACCESSED && dirty_or_read_only
    }

    /// One more (or one fewer) entry of the table below is in use.
    #[inline]
    pub(crate) const fn count_changed(self, one_more: bool) -> Self {
        if one_more {
            Self(self.0.wrapping_add(1 << COUNT_SHIFT))
        } else {
            Self(self.0.wrapping_sub(1 << COUNT_SHIFT))
        }
    }
}
