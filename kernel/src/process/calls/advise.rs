//! What is to happen to pages, and which of them are there.
//!
//! Advice about large pages, reading ahead and dumps changes nothing here: it is
//! checked as Linux checks it, and taken. So is MADV_FREE, which lets a system
//! take pages when it is short of them, and does not make it.

use memory::space::{Backing, Half};
use memory::{Access, Memory};
use x86_64::VirtAddr;

use super::super::{Process, user};
use super::Errno;
use super::populate::{Unpopulated, populate};
use super::range::{LIMIT, PAGE, Part, each_part, whole_pages};
use crate::spaces;

/// What a program advises for what is mapped (Linux:
/// include/uapi/asm-generic/mman-common.h).
#[derive(Clone, Copy)]
enum Advice {
    /// Nothing that changes anything: NORMAL, RANDOM, SEQUENTIAL, WILLNEED,
    /// HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP.
    Hint,
    /// DONTNEED: the pages go, and come back as they were mapped at first.
    Discard,
    /// FREE: the pages may go, those of anonymous memory only.
    Free,
}

/// `madvise(address, length, advice)`
#[inline(never)]
pub(super) fn madvise(process: &Process) -> Result<u64, Errno> {
    let [address, length, advice, ..] = process.arguments();
    let end = whole_pages(length).and_then(|size| address.checked_add(size));
    let end = end.filter(|_| address.is_multiple_of(PAGE));
    let end = end.ok_or(Errno::INVALID)?;
    match advice {
        0..=3 | 14..=17 => advise(address, end, Advice::Hint),
        4 => advise(address, end, Advice::Discard),
        8 => advise(address, end, Advice::Free),
        22 => touch(address, end, Access::Read),
        23 => touch(address, end, Access::Write),
        _ => Err(Errno::INVALID),
    }
}

/// Follows the advice wherever something is mapped. A gap makes it fail in the end.
fn advise(start: u64, end: u64, advice: Advice) -> Result<u64, Errno> {
    let (mut next, mut is_whole) = (start, true);
    while next < end {
        let part = spaces::current(|space, memory| {
            let Some(part) = Part::first(space, next, end) else {
                return Ok(None);
            };
            match advice {
                Advice::Hint => {}
                Advice::Free if part.region.backing == Backing::Zero => {}
                Advice::Free => return Err(Errno::INVALID),
                Advice::Discard => {
                    let discarded = space.discard(part.address(), part.size(), memory);
                    discarded.map_err(|_| Errno::NO_MEMORY)?;
                }
            }
            Ok(Some(part))
        })?;
        is_whole &= part.as_ref().is_some_and(|part| part.start == next);
        next = part.map_or(end, |part| part.end);
    }
    if is_whole {
        Ok(0)
    } else {
        Err(Errno::NO_MEMORY)
    }
}

/// POPULATE_READ and POPULATE_WRITE: the pages come, up to the first that cannot.
fn touch(start: u64, end: u64, access: Access) -> Result<u64, Errno> {
    let populated = populate(start, end, access);
    populated.map(|()| 0).map_err(|error| match error {
        Unpopulated::Refused => Errno::INVALID,
        Unpopulated::OutOfFrames | Unpopulated::Gap => Errno::NO_MEMORY,
        Unpopulated::NoPage => Errno::BAD_ADDRESS,
    })
}

/// Pages that `mincore` answers for at once.
const CHUNK: usize = 256;

/// `mincore(address, length, vector)`: a byte for each page, 1 if it is there: if
/// something is mapped, be it zeroes, or if the object behind the page has it.
#[inline(never)]
pub(super) fn mincore(process: &Process) -> Result<u64, Errno> {
    let [address, length, vector, ..] = process.arguments();
    if !address.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    let end = whole_pages(length).and_then(|size| address.checked_add(size));
    let end = end.filter(|end| *end <= LIMIT).ok_or(Errno::NO_MEMORY)?;
    let mut next = address;
    while next < end {
        let stop = end.min(next + CHUNK as u64 * PAGE);
        let mut chunk = [0; CHUNK];
        let count = spaces::current(|space, memory| {
            let part = Part::first(space, next, stop).filter(|part| part.start == next)?;
            let pages = &mut chunk[..(part.size() / PAGE) as usize];
            look(space, memory, &part, pages);
            Some(pages.len())
        });
        let bytes = &chunk[..count.ok_or(Errno::NO_MEMORY)?];
        let place = vector.checked_add((next - address) / PAGE);
        user::write(place.ok_or(Errno::BAD_ADDRESS)?, bytes)?;
        next += bytes.len() as u64 * PAGE;
    }
    Ok(0)
}

/// Says of each page of a part whether it is there.
fn look(space: &Half, memory: &Memory, part: &Part, pages: &mut [u8]) {
    for leaf in space.leaves(part.address(), part.end) {
        let start = leaf.page.as_u64().max(part.start);
        let end = (leaf.page.as_u64() + leaf.size.bytes()).min(part.end);
        let [first, last] = [start, end].map(|address| ((address - part.start) / PAGE) as usize);
        pages[first..last].fill(1);
    }
    if !matches!(part.region.backing, Backing::Object { .. }) {
        return;
    }
    for (number, page) in (0..).zip(pages) {
        let address = VirtAddr::new_truncate(part.start + number * PAGE);
        if let Some(wanted) = space.wanted_page(address)
            && memory.object_page(wanted.object, wanted.page).is_some()
        {
            *page = 1;
        }
    }
}

/// `msync(address, length, flags)`: there is nothing to write back, so that only
/// the arguments are checked.
#[inline(never)]
pub(super) fn msync(process: &Process) -> Result<u64, Errno> {
    const ASYNCHRONOUS: u64 = 1;
    const INVALIDATE: u64 = 2;
    const SYNCHRONOUS: u64 = 4;
    const BOTH: u64 = ASYNCHRONOUS | SYNCHRONOUS;
    let [address, length, flags, ..] = process.arguments();
    if flags & !(BOTH | INVALIDATE) != 0 || flags & BOTH == BOTH || !address.is_multiple_of(PAGE) {
        return Err(Errno::INVALID);
    }
    let end = whole_pages(length).and_then(|size| address.checked_add(size));
    each_part(address, end.ok_or(Errno::NO_MEMORY)?, |_, _, _| Ok(()))?;
    Ok(0)
}
