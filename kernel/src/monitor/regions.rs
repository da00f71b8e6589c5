//! `alloc`, `guard`, `free`, `protect`, `discard`: regions in the low half of the current
//! space, for the kernel only (supervisor pages).
//!
//! The simulator's prompt has this file, too: [`Monitor::change`] is what differs.

use line::number;
use memory::paging::LeafSize;
use memory::space::{AllocateError, Backing, FreeError, Region, Request, Rights};
use x86_64::VirtAddr;

use super::Monitor;
use super::arguments::{self, Arguments, find};
use super::error::Error;
use super::output::Output;
use crate::account::unit::Address;
use crate::layout::KERNEL_HALF;

const BACKINGS: [(&str, Backing); 3] = [
    ("immediate", Backing::Immediate),
    ("demand", Backing::Demand),
    ("zero", Backing::Zero),
];
const PAGE_SIZES: [LeafSize; 3] = [LeafSize::Size4KiB, LeafSize::Size2MiB, LeafSize::Size1GiB];
const RIGHTS: [(&str, Rights); 3] = [
    ("r", Rights::Read),
    ("rw", Rights::ReadWrite),
    ("rx", Rights::ReadExecute),
];
const RIGHTS_LISTED: &str = "r, rw and rx";

/// `alloc <immediate|demand|zero> <size> [4K|2M|1G] [around=N] [rights=r|rw|rx]`
pub(super) fn alloc<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let backing = arguments.choice(
        "<immediate|demand|zero>",
        &BACKINGS,
        "immediate, demand and zero",
    )?;
    let mut request = Request::new(arguments.size("<size>")?, backing);
    // Of each kind of option the word that was the first.
    let (mut page, mut around, mut rights) = (None, None, None);
    while let Some(word) = arguments.optional() {
        let first;
        (first, request) = match word.split_once('=') {
            Some(("around", value)) => (&mut around, request.fault_around(pages_around(value)?)),
            Some(("rights", value)) => (&mut rights, request.rights(rights_of(value)?)),
            _ => {
                let size = page_size(word).ok_or_else(|| arguments.surplus(word))?;
                (&mut page, request.page_size(size))
            }
        };
        if let Some(first) = first.replace(word) {
            return Err(Error::Twice(first, word));
        }
    }
    allocate(monitor, request, out)
}

fn pages_around(value: &str) -> Result<u16, Error<'_>> {
    let pages = arguments::read("around=", value, number::number)?;
    u16::try_from(pages).map_err(|_| Error::OutOfRange("around=", pages, 1, 512))
}

pub(super) fn rights_of(value: &str) -> Result<Rights, Error<'_>> {
    find(value, &RIGHTS).ok_or(Error::NotOneOf("rights=", value, RIGHTS_LISTED))
}

/// The page size that a word names: a size as any other that is typed.
fn page_size(word: &str) -> Option<LeafSize> {
    let bytes = number::size(word).ok()?;
    PAGE_SIZES.into_iter().find(|size| size.bytes() == bytes)
}

/// `guard <size>`
pub(super) fn guard<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let size = arguments.size("<size>")?;
    arguments.end()?;
    allocate(monitor, Request::new(size, Backing::Guard), out)
}

/// Reserves a region in the current space, and tells of it.
pub(super) fn allocate<'a>(
    monitor: &mut Monitor,
    request: Request,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let (region, resident) = monitor.change(|space, memory| {
        let region = space.allocate(request, memory)?;
        let resident = space.resident(&region);
        Ok::<_, AllocateError>((region, resident))
    })?;
    out.facts(format_args!(
        "region={} end={} backing={} page={} pages={} frames={}",
        Address::from(region.base),
        Address(region.end()),
        region.backing,
        region.page_size,
        pages(&region),
        resident.private
    ));
    Ok(())
}

fn pages(region: &Region) -> u64 {
    region.size.div_ceil(region.page_size.bytes())
}

/// The next word as an address of the low half, where the monitor's regions are.
fn low_address<'a>(arguments: &mut Arguments<'a>) -> Result<VirtAddr, Error<'a>> {
    let address = arguments.address()?;
    if address >= KERNEL_HALF {
        return Err(Error::KernelHalf(address.as_u64()));
    }
    Ok(address)
}

/// The next words as a range of the low half.
fn low_range<'a>(arguments: &mut Arguments<'a>) -> Result<(VirtAddr, u64), Error<'a>> {
    let start = low_address(arguments)?;
    let size = arguments.size("<size>")?;
    match start.as_u64().checked_add(size) {
        Some(_) => Ok((start, size)),
        None => Err(Error::PastTheEnd(start.as_u64(), size)),
    }
}

/// `free <address> [size]`
pub(super) fn free<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let start = low_address(arguments)?;
    let size = match arguments.optional() {
        Some(word) => Some(arguments::read("[size]", word, number::size)?),
        None => None,
    };
    arguments.end()?;
    let frames = match size {
        Some(size) => free_range(monitor, start, size)?,
        None => monitor.change(|space, memory| space.free(start, memory))?,
    };
    writeln!(out, "freed={} frames={frames}", Address::from(start));
    Ok(())
}

/// Frees whole pages of any regions; there is at least one.
fn free_range<'a>(monitor: &mut Monitor, start: VirtAddr, size: u64) -> Result<u64, Error<'a>> {
    monitor.change(|space, memory| {
        let end = start.as_u64().saturating_add(size);
        let holds_some = space
            .regions()
            .any(|region| region.base.as_u64() < end && start.as_u64() < region.end());
        if size > 0 && !holds_some {
            return Err(Error::Free(FreeError::NoRegion { address: start }));
        }
        Ok(space.free_range(start, size, memory)?)
    })
}

/// `protect <address> <size> <r|rw|rx>`
pub(super) fn protect<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let (start, size) = low_range(arguments)?;
    let rights = arguments.choice("<r|rw|rx>", &RIGHTS, RIGHTS_LISTED)?;
    arguments.end()?;
    monitor.change(|space, memory| space.protect(start, size, rights, memory))?;
    let pages = size / LeafSize::Size4KiB.bytes();
    writeln!(
        out,
        "protected={} pages={pages} rights={rights}",
        Address::from(start)
    );
    Ok(())
}

/// `discard <address> <size>`
pub(super) fn discard<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let (start, size) = low_range(arguments)?;
    arguments.end()?;
    let frames = monitor.change(|space, memory| space.discard(start, size, memory))?;
    writeln!(out, "discarded={} frames={frames}", Address::from(start));
    Ok(())
}
