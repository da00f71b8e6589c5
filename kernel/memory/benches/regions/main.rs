//! Regions: finding the one of an address, and room for another, with 10, 1,000
//! and 100,000 of them in the space.
//!
//! - `lookup`: `region_at`, at an address in a random region.
//! - `spurious fault`: a read fault that is spurious (the page is mapped), in the region
//!   of the last one or in a random one: the lookup as faults see it.
//! - `allocate and free`: a region that maps nothing, at the lowest place that
//!   fits. The gaps between regions are 1 to 3 pages wide, so 3 pages find room
//!   among the first, and 4 only behind the last region.
//! - `allocate and free, at 2 MiB`: 3 pages at an alignment of 2 MiB: wide
//!   gaps are looked at one by one, since few lie right.
//!
//! The peer is what a kernel would write first: a `BTreeMap` from base to size,
//! which finds an address as fast as it can be found there, and looks for room
//! from the lowest region up.

#[path = "../common/mod.rs"]
mod common;

mod map;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use faultline_memory::space::{Backing, Placement, Request};
use faultline_memory::{Access, Fault, KernelHalf, Memory, Outcome, Space};
use x86_64::VirtAddr;

use common::{OURS, Random, memory};
use map::Map;

const NUMBERS: [u64; 3] = [10, 1_000, 100_000];
const BASE: u64 = 0x10_0000_0000;
const PAGE: u64 = 4096;
/// From one region's base to the next one's: regions are 1 to 4 pages long, and
/// the last page is always free.
const STRIDE: u64 = 5 * PAGE;

/// What the regions are before anything is measured.
fn layout(number: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..number).map(move |index| {
        let pages = 2 + random.below(3) as u64;
        (BASE + index * STRIDE, pages * PAGE)
    })
}

/// A space with that many regions of zero backing, and its memory.
struct Regions {
    memory: Memory,
    space: Space,
}

impl Regions {
    fn new(number: u64) -> Self {
        let memory = memory(64 << 20);
        // SAFETY: no other half is used, or loaded, with it.
        let kernel = unsafe { KernelHalf::new(320..321, &[], &memory) }.expect("enough frames");
        let space = Space::new(&kernel, &memory).expect("a frame");
        let mut regions = Self { memory, space };
        for (base, size) in layout(number) {
            let place = Placement::At(VirtAddr::new(base));
            regions.allocate(Request::new(size, Backing::Zero).placement(place));
        }
        regions
    }

    fn allocate(&mut self, request: Request) -> VirtAddr {
        let region = self
            .space
            .allocate(request, &self.memory)
            .expect("room, and frames for the records");
        region.base
    }

    fn free(&mut self, base: VirtAddr) {
        self.space
            .free(base, &self.memory)
            .expect("it was just allocated");
    }

    fn read(&mut self, address: u64) -> Outcome {
        let fault = Fault::supervisor(VirtAddr::new(address), Access::Read);
        self.space.resolve(&fault, &self.memory)
    }
}

/// An address in the first page of a random region.
fn somewhere(random: &mut Random, number: u64) -> u64 {
    BASE + random.below(number as usize) as u64 * STRIDE + 8
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("regions: lookup, random");
    for number in NUMBERS {
        let regions = Regions::new(number);
        let mut random = Random(1);
        group.bench_function(BenchmarkId::new(OURS, number), |bencher| {
            bencher.iter(|| {
                let address = VirtAddr::new(somewhere(&mut random, number));
                black_box(regions.space.region_at(address).expect("a region"))
            });
        });
        let map = Map::new(layout(number));
        group.bench_function(BenchmarkId::new("BTreeMap", number), |bencher| {
            bencher.iter(|| black_box(map.find(somewhere(&mut random, number)).expect("a region")));
        });
    }
    group.finish();
}

/// Faults on pages that are mapped already: what is left is the way to find that.
fn faults(criterion: &mut Criterion) {
    for (name, random) in [("last hit", false), ("random", true)] {
        let mut group = criterion.benchmark_group(format!("regions: spurious fault, {name}"));
        for number in NUMBERS {
            let mut regions = Regions::new(number);
            for (base, _) in layout(number) {
                assert_eq!(regions.read(base), Outcome::ZeroRead);
            }
            let mut chance = Random(1);
            group.bench_function(BenchmarkId::new(OURS, number), |bencher| {
                bencher.iter(|| {
                    let among = if random { number } else { 1 };
                    let outcome = regions.read(somewhere(&mut chance, among));
                    assert_eq!(outcome, Outcome::Spurious);
                });
            });
        }
        group.finish();
    }
}

fn allocate(criterion: &mut Criterion) {
    let works = [
        ("allocate and free, room in the first gaps", 3 * PAGE, PAGE),
        ("allocate and free, room behind them all", 4 * PAGE, PAGE),
        ("allocate and free, at 2 MiB", 3 * PAGE, 2 << 20),
    ];
    for (name, size, align) in works {
        let mut group = criterion.benchmark_group(format!("regions: {name}"));
        for number in NUMBERS {
            let mut regions = Regions::new(number);
            let request = Request::new(size, Backing::Demand).placement(Placement::Within {
                from: VirtAddr::new(BASE),
                below: BASE << 4,
                align,
            });
            group.bench_function(BenchmarkId::new(OURS, number), |bencher| {
                bencher.iter(|| {
                    let base = regions.allocate(request);
                    regions.free(black_box(base));
                });
            });
            let mut map = Map::new(layout(number));
            group.bench_function(BenchmarkId::new("BTreeMap", number), |bencher| {
                bencher.iter(|| {
                    let base = map.allocate(BASE, size, align);
                    map.free(black_box(base));
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = lookup, faults, allocate
}
criterion_main!(benches);
