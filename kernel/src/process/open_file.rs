//! An open file: what it is, how it was opened, and where it is read next.
//!
//! ```text
//!   descriptors of a process ──┐
//!   those of its children ─────┼─> open file ─> an entry of the archive
//!   duplicates ────────────────┘      position     shared memory, by its object
//!                                                  the console
//! ```
//!
//! All who share one see each other move its position, as on Linux. It goes, with
//! the object that it holds, when the last descriptor of it does.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use archive::{Entry, Kind};
use bitflags::bitflags;
use memory::object::{CreateError, Object, ObjectBytesRefusal, ObjectId, ObjectKind, ResizeError};

use super::calls::Errno;
use crate::files::cache;
use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// The last position that there may be.
const LAST_POSITION: u64 = i64::MAX as u64;

bitflags! {
    /// How a file is opened (Linux: include/uapi/asm-generic/fcntl.h).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// It is written, and not read.
        const WRITE_ONLY = 0o1;
        /// It is read and written.
        const READ_WRITE = 0o2;
        /// It is made if it does not exist.
        const CREATE = 0o100;
        /// It must not exist before.
        const EXCLUSIVE = 0o200;
        /// It is emptied.
        const TRUNCATE = 0o1000;
        /// Every write goes to its end.
        const APPEND = 0o2000;
        /// A read does not wait.
        const NON_BLOCKING = 0o4000;
        /// Its size may need more than 31 bits: always set.
        const LARGE_FILE = 0o100_000;
        /// It must be a folder.
        const FOLDER = 0o200_000;
        /// It must not be a link.
        const NO_FOLLOW = 0o400_000;
        /// Its descriptor is closed by `execve`.
        const CLOSE_ON_EXEC = 0o2_000_000;
        /// It is neither read nor written, only named.
        const PATH = 0o10_000_000;
    }
}

impl OpenFlags {
    /// What `F_SETFL` may change.
    pub const CHANGEABLE: Self = Self::APPEND.union(Self::NON_BLOCKING);
    /// What `F_GETFL` tells no more, once the file is open.
    pub const ONCE: Self = Self::CREATE
        .union(Self::EXCLUSIVE)
        .union(Self::TRUNCATE)
        .union(Self::CLOSE_ON_EXEC);
    const ACCESS: Self = Self::WRITE_ONLY.union(Self::READ_WRITE);

    /// Whether it may be read. With both bits of the access set, it is neither
    /// read nor written.
    #[must_use]
    pub fn can_read(self) -> bool {
        !self.intersects(Self::WRITE_ONLY | Self::PATH)
    }

    /// Whether it may be written.
    #[must_use]
    pub fn can_write(self) -> bool {
        let access = self & Self::ACCESS;
        !self.contains(Self::PATH) && (access == Self::WRITE_ONLY || access == Self::READ_WRITE)
    }
}

/// What is open.
#[derive(Debug)]
pub enum File {
    /// The console.
    Console,
    /// A file or a folder of the archive.
    Entry(Entry<'static>),
    /// Memory that several processes may map.
    SharedMemory(SharedMemory),
}

/// An open file.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    flags: AtomicU32,
    position: AtomicU64,
}

impl OpenFile {
    /// A file that was just opened with these flags.
    #[must_use]
    pub const fn new(file: File, flags: OpenFlags) -> Self {
        Self {
            file,
            flags: AtomicU32::new(flags.bits()),
            position: AtomicU64::new(0),
        }
    }

    /// What is open.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// How it is open now.
    #[must_use]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Changes those flags that may be.
    pub fn set_flags(&self, flags: OpenFlags) {
        let fixed = self.flags().difference(OpenFlags::CHANGEABLE);
        let flags = fixed | flags & OpenFlags::CHANGEABLE;
        self.flags.store(flags.bits(), Relaxed);
    }

    /// Where it is read or written next, in bytes, or, in a folder, in entries.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position.load(Relaxed)
    }

    /// Moves there.
    ///
    /// # Errors
    ///
    /// EINVAL: there is no such position; ESPIPE: the console has none.
    pub fn seek(&self, position: u64) -> Result<(), Errno> {
        if matches!(self.file, File::Console) {
            return Err(Errno::NO_POSITION);
        }
        if position > LAST_POSITION {
            return Err(Errno::INVALID);
        }
        self.position.store(position, Relaxed);
        Ok(())
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.file {
            File::Console => 0,
            File::Entry(entry) => entry.size() as u64,
            File::SharedMemory(memory) => memory.size(),
        }
    }

    /// The folder that is open.
    ///
    /// # Errors
    ///
    /// ENOTDIR: this is none.
    pub fn folder(&self) -> Result<Entry<'static>, Errno> {
        match self.file {
            File::Entry(entry) if entry.kind == Kind::Folder => Ok(entry),
            File::Console | File::Entry(_) | File::SharedMemory(_) => Err(Errno::NOT_FOLDER),
        }
    }

    /// Reads bytes from a position on, up to the end; returns how many.
    ///
    /// # Errors
    ///
    /// EISDIR: a folder has no bytes; ESPIPE: the console has them at no position;
    /// ENOMEM: there is no frame for a page of the file.
    pub fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match &self.file {
            File::Console => Err(Errno::NO_POSITION),
            File::Entry(entry) => {
                let Kind::File(bytes) = entry.kind else {
                    return Err(Errno::IS_FOLDER);
                };
                cache::read_bytes(bytes, position, into).map_err(|_| Errno::NO_MEMORY)
            }
            File::SharedMemory(memory) => memory.read_at(position, into),
        }
    }

    /// Writes bytes from a position on; returns how many.
    ///
    /// # Errors
    ///
    /// EROFS: the archive does not change; ESPIPE: see [`read_at`](Self::read_at);
    /// ENOSPC: there is no frame for the first byte.
    pub fn write_at(&self, position: u64, from: &[u8]) -> Result<usize, Errno> {
        match &self.file {
            File::Console => Err(Errno::NO_POSITION),
            File::Entry(_) => Err(Errno::READ_ONLY),
            File::SharedMemory(memory) => memory.write_at(position, from),
        }
    }
}

/// Memory that several processes may map, with a size in bytes (Linux: memfd).
#[derive(Debug)]
pub struct SharedMemory {
    /// Only a value that is being dropped has none.
    object: Option<Object>,
    id: ObjectId,
    /// No other one has it.
    number: u64,
    size: AtomicU64,
}

/// The number of the next shared memory.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl SharedMemory {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// See [`CreateError`].
    pub fn new() -> Result<Self, CreateError> {
        let object = spaces::memory().create_object(ObjectKind::SharedMemory, 0)?;
        Ok(Self {
            id: object.id(),
            object: Some(object),
            number: NEXT_NUMBER.fetch_add(1, Relaxed),
            size: AtomicU64::new(0),
        })
    }

    /// Its pages, to be mapped.
    #[must_use]
    pub const fn object(&self) -> ObjectId {
        self.id
    }

    /// What tells it from all others that there were.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Gives it another size. What comes behind the old end is 0.
    ///
    /// # Errors
    ///
    /// See [`ResizeError`]: a page behind the new end may be mapped.
    pub fn resize(&self, size: u64) -> Result<(), ResizeError> {
        let memory = spaces::memory();
        memory.resize_object(self.id, size.div_ceil(PAGE))?;
        let before = self.size.swap(size, Relaxed);
        let page = size / PAGE;
        let is_there = memory.object_page(self.id, page).is_some();
        if size < before && !size.is_multiple_of(PAGE) && is_there {
            // The rest of the last page is seen again if it grows.
            const ZEROES: [u8; 256] = [0; 256];
            let mut here = size;
            while here < (page + 1) * PAGE {
                let count = ((page + 1) * PAGE - here).min(ZEROES.len() as u64);
                // The page is there and this is its owner, so nothing is short.
                let _ = memory.write_object(self.id, here, &ZEROES[..count as usize]);
                here += count;
            }
        }
        Ok(())
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let rest = self.size().saturating_sub(position);
        let count = rest.min(into.len() as u64) as usize;
        let result = spaces::memory().read_object(self.id, position, &mut into[..count]);
        match result {
            Ok(()) => Ok(count),
            // A page of shared memory that is not there reads as zeroes.
            Err(_) => Err(Errno::NO_MEMORY),
        }
    }

    fn write_at(&self, position: u64, from: &[u8]) -> Result<usize, Errno> {
        let room = LAST_POSITION.saturating_sub(position);
        if room == 0 && !from.is_empty() {
            return Err(Errno::FILE_TOO_LARGE);
        }
        let from = &from[..room.min(from.len() as u64) as usize];
        let (before, end) = (self.size(), position + from.len() as u64);
        if end > before {
            self.resize(end).map_err(|_| Errno::FILE_TOO_LARGE)?;
        }
        let result = spaces::memory().write_object(self.id, position, from);
        let Err(error) = result else {
            return Ok(from.len());
        };
        debug_assert_eq!(error.refusal, ObjectBytesRefusal::OutOfFrames);
        if end > before {
            // No page behind the old end was mapped: there was none.
            let _ = self.resize(before.max(error.offset));
        }
        match error.offset - position {
            0 => Err(Errno::NO_SPACE),
            written => Ok(written as usize),
        }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            spaces::memory().release_object(object);
        }
    }
}
