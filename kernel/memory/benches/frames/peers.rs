//! The contestants: this crate's `Frames`, `bitmap-allocator` and
//! `buddy_system_allocator`, as allocators of numbered frames.

use std::alloc::{Layout as AllocLayout, alloc_zeroed, handle_alloc_error};
use std::hint::black_box;
use std::time::{Duration, Instant};

use bitmap_allocator::BitAlloc;
use buddy_system_allocator::FrameAllocator;
use faultline_memory::frames::{Frame, FrameKind, Frames, Layout, Run};
use faultline_memory::memory_map::FrameRange;
use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size2MiB};

use crate::common::OURS;

/// Frames in a run.
pub(crate) const RUN: u64 = 64;

/// What is handed out: one frame or several.
pub(crate) trait Numbered {
    /// The number of the first frame.
    fn number(&self) -> u64;
}

impl Numbered for usize {
    #[inline]
    fn number(&self) -> u64 {
        *self as u64
    }
}

impl<S: PageSize> Numbered for Frame<S> {
    #[inline]
    fn number(&self) -> u64 {
        self.start().as_u64() >> 12
    }
}

impl Numbered for Run {
    #[inline]
    fn number(&self) -> u64 {
        self.start().as_u64() >> 12
    }
}

/// An allocator of frames.
pub(crate) trait Contestant {
    const NAME: &'static str;
    type Small: Numbered;
    type Large: Numbered;
    type Run: Numbered;

    /// Over `count` frames, all of them free.
    fn new(count: u64) -> Self;
    /// Time for making it so many times, each until the first frame is taken,
    /// in memory that is there already.
    fn start(count: u64, times: u64) -> Duration;
    fn take(&mut self) -> Option<Self::Small>;
    fn give(&mut self, frame: Self::Small);
    /// Frees a frame of which only the number was kept.
    fn release(&mut self, number: u64);
    fn take_large(&mut self) -> Option<Self::Large>;
    fn give_large(&mut self, frame: Self::Large);
    /// [`RUN`] frames in a row.
    fn take_run(&mut self) -> Option<Self::Run>;
    fn give_run(&mut self, run: Self::Run);
}

impl Contestant for Frames<'_> {
    const NAME: &'static str = OURS;
    type Small = Frame;
    type Large = Frame<Size2MiB>;
    type Run = Run;

    /// From 1 GiB on. The bitmap's memory is given up: there are few of these.
    fn new(count: u64) -> Self {
        let start = PhysAddr::new(1 << 30);
        let range = [FrameRange::new(start, start.as_u64() + (count << 12))];
        let storage = vec![0; Layout::of(range.into_iter()).words()].leak();
        // SAFETY: no memory stands behind the frames.
        let frames = unsafe { Frames::new(range.into_iter(), storage, FrameRange::empty()) };
        frames.expect("one range is sorted")
    }

    fn start(count: u64, times: u64) -> Duration {
        let memory = PhysAddr::new(1 << 30);
        let range = [FrameRange::new(memory, memory.as_u64() + (count << 12))];
        // Not zero: what was in the memory before does not matter.
        let mut storage = vec![u64::MAX; Layout::of(range.into_iter()).words()];
        let start = Instant::now();
        for _ in 0..times {
            // SAFETY: no memory stands behind the frames.
            let frames =
                unsafe { Frames::new(range.into_iter(), &mut storage, FrameRange::empty()) };
            black_box(frames.expect("one range is sorted").take());
        }
        start.elapsed()
    }

    #[inline]
    fn take(&mut self) -> Option<Frame> {
        self.allocate(FrameKind::Private).ok()
    }

    #[inline]
    fn give(&mut self, frame: Frame) {
        self.free(frame);
    }

    #[inline]
    fn release(&mut self, number: u64) {
        let frame: PhysFrame = PhysFrame::containing_address(PhysAddr::new(number << 12));
        // SAFETY: no memory stands behind the frames, and who released one forgot it.
        unsafe { self.free_raw(frame, FrameKind::Private) }.expect("it was handed out");
    }

    #[inline]
    fn take_large(&mut self) -> Option<Frame<Size2MiB>> {
        self.allocate(FrameKind::Private).ok()
    }

    #[inline]
    fn give_large(&mut self, frame: Frame<Size2MiB>) {
        self.free(frame);
    }

    #[inline]
    fn take_run(&mut self) -> Option<Run> {
        self.allocate_run(RUN, 4096, 1 << 52, FrameKind::Private)
            .ok()
    }

    #[inline]
    fn give_run(&mut self, run: Run) {
        self.free_run(run);
    }
}

pub(crate) struct Bitmap<B>(Box<B>);

impl<B: BitAlloc> Contestant for Bitmap<B> {
    const NAME: &'static str = "bitmap-allocator";
    type Small = usize;
    type Large = usize;
    type Run = usize;

    fn new(count: u64) -> Self {
        let layout = AllocLayout::new::<B>();
        // SAFETY: the layout is not empty, and the type is nothing but integers
        // in arrays, so zeros are a value of it. It is too large for the stack.
        let mut bits = unsafe {
            let memory = alloc_zeroed(layout).cast::<B>();
            if memory.is_null() {
                handle_alloc_error(layout);
            }
            Box::from_raw(memory)
        };
        bits.insert(0..count as usize);
        Self(bits)
    }

    fn start(count: u64, times: u64) -> Duration {
        let mut frames = Self::new(count);
        let mut time = Duration::ZERO;
        for _ in 0..times {
            frames.0.remove(0..count as usize);
            let start = Instant::now();
            frames.0.insert(0..count as usize);
            black_box(frames.take());
            time += start.elapsed();
        }
        time
    }

    #[inline]
    fn take(&mut self) -> Option<usize> {
        self.0.alloc()
    }

    #[inline]
    fn give(&mut self, frame: usize) {
        self.0.dealloc(frame);
    }

    #[inline]
    fn release(&mut self, number: u64) {
        self.0.dealloc(number as usize);
    }

    #[inline]
    fn take_large(&mut self) -> Option<usize> {
        self.0.alloc_contiguous(None, 512, 9)
    }

    #[inline]
    fn give_large(&mut self, frame: usize) {
        self.0.dealloc_contiguous(frame, 512);
    }

    #[inline]
    fn take_run(&mut self) -> Option<usize> {
        self.0.alloc_contiguous(None, RUN as usize, 0)
    }

    #[inline]
    fn give_run(&mut self, run: usize) {
        self.0.dealloc_contiguous(run, RUN as usize);
    }
}

impl Contestant for FrameAllocator<33> {
    const NAME: &'static str = "buddy_system_allocator";
    type Small = usize;
    type Large = usize;
    type Run = usize;

    fn new(count: u64) -> Self {
        let mut frames = FrameAllocator::new();
        frames.add_frame(0, count as usize);
        frames
    }

    fn start(count: u64, times: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            black_box(<Self as Contestant>::new(count).take());
        }
        start.elapsed()
    }

    #[inline]
    fn take(&mut self) -> Option<usize> {
        self.alloc(1)
    }

    #[inline]
    fn give(&mut self, frame: usize) {
        self.dealloc(frame, 1);
    }

    #[inline]
    fn release(&mut self, number: u64) {
        self.dealloc(number as usize, 1);
    }

    #[inline]
    fn take_large(&mut self) -> Option<usize> {
        self.alloc(512)
    }

    #[inline]
    fn give_large(&mut self, frame: usize) {
        self.dealloc(frame, 512);
    }

    #[inline]
    fn take_run(&mut self) -> Option<usize> {
        self.alloc(RUN as usize)
    }

    #[inline]
    fn give_run(&mut self, run: usize) {
        self.dealloc(run, RUN as usize);
    }
}
