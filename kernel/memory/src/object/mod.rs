//! Objects: pages by offset that belong to nobody's address space. Shared memory
//! is one, and the pages of a file that were read are one.
//!
//! ```text
//!   region ──┐                            page 0 ─> frame
//!   region ──┼─ holds ─> object ─ tree ─> page 1 ─> not there
//!   handle ──┘                            page 2 ─> frame
//! ```
//!
//! What must always hold: an object lasts as long as its handle or a region of
//! it does, and goes with the last of them; an [`ObjectId`] is never used again.
//! Each page counts the object as one owner of its frame from the moment it is
//! there, and each leaf that maps it as one more. An object may be written
//! through shared mappings, or executed, and never both at once.
//!
//! What is done with objects are methods of [`Memory`](crate::Memory); `records`
//! keeps them. A region of one is asked for by
//! [`Backing::Object`](crate::space::Backing::Object).

mod error;
mod records;

pub use error::{
    CreateError, ObjectBytesError, ObjectBytesRefusal, ProvideError, ResizeError, UseError,
};
pub(crate) use records::{Objects, Record, frame_of, word_of};

use core::fmt;

use x86_64::VirtAddr;

/// Pages that an object has at most: 256 TiB.
pub const MOST_PAGES: u64 = crate::paging::Sparse::CAPACITY;

/// What names an object: a number that is never used again, so that one which
/// outlives its object names nothing, and neither does one of another
/// [`Memory`](crate::Memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    number: u32,
    /// The page, as a number of 40 bits, at which the memory whose object it is sees
    /// its zero frame, as no other does. As bytes, so that a region stays small.
    zero_page: [u8; 5],
}

impl ObjectId {
    /// Numbers that there are: 2^32.
    const NUMBERS: u64 = 1 << 32;

    /// The name with this number, below [`Self::NUMBERS`].
    pub(crate) const fn new(zero_seen: VirtAddr, number: u64) -> Self {
        let [a, b, c, d, e, ..] = (zero_seen.as_u64() >> 12).to_le_bytes();
        Self {
            number: number as u32,
            zero_page: [a, b, c, d, e],
        }
    }

    /// Its number, from 0 on.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number as u64
    }
}

/// An object, held: it lasts until [`Memory::release_object`] and the end of the
/// last region of it.
///
/// One that is dropped instead keeps its pages for ever.
///
/// [`Memory::release_object`]: crate::Memory::release_object
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an object that is dropped keeps its frames: give it to `Memory::release_object`"]
pub struct Object(pub(crate) ObjectId);

impl Object {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.0
    }
}

/// What becomes of a page that is not there when somebody needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// It gets a zeroed frame.
    SharedMemory,
    /// Somebody has to read it from the file, and provide it.
    File,
}

/// Whose a write through a region of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Everybody's: it goes to the object's page.
    Shared,
    /// The space's own: the first one to a page copies it.
    Private,
}

/// What an object is, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectStatus {
    /// What becomes of absent pages.
    pub kind: ObjectKind,
    /// How many pages it has, there or not.
    pub pages: u64,
    /// Regions of it.
    pub regions: u64,
}

/// What a region may do with the object's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    /// Through a shared mapping.
    Write,
    Execute,
}

/// A region's hold on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) object: ObjectId,
    pub(crate) usage: Use,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}", self.number())
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SharedMemory => "shared memory",
            Self::File => "file",
        })
    }
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Private => "private",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_two_memories_have_two_names_however_far_apart_those_are() {
        let first = VirtAddr::new(0x7000_0000_3000);
        for bit in 12..46 {
            let second = VirtAddr::new(first.as_u64() ^ 1 << bit);
            assert_ne!(
                ObjectId::new(first, 5),
                ObjectId::new(second, 5),
                "bit {bit}"
            );
            assert_eq!(ObjectId::new(second, 5).number(), 5);
        }
    }
}
