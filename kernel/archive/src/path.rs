//! Paths, as programs write them: with `.`, `..`, doubled slashes, and links on the way.
//!
//! What must always hold: a path never leads out of the archive, since `..` at
//! its root is the root, and it ends after so many links, however they point to
//! each other.

use core::error::Error;
use core::fmt;

use crate::{Archive, Entry, Kind};

/// Bytes of a path at most (Linux: PATH_MAX, without the 0).
pub const LONGEST_PATH: usize = 4095;

/// Bytes of a part of it at most (Linux: NAME_MAX).
const LONGEST_PART: usize = 255;

/// Links that are followed on the way, at most (Linux: MAXSYMLINKS).
const MOST_LINKS: u32 = 40;

/// What becomes of a link that a path ends with. One on the way, or before a
/// slash at the end, is always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLink {
    /// The path names what the link points to.
    Follow,
    /// The path names the link.
    Keep,
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// The path is empty, or a folder on the way does not exist.
    NoFolder,
    /// The folder exists, but has no entry of this name.
    NoEntry,
    /// Something that must be a folder is a file.
    NotFolder,
    /// It has more than [`LONGEST_PATH`] bytes, or a part with more than 255.
    TooLong,
    /// More than 40 links were followed.
    TooManyLinks,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder => f.write_str("no such folder"),
            Self::NoEntry => f.write_str("no such file or folder"),
            Self::NotFolder => f.write_str("a file stands where the path needs a folder"),
            Self::TooLong => write!(
                f,
                "a path has at most {LONGEST_PATH} bytes, and each part {LONGEST_PART}"
            ),
            Self::TooManyLinks => write!(f, "more than {MOST_LINKS} links on the way"),
        }
    }
}

impl Error for PathError {}

impl<'a> Archive<'a> {
    /// The entry that `path` names, seen from `folder`.
    ///
    /// # Errors
    ///
    /// See [`PathError`].
    pub fn resolve(
        &self,
        folder: Entry<'a>,
        path: &[u8],
        last: LastLink,
    ) -> Result<Entry<'a>, PathError> {
        let mut links = 0;
        self.walk(folder, path, last, &mut links)
    }

    fn walk(
        &self,
        folder: Entry<'a>,
        path: &[u8],
        last: LastLink,
        links: &mut u32,
    ) -> Result<Entry<'a>, PathError> {
        if path.len() > LONGEST_PATH {
            return Err(PathError::TooLong);
        }
        let (first, end) = match path {
            [] => return Err(PathError::NoFolder),
            [first, ..] => (*first, path[path.len() - 1]),
        };
        let mut here = if first == b'/' { Entry::ROOT } else { folder };
        let parts = path.split(|byte| *byte == b'/');
        let mut parts = parts.filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            let folder = here;
            here = self.step(folder, part).map_err(|error| match error {
                PathError::NoEntry if !is_last => PathError::NoFolder,
                error => error,
            })?;
            let is_kept = is_last && end != b'/' && last == LastLink::Keep;
            if let Kind::Link(target) = here.kind
                && !is_kept
            {
                *links += 1;
                if *links > MOST_LINKS {
                    return Err(PathError::TooManyLinks);
                }
                here = self.walk(folder, target.as_bytes(), LastLink::Follow, links)?;
            }
        }
        if end == b'/' && here.kind != Kind::Folder {
            return Err(PathError::NotFolder);
        }
        Ok(here)
    }

    /// The entry that one part of a path names.
    fn step(&self, folder: Entry<'a>, part: &[u8]) -> Result<Entry<'a>, PathError> {
        if folder.kind != Kind::Folder {
            return Err(PathError::NotFolder);
        }
        match part {
            b"." => Ok(folder),
            b".." => Ok(self.parent(folder)),
            _ if part.len() > LONGEST_PART => Err(PathError::TooLong),
            _ => self.child(folder, part).ok_or(PathError::NoEntry),
        }
    }

    /// The folder that an entry lies in; the root lies in itself.
    #[must_use]
    pub fn parent(&self, entry: Entry<'a>) -> Entry<'a> {
        self.find(entry.folder()).unwrap_or(Entry::ROOT)
    }

    /// A number that no other entry of the archive has: where it stands. The root's is 1.
    #[must_use]
    pub fn number_of(&self, entry: Entry<'a>) -> u64 {
        if entry == Entry::ROOT {
            return 1;
        }
        let start = self.bytes.as_ptr().addr();
        // Its name stands in its header, a block that is nobody else's.
        let offset = entry.name.as_ptr().addr().wrapping_sub(start);
        (offset / crate::BLOCK) as u64 + 2
    }
}
