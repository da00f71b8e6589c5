//! What is asked of [`Space::allocate`](super::Space::allocate), and why it can
//! be refused.

use core::error::Error;
use core::fmt;

use x86_64::{PhysAddr, VirtAddr};

use super::region::{Backing, Rights};
use crate::frames::Shortage;
use crate::object::UseError;
use crate::paging::LeafSize;

/// Where a region is to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Anywhere in the window of the space: the lowest place that fits.
    Anywhere,
    /// The lowest place that fits within these bounds.
    Within {
        /// The lowest address.
        from: VirtAddr,
        /// The number behind the highest.
        below: u64,
        /// What the base is a multiple of, in bytes: a power of two, at least
        /// 4 KiB.
        align: u64,
    },
    /// Exactly here.
    At(VirtAddr),
}

/// What is asked of [`Space::allocate`](super::Space::allocate). Start from [`Request::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub(super) size: u64,
    pub(super) backing: Backing,
    pub(super) rights: Rights,
    pub(super) page_size: Option<LeafSize>,
    pub(super) fault_around: u16,
    pub(super) user: bool,
    pub(super) grows_down: bool,
    pub(super) placement: Placement,
    pub(super) label: &'static str,
}

impl Request {
    /// A region of `size` bytes (rounded up to whole pages): readable and
    /// writable, for the kernel only, placed anywhere.
    #[must_use]
    pub const fn new(size: u64, backing: Backing) -> Self {
        Self {
            size,
            backing,
            rights: Rights::ReadWrite,
            page_size: None,
            fault_around: 1,
            user: false,
            grows_down: false,
            placement: Placement::Anywhere,
            label: "",
        }
    }

    /// True if it asks for a device's memory.
    #[must_use]
    pub const fn is_device(&self) -> bool {
        matches!(self.backing, Backing::Device(..))
    }

    /// What may be done with the region.
    #[must_use]
    pub const fn rights(self, rights: Rights) -> Self {
        Self { rights, ..self }
    }

    /// The size of page to back it with. Where a large page cannot be had,
    /// smaller ones stand in, counted. Without this, immediate and device
    /// backing use the largest pages that fit, the others 4 KiB.
    #[must_use]
    pub const fn page_size(self, size: LeafSize) -> Self {
        Self {
            page_size: Some(size),
            ..self
        }
    }

    /// Pages of 4 KiB that one fault maps at most: a power of two, 1 to 512.
    #[must_use]
    pub const fn fault_around(self, pages: u16) -> Self {
        Self {
            fault_around: pages,
            ..self
        }
    }

    /// Lets ring 3 access it; only in a low half.
    #[must_use]
    pub const fn user(self) -> Self {
        Self { user: true, ..self }
    }

    /// Notes that it is to grow when it is touched below; see [`Region::grows_down`].
    ///
    /// [`Region::grows_down`]: super::Region::grows_down
    #[must_use]
    pub const fn grows_down(self) -> Self {
        Self {
            grows_down: true,
            ..self
        }
    }

    /// Where it is to lie.
    #[must_use]
    pub const fn placement(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// What it is for, in a word or two, for reports.
    #[must_use]
    pub const fn label(self, label: &'static str) -> Self {
        Self { label, ..self }
    }
}

/// Why [`Space::allocate`](super::Space::allocate) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocateError {
    /// A region has at least one byte.
    ZeroSize,
    /// The size, in bytes, is more than the space could ever hold.
    TooLarge {
        /// Bytes that were asked for.
        size: u64,
    },
    /// The alignment is not a power of two of at least 4 KiB.
    BadAlignment {
        /// The alignment, in bytes.
        align: u64,
    },
    /// The address is not a multiple of the page size, in bytes.
    Unaligned {
        /// The address.
        address: VirtAddr,
        /// The page size, in bytes.
        size: u64,
    },
    /// The addresses from here on do not lie in this half of the address
    /// space (or are the null page's).
    OutsideHalf {
        /// The first address.
        address: VirtAddr,
    },
    /// A region with this base is in the way.
    Overlap {
        /// The base of that region.
        base: VirtAddr,
    },
    /// There is no gap of that size within the bounds.
    NoRoom,
    /// Only what holds nothing until it is touched is put in the place of
    /// something else: demand, zero, object and guard regions.
    NotLazy {
        /// The backing.
        backing: Backing,
    },
    /// A fixed region needs [`Placement::At`]: it is where it is.
    FixedNeedsAddress,
    /// The level 4 slot of this address was not given to the kernel half.
    NoSlot {
        /// The address.
        address: VirtAddr,
    },
    /// Fault-around is a power of two from 1 to 512.
    BadFaultAround {
        /// What was asked for.
        pages: u16,
    },
    /// Memory that is given by its physical address is mapped into the kernel
    /// half by [`KernelHalf::map_device`](super::KernelHalf::map_device) only.
    GivenMemory {
        /// The physical address.
        start: PhysAddr,
    },
    /// Ring 3 has no business in the kernel half.
    UserInKernelHalf,
    /// The device's memory does not start on a page boundary, or reaches past
    /// the physical addresses that the processor has.
    BadDeviceAddress {
        /// The physical address.
        start: u64,
    },
    /// The device's memory overlaps frames that the allocator manages.
    DeviceIsManaged {
        /// The physical address.
        start: u64,
    },
    /// The memory of a device, here from this address on, is not executed: it
    /// may be mapped a second time, and written there.
    ExecutableDevice {
        /// The physical address.
        start: u64,
    },
    /// The kernel half maps no objects: Rust values live there, and an object is
    /// written by others.
    ObjectInKernelHalf,
    /// No object has pages that far from its start.
    NoSuchPages {
        /// The first page that was asked for.
        first: u64,
    },
    /// The object cannot be mapped so.
    Object(UseError),
    /// Not enough frames for the pages, their tables and the record: what small
    /// pages need, which is as much as it can be.
    OutOfFrames(Shortage),
}

impl fmt::Display for AllocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ZeroSize => write!(f, "a region has at least one byte"),
            Self::TooLarge { size } => write!(f, "{size:#x} bytes are more than the space holds"),
            Self::BadAlignment { align } => {
                write!(
                    f,
                    "the alignment {align:#x} is not a power of two of at least 0x1000"
                )
            }
            Self::Unaligned { address, size } => {
                write!(f, "{:#x} is not a multiple of {size:#x}", address.as_u64())
            }
            Self::OutsideHalf { address } => write!(
                f,
                "{:#x} and what follows does not lie in this half of the address space",
                address.as_u64()
            ),
            Self::Overlap { base } => {
                write!(f, "the region at {:#x} is in the way", base.as_u64())
            }
            Self::NoRoom => write!(f, "there is no gap of that size within the bounds"),
            Self::NotLazy { backing } => write!(
                f,
                "a region with {backing} backing is not put in the place of another: only demand, zero, object and guard regions are"
            ),
            Self::FixedNeedsAddress => write!(f, "a fixed region needs an address"),
            Self::NoSlot { address } => write!(
                f,
                "the level 4 slot of {:#x} has no table: it is not the kernel half's to map",
                address.as_u64()
            ),
            Self::BadFaultAround { pages } => {
                write!(
                    f,
                    "fault-around is a power of two from 1 to 512, not {pages}"
                )
            }
            Self::GivenMemory { start } => write!(
                f,
                "the memory at {start:#x} is mapped into the kernel half as a device's only"
            ),
            Self::UserInKernelHalf => write!(f, "the kernel half is not for user mode"),
            Self::BadDeviceAddress { start } => write!(
                f,
                "device memory at {start:#x} is not page-aligned, or past the processor's physical addresses"
            ),
            Self::DeviceIsManaged { start } => {
                write!(
                    f,
                    "{start:#x} is ordinary memory, which the frame allocator manages"
                )
            }
            Self::ExecutableDevice { start } => write!(
                f,
                "the device memory at {start:#x} may be read and written, but not executed"
            ),
            Self::ObjectInKernelHalf => write!(f, "the kernel half maps no objects"),
            Self::NoSuchPages { first } => write!(
                f,
                "the region from page {first} on reaches past the end of any object"
            ),
            Self::Object(error) => error.fmt(f),
            Self::OutOfFrames(shortage) => {
                write!(f, "with small pages the region {shortage}")
            }
        }
    }
}

impl Error for AllocateError {}
