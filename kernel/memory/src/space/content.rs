//! What stands behind a leaf: the one place that turns memory into an entry,
//! and an entry back into what it owns.
//!
//! What must always hold: a leaf of zeroes, or of a frame that others may own
//! as well, is not writable, whatever its region allows; but for those frames of
//! objects that are shared to be written.

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use crate::paging::{Entry, LeafSize};

/// The memory behind a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The zero frame, which the leaf shares with all others like it.
    Zero(PhysAddr),
    /// A frame that the leaf owns alone.
    Private(PhysAddr),
    /// A frame that the leaf owns with others, until one of them writes. The
    /// last owner of all has one like it, too.
    Shared(PhysAddr),
    /// A frame of an object in a shared mapping: it is written by whoever may.
    Object(PhysAddr),
    /// Somebody else's memory, lent to the leaf (a device's).
    Borrowed(PhysAddr),
    /// Memory that is accounted for elsewhere (the kernel's image).
    Fixed(PhysAddr),
}

impl Content {
    /// What stands behind a present leaf of `size`.
    #[inline]
    pub(crate) fn of(leaf: Entry, size: LeafSize, zero: PhysFrame) -> Self {
        let start = leaf.leaf_address(size);
        let flags = leaf.flags();
        if !flags.intersects(Entry::BORROWED | Entry::FIXED | Entry::SHARED) {
            if start == zero.start_address() {
                Self::Zero(start)
            } else {
                Self::Private(start)
            }
        } else if flags.contains(Entry::BORROWED) {
            Self::Borrowed(start)
        } else if flags.contains(Entry::FIXED) {
            Self::Fixed(start)
        } else if flags.contains(Entry::OBJECT) {
            Self::Object(start)
        } else {
            Self::Shared(start)
        }
    }

    /// The first address of the memory.
    #[inline]
    #[must_use]
    pub const fn start(self) -> PhysAddr {
        match self {
            Self::Zero(start)
            | Self::Private(start)
            | Self::Shared(start)
            | Self::Object(start)
            | Self::Borrowed(start)
            | Self::Fixed(start) => start,
        }
    }

    /// Frames of 4 KiB that a leaf of `size` counts as resident for this.
    #[inline]
    pub(crate) const fn resident(self, size: LeafSize) -> u64 {
        match self {
            Self::Private(_) | Self::Shared(_) | Self::Object(_) => size.frames(),
            Self::Zero(_) | Self::Borrowed(_) | Self::Fixed(_) => 0,
        }
    }

    /// The leaf that maps this with `rights`, the flags that its region gives.
    /// `written`: the access that it is made for is a write.
    #[inline]
    pub(crate) fn leaf(self, size: LeafSize, rights: PageTableFlags, written: bool) -> Entry {
        let mut flags = rights;
        if written {
            flags |= Entry::DIRTY;
        }
        match self {
            Self::Zero(_) => flags -= Entry::WRITABLE | Entry::DIRTY,
            Self::Private(_) => {}
            Self::Shared(_) => {
                flags -= Entry::WRITABLE;
                flags |= Entry::SHARED;
            }
            Self::Object(_) => flags |= Entry::SHARED | Entry::OBJECT,
            Self::Borrowed(_) => flags |= Entry::BORROWED,
            Self::Fixed(_) => flags |= Entry::FIXED,
        }
        Entry::leaf(self.start(), size, flags)
    }
}
