//! What a file is, without its bytes: `stat` and its kin, links, permissions.

use archive::{Entry, Kind, LONGEST_PATH, LastLink};

use super::super::open_file::{File, OpenFile};
use super::super::user::read_string;
use super::super::{Process, user};
use super::Errno;
use super::files::{CURRENT_FOLDER, OWN_PROGRAM, archive, entry_at, entry_here};

/// What `st_mode` says of the kind (Linux: include/uapi/linux/stat.h).
const CHARACTERS: u32 = 0o020_000;
const FOLDER: u32 = 0o040_000;
const PIPE: u32 = 0o010_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Bytes of a block, in which `st_blocks` counts.
const BLOCK: u64 = 512;
/// Bytes that are best read at once: a page, or what a terminal likes.
const PAGE: u64 = 4096;
const TERMINAL_BLOCK: u64 = 1024;

/// Devices, by major number times 256 and minor number: the console (Linux:
/// Documentation/admin-guide/devices.txt), and those that files lie on, which
/// have no major number.
const CONSOLE_DEVICE: u64 = 5 << 8 | 1;
const SHARED_MEMORY: u64 = 1;
const ARCHIVE: u64 = 2;
const DEVICES: u64 = 3;
const PIPES: u64 = 4;

/// What `stat` tells.
#[derive(Debug, Clone, Copy)]
struct Status {
    device: u64,
    number: u64,
    links: u64,
    mode: u32,
    special: u64,
    size: u64,
    block_size: u64,
}

impl Status {
    fn of_entry(entry: Entry<'static>) -> Self {
        let kind = match entry.kind {
            Kind::File(_) => REGULAR,
            Kind::Folder => FOLDER,
            Kind::Link(_) => LINK,
        };
        Self {
            device: ARCHIVE,
            number: archive().number_of(entry),
            links: 1,
            mode: kind | entry.mode,
            special: 0,
            size: entry.size() as u64,
            block_size: PAGE,
        }
    }

    fn of_pipe(number: u64) -> Self {
        Self {
            device: PIPES,
            number,
            links: 1,
            mode: PIPE | 0o600,
            special: 0,
            size: 0,
            block_size: PAGE,
        }
    }

    fn of_file(file: &OpenFile) -> Self {
        match file.file() {
            File::Console => Self {
                device: DEVICES,
                number: 1,
                links: 1,
                mode: CHARACTERS | 0o600,
                special: CONSOLE_DEVICE,
                size: 0,
                block_size: TERMINAL_BLOCK,
            },
            File::Reader(reader) => Self::of_pipe(reader.number()),
            File::Writer(writer) => Self::of_pipe(writer.number()),
            File::Entry(entry) => Self::of_entry(*entry),
            File::SharedMemory(memory) => Self {
                device: SHARED_MEMORY,
                number: memory.number(),
                links: 0,
                mode: REGULAR | 0o777,
                special: 0,
                size: memory.size(),
                block_size: PAGE,
            },
        }
    }

    /// Writes it to a program: a `struct stat` (Linux: arch/x86/include/uapi/asm/stat.h).
    ///
    /// ```text
    ///   device  number  links  mode,user  group,0  special  size  block size  blocks  times, all 0
    ///   0       8       16     24         32       40       48    56          64      72 .. 144
    /// ```
    fn write(&self, address: u64) -> Result<u64, Errno> {
        let mut words = [0; 18];
        let blocks = self.size.div_ceil(PAGE) * (PAGE / BLOCK);
        // Everything belongs to the one user that there is, the superuser, 0.
        let known = [
            self.device,
            self.number,
            self.links,
            u64::from(self.mode),
            0,
            self.special,
            self.size,
            self.block_size,
            blocks,
        ];
        words[..known.len()].copy_from_slice(&known);
        user::write_value(address, &words)?;
        Ok(0)
    }
}

/// Flags of calls that take a folder and a path (Linux: include/uapi/linux/fcntl.h):
/// keep a last link, mount nothing on the way, which says nothing here, and take the
/// descriptor itself if the path is empty.
const KEEP_LINK: u64 = 0x100;
const EMPTY_PATH: u64 = 0x1000;
const KNOWN: u64 = KEEP_LINK | EMPTY_PATH | 0x800;

/// `stat(path, status)`
#[inline(never)]
pub(super) fn stat(process: &Process) -> Result<u64, Errno> {
    let [path, status, ..] = process.arguments();
    let entry = entry_here(process, path, LastLink::Follow)?;
    Status::of_entry(entry).write(status)
}

/// `lstat(path, status)`: of a link itself.
#[inline(never)]
pub(super) fn lstat(process: &Process) -> Result<u64, Errno> {
    let [path, status, ..] = process.arguments();
    let entry = entry_here(process, path, LastLink::Keep)?;
    Status::of_entry(entry).write(status)
}

/// `fstat(descriptor, status)`
#[inline(never)]
pub(super) fn fstat(process: &Process) -> Result<u64, Errno> {
    let [descriptor, status, ..] = process.arguments();
    Status::of_file(process.descriptors.get(descriptor)?).write(status)
}

/// `newfstatat(folder, path, status, flags)`
#[inline(never)]
pub(super) fn newfstatat(process: &Process) -> Result<u64, Errno> {
    let [folder, path, status, flags, ..] = process.arguments();
    let flags = u64::from(flags as u32);
    if flags & !KNOWN != 0 {
        return Err(Errno::INVALID);
    }
    if flags & EMPTY_PATH != 0 && is_empty(path)? {
        let status_of = if folder as i32 == CURRENT_FOLDER {
            Status::of_entry(process.descriptors.folder)
        } else {
            Status::of_file(process.descriptors.get(folder)?)
        };
        return status_of.write(status);
    }
    let last = if flags & KEEP_LINK != 0 {
        LastLink::Keep
    } else {
        LastLink::Follow
    };
    let entry = entry_at(process, folder, path, last)?;
    Status::of_entry(entry).write(status)
}

/// Whether a path has no bytes; no path at all counts as such (Linux 6.11).
fn is_empty(path: u64) -> Result<bool, Errno> {
    Ok(path == 0 || user::read_value::<u8>(path)? == 0)
}

/// What `access` asks for.
const EXECUTE: u64 = 0b001;
const WRITE: u64 = 0b010;
const ALL: u64 = 0b111;

/// Permissions to execute, of anybody.
const EXECUTABLE: u32 = 0o111;

/// `access(path, wanted)`
#[inline(never)]
pub(super) fn access(process: &Process) -> Result<u64, Errno> {
    let [path, wanted, ..] = process.arguments();
    may(process, CURRENT_FOLDER as u64, path, wanted)
}

/// `faccessat(folder, path, wanted)`
#[inline(never)]
pub(super) fn faccessat(process: &Process) -> Result<u64, Errno> {
    let [folder, path, wanted, ..] = process.arguments();
    may(process, folder, path, wanted)
}

/// Whether the superuser may: reading always, writing never.
fn may(process: &Process, folder: u64, path: u64, wanted: u64) -> Result<u64, Errno> {
    let wanted = u64::from(wanted as u32);
    if wanted & !ALL != 0 {
        return Err(Errno::INVALID);
    }
    let entry = entry_at(process, folder, path, LastLink::Follow)?;
    let is_file = entry.kind != Kind::Folder;
    if wanted & WRITE != 0 {
        Err(Errno::READ_ONLY)
    } else if wanted & EXECUTE != 0 && is_file && entry.mode & EXECUTABLE == 0 {
        Err(Errno::NO_ACCESS)
    } else {
        Ok(0)
    }
}

/// `readlink(path, bytes, room)`: returns how many bytes there were room for.
#[inline(never)]
pub(super) fn readlink(process: &Process) -> Result<u64, Errno> {
    let [path, bytes, room, ..] = process.arguments();
    link_target(process, CURRENT_FOLDER as u64, path, bytes, room)
}

/// `readlinkat(folder, path, bytes, room)`
#[inline(never)]
pub(super) fn readlinkat(process: &Process) -> Result<u64, Errno> {
    let [folder, path, bytes, room, ..] = process.arguments();
    link_target(process, folder, path, bytes, room)
}

fn link_target(
    process: &Process,
    folder: u64,
    path: u64,
    bytes: u64,
    room: u64,
) -> Result<u64, Errno> {
    if room as i32 <= 0 {
        return Err(Errno::INVALID);
    }
    let place = read_string(path, LONGEST_PATH)?;
    let (root, target) = if place == OWN_PROGRAM {
        ("/", process.program)
    } else {
        match entry_at(process, folder, path, LastLink::Keep)?.kind {
            Kind::Link(target) => ("", target),
            Kind::File(_) | Kind::Folder => return Err(Errno::INVALID),
        }
    };
    let mut done = 0;
    for part in [root, target] {
        let count = part.len().min(room as u32 as usize - done);
        user::write(bytes.saturating_add(done as u64), &part.as_bytes()[..count])?;
        done += count;
    }
    Ok(done as u64)
}
