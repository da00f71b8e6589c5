//! Files by their names: opened, made, moved in, given another size.

use archive::{Archive, Entry, Kind, LONGEST_PATH, LastLink, PathError};
use memory::object::{CreateError, ResizeError};

use super::super::open_file::{File, LAST_POSITION, OpenFile, OpenFlags};
use super::super::shared_memory::SharedMemory;
use super::super::user::{StringError, read_string};
use super::super::{Process, Processes};
use super::Errno;
use crate::files;
use crate::files::cache::CacheError;

/// In place of the descriptor of a folder: the one that the process is in.
pub(super) const CURRENT_FOLDER: i32 = -100;

impl From<PathError> for Errno {
    fn from(error: PathError) -> Self {
        match error {
            PathError::NoFolder | PathError::NoEntry => Self::NO_ENTRY,
            PathError::NotFolder => Self::NOT_FOLDER,
            PathError::TooLong => Self::NAME_TOO_LONG,
            PathError::TooManyLinks => Self::TOO_MANY_LINKS,
        }
    }
}

impl From<CacheError> for Errno {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Disk(_) => Self::DISK_FAILED,
            CacheError::Heap(_)
            | CacheError::Object(_)
            | CacheError::OutOfFrames
            | CacheError::Bytes(_)
            | CacheError::NoSuchPage(_)
            | CacheError::Busy => Self::NO_MEMORY,
        }
    }
}

impl From<StringError> for Errno {
    fn from(error: StringError) -> Self {
        match error {
            StringError::BadAddress => Self::BAD_ADDRESS,
            StringError::TooLong => Self::NAME_TOO_LONG,
            StringError::OutOfMemory => Self::NO_MEMORY,
        }
    }
}

/// The archive; programs find an empty one if it is damaged.
pub(super) fn archive() -> &'static Archive<'static> {
    static EMPTY: Archive<'static> = Archive::EMPTY;
    files::archive().unwrap_or(&EMPTY)
}

/// The one path that leads out of the archive: to the file that the program is in.
pub(super) const OWN_PROGRAM: &[u8] = b"/proc/self/exe";

/// The entry that a path names.
pub(super) fn resolve(
    process: &Process,
    folder: Entry<'static>,
    path: &[u8],
    last: LastLink,
) -> Result<Entry<'static>, PathError> {
    if path == OWN_PROGRAM && last == LastLink::Follow {
        return archive().find(process.program).ok_or(PathError::NoEntry);
    }
    archive().resolve(folder, path, last)
}

/// The entry that the path at `path` names, which begins in the folder of a
/// descriptor, unless it begins with a slash.
pub(super) fn entry_at(
    process: &Process,
    folder: u64,
    path: u64,
    last: LastLink,
) -> Result<Entry<'static>, Errno> {
    let path = read_string(path, LONGEST_PATH)?;
    let folder = folder_at(process, folder, &path)?;
    Ok(resolve(process, folder, &path, last)?)
}

/// The same, of a path that begins in the folder of the process.
pub(super) fn entry_here(
    process: &Process,
    path: u64,
    last: LastLink,
) -> Result<Entry<'static>, Errno> {
    entry_at(process, CURRENT_FOLDER as u64, path, last)
}

/// The folder that a path begins in.
fn folder_at(process: &Process, folder: u64, path: &[u8]) -> Result<Entry<'static>, Errno> {
    let is_needed = path.first().is_some_and(|first| *first != b'/');
    if folder as i32 == CURRENT_FOLDER || !is_needed {
        return Ok(process.descriptors.folder);
    }
    process.descriptors.get(folder)?.folder()
}

/// `open(path, flags, mode)`
#[inline(never)]
pub(super) fn open(process: &mut Process) -> Result<u64, Errno> {
    let [path, flags, ..] = process.arguments();
    open_at(process, CURRENT_FOLDER as u64, path, flags)
}

/// `openat(folder, path, flags, mode)`
#[inline(never)]
pub(super) fn openat(process: &mut Process) -> Result<u64, Errno> {
    let [folder, path, flags, ..] = process.arguments();
    open_at(process, folder, path, flags)
}

fn open_at(process: &mut Process, folder: u64, path: u64, flags: u64) -> Result<u64, Errno> {
    let flags = OpenFlags::from_bits_retain(flags as u32);
    if flags.contains(OpenFlags::CREATE | OpenFlags::FOLDER) {
        return Err(Errno::INVALID);
    }
    let path = read_string(path, LONGEST_PATH)?;
    let folder = folder_at(process, folder, &path)?;
    let creates = flags.contains(OpenFlags::CREATE);
    let is_exclusive = creates && flags.contains(OpenFlags::EXCLUSIVE);
    let last = if is_exclusive || flags.contains(OpenFlags::NO_FOLLOW) {
        LastLink::Keep
    } else {
        LastLink::Follow
    };
    let entry = match resolve(process, folder, &path, last) {
        Err(PathError::NoEntry) if creates => return Err(Errno::READ_ONLY),
        found => found?,
    };
    if is_exclusive {
        return Err(Errno::EXISTS);
    }
    check_open(entry, flags)?;
    let kept = flags.difference(OpenFlags::ONCE) | OpenFlags::LARGE_FILE;
    let file = OpenFile::new(File::Entry(entry), kept);
    let close = flags.contains(OpenFlags::CLOSE_ON_EXEC);
    process.descriptors.open(file, close)
}

/// Whether an entry may be opened so. In the archive nothing is written.
fn check_open(entry: Entry<'_>, flags: OpenFlags) -> Result<(), Errno> {
    let is_named_only = flags.contains(OpenFlags::PATH);
    let writes = !is_named_only
        && flags.intersects(OpenFlags::WRITE_ONLY | OpenFlags::READ_WRITE | OpenFlags::TRUNCATE);
    match entry.kind {
        Kind::Link(_) if is_named_only => Ok(()),
        Kind::Link(_) => Err(Errno::TOO_MANY_LINKS),
        Kind::Folder if writes || flags.contains(OpenFlags::CREATE) => Err(Errno::IS_FOLDER),
        Kind::Folder => Ok(()),
        Kind::File(_) if flags.contains(OpenFlags::FOLDER) => Err(Errno::NOT_FOLDER),
        Kind::File(_) if writes => Err(Errno::READ_ONLY),
        Kind::File(_) => Ok(()),
    }
}

/// `close(descriptor)`
pub(super) fn close(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, ..] = process.arguments();
    process.descriptors.close(descriptor)?;
    Ok(0)
}

/// From where `lseek` counts.
const FROM_START: u64 = 0;
const FROM_HERE: u64 = 1;
const FROM_END: u64 = 2;

/// `lseek(descriptor, offset, from)`: returns the new position.
#[inline(never)]
pub(super) fn lseek(process: &Process) -> Result<u64, Errno> {
    let [descriptor, offset, from, ..] = process.arguments();
    let file = process.descriptors.get(descriptor)?;
    if !file.has_position() {
        return Err(Errno::NO_POSITION);
    }
    let base = match from {
        FROM_START => 0,
        FROM_HERE => file.position(),
        FROM_END if file.folder().is_err() => file.size(),
        _ => return Err(Errno::INVALID),
    };
    let position = base.checked_add_signed(offset as i64);
    let position = position.ok_or(Errno::INVALID)?;
    file.seek(position)?;
    Ok(position)
}

/// Bytes of the name of a memfd at most, without the 0.
const LONGEST_NAME: usize = 249;

/// Flags of `memfd_create` (Linux: include/uapi/linux/memfd.h): close on exec,
/// allow sealing, which nobody asks for here, and say whether it may be executed,
/// which says nothing here.
const MEMFD_CLOSE_ON_EXEC: u64 = 0x1;
const MEMFD_KNOWN: u64 = MEMFD_CLOSE_ON_EXEC | 0x2 | 0x8 | 0x10;

/// `memfd_create(name, flags)`: shared memory without a name in any folder.
#[inline(never)]
pub(super) fn memfd_create(process: &mut Process) -> Result<u64, Errno> {
    let [name, flags, ..] = process.arguments();
    let flags = u64::from(flags as u32);
    if flags & !MEMFD_KNOWN != 0 {
        return Err(Errno::INVALID);
    }
    read_string(name, LONGEST_NAME).map_err(|error| match error {
        StringError::TooLong => Errno::INVALID,
        error => error.into(),
    })?;
    let memory = SharedMemory::new().map_err(|error| match error {
        CreateError::OutOfFrames => Errno::NO_MEMORY,
        _ => Errno::TOO_MANY_OPEN,
    })?;
    let flags_of_file = OpenFlags::READ_WRITE | OpenFlags::LARGE_FILE;
    let file = OpenFile::new(File::SharedMemory(memory), flags_of_file);
    let close = flags & MEMFD_CLOSE_ON_EXEC != 0;
    process.descriptors.open(file, close)
}

/// `ftruncate(descriptor, size)`: what is mapped behind a new end is gone.
#[inline(never)]
pub(super) fn ftruncate(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [descriptor, size, ..] = process.arguments();
    if size > LAST_POSITION {
        return Err(Errno::INVALID);
    }
    let file = process.descriptors.get(descriptor)?;
    let File::SharedMemory(memory) = file.file() else {
        return Err(Errno::INVALID);
    };
    if !file.flags().can_write() {
        return Err(Errno::INVALID);
    }
    if size < memory.size() {
        others.unmap_behind(memory.object(), size);
    }
    memory.resize(size).map_err(|error| match error {
        ResizeError::TooLarge { .. } => Errno::FILE_TOO_LARGE,
        _ => Errno::NO_MEMORY,
    })?;
    Ok(0)
}
