//! Mappings: made, ended, and given other rights.
//!
//! With MAP_POPULATE every page is touched at once, and is like any other then.
//! What MAP_FIXED replaces goes only when nothing is missing any more for what is to
//! come. Nothing is writable and executable at once: where Linux allows that, EACCES
//! is returned here. MAP_NORESERVE and MAP_STACK change nothing: no memory is set
//! aside for a mapping.

use bitflags::bitflags;
use memory::Access;
use memory::object::Sharing;
use memory::space::{AllocateError, Placement, ProtectError, Request, Rights};
use x86_64::VirtAddr;

use super::super::Process;
use super::Errno;
use super::populate::populate;
use super::range::{
    LIMIT, LOWEST, PAGE, PROTECTIONS, each_part, is_free, place, rights, whole_pages,
};
use super::source::{Source, is_never_written, mapped_file};
use crate::spaces;

bitflags! {
    /// What `mmap` is told (Linux: include/uapi/linux/mman.h and
    /// include/uapi/asm-generic/mman-common.h).
    #[derive(Clone, Copy)]
    struct Flags: u64 {
        const SHARED = 0x1;
        const PRIVATE = 0x2;
        const FIXED = 0x10;
        const ANONYMOUS = 0x20;
        const GROWS_DOWN = 0x100;
        const POPULATE = 0x8000;
        const NON_BLOCKING = 0x1_0000;
        const FIXED_NO_REPLACE = 0x10_0000;
    }
}

impl Flags {
    /// What says whose it is what is written.
    const TYPE: u64 = 0xf;

    fn sharing(self) -> Result<Sharing, Errno> {
        match self.bits() & Self::TYPE {
            0x1 if self.contains(Self::GROWS_DOWN) => Err(Errno::INVALID),
            0x1 => Ok(Sharing::Shared),
            0x2 => Ok(Sharing::Private),
            _ => Err(Errno::INVALID),
        }
    }
}

/// `mmap(address, length, protection, flags, descriptor, offset)`: returns the
/// first address.
#[inline(never)]
pub(super) fn mmap(process: &mut Process) -> Result<u64, Errno> {
    let [address, length, protection, flags, descriptor, offset] = process.arguments();
    let flags = Flags::from_bits_retain(flags);
    if !offset.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    let file = if flags.contains(Flags::ANONYMOUS) {
        None
    } else {
        Some(mapped_file(process, descriptor)?)
    };
    if length == 0 {
        return Err(Errno::INVALID);
    }
    let size = whole_pages(length).filter(|size| *size <= LIMIT);
    let size = size.ok_or(Errno::NO_MEMORY)?;
    let is_fixed = flags.intersects(Flags::FIXED | Flags::FIXED_NO_REPLACE);
    if is_fixed {
        check_fixed(address, size, flags)?;
    }
    let sharing = flags.sharing()?;
    let rights = rights(protection)?;
    let source = match file {
        None => Source::anonymous(size, sharing)?,
        Some(file) => Source::file(file, offset, sharing, rights)?,
    };
    let start = spaces::current(|space, memory| {
        let start = if is_fixed {
            address
        } else {
            place(space, address, size).ok_or(Errno::NO_MEMORY)?
        };
        let base = VirtAddr::new_truncate(start);
        let request = Request::new(size, source.backing)
            .rights(rights)
            .placement(Placement::At(base))
            .label("mapping")
            .user();
        let request = if flags.contains(Flags::GROWS_DOWN) {
            request.grows_down()
        } else {
            request
        };
        if is_fixed {
            space.replace(base, request, memory)?;
        } else {
            space.allocate(request, memory)?;
        }
        space.join(base, size, memory);
        Ok::<_, Errno>(start)
    })?;
    if flags.contains(Flags::POPULATE) && !flags.contains(Flags::NON_BLOCKING) {
        let access = match rights {
            Rights::ReadWrite => Access::Write,
            Rights::Read | Rights::ReadExecute | Rights::NoAccess => Access::Read,
        };
        // Linux, too, leaves it to the first touch to say why not.
        let _ = populate(start, start + size, access);
    }
    Ok(start)
}

/// Checks a place that the program insists on.
fn check_fixed(address: u64, size: u64, flags: Flags) -> Result<(), Errno> {
    if address > LIMIT - size {
        return Err(Errno::NO_MEMORY);
    }
    if !address.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    if address < LOWEST {
        return Err(Errno::NOT_PERMITTED);
    }
    let is_free = spaces::current(|space, _| is_free(space, address, address + size));
    if flags.contains(Flags::FIXED_NO_REPLACE) && !is_free {
        return Err(Errno::EXISTS);
    }
    Ok(())
}

/// What a mapping that cannot be made is to a program.
impl From<AllocateError> for Errno {
    fn from(error: AllocateError) -> Self {
        match error {
            // It is executed, and would be written here, or the other way round.
            AllocateError::Object(_) => Self::NO_ACCESS,
            AllocateError::NoSuchPages { .. } => Self::TOO_LARGE,
            AllocateError::OutOfFrames(_) | AllocateError::NoRoom => Self::NO_MEMORY,
            AllocateError::Overlap { .. } => Self::EXISTS,
            _ => Self::INVALID,
        }
    }
}

/// `munmap(address, length)`: ends what is mapped there, if something is.
#[inline(never)]
pub(super) fn munmap(process: &Process) -> Result<u64, Errno> {
    let [address, length, ..] = process.arguments();
    let size = whole_pages(length).filter(|size| *size > 0);
    let size = size.ok_or(Errno::INVALID)?;
    if !address.is_multiple_of(PAGE) || address > LIMIT || size > LIMIT - address {
        return Err(Errno::INVALID);
    }
    let start = VirtAddr::new_truncate(address);
    let freed = spaces::current(|space, memory| space.free_range(start, size, memory));
    freed.map_err(|_| Errno::NO_MEMORY)?;
    Ok(0)
}

/// `mprotect(address, length, protection)`: gives whole pages other rights, up to
/// the first that is not mapped.
#[inline(never)]
pub(super) fn mprotect(process: &Process) -> Result<u64, Errno> {
    /// A bit that Linux knows, and that changes nothing (PROT_SEM).
    const SEMAPHORE: u64 = 8;
    let [address, length, protection, ..] = process.arguments();
    if !address.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    if length == 0 {
        return Ok(0);
    }
    let size = whole_pages(length).ok_or(Errno::NO_MEMORY)?;
    let end = address.checked_add(size).ok_or(Errno::NO_MEMORY)?;
    if protection & !(PROTECTIONS | SEMAPHORE) != 0 {
        return Err(Errno::INVALID);
    }
    let rights = rights(protection)?;
    each_part(address, end, |part, space, memory| {
        if rights == Rights::ReadWrite && is_never_written(part.region.backing) {
            return Err(Errno::NO_ACCESS);
        }
        let protected = space.protect(part.address(), part.size(), rights, memory);
        protected.map_err(|error| match error {
            ProtectError::Object { .. } => Errno::NO_ACCESS,
            _ => Errno::NO_MEMORY,
        })?;
        space.join(part.address(), part.size(), memory);
        Ok(())
    })?;
    Ok(0)
}
