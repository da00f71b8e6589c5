//! The archive of files: a tar file, read where it lies.
//!
//! ```text
//! header "bin"  header "bin/hello"  bytes of bin/hello, 512-aligned  header ...  two blocks of zeroes
//! ```
//!
//! [`Archive::new`] checks all of it once, and lists the entries; nothing that an
//! archive says of its lengths is believed before. What always holds of one that was
//! let through: names are relative paths of printable UTF-8 without `.`, `..` or empty
//! parts, and no two entries have the same one, since they ascend. Of the contents of
//! files no byte is looked at, so that they may lie elsewhere: see [`Place`].
#![no_std]

extern crate alloc;

mod error;
mod path;
mod place;

use alloc::vec::Vec;
use core::cmp::Ordering;

use tar_no_std::{PosixHeader, TarArchiveRef, TypeFlag};

pub use error::{ArchiveError, Fault};
pub use path::{LONGEST_PATH, LastLink, PathError};
pub use place::{Place, blocks_to_next};

/// Bytes of a block: a header is one, and contents begin at one.
pub const BLOCK: usize = 512;

/// All entries, by name.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    entries: Vec<Entry<'a>>,
    bytes: &'a [u8],
}

/// A file, a folder, or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path from the root of the archive, with `/` between its parts and at neither end.
    pub name: &'a str,
    /// The permissions, of which only 0o777 are ever set.
    pub mode: u32,
    /// What it is, with what it holds.
    pub kind: Kind<'a>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// The bytes at this place.
    File(Place),
    /// The entries whose names begin with its own and a `/`.
    Folder,
    /// A symbolic link to this path.
    Link(&'a str),
}

impl<'a> Archive<'a> {
    /// The archive without an entry.
    pub const EMPTY: Self = Self {
        entries: Vec::new(),
        bytes: &[],
    };

    /// Checks `bytes` as an archive.
    ///
    /// # Errors
    ///
    /// See [`ArchiveError`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let tar = TarArchiveRef::new(bytes).map_err(ArchiveError::Tar)?;
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for (block, header) in tar.headers() {
            let wrong = |fault| ArchiveError::Entry { block, fault };
            let entry = entry(bytes, block, header).map_err(wrong)?;
            if entries.last().is_some_and(|last| entry.name <= last.name) {
                return Err(wrong(Fault::Order));
            }
            let room = entries.try_reserve(1);
            room.map_err(|_| ArchiveError::OutOfMemory)?;
            entries.push(entry);
        }
        Ok(Self { entries, bytes })
    }

    /// All entries, by name, a folder before what lies in it.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        self.entries.iter().copied()
    }

    /// The entry of this name, which no link is followed for.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Entry<'a>> {
        self.find_by(|entry| entry.name.cmp(name))
    }

    /// What lies directly in a folder, by name; the root is called "".
    pub fn children(&self, folder: &str) -> impl Iterator<Item = Entry<'a>> {
        self.entries().filter(move |entry| entry.folder() == folder)
    }

    /// What lies directly in a folder under this name.
    fn child(&self, folder: Entry<'_>, name: &[u8]) -> Option<Entry<'a>> {
        let slash = if folder == Entry::ROOT { "" } else { "/" };
        let parts = [folder.name.as_bytes(), slash.as_bytes(), name];
        self.find_by(|entry| {
            entry
                .name
                .bytes()
                .cmp(parts.iter().copied().flatten().copied())
        })
    }

    /// The entry that `order` calls equal, after all that it calls less.
    fn find_by(&self, order: impl FnMut(&Entry<'a>) -> Ordering) -> Option<Entry<'a>> {
        let index = self.entries.binary_search_by(order);
        index.ok().map(|index| self.entries[index])
    }
}

impl<'a> Entry<'a> {
    /// The folder that everything lies in. No archive has an entry for it.
    pub const ROOT: Self = Self {
        name: "",
        mode: 0o755,
        kind: Kind::Folder,
    };

    /// Bytes of a file, or of a link's target; a folder has none.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.kind {
            Kind::File(place) => place.size,
            Kind::Folder => 0,
            Kind::Link(target) => target.len(),
        }
    }

    /// Whether this is a file that may be run.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        matches!(self.kind, Kind::File(_)) && self.mode & 0o111 != 0
    }

    /// Its name within its folder.
    #[must_use]
    pub fn last_part(&self) -> &'a str {
        self.name
            .rsplit_once('/')
            .map_or(self.name, |(_, part)| part)
    }

    /// The name of the folder that it lies in; "" is the root.
    #[must_use]
    pub fn folder(&self) -> &'a str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// The entry whose header is the block of this number.
fn entry<'a>(archive: &'a [u8], block: usize, header: &'a PosixHeader) -> Result<Entry<'a>, Fault> {
    if !header.prefix.is_empty() {
        return Err(Fault::Name);
    }
    let name = header.name.as_str().map_err(|_| Fault::Name)?;
    let kind = header.typeflag.try_to_type_flag();
    let (name, kind) = match kind.map_err(|_| Fault::Kind)? {
        TypeFlag::REGTYPE | TypeFlag::AREGTYPE => {
            let size = header.size.as_number().map_err(|_| Fault::Size)?;
            let start = (block + 1) * BLOCK;
            let contents = archive.get(start..).ok_or(Fault::Size)?;
            if size > contents.len() {
                return Err(Fault::Size);
            }
            (name, Kind::File(Place { start, size }))
        }
        TypeFlag::DIRTYPE => (name.strip_suffix('/').unwrap_or(name), Kind::Folder),
        TypeFlag::SYMTYPE => {
            let target = header.linkname.as_str().map_err(|_| Fault::Target)?;
            if target.is_empty() || target.contains(char::is_control) {
                return Err(Fault::Target);
            }
            (name, Kind::Link(target))
        }
        _ => return Err(Fault::Kind),
    };
    let is_part = |part| !matches!(part, "" | "." | "..");
    if name.contains(char::is_control) || !name.split('/').all(is_part) {
        return Err(Fault::Name);
    }
    let mode = header.mode.to_flags().map_err(|_| Fault::Mode)?;
    Ok(Entry {
        name,
        mode: (mode.bits() & 0o777) as u32,
        kind,
    })
}
