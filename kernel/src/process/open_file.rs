//! An open file: what it is, how it was opened, and where it is read next.
//!
//! ```text
//!   descriptors of a process ──┐
//!   those of its children ─────┼─> open file ─> an entry of the archive
//!   duplicates ────────────────┘      position     shared memory, by its object
//!                                                  an end of a pipe
//!                                                  the console
//! ```
//!
//! All who share one see each other move its position, as on Linux. It goes, with
//! the object that it holds, when the last descriptor of it does.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use archive::{Entry, Kind};
use bitflags::bitflags;

use super::calls::Errno;
use super::pipe;
use super::shared_memory::SharedMemory;
use crate::files::cache;
use crate::spaces;

/// The last position that there may be.
pub const LAST_POSITION: u64 = i64::MAX as u64;

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
    /// The end of a pipe that is read.
    Reader(pipe::Reader),
    /// The end of a pipe that is written.
    Writer(pipe::Writer),
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

    /// Whether it is read and written at a position: the console and pipes are not.
    #[must_use]
    pub const fn has_position(&self) -> bool {
        match self.file {
            File::Entry(_) | File::SharedMemory(_) => true,
            File::Console | File::Reader(_) | File::Writer(_) => false,
        }
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
    /// EINVAL: there is no such position; ESPIPE: it has none.
    pub fn seek(&self, position: u64) -> Result<(), Errno> {
        if !self.has_position() {
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
            File::Console | File::Reader(_) | File::Writer(_) => 0,
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
            File::Console
            | File::Entry(_)
            | File::SharedMemory(_)
            | File::Reader(_)
            | File::Writer(_) => Err(Errno::NOT_FOLDER),
        }
    }

    /// Reads bytes from a position on, up to the end; returns how many.
    ///
    /// # Errors
    ///
    /// EISDIR: a folder has no bytes; ESPIPE: it has them at no position;
    /// ENOMEM: there is no frame for a page of the file; EIO: the disk does not read it.
    pub fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match &self.file {
            File::Console | File::Reader(_) | File::Writer(_) => Err(Errno::NO_POSITION),
            File::Entry(entry) => {
                let Kind::File(place) = entry.kind else {
                    return Err(Errno::IS_FOLDER);
                };
                let read = || cache::read_bytes(place.into(), position, into);
                Ok(spaces::relieved(read)?)
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
            File::Console | File::Reader(_) | File::Writer(_) => Err(Errno::NO_POSITION),
            File::Entry(_) => Err(Errno::READ_ONLY),
            File::SharedMemory(memory) => memory.write_at(position, from),
        }
    }
}
