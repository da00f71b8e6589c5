//! Why a file is not run.

use core::fmt;

use crate::{HEAD, MOST_BYTES, MOST_SEGMENTS};

/// Why a file is not run. Addresses are those that it would have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as every ELF file does.
    NotElf,
    /// It ends within the ELF header.
    Truncated {
        /// Bytes of the file.
        size: usize,
    },
    /// It is an ELF file of 32 bits, or with the highest byte first.
    Format {
        /// Byte 4: 2 is 64 bits.
        class: u8,
        /// Byte 5: 1 is the lowest byte first.
        data: u8,
    },
    /// It was made for another processor.
    Machine(u16),
    /// It is an object file, a core dump, or nothing known.
    Type(u16),
    /// Its program headers are not of the size that they have.
    HeaderSize(u16),
    /// Its program headers lie somewhere else than in the first [`HEAD`] bytes.
    HeadersOutside {
        /// Where the file says that they begin.
        offset: u64,
        /// How many there are.
        count: u16,
    },
    /// It asks for a dynamic linker.
    Interpreter,
    /// There is nothing to load.
    NoSegment,
    /// There are more than [`MOST_SEGMENTS`].
    TooManySegments,
    /// A segment's alignment is no power of two.
    Alignment {
        /// The segment, by the file's own addresses.
        address: u64,
        /// What it asks for.
        align: u64,
    },
    /// A segment has more bytes in the file than in memory.
    FileLargerThanMemory {
        /// The segment.
        address: u64,
        /// Bytes in the file.
        in_file: u64,
        /// Bytes in memory.
        in_memory: u64,
    },
    /// A segment's bytes are not all in the file.
    BeyondFile {
        /// The segment.
        address: u64,
        /// Where its bytes begin.
        offset: u64,
        /// How many they are.
        in_file: u64,
        /// Bytes of the file.
        file_size: u64,
    },
    /// A segment's address and its place in the file lie differently in a page.
    NotCongruent {
        /// The segment.
        address: u64,
        /// Its place in the file.
        offset: u64,
    },
    /// A segment would lie where no program may.
    Outside {
        /// Its first byte.
        start: u64,
        /// Its end; the last address there is if it lies beyond.
        end: u64,
    },
    /// A segment begins before the pages of the one before it end.
    Overlap {
        /// Its first page.
        address: u64,
        /// The end of the pages before it.
        end: u64,
    },
    /// A segment is both writable and executable.
    WritableAndExecutable {
        /// The segment.
        address: u64,
    },
    /// All segments together have more than [`MOST_BYTES`].
    TooLarge {
        /// The bytes up to the one that was too much.
        bytes: u64,
    },
    /// The first instruction lies in no executable segment.
    EntryOutside {
        /// Its address.
        entry: u64,
    },
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotElf => {
                write!(
                    f,
                    "this is no program: an ELF file begins with the bytes 7f 45 4c 46"
                )
            }
            Self::Truncated { size } => write!(
                f,
                "the file ends after {size} byte{}, within its ELF header, which has 64",
                if size == 1 { "" } else { "s" }
            ),
            Self::Format { class, data } => write!(
                f,
                "the ELF file has class {class} and byte order {data}: class 2 (64 bits) and order 1 (lowest byte first) can run"
            ),
            Self::Machine(machine) => {
                write!(
                    f,
                    "the program is for machine {machine}: 62 (x86-64) can run"
                )
            }
            Self::Type(kind) => write!(
                f,
                "the ELF file is of type {kind}: type 2 (executable) and type 3 (position-independent) can run"
            ),
            Self::HeaderSize(size) => {
                write!(
                    f,
                    "the program headers are said to have {size} bytes: they have 56"
                )
            }
            Self::HeadersOutside { offset, count } => write!(
                f,
                "{count} program headers at byte {offset} of the file: they have to lie between the ELF header and byte {HEAD}"
            ),
            Self::Interpreter => write!(
                f,
                "the program needs a dynamic linker, and there is none: link it statically (-static)"
            ),
            Self::NoSegment => {
                write!(
                    f,
                    "the file has nothing to load: a program has at least one segment (PT_LOAD)"
                )
            }
            Self::TooManySegments => {
                write!(
                    f,
                    "the program has too many segments: at most {MOST_SEGMENTS} are loaded"
                )
            }
            Self::Alignment { address, align } => write!(
                f,
                "the segment at {address:#x} asks for an alignment of {align}: it has to be a power of two"
            ),
            Self::FileLargerThanMemory {
                address,
                in_file,
                in_memory,
            } => write!(
                f,
                "the segment at {address:#x} has {in_file} bytes in the file and {in_memory} in memory: memory has to hold them all"
            ),
            Self::BeyondFile {
                address,
                offset,
                in_file,
                file_size,
            } => write!(
                f,
                "the segment at {address:#x} needs {in_file} bytes from byte {offset} on, but the file has only {file_size}"
            ),
            Self::NotCongruent { address, offset } => write!(
                f,
                "the segment at {address:#x} lies at byte {offset} of the file: both have to have the same last 12 bits, or it cannot be mapped"
            ),
            Self::Outside { start, end } => write!(
                f,
                "a segment from {start:#x} to {end:#x} lies where no program may: it has to be in the lower half, above the null page, and below the stack"
            ),
            Self::Overlap { address, end } => write!(
                f,
                "the segment at {address:#x} begins before {end:#x}, where the one before it ends: segments are in order and have no page in common"
            ),
            Self::WritableAndExecutable { address } => write!(
                f,
                "the segment at {address:#x} is both writable and executable: it may be one of them"
            ),
            Self::TooLarge { bytes } => write!(
                f,
                "the segments have {bytes} bytes and more: together they may have {MOST_BYTES}"
            ),
            Self::EntryOutside { entry } => write!(
                f,
                "the program starts at {entry:#x}, which is in no executable segment"
            ),
        }
    }
}
