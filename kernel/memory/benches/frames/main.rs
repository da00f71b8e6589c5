//! The frame allocator beside the crates a kernel would pick instead, on the
//! same work in the same run, over 64 MiB to 1 TiB of memory. No memory is
//! touched but the allocators' own, so 1 TiB costs its bitmap. All figures are
//! per frame, but for runs and for the start, which are per run and per GiB.
//!
//! Scattered memory has a random half of its frames free; in broken memory
//! three blocks of 2 MiB in four are like that, and every fourth is whole. The
//! work itself is in `workloads`, the contestants in `peers`.

#[path = "../common/mod.rs"]
mod common;

mod peers;
mod workloads;

use bitmap_allocator::{BitAlloc1M, BitAlloc16M, BitAlloc64K, BitAlloc256M};
use buddy_system_allocator::FrameAllocator;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faultline_memory::frames::Frames;

use peers::{Bitmap, Contestant};
use workloads::{HELD, Memory, Step, bulk, churn, pair, scatter};

/// Memory sizes as names and frames of 4 KiB.
const SIZES: [(&str, u64); 4] = [
    ("64 MiB", 1 << 14),
    ("1 GiB", 1 << 18),
    ("64 GiB", 1 << 24),
    ("1 TiB", 1 << 28),
];

/// What is worth waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// Not the search for frames in a row, which looks at them one by one.
    SingleFrames,
}

/// All work on one contestant and one size of memory.
fn measure<C: Contestant>(criterion: &mut Criterion, size: usize, extent: Extent) {
    let (size, count) = SIZES[size];
    let mut work = |name: &str, elements, run: &mut dyn FnMut(&mut criterion::Bencher<'_>)| {
        let mut group = criterion.benchmark_group(format!("frames: {name}"));
        group.throughput(Throughput::Elements(elements));
        group.bench_function(BenchmarkId::new(C::NAME, size), run);
        group.finish();
    };

    let mut frames = C::new(count);
    work("bulk", 1, &mut |bencher| {
        let most = count.min(HELD as u64);
        bencher.iter_custom(|iterations| bulk(&mut frames, iterations, most, Step::SMALL));
    });
    if extent == Extent::All {
        work("2 MiB bulk", 1, &mut |bencher| {
            let most = (count / 512).min(HELD as u64);
            bencher.iter_custom(|iterations| bulk(&mut frames, iterations, most, Step::LARGE));
        });
        work("run of 64, empty memory", 1, &mut |bencher| {
            bencher.iter(|| pair(&mut frames, Step::RUN));
        });
        drop(scatter(&mut frames, count, Memory::Broken));
        work("2 MiB pair, broken memory", 1, &mut |bencher| {
            bencher.iter(|| pair(&mut frames, Step::LARGE));
        });
        work("run of 64, broken memory", 1, &mut |bencher| {
            bencher.iter(|| pair(&mut frames, Step::RUN));
        });
    }
    drop(frames);

    let mut frames = C::new(count);
    let mut held = scatter(&mut frames, count, Memory::Scattered);
    work("hot pair, scattered memory", 1, &mut |bencher| {
        bencher.iter(|| pair(&mut frames, Step::SMALL));
    });
    work("random churn, scattered memory", 1, &mut |bencher| {
        bencher.iter_custom(|iterations| churn(&mut frames, &mut held, iterations));
    });
    drop(frames);

    // Per GiB.
    if count >= 1 << 18 {
        work("start, per GiB", count >> 18, &mut |bencher| {
            bencher.iter_custom(|iterations| C::start(count, iterations));
        });
    }
}

fn frames(criterion: &mut Criterion) {
    for size in 0..SIZES.len() {
        measure::<Frames<'_>>(criterion, size, Extent::All);
    }
    measure::<Bitmap<BitAlloc64K>>(criterion, 0, Extent::All);
    measure::<Bitmap<BitAlloc1M>>(criterion, 1, Extent::All);
    measure::<Bitmap<BitAlloc16M>>(criterion, 2, Extent::SingleFrames);
    measure::<Bitmap<BitAlloc256M>>(criterion, 3, Extent::SingleFrames);
    // It keeps free frames in trees on the heap: 64 GiB would take gigabytes of it.
    measure::<FrameAllocator<33>>(criterion, 0, Extent::All);
    measure::<FrameAllocator<33>>(criterion, 1, Extent::All);
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = frames
}
criterion_main!(benches);
