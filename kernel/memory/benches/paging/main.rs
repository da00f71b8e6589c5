//! Page tables beside those of the crates a kernel would pick instead: 131,072
//! pages of 4 KiB, 512 MiB of addresses, all figures per page.
//!
//! - `map a range`: as one call to memory in a row, tables included.
//! - `map one by one`, in order and at random: a call per page, tables included.
//! - `translate`, in order and at random: a call per page.
//! - `protect a range`: all pages to read-only and back, in turn.
//! - `unmap a range`: all of them.
//!
//! Nobody flushes anything. Ours are whole operations on a `Space`: a range is a
//! region, with its record in the tree and every leaf counted, and it is freed
//! with its tables; a page that is mapped one by one is a read fault that is
//! resolved, from the region's lookup to the event in the fault log. The peers map what
//! they are told, and keep their tables.

#[path = "../common/mod.rs"]
mod common;

mod ours;
mod peers;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use ours::Faultline;
use peers::{Multiarch, Offset};

/// The first address that is mapped, and how many pages.
const BASE: u64 = 0x40_0000_0000;
const PAGES: u64 = 131_072;
const BYTES: u64 = PAGES * 4096;
/// The memory that a range is mapped to: nobody's frames, never touched.
const TARGET: u64 = 0x10_0000_0000;

/// Four-level tables, as every contestant can be seen. All pages are those
/// from [`BASE`] on.
trait Tables {
    const NAME: &str;

    fn new() -> Self;
    /// Maps all pages to the memory from [`TARGET`] on.
    fn map_range(&mut self);
    /// What `map_one` needs once, and nobody pays for.
    fn prepare(&mut self);
    fn map_one(&mut self, address: u64);
    fn translate(&self, address: u64) -> Option<u64>;
    fn protect_range(&mut self, writable: bool);
    fn unmap_range(&mut self);
    /// As it was when new: nothing is mapped, and no table left but the root.
    fn reset(&mut self);
}

/// The page with this number, in order or (each once) at random.
fn page(number: u64, random: bool) -> u64 {
    let number = if random {
        number.wrapping_mul(0x9e37_79b9) % PAGES
    } else {
        number
    };
    BASE + number * 4096
}

const ORDERS: [(&str, bool); 2] = [("in order", false), ("at random", true)];

fn measure<T: Tables>(criterion: &mut Criterion) {
    let mut work = |name: String, run: &mut dyn FnMut() -> Duration| {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(PAGES));
        group.bench_function(T::NAME, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| run()).sum());
        });
        group.finish();
    };
    let mut tables = T::new();
    work("paging: map a range".into(), &mut || {
        tables.reset();
        timed(|| tables.map_range())
    });
    for (order, random) in ORDERS {
        work(format!("paging: map one by one, {order}"), &mut || {
            tables.reset();
            tables.prepare();
            timed(|| (0..PAGES).for_each(|number| tables.map_one(page(number, random))))
        });
    }
    tables.reset();
    tables.map_range();
    for (order, random) in ORDERS {
        work(format!("paging: translate, {order}"), &mut || {
            timed(|| {
                let translate = |number| tables.translate(page(number, random) + 8);
                let sum: u64 = (0..PAGES).filter_map(translate).sum();
                assert_eq!(sum, PAGES * (TARGET + 8) + PAGES * (PAGES - 1) / 2 * 4096);
            })
        });
    }
    let mut writable = true;
    work("paging: protect a range".into(), &mut || {
        writable = !writable;
        timed(|| tables.protect_range(writable))
    });
    work("paging: unmap a range".into(), &mut || {
        tables.reset();
        tables.map_range();
        timed(|| tables.unmap_range())
    });
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn paging(criterion: &mut Criterion) {
    measure::<Faultline>(criterion);
    measure::<Offset>(criterion);
    measure::<Multiarch>(criterion);
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = paging
}
criterion_main!(benches);
