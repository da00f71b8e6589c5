//! One segment of a program: pages of the file, and pages of zeroes after them.
//!
//! ```text
//!  file    ....[ offset            file_end ]....
//!               │                      │
//!  memory  [ page ][ page ][ page      │0000 ][ zeroes ][ zeroes ]
//!          └──── file_pages() ───────────────┘└── zero_pages() ──┘
//!                                      └─────┘ tail(): zeroed in the copy
//! ```
//!
//! What must always hold: `pages` and `offset` are page-aligned, `file_end` lies
//! within the file, and no segment is both writable and executable.

use core::ops::Range;

use object::LittleEndian as LE;
use object::elf::{PF_R, PF_W, PF_X};

use crate::header::ProgramHeader;
use crate::{Error, PAGE, Room};

/// What a program may do with a segment's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// It may read them.
    pub read: bool,
    /// It may write to them: to copies of its own.
    pub write: bool,
    /// It may run them.
    pub execute: bool,
}

/// A segment, with the addresses that it will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What the program may do with it.
    pub rights: Rights,
    /// Where the first page lies in the file; a multiple of [`PAGE`].
    pub offset: u64,
    /// The bytes in memory, as the file has them; no multiples of anything.
    memory: Range<u64>,
    /// The end of those bytes that come from the file.
    file_end: u64,
}

impl Segment {
    /// Checks one header. `None`: a segment without a byte.
    pub(crate) fn check(
        header: &ProgramHeader,
        bias: u64,
        file_size: u64,
        room: Room,
    ) -> Result<Option<Self>, Error> {
        let address = header.p_vaddr.get(LE).wrapping_add(bias);
        let offset = header.p_offset.get(LE);
        let (in_file, in_memory) = (header.p_filesz.get(LE), header.p_memsz.get(LE));
        let flags = header.p_flags.get(LE);
        let [read, write, execute] = [PF_R, PF_W, PF_X].map(|flag| flags & flag != 0);
        if in_file > in_memory {
            return Err(Error::FileLargerThanMemory {
                address,
                in_file,
                in_memory,
            });
        }
        if in_memory == 0 {
            return Ok(None);
        }
        match address.checked_add(in_memory) {
            // The last page has to end within the room, too.
            Some(end) if room.start <= address && end <= room.end & !(PAGE - 1) => {}
            end => {
                return Err(Error::Outside {
                    start: address,
                    end: end.unwrap_or(u64::MAX),
                });
            }
        }
        if write && execute {
            return Err(Error::WritableAndExecutable { address });
        }
        if in_file > 0 {
            let end = offset.checked_add(in_file);
            if end.is_none_or(|end| end > file_size) {
                return Err(Error::BeyondFile {
                    address,
                    offset,
                    in_file,
                    file_size,
                });
            }
            if address % PAGE != offset % PAGE {
                return Err(Error::NotCongruent { address, offset });
            }
        }
        Ok(Some(Self {
            rights: Rights {
                read,
                write,
                execute,
            },
            // Without a byte in the file its offset means nothing.
            offset: if in_file > 0 { offset & !(PAGE - 1) } else { 0 },
            memory: address..address + in_memory,
            file_end: address + in_file,
        }))
    }

    /// All its pages.
    #[must_use]
    pub fn pages(&self) -> Range<u64> {
        page(self.memory.start)..page_after(self.memory.end)
    }

    /// The pages that begin as the file's, from [`offset`](Self::offset) on.
    #[must_use]
    pub fn file_pages(&self) -> Range<u64> {
        let start = page(self.memory.start);
        if self.file_end == self.memory.start {
            return start..start;
        }
        start..page_after(self.file_end)
    }

    /// The bytes at the end of the last of these pages that are zero, whatever the
    /// file holds there. Empty if the segment ends with the file's bytes.
    #[must_use]
    pub fn tail(&self) -> Range<u64> {
        let end = self.file_pages().end;
        if self.memory.end == self.file_end {
            return end..end;
        }
        self.file_end.min(end)..end
    }

    /// The pages that begin as zeroes.
    #[must_use]
    pub fn zero_pages(&self) -> Range<u64> {
        self.file_pages().end..self.pages().end
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn holds(&self, address: u64) -> bool {
        self.memory.contains(&address)
    }

    /// The bytes of the file that are its pages', page by page up to the last that
    /// is its own.
    #[must_use]
    pub fn file_bytes(&self) -> Range<u64> {
        let bytes = self.file_end - page(self.memory.start);
        let none = self.file_end == self.memory.start;
        self.offset..self.offset + if none { 0 } else { bytes }
    }
}

fn page(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// The room's end is page-aligned and below 2^64, so this does not overflow.
fn page_after(address: u64) -> u64 {
    address.next_multiple_of(PAGE)
}
