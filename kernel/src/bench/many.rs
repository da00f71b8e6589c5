//! What a fault costs among many regions: in one of them, and in any of them.
//!
//! All are zero-backed and read only, so that 100,000 of them take records and
//! tables, and no frames.

use alloc::format;

use memory::space::{Backing, Placement, Request};
use x86_64::VirtAddr;

use super::Bench;
use super::place::{Low, PAGE, allocate, page, read, with_region};
use crate::console::input::Cancelled;
use crate::spaces;

/// Faults that are measured in any of the regions.
const ANYWHERE: usize = 512;

/// Where the regions lie, one after the other.
const BASE: VirtAddr = VirtAddr::new(1 << 40);

pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    for (count, name) in [(1, "1"), (10, "10"), (1000, "1,000"), (100_000, "100,000")] {
        // With few regions, so large that the faults find enough pages.
        let pages = (4 * ANYWHERE as u64 / count).max(2);
        let regions = Regions { count, pages };
        regions.allocate();
        with_region(Request::new(258 * PAGE, Backing::Zero), |region| {
            read(page(region, 0));
            let pages = (1..257).map(|index| page(region, index));
            bench.report(
                &format!("zero-page read, {name} regions beside"),
                pages,
                read,
            )
        })?;
        regions.make_tables();
        let pages = regions.random_pages();
        bench.report(
            &format!("zero-page read in any of {name} regions"),
            pages,
            read,
        )?;
        regions.free();
    }
    Ok(())
}

/// `count` regions of `pages` each.
#[derive(Clone, Copy)]
struct Regions {
    count: u64,
    pages: u64,
}

impl Regions {
    fn base(self, index: u64) -> VirtAddr {
        BASE + index * self.pages * PAGE
    }

    fn allocate(self) {
        for index in 0..self.count {
            let place = Placement::At(self.base(index));
            let request = Request::new(self.pages * PAGE, Backing::Zero).placement(place);
            allocate(request);
        }
    }

    fn free(self) {
        for index in 0..self.count {
            spaces::current(|space, memory| space.free(self.base(index), memory))
                .expect("the region is the benchmark's own");
        }
    }

    /// Reads the first page of every leaf table, which no measured fault does.
    fn make_tables(self) {
        for index in (0..self.count * self.pages).step_by(512) {
            read(Low::new(BASE + index * PAGE));
        }
    }

    /// Pages that nobody has read, each once, in an order without pattern: a
    /// walk over all pages in steps that have no divisor with their number.
    fn random_pages(self) -> impl Iterator<Item = Low> {
        let all = self.count * self.pages;
        let step = (all * 618 / 1000) | 1;
        let step = (step..).step_by(2).find(|step| divisor(*step, all) == 1);
        let step = step.unwrap_or(1);
        let page = (1..all).map(move |index| index * step % all);
        page.filter(|page| page % 512 != 0)
            .map(|page| Low::new(BASE + page * PAGE))
            .take(ANYWHERE)
    }
}

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}
