//! What a fault costs, as the faulting code sees it: exception, handler,
//! resolution and return.

use core::hint::black_box;

use memory::paging::LeafSize;
use memory::space::{Backing, Region, Request};
use memory::{Access, Fault};

use super::place::{LARGE_PAGE, Low, PAGE, make_tables, page, read, with_region, write};
use super::{Bench, SAMPLES};
use crate::console::input::Cancelled;
use crate::spaces;

/// The most common faults, in tables that exist.
pub(super) fn common(bench: &Bench) -> Result<(), Cancelled> {
    demand(bench)?;
    zero(bench)
}

/// A table that is missing, several pages at once, large pages, and the call
/// for a page that is mapped.
pub(super) fn others(bench: &Bench) -> Result<(), Cancelled> {
    new_table(bench)?;
    around(bench)?;
    large(bench)?;
    spurious(bench)
}

fn demand(bench: &Bench) -> Result<(), Cancelled> {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Demand);
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand write", small_pages(region), write)
    })?;
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand read", small_pages(region), read)
    })
}

fn zero(bench: &Bench) -> Result<(), Cancelled> {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Zero);
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page read", small_pages(region), read)?;
        bench.report("write after read", small_pages(region), write)
    })?;
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page write", small_pages(region), write)
    })
}

/// [`SAMPLES`] pages that [`make_tables`] left alone.
pub(super) fn small_pages(region: &Region) -> impl Iterator<Item = Low> + '_ {
    (0..)
        .filter(|index| index % 512 != 0)
        .map(|index| page(region, index))
        .take(SAMPLES)
}

/// The first page of a leaf table each, in a region of one level 2 table.
fn new_table(bench: &Bench) -> Result<(), Cancelled> {
    const TABLES: u64 = 129;
    with_region(Request::new(TABLES * LARGE_PAGE, Backing::Zero), |region| {
        read(page(region, 0));
        let pages = (1..TABLES).map(|table| Low::new(region.base + table * LARGE_PAGE));
        bench.report("first fault under a new leaf table", pages, read)
    })
}

fn around(bench: &Bench) -> Result<(), Cancelled> {
    for (pages, name) in [
        (1, "fault-around 1"),
        (8, "fault-around 8"),
        (16, "fault-around 16"),
    ] {
        let faults = SAMPLES / 16;
        let size = (faults as u64 + 1) * u64::from(pages) * PAGE;
        with_region(
            Request::new(size, Backing::Demand).fault_around(pages),
            |region| {
                write(page(region, 0));
                let blocks = (1..faults).map(|block| page(region, block * usize::from(pages)));
                bench.report(name, blocks, write)
            },
        )?;
    }
    Ok(())
}

fn large(bench: &Bench) -> Result<(), Cancelled> {
    let request = Request::new(9 * LARGE_PAGE, Backing::Demand).page_size(LeafSize::Size2MiB);
    with_region(request, |region| {
        write(page(region, 0));
        let blocks = (1..9).map(|block: u64| Low::new(region.base + block * LARGE_PAGE));
        bench.report("demand write 2 MiB", blocks, write)
    })
}

/// QEMU walks the tables anew before it raises a page fault, so a spurious
/// one cannot be caused at will. What is measured is the call.
fn spurious(bench: &Bench) -> Result<(), Cancelled> {
    with_region(Request::new(PAGE, Backing::Demand), |region| {
        write(page(region, 0));
        let fault = Fault::supervisor(region.base, Access::Write);
        bench.report("spurious fault, without the exception", 0..SAMPLES, |_| {
            let outcome = spaces::current(|space, memory| space.resolve(&fault, memory));
            black_box(outcome);
        })
    })
}
