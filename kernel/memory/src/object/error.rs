//! Why something is not done to an object. Each error changes nothing.

use core::error::Error;
use core::fmt;

use x86_64::PhysAddr;

use super::{MOST_PAGES, ObjectId};

/// Why [`Memory::create_object`](crate::Memory::create_object) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// An object has [`MOST_PAGES`] at most.
    TooLarge {
        /// Pages that were asked for.
        pages: u64,
    },
    /// Every name that there is was used once.
    NoNameLeft,
    /// No frame for the record.
    OutOfFrames,
}

/// Why an object cannot be mapped so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UseError {
    /// The object is gone.
    Gone {
        /// Its name.
        object: ObjectId,
    },
    /// A region executes it, so that no other may write to its pages.
    Executed {
        /// Its name.
        object: ObjectId,
    },
    /// A shared mapping may write to its pages, so that nobody executes them.
    Written {
        /// Its name.
        object: ObjectId,
    },
}

/// Why [`Memory::provide`](crate::Memory::provide) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvideError {
    /// The object is gone.
    Gone {
        /// Its name.
        object: ObjectId,
    },
    /// The object ends before this page.
    PastEnd {
        /// The page.
        page: u64,
    },
    /// Somebody else was faster.
    AlreadyThere {
        /// The page.
        page: u64,
    },
    /// No frame for the tables that lead to the page.
    OutOfFrames,
    /// The owners of the frame cannot be counted: it is none that is managed here, or
    /// lies above 256 TiB.
    NotCounted {
        /// Where it starts.
        frame: PhysAddr,
    },
}

/// Why [`Memory::resize_object`](crate::Memory::resize_object) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// The object is gone.
    Gone {
        /// Its name.
        object: ObjectId,
    },
    /// An object has [`MOST_PAGES`] at most.
    TooLarge {
        /// Pages that were asked for.
        pages: u64,
    },
    /// A page behind the new end is mapped, and whoever maps it discards it first;
    /// or its bytes are copied at this moment.
    Mapped {
        /// The page.
        page: u64,
    },
}

/// Why [`Memory::read_object`](crate::Memory::read_object) or
/// [`Memory::write_object`](crate::Memory::write_object) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectBytesError {
    /// The offset of the first byte that could not be accessed; all before it were.
    pub offset: u64,
    /// Why not.
    pub refusal: ObjectBytesRefusal,
}

/// Why a byte of an object could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectBytesRefusal {
    /// The object is gone.
    Gone {
        /// Its name.
        object: ObjectId,
    },
    /// The object ends before.
    PastEnd,
    /// This page of a file is not there: it is to be read and provided.
    Absent {
        /// The page.
        page: u64,
    },
    /// No frame for the page.
    OutOfFrames,
    /// The page's frame has as many owners as can be counted.
    TooManyOwners,
    /// The frame of this page is one whose owners cannot be counted.
    NotCounted {
        /// The page.
        page: u64,
    },
}

/// What is said of an object that is gone.
struct Gone(ObjectId);

/// What is said of a size.
struct TooLarge(u64);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is gone", self.0)
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.0;
        write!(f, "an object has {MOST_PAGES} pages at most, not {pages}")
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLarge { pages } => TooLarge(pages).fmt(f),
            Self::NoNameLeft => f.write_str("every name of an object was used once"),
            Self::OutOfFrames => f.write_str("too few frames for the object's record"),
        }
    }
}

impl fmt::Display for UseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone { object } => Gone(object).fmt(f),
            Self::Executed { object } => write!(
                f,
                "{object} is executed, so it cannot be mapped shared and writable"
            ),
            Self::Written { object } => write!(
                f,
                "{object} is mapped shared and writable, so it cannot be executed"
            ),
        }
    }
}

impl fmt::Display for ProvideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone { object } => Gone(object).fmt(f),
            Self::PastEnd { page } => write!(f, "the object ends before page {page}"),
            Self::AlreadyThere { page } => write!(f, "page {page} is there already"),
            Self::OutOfFrames => f.write_str("too few frames for the way to the page"),
            Self::NotCounted { frame } => write!(
                f,
                "the owners of the frame {frame:#x} cannot be counted: it is not managed here, or too high"
            ),
        }
    }
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone { object } => Gone(object).fmt(f),
            Self::TooLarge { pages } => TooLarge(pages).fmt(f),
            Self::Mapped { page } => {
                write!(
                    f,
                    "page {page} lies behind the new end, and a region maps it"
                )
            }
        }
    }
}

impl fmt::Display for ObjectBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {:#x}: ", self.offset)?;
        match self.refusal {
            ObjectBytesRefusal::Gone { object } => Gone(object).fmt(f),
            ObjectBytesRefusal::PastEnd => f.write_str("past the end of the object"),
            ObjectBytesRefusal::Absent { page } => {
                write!(f, "page {page} of the file was not read yet")
            }
            ObjectBytesRefusal::OutOfFrames => f.write_str("too few frames for the page"),
            ObjectBytesRefusal::TooManyOwners => f.write_str("the page has too many owners"),
            ObjectBytesRefusal::NotCounted { page } => {
                write!(f, "the owners of page {page} cannot be counted")
            }
        }
    }
}

impl Error for CreateError {}
impl Error for UseError {}
impl Error for ProvideError {}
impl Error for ResizeError {}
impl Error for ObjectBytesError {}
