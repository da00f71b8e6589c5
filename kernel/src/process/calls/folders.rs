//! Folders: what lies in them, and the one that a process is in.

use archive::{Entry, Kind, LastLink};

use super::super::{Process, user};
use super::Errno;
use super::files::{archive, entry_here};

/// Bytes of an entry before its name (Linux: include/linux/dirent.h).
///
/// ```text
///   number  next position  length  kind  name, 0, filled up to 8 bytes
///   0       8              16      18    19
/// ```
const HEAD: usize = 19;
/// An entry begins at a multiple of so many bytes.
const ALIGNMENT: usize = 8;
/// Bytes of the longest entry: a name has 100 at most in an archive.
const LONGEST: usize = (HEAD + 100 + 1).next_multiple_of(ALIGNMENT);

/// What an entry is (Linux: include/linux/fs_types.h).
const FOLDER: u8 = 4;
const REGULAR: u8 = 8;
const LINK: u8 = 10;

/// The bytes of an entry, and how many they are.
fn encode(entry: Entry<'static>, name: &str, next: u64) -> ([u8; LONGEST], usize) {
    let mut bytes = [0; LONGEST];
    let length = (HEAD + name.len() + 1).next_multiple_of(ALIGNMENT);
    bytes[..8].copy_from_slice(&archive().number_of(entry).to_le_bytes());
    bytes[8..16].copy_from_slice(&next.to_le_bytes());
    bytes[16..18].copy_from_slice(&(length as u16).to_le_bytes());
    bytes[18] = match entry.kind {
        Kind::File(_) => REGULAR,
        Kind::Folder => FOLDER,
        Kind::Link(_) => LINK,
    };
    bytes[HEAD..HEAD + name.len()].copy_from_slice(name.as_bytes());
    (bytes, length)
}

/// `getdents64(descriptor, bytes, room)`: returns how many bytes the entries take
/// for which there was room.
#[inline(never)]
pub(super) fn getdents64(process: &Process) -> Result<u64, Errno> {
    let [descriptor, bytes, room, ..] = process.arguments();
    let file = process.descriptors.get(descriptor)?;
    if !file.flags().can_read() {
        return Err(Errno::BAD_FILE);
    }
    let folder = file.folder()?;
    let room = u64::from(room as u32);
    let itself = [(folder, "."), (archive().parent(folder), "..")];
    let children = archive().children(folder.name);
    let named = children.map(|child| (child, child.last_part()));
    let all = itself.into_iter().chain(named);
    let mut written = 0;
    for (entry, name) in all.skip(file.position() as usize) {
        let next = file.position() + 1;
        let (encoded, length) = encode(entry, name, next);
        let result = if written + length as u64 > room {
            Err(Errno::INVALID)
        } else {
            let place = bytes.checked_add(written).ok_or(Errno::BAD_ADDRESS);
            place.and_then(|place| Ok(user::write(place, &encoded[..length])?))
        };
        match result {
            Ok(()) => written += length as u64,
            Err(_) if written > 0 => break,
            Err(error) => return Err(error),
        }
        file.seek(next)?;
    }
    Ok(written)
}

/// `getcwd(bytes, room)`: returns how many bytes there are, with a 0 at the end.
#[inline(never)]
pub(super) fn getcwd(process: &Process) -> Result<u64, Errno> {
    let [bytes, room, ..] = process.arguments();
    let name = process.descriptors.folder.name;
    let parts = [b"/", name.as_bytes(), b"\0"];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if room < length as u64 {
        return Err(Errno::NO_ROOM);
    }
    let mut place = bytes;
    for part in parts {
        user::write(place, part)?;
        place += part.len() as u64;
    }
    Ok(length as u64)
}

/// `chdir(path)`
#[inline(never)]
pub(super) fn chdir(process: &mut Process) -> Result<u64, Errno> {
    let [path, ..] = process.arguments();
    let entry = entry_here(process, path, LastLink::Follow)?;
    if entry.kind != Kind::Folder {
        return Err(Errno::NOT_FOLDER);
    }
    process.descriptors.folder = entry;
    Ok(0)
}

/// `fchdir(descriptor)`
pub(super) fn fchdir(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, ..] = process.arguments();
    process.descriptors.folder = process.descriptors.get(descriptor)?.folder()?;
    Ok(0)
}

/// `umask(mask)`: returns the mask before. No file is made that it could matter to.
pub(super) fn umask(process: &mut Process) -> Result<u64, Errno> {
    const PERMISSIONS: u32 = 0o777;
    let [mask, ..] = process.arguments();
    let mask = mask as u32 & PERMISSIONS;
    Ok(u64::from(core::mem::replace(
        &mut process.descriptors.mask,
        mask,
    )))
}
