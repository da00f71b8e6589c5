//! Mappings: made, ended, and given other rights.
//!
//! | asked for | backing |
//! |---|---|
//! | private, anonymous | zero: pages become physical when they are touched |
//! | shared, anonymous | an object of its own, which lasts as long as a mapping of it |
//! | with MAP_POPULATE | the same, and every page is touched at once |
//!
//! Nothing is writable and executable at once: where Linux allows that, EACCES is
//! returned here. MAP_NORESERVE, MAP_STACK and MAP_GROWSDOWN change nothing: no
//! memory is set aside for a mapping, and one does not grow by being touched below.

use bitflags::bitflags;
use memory::object::{ObjectKind, Sharing};
use memory::space::{AllocateError, Backing, Placement, ProtectError, Request, Rights};
use memory::{Access, Memory, Space};
use x86_64::VirtAddr;

use super::super::Process;
use super::Errno;
use super::range::{
    LIMIT, LOWEST, PAGE, PROTECTIONS, each_part, is_free, place, populate, rights, whole_pages,
};
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
    let [address, length, protection, flags, _, offset] = process.arguments();
    let flags = Flags::from_bits_retain(flags);
    if !offset.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    if !flags.contains(Flags::ANONYMOUS) {
        return Err(Errno::BAD_FILE);
    }
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
    let start = spaces::current(|space, memory| {
        let start = if is_fixed {
            address
        } else {
            place(space, address, size).ok_or(Errno::NO_MEMORY)?
        };
        if is_fixed && !is_free(space, start, start + size) {
            let freed = space.free_range(VirtAddr::new_truncate(start), size, memory);
            freed.map_err(|_| Errno::NO_MEMORY)?;
        }
        map(space, start, size, rights, sharing, memory)?;
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

/// Maps anonymous memory where nothing is.
fn map(
    space: &mut Space,
    start: u64,
    size: u64,
    rights: Rights,
    sharing: Sharing,
    memory: &Memory,
) -> Result<(), Errno> {
    let start = VirtAddr::new_truncate(start);
    let object = match sharing {
        Sharing::Private => None,
        Sharing::Shared => {
            let made = memory.create_object(ObjectKind::SharedMemory, size / PAGE);
            Some(made.map_err(|_| Errno::NO_MEMORY)?)
        }
    };
    let backing = object
        .as_ref()
        .map_or(Backing::Zero, |object| Backing::Object {
            object: object.id(),
            offset_in_pages: 0,
            sharing,
        });
    let request = Request::new(size, backing)
        .rights(rights)
        .placement(Placement::At(start))
        .label("mapping")
        .user();
    let allocated = space.allocate(request, memory);
    // The mapping holds it from now on, if there is one.
    if let Some(object) = object {
        memory.release_object(object);
    }
    allocated.map_err(refused)?;
    space.join(start, size, memory);
    Ok(())
}

/// What a mapping that cannot be made is to a program.
fn refused(error: AllocateError) -> Errno {
    match error {
        AllocateError::Object(_) => Errno::NO_ACCESS,
        _ => Errno::NO_MEMORY,
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
