//! Ranges of a program's memory, and what all calls about memory need.
//!
//! A mapping, in Linux's word, is a region that the program may know of: guards,
//! which are the kernel's, are gaps to it. What must always hold: what a program
//! passes is a range of whole pages below [`LIMIT`] before a space is asked.

use memory::Memory;
use memory::Space;
use memory::space::{Half, Region, Rights};
use x86_64::VirtAddr;

use super::Errno;
use crate::cpu::ring3::END;
pub(super) use crate::growing::LOWEST;
use crate::growing::highest_end;
use crate::spaces;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// The first number behind what a program may map (Linux: `TASK_SIZE`).
pub(super) const LIMIT: u64 = END - PAGE;

/// Where mappings are placed that may lie anywhere: as high as possible below this
/// number (Linux: `mmap_base`), with 128 MiB for the stack.
const PLACES_END: u64 = LIMIT - (128 << 20);

/// Rights, as `mmap` and `mprotect` are told them (Linux:
/// include/uapi/asm-generic/mman-common.h).
const READ: u64 = 1;
const WRITE: u64 = 2;
const EXECUTE: u64 = 4;

/// A length in whole pages.
pub(super) fn whole_pages(length: u64) -> Option<u64> {
    length.checked_next_multiple_of(PAGE)
}

/// The rights that a program asks for.
///
/// # Errors
///
/// EACCES: writable and executable at once, which nothing is here.
pub(super) fn rights(protection: u64) -> Result<Rights, Errno> {
    match (protection & READ, protection & WRITE, protection & EXECUTE) {
        (_, WRITE, EXECUTE) => Err(Errno::NO_ACCESS),
        (_, _, EXECUTE) => Ok(Rights::ReadExecute),
        (_, WRITE, _) => Ok(Rights::ReadWrite),
        (READ, ..) => Ok(Rights::Read),
        _ => Ok(Rights::NoAccess),
    }
}

/// The bits of a protection that mean something here.
pub(super) const PROTECTIONS: u64 = READ | WRITE | EXECUTE;

/// The mapping that holds an address; a number past [`LIMIT`] lies in none.
pub(super) fn mapping_at(space: &Half, address: u64) -> Option<Region> {
    let address = Some(address).filter(|address| *address < LIMIT)?;
    let region = space.region_at(VirtAddr::new_truncate(address));
    region.filter(|region| region.user)
}

/// The part of a mapping that lies in a range.
pub(super) struct Part {
    pub(super) region: Region,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Part {
    /// The first part of a mapping in a range.
    pub(super) fn first(space: &Half, start: u64, end: u64) -> Option<Self> {
        let (mut address, end) = (start, end.min(LIMIT));
        while address < end {
            let here = VirtAddr::new_truncate(address);
            let region = space.region_at(here).or_else(|| space.region_above(here))?;
            if region.user && region.base.as_u64() < end {
                return Some(Self {
                    region,
                    start: region.base.as_u64().max(start),
                    end: region.end().min(end),
                });
            }
            address = region.end();
        }
        None
    }

    /// Its first address.
    pub(super) fn address(&self) -> VirtAddr {
        VirtAddr::new_truncate(self.start)
    }

    /// Its bytes.
    pub(super) const fn size(&self) -> u64 {
        self.end - self.start
    }
}

/// Does something to each mapping of a range, or to its part there, in order.
/// What was done stays when it fails.
///
/// # Errors
///
/// What `change` says, or ENOMEM at the first gap.
pub(super) fn each_part(
    start: u64,
    end: u64,
    mut change: impl FnMut(&Part, &mut Space, &Memory) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut next = start;
    while next < end {
        next = spaces::current(|space, memory| {
            let part = Part::first(space, next, end).filter(|part| part.start == next);
            let part = part.ok_or(Errno::NO_MEMORY)?;
            change(&part, space, memory)?;
            Ok::<_, Errno>(part.end)
        })?;
    }
    Ok(())
}

/// Where a mapping of this size goes: at the hint, if that is free, or else as
/// high as possible. In both cases the one above it can still grow.
pub(super) fn place(space: &Half, hint: u64, size: u64) -> Option<u64> {
    let hint = hint & !(PAGE - 1);
    if hint != 0 && hint < LIMIT {
        let hint = hint.max(LOWEST);
        if size <= LIMIT - hint
            && is_free(space, hint, hint + size)
            && highest_end(space, hint + size) == hint + size
        {
            return Some(hint);
        }
    }
    highest_place(space, size, PLACES_END).or_else(|| highest_place(space, size, LIMIT))
}

/// The highest free place for so many bytes below a number.
fn highest_place(space: &Half, size: u64, mut below: u64) -> Option<u64> {
    loop {
        let place = space.highest_room(size, VirtAddr::new(LOWEST), below)?;
        let end = place.as_u64() + size;
        below = highest_end(space, end);
        if below == end {
            return Some(place.as_u64());
        }
    }
}

/// True if no region has an address of the range.
pub(super) fn is_free(space: &Half, start: u64, end: u64) -> bool {
    let first = VirtAddr::new_truncate(start);
    let region = space.region_at(first).or_else(|| space.region_above(first));
    region.is_none_or(|region| region.base.as_u64() >= end)
}
