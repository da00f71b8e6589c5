//! Why an archive is refused: in which block, and what would be right.

use core::error::Error;
use core::fmt;

use tar_no_std::CorruptDataError;

/// Why an archive is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveError {
    /// It is no tar file, or a damaged one.
    Tar(CorruptDataError),
    /// It is one, with an entry that has no place here.
    Entry {
        /// The number of the block of 512 bytes that is its header, from 0.
        block: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The heap has no room for the list of its entries.
    OutOfMemory,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The name is no relative path of printable UTF-8 in at most 100 bytes.
    Name,
    /// The name does not come after the one before.
    Order,
    /// It is neither file, folder nor symbolic link.
    Kind,
    /// The contents are longer than the archive, or their length is no number.
    Size,
    /// The permissions are no number.
    Mode,
    /// The link points to nothing that can be printed.
    Target,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tar(error) => write!(f, "the archive of files is damaged: {error}"),
            Self::Entry { block, fault } => write!(
                f,
                "the archive of files is damaged: in the header at block {block}, {fault}"
            ),
            Self::OutOfMemory => f.write_str("no room on the heap for the list of files"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "the name is no relative path of at most 100 bytes of printable UTF-8 without `.` and `..`"
            }
            Self::Order => "the name does not come after the one before: names ascend, each once",
            Self::Kind => "the kind is none of file, folder and symbolic link",
            Self::Size => "the size is no octal number of bytes that the archive has",
            Self::Mode => "the permissions are no octal number",
            Self::Target => "the link's target is empty or cannot be printed",
        })
    }
}

impl Error for ArchiveError {}
