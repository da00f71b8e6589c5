//! What the calls of a space and of the heap cost, locks included.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use memory::paging::LeafSize;
use memory::space::{Backing, Request, Rights};

use super::place::{PAGE, allocate, free, page, write};
use super::{Bench, SAMPLES};
use crate::console::input::Cancelled;
use crate::spaces;

/// Pages of a region whose cost is given per page.
const PAGES: u64 = 512;

pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    map_and_unmap(bench);
    change(bench)?;
    regions(bench)?;
    heap(bench)
}

/// Immediate mapping with small pages, and unmapping, both per page.
fn map_and_unmap(bench: &Bench) {
    let request = Request::new(PAGES * PAGE, Backing::Immediate).page_size(LeafSize::Size4KiB);
    let (mut mapping, mut freeing) = (Vec::new(), Vec::new());
    for _ in 0..16 {
        let mut region = None;
        mapping.push(bench.time(|| region = Some(allocate(request))));
        let region = region.expect("it was just allocated");
        freeing.push(bench.time(|| free(&region)));
    }
    bench.print("immediate mapping per page", mapping, PAGES);
    bench.print("free per private page", freeing, PAGES);
}

/// One page of a resident demand region at a time.
fn change(bench: &Bench) -> Result<(), Cancelled> {
    let region = allocate(Request::new(SAMPLES as u64 * PAGE, Backing::Demand));
    for index in 0..SAMPLES {
        write(page(&region, index));
    }
    let protect = |index: usize, rights| {
        let page = region.base + index as u64 * PAGE;
        spaces::current(|space, memory| space.protect(page, PAGE, rights, memory))
            .expect("the page lies in the region");
    };
    bench.report(
        "protect one page, splitting",
        (0..SAMPLES).step_by(2),
        |index| {
            protect(index, Rights::Read);
        },
    )?;
    bench.report(
        "protect one page, merging",
        (0..SAMPLES).step_by(2),
        |index| {
            protect(index, Rights::ReadWrite);
        },
    )?;
    bench.report("discard one page", 0..SAMPLES, |index| {
        let page = region.base + index as u64 * PAGE;
        spaces::current(|space, memory| space.discard(page, PAGE, memory))
            .expect("the page lies in the region");
    })?;
    free(&region);
    Ok(())
}

fn regions(bench: &Bench) -> Result<(), Cancelled> {
    let mut held = Vec::with_capacity(SAMPLES);
    bench.report("region allocation", 0..SAMPLES, |_| {
        held.push(allocate(Request::new(PAGE, Backing::Demand)));
    })?;
    bench.report("region free, nothing mapped", 0..SAMPLES, |index| {
        free(&held[index]);
    })
}

fn heap(bench: &Bench) -> Result<(), Cancelled> {
    bench.report("heap allocation of 64 bytes, hot", 0..SAMPLES, |_| {
        drop(black_box(Box::new([0_u8; 64])));
    })
}
