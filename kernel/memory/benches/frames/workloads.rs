//! What is done to an allocator, and the memory that it is done in.
//!
//! - bulk: frames one after the other from empty memory.
//! - pair: one frame (or 2 MiB, or a run), and free it again.
//! - churn: free a random one of up to 262,144 held frames by its number, and
//!   allocate another; they start out spread over all memory.
//! - start: from memory for the bitmap to the first frame.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::common::Random;
use crate::peers::{Contestant, Numbered};

/// How many frames are held at most while memory is churned.
pub(crate) const HELD: usize = 1 << 18;

/// Taking something and giving it back.
pub(crate) struct Step<C, F> {
    take: fn(&mut C) -> Option<F>,
    give: fn(&mut C, F),
}

impl<C: Contestant> Step<C, C::Small> {
    pub(crate) const SMALL: Self = Self {
        take: C::take,
        give: C::give,
    };
}

impl<C: Contestant> Step<C, C::Large> {
    pub(crate) const LARGE: Self = Self {
        take: C::take_large,
        give: C::give_large,
    };
}

impl<C: Contestant> Step<C, C::Run> {
    pub(crate) const RUN: Self = Self {
        take: C::take_run,
        give: C::give_run,
    };
}

/// Memory that was used for a while.
#[derive(Clone, Copy)]
pub(crate) enum Memory {
    /// A random half of all frames is free.
    Scattered,
    /// A random half of the frames of three blocks in four, and the fourth.
    Broken,
}

impl Memory {
    fn is_held(self, number: u64) -> bool {
        let is_broken = matches!(self, Self::Scattered) || number / 512 % 4 != 3;
        // The same coin for the same frame.
        is_broken && number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 != 0
    }
}

/// Takes all memory, then gives back what is free in such memory. Returns the
/// numbers of some frames that are held: short ones, so that the cache is left
/// to the allocators.
pub(crate) fn scatter<C: Contestant>(frames: &mut C, count: u64, memory: Memory) -> Vec<u32> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut held = Vec::with_capacity(HELD);
    let stride = (count / 2).div_ceil(HELD as u64);
    let mut bounds = (u64::MAX, 0);
    while let Some(frame) = frames.take() {
        let number = frame.number();
        bounds = (bounds.0.min(number), bounds.1.max(number));
        if memory.is_held(number) && held.len() < HELD && random.next().is_multiple_of(stride) {
            held.push(number as u32);
        }
    }
    for number in bounds.0..=bounds.1 {
        if !memory.is_held(number) {
            frames.release(number);
        }
    }
    held
}

/// Time for allocating `iterations` times, at most `most` from empty memory at once.
pub(crate) fn bulk<C, F>(frames: &mut C, iterations: u64, most: u64, step: Step<C, F>) -> Duration {
    let mut taken = Vec::with_capacity(most as usize);
    let mut time = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let now = left.min(most);
        let start = Instant::now();
        for _ in 0..now {
            taken.push((step.take)(frames).expect("memory is empty"));
        }
        time += start.elapsed();
        taken.drain(..).for_each(|frame| (step.give)(frames, frame));
        left -= now;
    }
    time
}

/// Allocates one and frees it.
#[inline]
pub(crate) fn pair<C, F: Numbered>(frames: &mut C, step: Step<C, F>) {
    let frame = (step.take)(frames).expect("there is room in such memory");
    black_box(frame.number());
    (step.give)(frames, frame);
}

/// Frees a random one of those that are `held` and takes another, so many times.
pub(crate) fn churn<C: Contestant>(frames: &mut C, held: &mut [u32], iterations: u64) -> Duration {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let start = Instant::now();
    for _ in 0..iterations {
        let slot = &mut held[random.below(held.len())];
        frames.release(u64::from(*slot));
        *slot = frames.take().expect("half of memory is free").number() as u32;
    }
    start.elapsed()
}
