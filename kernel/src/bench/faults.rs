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

fn read(address: VirtAddr) {
    // SAFETY: the address lies in the benchmark's own region.
    unsafe { read_byte(address) };
}

fn write(address: VirtAddr) {
    // SAFETY: as above, and no Rust value stands there.
    unsafe { write_byte(address, 1) };
}

fn demand(bench: &Bench) {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Demand);
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand write", SAMPLES, |index| {
            write(page(region, without_tables(index)));
        });
    });
    with_region(request, |region| {
        make_tables(region);
        bench.report("demand read", SAMPLES, |index| {
            read(page(region, without_tables(index)));
        });
    });
}

fn zero(bench: &Bench) {
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Zero);
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page read", SAMPLES, |index| {
            read(page(region, without_tables(index)));
        });
        bench.report("write after read", SAMPLES, |index| {
            write(page(region, without_tables(index)));
        });
    });
    with_region(request, |region| {
        make_tables(region);
        bench.report("zero-page write", SAMPLES, |index| {
            write(page(region, without_tables(index)));
        });
    });
}

/// The `index`th page that [`make_tables`] leaves alone.
fn without_tables(index: usize) -> usize {
    index + index / 511 + 1
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
                bench.report(name, faults - 1, |index| {
                    write(page(region, (index + 1) * usize::from(pages)));
                });
            },
        );
    }
}

fn large(bench: &Bench) {
    let request = Request::new(9 * LARGE_PAGE, Backing::Demand).page_size(LeafSize::Size2MiB);
    with_region(request, |region| {
        write(region.base);
        bench.report("demand write 2 MiB", 8, |index| {
            write(region.base + (index as u64 + 1) * LARGE_PAGE);
        });
    });
}
