//! One entry of a page table: 64 bits with a meaning.
//!
//! ```text
//!  63 62       53 52 51                    12 11  9 8 7 6 5 4 3 2 1 0
//! +--+-----------+--+------------------------+-----+-+-+-+-+-+-+-+-+-+
//! |NX| in use    |o | physical address       | sw  |G|S|D|A|C|T|U|W|P|
//! +--+-----------+--+------------------------+-----+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! This file is the one place that names the bits the processor leaves to
//! software: 53 to 62 of a table entry count the entries in use below it, and
//! bits 9 to 11 and 52 of a leaf mark memory that it does not own, or not alone.
//! An entry that is not present and not zero is software's own: a reserved page
//! has one, a page that is in a slot too, and a hidden leaf is one. A hidden leaf
//! maps memory as any other does, but not for the processor: G, which means nothing
//! without P, tells it apart. At level 1:
//!
//! ```text
//!               51                    12 11 10  9  8  ...  P
//!              +------------------------+--+--+--+--+-----+-+
//!  reserved    |                        |  |  | 1|  |     |0|
//!  swapped     | number of the slot     |  | 1|  |  |     |0|
//!  hidden leaf | physical address       |  |  |  | 1|flags|0|
//!              +------------------------+--+--+--+--+-----+-+
//! ```

use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags;

use super::geometry::LeafSize;
use crate::slot::Slot;

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

/// What an entry says; the same bits can mean different things by level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// All zero: nothing is mapped here.
    Unused,
    /// A page that maps nothing yet, but for which a frame is kept back.
    Reserved,
    /// A page whose bytes are in this slot.
    Swapped(Slot),
    /// Points to a table one level down, at this physical address.
    Table(PhysAddr),
    /// Maps memory of this size at this physical address; for the processor, too,
    /// if it is [present](Entry::is_present).
    Leaf(PhysAddr, LeafSize),
    /// Not present, and not written by this crate: these bits. The processor
    /// ignores it.
    Unknown(u64),
}

/// An entry of a page table at any level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Entry(u64);

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const PRESENT: u64 = PageTableFlags::PRESENT.bits();
const HUGE: u64 = PageTableFlags::HUGE_PAGE.bits();
const LEAF: u64 = PRESENT | Entry::HIDDEN.bits();
const SLOT_SHIFT: u32 = 12;
const COUNT_SHIFT: u32 = 53;
const COUNT: u64 = 0x3ff << COUNT_SHIFT;

impl Entry {
    /// The page-size bit of leaves above level 1.
    pub(crate) const HUGE_BIT: u64 = HUGE;

    /// The entry that maps nothing.
    pub const UNUSED: Self = Self(0);

    /// The level 1 entry of a reserved page. Its table stays as long as it is there.
    pub(crate) const RESERVED: Self = Self(PageTableFlags::BIT_9.bits());

    /// What says, in a level 1 entry, that the page is in a slot.
    const SWAPPED: u64 = PageTableFlags::BIT_10.bits();

    pub(crate) const PRESENT: PageTableFlags = PageTableFlags::PRESENT;
    pub(crate) const WRITABLE: PageTableFlags = PageTableFlags::WRITABLE;
    pub(crate) const ACCESSED: PageTableFlags = PageTableFlags::ACCESSED;
    pub(crate) const DIRTY: PageTableFlags = PageTableFlags::DIRTY;
    pub(crate) const NO_EXECUTE: PageTableFlags = PageTableFlags::NO_EXECUTE;

    /// In place of PRESENT: the leaf is hidden from the processor, and no access is
    /// allowed. In a present leaf the bit is G.
    pub(crate) const HIDDEN: PageTableFlags = PageTableFlags::GLOBAL;

    /// Bit 9 of a leaf: the frame is borrowed (a device's, or one that
    /// somebody else accounts for) and is not given back with the leaf.
    pub(crate) const BORROWED: PageTableFlags = PageTableFlags::BIT_9;

    /// Bit 10 of a leaf: it belongs to a fixed region, and what it maps is
    /// accounted for elsewhere (the kernel's image, the direct map).
    pub(crate) const FIXED: PageTableFlags = PageTableFlags::BIT_10;

    /// Bit 11 of a leaf: others may own the frame as well, and it is counted how
    /// many do.
    pub(crate) const SHARED: PageTableFlags = PageTableFlags::BIT_11;

    /// Bit 52 of a leaf that is shared: the frame is an object's, and a write
    /// through this mapping is meant for all who share it.
    pub(crate) const OBJECT: PageTableFlags = PageTableFlags::BIT_52;

    /// The entry that is these 64 bits, for whoever reads a table.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The raw 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// An entry that points to the table at this address, of whose entries `count` are in use.
    ///
    /// Rights are decided by leaves alone: the entry grants everything, but for
    /// access from ring 3, which it grants in low halves only.
    pub(crate) const fn table(table: PhysAddr, count: u64, user: bool) -> Self {
        let flags = PRESENT
            | PageTableFlags::WRITABLE.bits()
            | PageTableFlags::ACCESSED.bits()
            | if user {
                PageTableFlags::USER_ACCESSIBLE.bits()
            } else {
                0
            };
        Self(table.as_u64() | flags | count << COUNT_SHIFT)
    }

    /// The level 1 entry of a page that is in a slot.
    pub(crate) const fn swapped(slot: Slot) -> Self {
        Self(slot.number() << SLOT_SHIFT | Self::SWAPPED)
    }

    /// A leaf of the given size: `flags` name PRESENT or HIDDEN, and need not name
    /// the page-size bit.
    #[inline]
    pub(crate) const fn leaf(address: PhysAddr, size: LeafSize, flags: PageTableFlags) -> Self {
        let page_size = match size {
            LeafSize::Size4KiB => 0,
            LeafSize::Size2MiB | LeafSize::Size1GiB => HUGE,
        };
        Self(address.as_u64() | flags.bits() | page_size)
    }

    /// What the entry says in a table at `level` (1 to 4).
    #[inline]
    #[must_use]
    pub const fn kind(self, level: u8) -> EntryKind {
        if self.0 == Self::UNUSED.0 {
            EntryKind::Unused
        } else if self.is_leaf_or_table() {
            match LeafSize::of_level(level) {
                Some(size) if level == 1 || self.0 & HUGE != 0 => {
                    EntryKind::Leaf(self.leaf_address(size), size)
                }
                _ if !self.is_present() => EntryKind::Unknown(self.0),
                Some(_) | None => EntryKind::Table(PhysAddr::new_truncate(self.0 & ADDRESS)),
            }
        } else if self.0 == Self::RESERVED.0 && level == 1 {
            EntryKind::Reserved
        } else if self.0 & !ADDRESS == Self::SWAPPED && level == 1 {
            EntryKind::Swapped(Slot((self.0 & ADDRESS) >> SLOT_SHIFT))
        } else {
            EntryKind::Unknown(self.0)
        }
    }

    /// True if the entry, in a table above level 1, points to another table.
    #[inline]
    pub(crate) const fn is_table(self) -> bool {
        self.0 & (PRESENT | HUGE) == PRESENT
    }

    /// The address of the table that it points to; meaningful if [`Self::is_table`].
    #[inline]
    pub(crate) const fn table_address(self) -> PhysAddr {
        PhysAddr::new_truncate(self.0 & ADDRESS)
    }

    /// The physical address that a leaf of `size` maps. In large leaves the
    /// low address bits are reserved, and bit 12 is the PAT bit.
    #[inline]
    #[must_use]
    pub(crate) const fn leaf_address(self, size: LeafSize) -> PhysAddr {
        PhysAddr::new_truncate(self.0 & ADDRESS & !(size.bytes() - 1))
    }

    /// True for an entry that points to a table or maps memory, be it hidden.
    #[inline]
    pub(crate) const fn is_leaf_or_table(self) -> bool {
        self.0 & LEAF != 0
    }

    /// True for a present entry.
    #[inline]
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// True for an entry that lets the processor write.
    #[inline]
    pub(crate) const fn is_writable(self) -> bool {
        self.flags().contains(Self::WRITABLE)
    }

    /// The flag bits, those of the in-use count left out.
    #[inline]
    #[must_use]
    pub const fn flags(self) -> PageTableFlags {
        PageTableFlags::from_bits_truncate(self.0 & !ADDRESS & !COUNT)
    }

    /// The same leaf, with DIRTY set if it is in `other`.
    #[inline]
    pub(crate) const fn with_dirty_of(self, other: Self) -> Self {
        Self(self.0 | other.0 & Self::DIRTY.bits())
    }

    /// The same leaf, with ACCESSED set.
    #[inline]
    pub(crate) const fn with_accessed(self) -> Self {
        Self(self.0 | PageTableFlags::ACCESSED.bits())
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

    /// The same entry for a table of which one more entry is in use.
    #[inline]
    pub(crate) const fn with_one_more(self) -> Self {
        Self(self.0 + (1 << COUNT_SHIFT))
    }

    /// The same entry for a table of which one entry fewer is in use.
    #[inline]
    pub(crate) const fn with_one_fewer(self) -> Self {
        Self(self.0 - (1 << COUNT_SHIFT))
    }

    /// True for a leaf in which the processor has no bit left to set: ACCESSED is,
    /// and DIRTY is or can never be; in a hidden one it never sets any. Nobody else
    /// writes it, so it can be changed by a plain store.
    #[inline]
    pub(crate) const fn is_settled(self) -> bool {
        const ACCESSED: u64 = PageTableFlags::ACCESSED.bits();
        let dirty_or_read_only =
            self.0 & Self::DIRTY.bits() != 0 || self.0 & Self::WRITABLE.bits() == 0;
        !self.is_present() || (self.0 & ACCESSED != 0 && dirty_or_read_only)
    }
}
