//! What a fault costs, as the faulting code sees it: exception, handler,
//! resolution and return.

use memory::paging::LeafSize;
use memory::space::{Backing, Placement, Region, Request};
use x86_64::VirtAddr;

use super::{Bench, SAMPLES};
use crate::cpu::access::{read_byte, write_byte};
use crate::spaces;

const PAGE: u64 = 4096;
const LARGE_PAGE: u64 = 2 << 20;

pub(super) fn run(bench: &Bench) {
    demand(bench);
    zero(bench);
    around(bench);
    large(bench);
}

/// The address of page `index` of the region.
fn page(region: &Region, index: usize) -> VirtAddr {
    region.base + index as u64 * PAGE
}

/// A region in the low half, at the start of a leaf table, for as long as
/// `work` takes.
fn with_region(request: Request, work: impl FnOnce(&Region)) {
    let low = VirtAddr::new(LARGE_PAGE);
    let request = request.placement(Placement::Within(low, low + (1_u64 << 40), LARGE_PAGE));
    let region = spaces::current(|space, physical, tlb| space.allocate(request, physical, tlb))
        .expect("a machine for benchmarks has room");
    work(&region);
    spaces::current(|space, physical, tlb| space.free(region.base, physical, tlb))
        .expect("the region is the benchmark's own");
}

/// Touches a page in every leaf table, so that no fault that is measured has
/// to make one.
fn make_tables(region: &Region) {
    for index in (0..region.size / PAGE).step_by(512) {
        write(page(region, index as usize));
    }
}

#[inline(always)]
fn read(address: VirtAddr) {
    // SAFETY: the address lies in the benchmark's own region.
    unsafe { read_byte(address) };
}

#[inline(always)]
fn write(address: VirtAddr) {
    // SAFETY: as above, and no Rust value stands there.
    unsafe { write_byte(address, 1) };
}

fn demand(bench: &Bench) {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Demand);
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand write", small_pages(region), write);
    });
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand read", small_pages(region), read);
    });
}

fn zero(bench: &Bench) {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Zero);
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page read", small_pages(region), read);
        bench.report("write after read", small_pages(region), write);
    });
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page write", small_pages(region), write);
    });
}

/// [`SAMPLES`] pages that [`make_tables`] left alone.
fn small_pages(region: &Region) -> impl Iterator<Item = VirtAddr> + '_ {
    (0..)
        .filter(|index| index % 512 != 0)
        .map(|index| page(region, index))
        .take(SAMPLES)
}

fn around(bench: &Bench) {
    for (pages, name) in [
        (1, "fault-around 1"),
        (8, "fault-around 8"),
        (16, "fault-around 16"),
    ] {
        let faults = SAMPLES / 16;
        let size = (faults as u64 + 1) * u64::from(pages) * PAGE;
        with_region(
            Request::new(size, Backing::Demand).around(pages),
            |region| {
                write(region.base);
                let blocks = (1..faults).map(|block| page(region, block * usize::from(pages)));
                bench.report(name, blocks, write);
            },
        );
    }
}

fn large(bench: &Bench) {
    let request = Request::new(9 * LARGE_PAGE, Backing::Demand).page_size(LeafSize::Size2MiB);
    with_region(request, |region| {
        write(region.base);
        let blocks = (1..9).map(|block: u64| region.base + block * LARGE_PAGE);
        bench.report("demand write 2 MiB", blocks, write);
    });
}
