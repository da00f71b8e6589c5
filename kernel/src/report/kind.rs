//! What an exception was, by the name under which people know it.

use core::fmt;

use memory::{Access, Refusal};

use crate::cpu::exception::ExceptionContext;
use crate::cpu::vector::Vector;
use crate::fault::{Reason, is_kept_from_user_page};
use crate::stack::Stack;

/// The kinds of exceptions that a report calls by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An access to page 0.
    NullPointer,
    /// An access to a guard region.
    GuardPage,
    /// A stack grew into its guard.
    StackOverflow(Stack),
    /// A write where the region allows none.
    WriteToReadOnly,
    /// An instruction fetch where the region allows none.
    ExecutionOfData,
    /// A read where the region allows none.
    ForbiddenRead,
    /// An access where no region is.
    Unmapped,
    /// An access to a fixed region where nothing is mapped.
    NotBacked,
    /// An access past the end of the object that is mapped.
    PastEnd,
    /// A page that could not be read from a file or from its slot.
    Unreadable,
    /// A page-table entry on the way has a reserved bit set.
    ReservedBit,
    /// An address whose bits 48 to 63 do not repeat bit 47.
    NonCanonical,
    /// The access is allowed, and there is no memory left for it.
    OutOfFrames,
    /// A fault while a fault was being resolved.
    InsideHandler,
    /// A fault while the memory manager did something else, or before it could do anything.
    ManagerLocked,
    /// The kernel accessed a page of user programs, which SMAP or SMEP forbid.
    UserPage,
    /// The same fault again, although it was resolved.
    NoProgress,
    /// An exception could not be delivered, and no known stack has overflowed.
    LostStack,
    /// None of these: the exception's own name says it.
    Other,
}

impl Kind {
    /// What the exception was.
    ///
    /// `refused` is why a page fault was refused, `overflowed` the stack in
    /// whose guard CR2 lies, `non_canonical` the address of that kind which the
    /// instruction asked for.
    #[must_use]
    pub fn of(
        context: &ExceptionContext,
        refused: Option<Reason>,
        overflowed: Option<Stack>,
        non_canonical: Option<u64>,
    ) -> Self {
        match (context.vector(), refused) {
            (Vector::DOUBLE_FAULT, _) => overflowed.map_or(Self::LostStack, Self::StackOverflow),
            (Vector::PAGE_FAULT, Some(Reason::NoProgress))
                if is_kept_from_user_page(&context.fault()) =>
            {
                Self::UserPage
            }
            (Vector::PAGE_FAULT, Some(reason)) => Self::of_reason(reason),
            (Vector::GENERAL_PROTECTION | Vector::STACK_SEGMENT, _) if non_canonical.is_some() => {
                Self::NonCanonical
            }
            _ => Self::Other,
        }
    }

    fn of_reason(reason: Reason) -> Self {
        let refusal = match reason {
            Reason::Space(refusal) => refusal,
            Reason::Unreadable(_) | Reason::Waits => return Self::Unreadable,
            Reason::Locked => return Self::ManagerLocked,
            Reason::Nested => return Self::InsideHandler,
            Reason::NoProgress => return Self::NoProgress,
        };
        match refusal {
            Refusal::NullPage => Self::NullPointer,
            Refusal::NoRegion => Self::Unmapped,
            Refusal::Guard => Self::GuardPage,
            Refusal::Protection(Access::Write) => Self::WriteToReadOnly,
            Refusal::Protection(Access::Execute) => Self::ExecutionOfData,
            Refusal::Protection(Access::Read) => Self::ForbiddenRead,
            Refusal::NotBacked => Self::NotBacked,
            Refusal::PastEnd => Self::PastEnd,
            Refusal::ReservedBit => Self::ReservedBit,
            Refusal::OutOfFrames => Self::OutOfFrames,
        }
    }
}

impl fmt::Display for Kind {
    /// The name with a colon and a space before it, or nothing for [`Kind::Other`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::NullPointer => "null pointer",
            Self::GuardPage => "guard page",
            Self::StackOverflow(stack) => return write!(f, ": stack overflow of {}", stack.name()),
            Self::WriteToReadOnly => "write to read-only memory",
            Self::ExecutionOfData => "execution of data",
            Self::ForbiddenRead => "read of memory that may not be read",
            Self::Unmapped => "unmapped address",
            Self::NotBacked => "nothing mapped in a fixed region",
            Self::PastEnd => "past the end of a file or of shared memory",
            Self::Unreadable => "page that could not be read",
            Self::ReservedBit => "reserved bit in a page-table entry",
            Self::NonCanonical => "non-canonical address",
            Self::OutOfFrames => "out of frames",
            Self::InsideHandler => "page fault inside the page-fault handler",
            Self::ManagerLocked => "page fault inside the memory manager",
            Self::UserPage => "page of user programs",
            Self::NoProgress => "the same page fault again, without progress",
            Self::LostStack => "no usable stack",
            Self::Other => return Ok(()),
        };
        write!(f, ": {name}")
    }
}
