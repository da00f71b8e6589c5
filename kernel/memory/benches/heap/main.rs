//! The heap beside the allocators a kernel would pick instead, and the system's
//! malloc, on the same work in the same run. No peer has a lock but the
//! system's, which nobody contends for.
//!
//! - `heap: churn`: of 4,096 live blocks of 16 bytes to 1 KiB a random one is freed
//!   and another allocated. ns for both.
//! - `heap: pair`: 64 bytes allocated and freed, beside 4,096 live blocks. ns for both.
//! - `heap: live`: as `churn`, with 100 to 1,000,000 live blocks of 16 to 128 bytes.
//! - Printed at the end: what a real program's allocations take of memory, as
//!   peak resident pages over peak live bytes (see `trace`).

#[path = "../common/mod.rs"]
mod common;

mod arena;
mod peers;
mod trace;

use std::alloc::Layout;
use std::hint::black_box;
use std::process::Command;
use std::ptr::NonNull;

use common::Random;
use criterion::{BenchmarkId, Criterion, criterion_group};
use peers::{Buddy, List, Ours, Peer, Rlsf, SystemMalloc, Talc};

/// Choices that are made before the clock starts; a power of two.
const CHOICES: usize = 1 << 16;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("8 is a power of two")
}

/// A peer with live blocks of random sizes.
struct Load<P> {
    peer: P,
    blocks: Vec<(NonNull<u8>, u32)>,
    choices: Vec<(u32, u32)>,
    next: usize,
}

impl<P: Peer> Load<P> {
    fn new(live: usize, sizes: std::ops::RangeInclusive<usize>) -> Self {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut size = || sizes.start() + random.below(sizes.end() - sizes.start() + 1);
        let mut peer = P::new();
        let blocks = (0..live)
            .map(|_| {
                let size = size();
                (peer.take(layout(size)), size as u32)
            })
            .collect();
        let sizes: Vec<u32> = (0..CHOICES).map(|_| size() as u32).collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let which = |size| (random.below(live) as u32, size);
        Self {
            peer,
            blocks,
            choices: sizes.into_iter().map(which).collect(),
            next: 0,
        }
    }

    /// Frees a random block, allocates another, and writes to it.
    #[inline]
    fn churn(&mut self) {
        let (which, size) = self.choices[self.next % CHOICES];
        self.next += 1;
        let slot = &mut self.blocks[which as usize];
        self.peer.give(slot.0, layout(slot.1 as usize));
        let block = self.peer.take(layout(size as usize));
        // SAFETY: every block has at least 16 bytes, aligned to 8.
        unsafe { block.cast::<u64>().write(1) };
        *slot = (block, size);
    }
}

fn measure<P: Peer>(criterion: &mut Criterion, most_live: usize) {
    let mut load = Load::<P>::new(4096, 16..=1024);
    (0..200_000).for_each(|_| load.churn());
    criterion
        .benchmark_group("heap: churn")
        .bench_function(P::NAME, |bencher| bencher.iter(|| load.churn()));
    criterion
        .benchmark_group("heap: pair")
        .bench_function(P::NAME, |bencher| {
            bencher.iter(|| {
                let block = load.peer.take(layout(black_box(64)));
                // SAFETY: the block has 64 bytes, aligned to 8.
                unsafe { block.cast::<u64>().write(1) };
                load.peer.give(block, layout(black_box(64)));
            });
        });
    for live in [100, 1000, 10_000, 100_000, 1_000_000] {
        if live > most_live {
            continue;
        }
        let mut load = Load::<P>::new(live, 16..=128);
        (0..200_000.min(live * 4)).for_each(|_| load.churn());
        criterion.benchmark_group("heap: live").bench_function(
            BenchmarkId::new(P::NAME, live),
            |bencher| {
                bencher.iter(|| load.churn());
            },
        );
    }
}

fn heaps(criterion: &mut Criterion) {
    measure::<Ours>(criterion, 1_000_000);
    measure::<Talc>(criterion, 1_000_000);
    measure::<Rlsf>(criterion, 1_000_000);
    measure::<Buddy>(criterion, 1_000_000);
    measure::<SystemMalloc>(criterion, 1_000_000);
    // Its cost grows with the blocks: more would take minutes to set up.
    measure::<List>(criterion, 10_000);
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = heaps
}

/// Makes this program measure the system's malloc and nothing else: in a process
/// of its own, since its memory is the whole process's.
const MALLOC_ONLY: &str = "--trace-of-malloc";

fn main() {
    if std::env::args().any(|argument| argument == MALLOC_ONLY) {
        return trace::fragmentation::<SystemMalloc>();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    println!("fragmentation: peak resident over peak live bytes, of a recorded program");
    trace::fragmentation::<Ours>();
    trace::fragmentation::<Talc>();
    trace::fragmentation::<Rlsf>();
    trace::fragmentation::<Buddy>();
    trace::fragmentation::<List>();
    let program = std::env::current_exe().expect("Linux");
    let malloc = Command::new(program).arg(MALLOC_ONLY).status();
    assert!(malloc.is_ok_and(|status| status.success()));
}
