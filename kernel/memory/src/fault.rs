//! A page fault as the processor tells it, and what can become of it.

use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode;

/// What the processor was about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A data read.
    Read,
    /// A data write.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Why the translation did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An entry on the way was not present.
    Absent,
    /// The page is present, and its rights refuse the access.
    Protection,
    /// An entry on the way has a reserved bit set.
    ReservedBit,
}

impl Cause {
    /// The cause that an error code tells.
    #[inline]
    pub(crate) const fn of(code: PageFaultErrorCode) -> Self {
        if code.contains(PageFaultErrorCode::MALFORMED_TABLE) {
            Self::ReservedBit
        } else if code.contains(PageFaultErrorCode::PROTECTION_VIOLATION) {
            Self::Protection
        } else {
            Self::Absent
        }
    }
}

/// A page fault: CR2, the error code, and the instruction that was at it.
///
/// In C's order, so that a handler's stub can leave one on the stack: the
/// processor pushes the instruction and, below it, the error code.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The address that was accessed (CR2).
    pub address: VirtAddr,
    /// The error code (Intel SDM vol. 3A 4.7).
    pub code: PageFaultErrorCode,
    /// The address of the instruction that made the access.
    pub instruction: VirtAddr,
}

impl Fault {
    pub(crate) const NONE: Self = Self {
        address: VirtAddr::zero(),
        code: PageFaultErrorCode::empty(),
        instruction: VirtAddr::zero(),
    };

    /// The fault that an access of the kernel's own would cause where nothing
    /// is mapped.
    #[must_use]
    pub const fn supervisor(address: VirtAddr, access: Access) -> Self {
        let code = match access {
            Access::Read => PageFaultErrorCode::empty(),
            Access::Write => PageFaultErrorCode::CAUSED_BY_WRITE,
            Access::Execute => PageFaultErrorCode::INSTRUCTION_FETCH,
        };
        Self {
            address,
            code,
            instruction: VirtAddr::zero(),
        }
    }

    /// What was tried.
    #[inline]
    #[must_use]
    pub const fn access(&self) -> Access {
        if self.code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) {
            Access::Write
        } else if self.code.contains(PageFaultErrorCode::INSTRUCTION_FETCH) {
            Access::Execute
        } else {
            Access::Read
        }
    }

    /// True if a write was tried.
    #[inline]
    #[must_use]
    pub const fn is_write(&self) -> bool {
        self.code.contains(PageFaultErrorCode::CAUSED_BY_WRITE)
    }

    /// Why the translation did not serve.
    #[inline]
    #[must_use]
    pub const fn cause(&self) -> Cause {
        Cause::of(self.code)
    }

    /// True if a program in ring 3 made the access.
    #[must_use]
    pub const fn is_user(&self) -> bool {
        self.code.contains(PageFaultErrorCode::USER_MODE)
    }
}

impl fmt::Display for Fault {
    /// The fault in words: `write to 0x10010 by the kernel, the page is absent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = match self.access() {
            Access::Read => "read of",
            Access::Write => "write to",
            Access::Execute => "instruction fetch from",
        };
        let mode = if self.is_user() {
            "user mode"
        } else {
            "the kernel"
        };
        let cause = match self.cause() {
            Cause::Absent => "the page is absent",
            Cause::Protection => "the page is present, but does not allow it",
            Cause::ReservedBit => "a reserved bit is set in its translation",
        };
        write!(f, "{tried} {:#x} by {mode}, {cause}", self.address)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "fetch",
        })
    }
}

/// What became of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Demand backing: a zeroed frame is mapped now.
    Demand,
    /// A read of a zero-backed page: the shared zero frame is mapped now.
    ZeroRead,
    /// A write to a zero-backed page that was never read: a zeroed frame.
    ZeroWrite,
    /// A write to the zero frame: a private frame stands in its place now.
    PrivateCopy,
    /// A write to a frame of several owners: a copy stands in its place now.
    SharedCopy,
    /// A write to a frame that was shared, by its last owner: it may be written
    /// where it is.
    TakenOver,
    /// The object's page that was there is mapped now.
    ObjectMapped,
    /// A page of shared memory that was not there: a zeroed frame, mapped now.
    ObjectNew,
    /// A write through a private mapping of an object: a copy of its page.
    ObjectCopy,
    /// The tables allow the access already; the translation in the processor
    /// was an older one. The fault itself made it forget that one.
    Spurious,
    /// A page has to be read first: one of a file, or one that is in a slot. Whoever
    /// resolves the fault reads it without any lock held,
    /// [provides](crate::Memory::provide) it or
    /// [brings it back](crate::Space::swap_in), and lets the access be tried again.
    /// Which page is what [`wanted_page`](crate::space::Half::wanted_page) and
    /// [`wanted_slot`](crate::space::Half::wanted_slot) say; an outcome stays so small
    /// that it is returned in a register.
    Blocked,
    /// The access is not allowed, or could not be served.
    Refused(Refusal),
}

/// Why a fault was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No region holds the address.
    NoRegion,
    /// No region holds the address, and it lies in page 0.
    NullPage,
    /// The region is a guard: it refuses every access.
    Guard,
    /// The region does not allow this access, or not from user mode.
    Protection(Access),
    /// The region is mapped by somebody else, who mapped nothing here.
    NotBacked,
    /// The object behind the region ends before this page.
    PastEnd,
    /// A reserved bit is set in an entry on the way.
    ReservedBit,
    /// No frame is left for the page or for a table on the way to it.
    OutOfFrames,
}

impl Outcome {
    /// How many outcomes there are.
    pub const COUNT: usize = 21;

    /// Every outcome there is, in the order in which they are listed.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Demand,
        Self::ZeroRead,
        Self::ZeroWrite,
        Self::PrivateCopy,
        Self::SharedCopy,
        Self::TakenOver,
        Self::ObjectMapped,
        Self::ObjectNew,
        Self::ObjectCopy,
        Self::Spurious,
        Self::Blocked,
        Self::Refused(Refusal::NoRegion),
        Self::Refused(Refusal::NullPage),
        Self::Refused(Refusal::Guard),
        Self::Refused(Refusal::Protection(Access::Read)),
        Self::Refused(Refusal::Protection(Access::Write)),
        Self::Refused(Refusal::Protection(Access::Execute)),
        Self::Refused(Refusal::NotBacked),
        Self::Refused(Refusal::PastEnd),
        Self::Refused(Refusal::ReservedBit),
        Self::Refused(Refusal::OutOfFrames),
    ];

    /// The place of this outcome in [`Self::ALL`].
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Demand => 0,
            Self::ZeroRead => 1,
            Self::ZeroWrite => 2,
            Self::PrivateCopy => 3,
            Self::SharedCopy => 4,
            Self::TakenOver => 5,
            Self::ObjectMapped => 6,
            Self::ObjectNew => 7,
            Self::ObjectCopy => 8,
            Self::Spurious => 9,
            Self::Blocked => 10,
            Self::Refused(refusal) => match refusal {
                Refusal::NoRegion => 11,
                Refusal::NullPage => 12,
                Refusal::Guard => 13,
                Refusal::Protection(Access::Read) => 14,
                Refusal::Protection(Access::Write) => 15,
                Refusal::Protection(Access::Execute) => 16,
                Refusal::NotBacked => 17,
                Refusal::PastEnd => 18,
                Refusal::ReservedBit => 19,
                Refusal::OutOfFrames => 20,
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Demand => "a zeroed frame mapped",
            Self::ZeroRead => "the shared zero frame mapped",
            Self::ZeroWrite => "a zeroed frame mapped on first write",
            Self::PrivateCopy => "the zero frame replaced by a private one",
            Self::SharedCopy => "a shared frame replaced by a copy of it",
            Self::TakenOver => "a frame taken over by its last owner",
            Self::ObjectMapped => "a page of an object mapped",
            Self::ObjectNew => "a zeroed frame mapped as a page of shared memory",
            Self::ObjectCopy => "a copy of an object's page mapped",
            Self::Blocked => "waits for a page to be read",
            Self::Spurious => "nothing to do, the page was mapped already",
            Self::Refused(refusal) => return refusal.fmt(f),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRegion => "no region holds the address",
            Self::NullPage => "the null page: address 0 and the 4095 after it are never mapped",
            Self::Guard => "a guard page, which refuses every access",
            Self::Protection(Access::Read) => "the region does not allow this read",
            Self::Protection(Access::Write) => "the region does not allow writing",
            Self::Protection(Access::Execute) => "the region does not allow executing",
            Self::NotBacked => "a fixed region with nothing mapped here",
            Self::PastEnd => "past the end of the object that is mapped here",
            Self::ReservedBit => "a reserved bit is set in a page-table entry",
            Self::OutOfFrames => "too few frames",
        })
    }
}
