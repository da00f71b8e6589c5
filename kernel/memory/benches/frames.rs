//! The frame allocator beside the crates a kernel would pick instead, on the
//! same work in the same run. No memory is touched but the allocators' own, so
//! 1 TiB costs its bitmap. All figures are per frame.
//!
//! - `bulk`: allocate frames one after the other from empty memory.
//! - `pair`: allocate one and free it, in memory of which a random half is free.
//! - `churn`: free a random one of up to 262,144 frames by its number, allocate
//!   another; they start out spread over all memory, of which a random half is free.
//! - `2m_bulk`, `2m_pair`: the same with 2 MiB frames; of the memory for the
//!   pair, three blocks in four are half used at random.

use std::alloc::{Layout as AllocLayout, alloc_zeroed, handle_alloc_error};
use std::hint::black_box;
use std::time::{Duration, Instant};

use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M, BitAlloc64K, BitAlloc256M};
use buddy_system_allocator::FrameAllocator;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use memory::frames::{Frame, Frames, Layout, Use};
use memory::memory_map::FrameRange;
use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size2MiB, Size4KiB};

/// Memory sizes as names and frames of 4 KiB.
const SIZES: [(&str, u64); 4] = [
    ("64MiB", 1 << 14),
    ("1GiB", 1 << 18),
    ("64GiB", 1 << 24),
    ("1TiB", 1 << 28),
];

/// How many frames are held at most while memory is churned.
const HELD: usize = 1 << 18;

/// An allocator of frames 0 to n - 1, as every peer can be seen.
trait Peer {
    type Small;
    type Large;
    fn take(&mut self) -> Option<Self::Small>;
    fn give(&mut self, frame: Self::Small);
    fn number(frame: &Self::Small) -> u64;
    /// Frees a frame of which only the number was kept.
    fn release(&mut self, number: u64);
    fn take_2m(&mut self) -> Option<Self::Large>;
    fn give_2m(&mut self, frame: Self::Large);
    fn number_2m(frame: &Self::Large) -> u64;
}

impl Peer for Frames<'_> {
    type Small = Frame<Size4KiB>;
    type Large = Frame<Size2MiB>;

    #[inline]
    fn take(&mut self) -> Option<Self::Small> {
        self.allocate(Use::Private).ok()
    }

    #[inline]
    fn give(&mut self, frame: Self::Small) {
        self.free(frame);
    }

    fn number(frame: &Self::Small) -> u64 {
        frame.start().as_u64() >> 12
    }

    #[inline]
    fn release(&mut self, number: u64) {
        let frame: PhysFrame = PhysFrame::containing_address(PhysAddr::new(number << 12));
        // SAFETY: no memory stands behind the frames, and who released one forgot it.
        unsafe { self.free_raw(frame, Use::Private) }.expect("it was handed out");
    }

    #[inline]
    fn take_2m(&mut self) -> Option<Self::Large> {
        self.allocate(Use::Private).ok()
    }

    #[inline]
    fn give_2m(&mut self, frame: Self::Large) {
        self.free(frame);
    }

    fn number_2m(frame: &Self::Large) -> u64 {
        frame.start().as_u64() >> 12
    }
}

struct Bitmap<B>(Box<B>);

impl<B: BitAlloc> Peer for Bitmap<B> {
    type Small = usize;
    type Large = usize;

    #[inline]
    fn take(&mut self) -> Option<usize> {
        self.0.alloc()
    }

    #[inline]
    fn give(&mut self, frame: usize) {
        self.0.dealloc(frame);
    }

    fn number(frame: &usize) -> u64 {
        *frame as u64
    }

    #[inline]
    fn release(&mut self, number: u64) {
        self.0.dealloc(number as usize);
    }

    #[inline]
    fn take_2m(&mut self) -> Option<usize> {
        self.0.alloc_contiguous(None, 512, 9)
    }

    #[inline]
    fn give_2m(&mut self, frame: usize) {
        self.0.dealloc_contiguous(frame, 512);
    }

    fn number_2m(frame: &usize) -> u64 {
        *frame as u64
    }
}

impl Peer for FrameAllocator<33> {
    type Small = usize;
    type Large = usize;

    #[inline]
    fn take(&mut self) -> Option<usize> {
        self.alloc(1)
    }

    #[inline]
    fn give(&mut self, frame: usize) {
        self.dealloc(frame, 1);
    }

    fn number(frame: &usize) -> u64 {
        *frame as u64
    }

    #[inline]
    fn release(&mut self, number: u64) {
        self.dealloc(number as usize, 1);
    }

    #[inline]
    fn take_2m(&mut self) -> Option<usize> {
        self.alloc(512)
    }

    #[inline]
    fn give_2m(&mut self, frame: usize) {
        self.dealloc(frame, 512);
    }

    fn number_2m(frame: &usize) -> u64 {
        *frame as u64
    }
}

/// This crate's allocator over `count` frames from 1 GiB on.
fn ours(count: u64) -> Frames<'static> {
    let start = PhysAddr::new(1 << 30);
    let range = [FrameRange {
        start,
        end: start + (count << 12),
    }];
    let storage = vec![0; Layout::of(range.into_iter()).words()].leak();
    Frames::new(range.into_iter(), storage, FrameRange::empty()).expect("one range is sorted")
}

/// `bitmap-allocator` over `count` frames.
fn bitmap<B: BitAlloc>(count: u64) -> Bitmap<B> {
    let layout = AllocLayout::new::<B>();
    // SAFETY: the layout is not empty, and the type is nothing but integers in
    // arrays, so zeros are a value of it. It is too large for the stack.
    let mut bits = unsafe {
        let memory = alloc_zeroed(layout).cast::<B>();
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        Box::from_raw(memory)
    };
    bits.insert(0..count as usize);
    Bitmap(bits)
}

/// `buddy_system_allocator` over `count` frames.
fn buddy(count: u64) -> FrameAllocator<33> {
    let mut frames = FrameAllocator::new();
    frames.add_frame(0, count as usize);
    frames
}

/// Small, fast and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The same coin for the same frame.
fn coin(number: u64) -> bool {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 != 0
}

/// Takes all memory, then gives back a random half of the frames in the blocks
/// that are `broken` and all frames of the others. Returns the numbers of some
/// that are held: short ones, so that the cache is left to the allocators.
fn scatter<P: Peer>(peer: &mut P, count: u64, broken: fn(u64) -> bool) -> Vec<u32> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut held = Vec::with_capacity(HELD);
    let stride = (count / 2).div_ceil(HELD as u64);
    let mut bounds = (u64::MAX, 0);
    while let Some(frame) = peer.take() {
        let number = P::number(&frame);
        bounds = (bounds.0.min(number), bounds.1.max(number));
        if broken(number / 512)
            && coin(number)
            && held.len() < HELD
            && random.next().is_multiple_of(stride)
        {
            held.push(number as u32);
        }
    }
    for number in bounds.0..=bounds.1 {
        if !(broken(number / 512) && coin(number)) {
            peer.release(number);
        }
    }
    held
}

/// Time for allocating `iterations` frames, at most `most` from empty memory at once.
fn bulk<P, F>(
    peer: &mut P,
    iterations: u64,
    most: u64,
    take: fn(&mut P) -> Option<F>,
    give: fn(&mut P, F),
) -> Duration {
    let mut frames = Vec::with_capacity(most as usize);
    let mut time = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let now = left.min(most);
        let start = Instant::now();
        for _ in 0..now {
            frames.push(take(peer).expect("memory is empty"));
        }
        time += start.elapsed();
        frames.drain(..).for_each(|frame| give(peer, frame));
        left -= now;
    }
    time
}

/// All work on the allocators that `make` makes for one size of memory.
fn measure<P: Peer>(
    criterion: &mut Criterion,
    name: &str,
    size: usize,
    large: bool,
    make: fn(u64) -> P,
) {
    let (size, count) = SIZES[size];
    let id = || BenchmarkId::new(name, size);

    let mut peer = make(count);
    criterion
        .benchmark_group("bulk")
        .bench_function(id(), |bencher| {
            let most = count.min(HELD as u64);
            bencher.iter_custom(|iterations| bulk(&mut peer, iterations, most, P::take, P::give));
        });
    if large {
        criterion
            .benchmark_group("2m_bulk")
            .bench_function(id(), |bencher| {
                let most = (count / 512).min(HELD as u64);
                bencher.iter_custom(|iterations| {
                    bulk(&mut peer, iterations, most, P::take_2m, P::give_2m)
                });
            });
        drop(scatter(&mut peer, count, |block| block % 4 != 3));
        criterion
            .benchmark_group("2m_pair")
            .bench_function(id(), |bencher| {
                bencher.iter(|| {
                    let frame = peer.take_2m().expect("one block in four is whole");
                    black_box(P::number_2m(&frame));
                    peer.give_2m(frame);
                });
            });
    }

    let mut peer = make(count);
    let mut held = scatter(&mut peer, count, |_| true);
    criterion
        .benchmark_group("pair")
        .bench_function(id(), |bencher| {
            bencher.iter(|| {
                let frame = peer.take().expect("half of memory is free");
                black_box(P::number(&frame));
                peer.give(frame);
            });
        });
    criterion
        .benchmark_group("churn")
        .bench_function(id(), |bencher| {
            let mut random = Random(0x2545_f491_4f6c_dd1d);
            bencher.iter(|| {
                let which = (u64::from(random.next() as u32) * held.len() as u64) >> 32;
                let slot = &mut held[which as usize];
                peer.release(u64::from(*slot));
                *slot = P::number(&peer.take().expect("half of memory is free")) as u32;
            });
        });
}

fn frames(criterion: &mut Criterion) {
    for size in 0..SIZES.len() {
        measure(criterion, "ours", size, true, ours);
    }
    // Its search for a row of frames is linear: too slow to wait for in larger memory.
    measure(
        criterion,
        "bitmap-allocator",
        0,
        true,
        bitmap::<BitAlloc64K>,
    );
    measure(criterion, "bitmap-allocator", 1, true, bitmap::<BitAlloc1M>);
    measure(
        criterion,
        "bitmap-allocator",
        2,
        false,
        bitmap::<BitAlloc16M>,
    );
    measure(
        criterion,
        "bitmap-allocator",
        3,
        false,
        bitmap::<BitAlloc256M>,
    );
    // It keeps free frames in trees on the heap: 64 GiB would take gigabytes of it.
    measure(criterion, "buddy_system_allocator", 0, true, buddy);
    measure(criterion, "buddy_system_allocator", 1, true, buddy);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = frames
}
criterion_main!(benches);
