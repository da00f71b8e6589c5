//! Regions: what an address is for, which decides what a fault there means.

use core::fmt;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use crate::Features;
use crate::fault::{Cause, Fault, Refusal};
use crate::object::{ObjectId, Sharing};
use crate::paging::{Cache, Entry, LeafSize};

/// A bit that stands for any access at all, beside those of an error code, none
/// of which a read by the kernel has.
pub(super) const ANY_ACCESS: PageFaultErrorCode = PageFaultErrorCode::from_bits_retain(1 << 31);

/// What may be done with the bytes of a region. Writable and executable at once
/// cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rights {
    /// Nothing. What stands behind the pages stays, for when they get other rights.
    NoAccess,
    /// Read only.
    Read,
    /// Read and write.
    ReadWrite,
    /// Read and execute.
    ReadExecute,
}

/// When, and with what, a region's virtual memory becomes physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backing {
    /// Reads share one frame of zeroes; the first write gets a private frame.
    Zero,
    /// A page gets a zeroed frame when it is first touched.
    Demand,
    /// Every page has a frame from the start: no fault and no failure later.
    Immediate,
    /// Somebody else's memory (a device's registers, a framebuffer) from this
    /// physical address on, mapped from the start; its frames are borrowed.
    Device(PhysAddr, Cache),
    /// The pages of an object, from one of them on. Rights come from the region
    /// alone; a page past the object's end refuses every access.
    Object {
        /// The object, which the region holds.
        object: ObjectId,
        /// The page of it behind the first one of the region.
        offset_in_pages: u64,
        /// Whose what is written is.
        sharing: Sharing,
    },
    /// Nothing, ever: each access is refused.
    Guard,
    /// Mapped once and for ever, to memory that is accounted for elsewhere
    /// (see [`KernelHalf::map_fixed`](super::KernelHalf::map_fixed)); or a record only,
    /// of what somebody else mapped, so that faults and audits know of it.
    Fixed,
}

/// A range of virtual memory with one backing and one set of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first address; a multiple of 4 KiB.
    pub base: VirtAddr,
    /// Bytes; a positive multiple of 4 KiB.
    pub size: u64,
    /// What stands behind it.
    pub backing: Backing,
    /// What may be done.
    pub rights: Rights,
    /// The largest leaf that is used for it.
    pub page_size: LeafSize,
    /// True if ring 3 may access it.
    pub user: bool,
    /// A note for whoever handles a fault right below it: to grow it, a region like
    /// it is [allocated](super::Space::allocate) there, and [joined](super::Space::join).
    pub grows_down: bool,
    /// Pages that one fault maps at most: 1, or a power of two up to 512.
    pub fault_around: u16,
    /// What it is for, in a word or two.
    pub label: &'static str,
    /// Faults in it that were resolved, since it was allocated.
    pub faults: u64,
    /// The allocation that the region is a part of: regions of one allocation
    /// (split by `protect`) merge again, others do not.
    pub(crate) source: u64,
    /// Where in its source the region starts, in bytes.
    pub(crate) offset: u64,
}

impl Region {
    /// The first address behind the region, as a number: at the very top of
    /// the address space it is no address.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.base.as_u64() + self.size
    }

    /// The first address of the allocation that the region is a part of.
    #[must_use]
    pub fn allocation(&self) -> VirtAddr {
        self.base - self.offset
    }

    /// True if `address` lies in the region.
    #[inline]
    #[must_use]
    pub const fn contains(&self, address: VirtAddr) -> bool {
        address.as_u64().wrapping_sub(self.base.as_u64()) < self.size
    }

    /// What may be done with its bytes: nothing with a guard's, whatever was asked for.
    #[must_use]
    pub const fn allowed(&self) -> Option<Rights> {
        match self.backing {
            Backing::Guard => None,
            Backing::Demand
            | Backing::Zero
            | Backing::Immediate
            | Backing::Device(..)
            | Backing::Object { .. }
            | Backing::Fixed => Some(self.rights),
        }
    }

    /// True if the region holds the whole of the leaf of `size` around `address`.
    pub(crate) const fn holds_leaf(&self, address: u64, size: LeafSize) -> bool {
        let start = address & !(size.bytes() - 1);
        start >= self.base.as_u64() && size.bytes() <= self.end() - start
    }

    /// The flags of a leaf that gives all that the region gives.
    ///
    /// ACCESSED is set so that the processor need not write the entry.
    pub(crate) fn leaf_flags(&self, features: Features, global: bool) -> PageTableFlags {
        let mut flags = PageTableFlags::ACCESSED;
        if self.rights == Rights::NoAccess {
            flags |= Entry::HIDDEN;
        } else {
            flags |= Entry::PRESENT;
            flags.set(PageTableFlags::GLOBAL, global && features.global_pages);
        }
        flags.set(PageTableFlags::WRITABLE, self.rights == Rights::ReadWrite);
        flags.set(
            PageTableFlags::NO_EXECUTE,
            self.rights != Rights::ReadExecute && features.no_execute,
        );
        flags.set(PageTableFlags::USER_ACCESSIBLE, self.user);
        match self.backing {
            Backing::Device(_, cache) => flags | cache.flags(),
            Backing::Object { .. }
            | Backing::Immediate
            | Backing::Demand
            | Backing::Zero
            | Backing::Guard
            | Backing::Fixed => flags,
        }
    }

    /// The bits of an error code, and [`ANY_ACCESS`], that the region refuses
    /// whatever is mapped.
    pub(crate) fn refused(&self) -> PageFaultErrorCode {
        let mut refused = PageFaultErrorCode::MALFORMED_TABLE;
        if self.backing == Backing::Guard || self.rights == Rights::NoAccess {
            return PageFaultErrorCode::all() | ANY_ACCESS;
        }
        refused.set(
            PageFaultErrorCode::CAUSED_BY_WRITE,
            self.rights != Rights::ReadWrite,
        );
        refused.set(
            PageFaultErrorCode::INSTRUCTION_FETCH,
            self.rights != Rights::ReadExecute,
        );
        refused.set(PageFaultErrorCode::USER_MODE, !self.user);
        refused
    }

    /// Why the region refuses a fault: what its code says, or that nothing is
    /// mapped which the region would not map by itself.
    #[cold]
    pub(super) fn refusal_of(&self, fault: &Fault) -> Refusal {
        if self.backing == Backing::Guard {
            Refusal::Guard
        } else if fault.cause() == Cause::ReservedBit {
            Refusal::ReservedBit
        } else if (fault.code | ANY_ACCESS).intersects(self.refused()) {
            Refusal::Protection(fault.access())
        } else {
            Refusal::NotBacked
        }
    }

    /// The part of the region from `address` on; `self` keeps what is before.
    pub(crate) fn split_off(&mut self, address: VirtAddr) -> Self {
        let kept = address - self.base;
        let rest = Self {
            base: address,
            size: self.size - kept,
            offset: self.offset + kept,
            backing: self.backing.advanced(kept),
            faults: 0,
            ..*self
        };
        self.size = kept;
        rest
    }

    /// True if `next` is the continuation of this region in every respect.
    pub(crate) fn continues_in(&self, next: &Self) -> bool {
        self.end() == next.base.as_u64()
            && self.source == next.source
            && self.offset + self.size == next.offset
            && self.rights == next.rights
            && self.backing.leads_to(next.backing, self.size)
    }
}

impl Backing {
    /// The same backing `bytes` further on.
    fn advanced(self, bytes: u64) -> Self {
        match self {
            Self::Device(start, cache) => Self::Device(start + bytes, cache),
            Self::Object {
                object,
                offset_in_pages,
                sharing,
            } => Self::Object {
                object,
                offset_in_pages: offset_in_pages + bytes / LeafSize::Size4KiB.bytes(),
                sharing,
            },
            Self::Immediate | Self::Demand | Self::Zero | Self::Guard | Self::Fixed => self,
        }
    }

    /// True if `next` is the same backing `bytes` further on. A device may end
    /// where physical addresses do, so that there is no further on.
    fn leads_to(self, next: Self, bytes: u64) -> bool {
        match (self, next) {
            (Self::Device(start, cache), Self::Device(next, next_cache)) => {
                cache == next_cache && next.as_u64().checked_sub(start.as_u64()) == Some(bytes)
            }
            (Self::Device(..), _) => false,
            _ => self.advanced(bytes) == next,
        }
    }

    /// True if nothing stands behind it until it is touched, and what does then is
    /// the space's, or an object's.
    pub(super) const fn is_lazy(self) -> bool {
        match self {
            Self::Demand | Self::Zero | Self::Object { .. } | Self::Guard => true,
            Self::Immediate | Self::Device(..) | Self::Fixed => false,
        }
    }

    /// True if the leaves under this backing are the space's to make and remove.
    #[must_use]
    pub const fn is_managed(self) -> bool {
        match self {
            Self::Immediate
            | Self::Demand
            | Self::Zero
            | Self::Device(..)
            | Self::Object { .. } => true,
            Self::Guard | Self::Fixed => false,
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAccess => "none",
            Self::Read => "r",
            Self::ReadWrite => "rw",
            Self::ReadExecute => "rx",
        })
    }
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immediate => "immediate",
            Self::Demand => "demand",
            Self::Zero => "zero",
            Self::Device(..) => "device",
            Self::Object { .. } => "object",
            Self::Guard => "guard",
            Self::Fixed => "fixed",
        })
    }
}
