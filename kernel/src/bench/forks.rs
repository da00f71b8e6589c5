//! What a fork costs, by page, and the first writes after it.

use alloc::vec::Vec;

use memory::Space;
use memory::paging::LeafSize;
use memory::space::{Backing, Request};

use super::faults::small_pages;
use super::place::{PAGE, allocate, free, make_tables, page, with_region, write};
use super::{Bench, SAMPLES};
use crate::console::input::Cancelled;
use crate::spaces;

/// Pages of a region whose cost is given per page: so many that what a fork costs
/// besides hardly counts.
const PAGES: u64 = 4096;

pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    forks(bench);
    scattered(bench);
    writes(bench)
}

/// A fork of a space without a page, and of one with many, by page: when they are
/// private, and when they are shared already. Then the end of a copy, whose pages
/// the other still has.
fn forks(bench: &Bench) {
    let mut empty = Vec::new();
    for _ in 0..16 {
        spaces::destroy(timed_fork(bench, &mut empty));
    }
    bench.print("fork of an empty space", empty, 1);
    let request = Request::new(PAGES * PAGE, Backing::Immediate).page_size(LeafSize::Size4KiB);
    let (mut private, mut shared, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..16 {
        let region = allocate(request);
        let child = timed_fork(bench, &mut private);
        spaces::destroy(timed_fork(bench, &mut shared));
        ends.push(bench.time(|| {
            spaces::destroy(child);
        }));
        free(&region);
    }
    bench.print("fork per private page", private, PAGES);
    bench.print("fork per shared page", shared, PAGES);
    bench.print("end of a copy per page", ends, PAGES);
}

/// A fork of a space whose neighbouring pages have no neighbouring frames: two
/// regions were touched in turns.
fn scattered(bench: &Bench) {
    let request = Request::new(PAGES / 2 * PAGE, Backing::Demand);
    let mut costs = Vec::new();
    for _ in 0..16 {
        let regions = [allocate(request), allocate(request)];
        for index in 0..(PAGES / 2) as usize {
            regions.iter().for_each(|region| write(page(region, index)));
        }
        spaces::destroy(timed_fork(bench, &mut costs));
        regions.iter().for_each(free);
    }
    bench.print("fork per scattered page", costs, PAGES);
}

/// Writes of a parent to pages that its child has as well, and that it has left
/// behind.
fn writes(bench: &Bench) -> Result<(), Cancelled> {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Demand);
    with_region(request, |region| {
        make_tables(region);
        small_pages(region).for_each(write);
        let child = fork();
        bench.report("shared copy", small_pages(region), write)?;
        spaces::destroy(child);
        spaces::destroy(fork());
        bench.report("take-over", small_pages(region), write)
    })
}

fn timed_fork(bench: &Bench, costs: &mut Vec<u64>) -> Space {
    let mut child = None;
    costs.push(bench.time(|| child = Some(fork())));
    child.expect("it was just made")
}

/// A copy of the space that is loaded.
fn fork() -> Space {
    spaces::current(Space::fork).expect("a machine for benchmarks has room")
}
