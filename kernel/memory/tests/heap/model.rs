//! Random operations beside a model: what a block holds is never disturbed, no
//! two overlap, the layout is as asked, what is in use is known to the byte, the
//! frames are never exceeded, no block is refused while there is memory for it,
//! and in the end everything comes back. All of it is looked at after each step.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::LazyLock;

use faultline_memory::heap::{GRAIN, Heap, PAGE, Usage};
use proptest::prelude::*;

use crate::memory::{CANARY, Memory, heap, layout};
use crate::steps::{LARGEST, Step, any_step};

/// Pages that the heap may need besides those of a block: a span's, a chunk's
/// header, the map's notes, and to spare.
const NOTES: usize = 12;

/// What blocks are filled with, each from a place of its own on.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_u32;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    bytes.take(LARGEST + 256).collect()
});

struct Block {
    start: NonNull<u8>,
    layout: Layout,
    kind: Kind,
    seed: u8,
}

impl Block {
    /// Bytes that it takes of the heap.
    fn taken(&self) -> usize {
        let size = self.layout.size() + CANARY;
        match self.kind {
            Kind::Class(size) => size,
            Kind::Medium => size.next_multiple_of(16),
            Kind::Large => size.next_multiple_of(PAGE),
        }
    }

    fn pattern(&self) -> &'static [u8] {
        &PATTERN[self.seed.into()..][..self.layout.size()]
    }

    fn fill(&self) {
        // SAFETY: the block is that long, and the pattern lies elsewhere.
        unsafe {
            let pattern = self.pattern();
            self.start
                .as_ptr()
                .copy_from_nonoverlapping(pattern.as_ptr(), pattern.len());
        }
    }

    /// The block begins with what its pattern begins with, `size` bytes of it.
    fn assert_holds(&self, size: usize) {
        // SAFETY: the block is at least that long.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), size) };
        let pattern = &self.pattern()[..size];
        // All at once first: byte by byte is slow without optimisation.
        let wrong = if bytes == pattern {
            None
        } else {
            (0..size).find(|&offset| bytes[offset] != pattern[offset])
        };
        assert_eq!(wrong, None, "{:?} of {:?}", self.start, self.layout);
    }
}

/// What a block is: its size is that of its class, a multiple of 16 bytes, or
/// whole pages.
#[derive(Clone, Copy)]
enum Kind {
    Class(usize),
    Medium,
    Large,
}

impl Kind {
    fn of(layout: Layout, usage: &Usage) -> Self {
        let size = layout.size() + CANARY;
        let mut in_class = size;
        if layout.align() > 16 {
            in_class = size.max(layout.align()).next_power_of_two();
        }
        let mut classes = usage.classes.iter().map(|class| class.size);
        match classes.find(|&class| class >= in_class) {
            Some(class) => Self::Class(class),
            None if size <= 8192 && layout.align() <= PAGE => Self::Medium,
            None => Self::Large,
        }
    }
}

struct Model {
    heap: Heap<Memory>,
    blocks: Vec<Block>,
    /// Start and end of what is handed out.
    taken: BTreeMap<usize, usize>,
    seed: u8,
}

impl Model {
    fn take(&mut self, start: NonNull<u8>, layout: Layout, kind: Option<Kind>) {
        let address = start.addr().get();
        assert!(address.is_multiple_of(layout.align()));
        let end = address + layout.size();
        let before = self.taken.range(..end).next_back();
        assert!(
            before.is_none_or(|(_, &end)| end <= address),
            "blocks overlap"
        );
        self.taken.insert(address, end);
        self.seed = self.seed.wrapping_add(37);
        let block = Block {
            start,
            layout,
            kind: kind.unwrap_or_else(|| Kind::of(layout, &self.heap.usage())),
            seed: self.seed,
        };
        block.fill();
        self.blocks.push(block);
    }

    fn give(&mut self, which: usize) -> Option<Block> {
        if self.blocks.is_empty() {
            return None;
        }
        let block = self.blocks.swap_remove(which % self.blocks.len());
        self.taken.remove(&block.start.addr().get());
        Some(block)
    }

    fn step(&mut self, step: &Step) {
        let failures = self.heap.source().failures.get();
        match *step {
            Step::Allocate {
                size,
                align,
                zeroed,
            } => {
                let layout = layout(size, align);
                let block = if zeroed {
                    self.heap.allocate_zeroed(layout)
                } else {
                    self.heap.allocate(layout)
                };
                let Some(block) = block else {
                    return self.assert_refused(layout, failures);
                };
                if zeroed {
                    // SAFETY: the block is that long, and was written.
                    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
                    assert!(bytes.iter().all(|&byte| byte == 0));
                }
                self.take(block, layout, None);
            }
            Step::Free(which) => {
                let Some(block) = self.give(which) else {
                    return;
                };
                // SAFETY: allocated with this layout, and forgotten.
                unsafe { self.heap.deallocate(block.start, block.layout) };
            }
            Step::Resize { which, size } => {
                let Some(mut block) = self.give(which) else {
                    return;
                };
                let wanted = layout(size, block.layout.align());
                // SAFETY: allocated with this layout.
                let moved = unsafe { self.heap.reallocate(block.start, block.layout, size) };
                if let Some(moved) = moved {
                    // What stays where it is stays what it is.
                    let kind = (moved == block.start).then_some(block.kind);
                    block.start = moved;
                    block.assert_holds(size.min(block.layout.size()));
                    self.take(moved, wanted, kind);
                } else {
                    assert!(size > block.layout.size(), "made smaller, and refused");
                    self.taken.insert(
                        block.start.addr().get(),
                        block.start.addr().get() + block.layout.size(),
                    );
                    self.blocks.push(block);
                    self.assert_refused(wanted, failures);
                }
            }
            Step::Trim => _ = self.heap.trim(),
            Step::Limit(left) => {
                let used = self.used();
                self.heap
                    .source()
                    .frames
                    .set(left.map_or(usize::MAX, |left| used + left));
            }
            Step::Calls(left) => self.heap.source().calls.set(left.unwrap_or(usize::MAX)),
            Step::Gap(gap) => self.heap.source().gap.set(if gap { GRAIN } else { 0 }),
        }
    }

    /// Pages that hold something, or are reserved.
    fn used(&self) -> usize {
        self.heap.source().held() + self.heap.source().reserved()
    }

    /// A block was refused rightly: the source refused something since it had so
    /// many failures, and it had to, since it was made to fail, or too few frames
    /// are left although the heap has given its idle pages back.
    fn assert_refused(&mut self, layout: Layout, failures: usize) {
        let refused = self.heap.source().failures.get() > failures;
        assert!(refused, "{layout:?} is refused, though no page was");
        // What was tried has written notes to some.
        let idle = self.heap.trim();
        assert!(
            idle <= NOTES,
            "{layout:?} is refused, with {idle} idle pages"
        );
        let wanted = (layout.size() + CANARY).div_ceil(PAGE) + NOTES;
        let (used, source) = (self.used(), self.heap.source());
        assert!(
            source.calls.get() == 0 || used + wanted > source.frames.get(),
            "{layout:?} is refused, with {used} of {} frames in use",
            source.frames.get()
        );
    }

    fn check(&self) {
        for block in &self.blocks {
            block.assert_holds(block.layout.size());
        }
        let usage = self.heap.usage();
        assert_eq!(usage.blocks, self.blocks.len());
        let taken: usize = self.blocks.iter().map(Block::taken).sum();
        assert_eq!(usage.in_use, taken);
        assert!(usage.in_use + usage.largest_free <= usage.size);
        assert!(self.used() <= self.heap.source().frames.get());
        // What is handed out can be touched: it is held or reserved.
        assert!(self.used() * PAGE >= usage.in_use);
    }

    fn end(mut self) {
        self.heap.source().calls.set(usize::MAX);
        for block in std::mem::take(&mut self.blocks) {
            // SAFETY: allocated with this layout, and forgotten.
            unsafe { self.heap.deallocate(block.start, block.layout) };
        }
        self.heap.trim();
        let usage = self.heap.usage();
        assert_eq!((usage.in_use, usage.blocks), (0, 0));
        assert!(usage.classes.iter().all(|class| class.spans == 0));
        assert_eq!((usage.medium.spans, usage.medium.in_use), (0, 0));
        assert_eq!(self.heap.source().reserved(), 0);
        // The notes of the map.
        let own = usage.growths as usize + 2;
        assert!(self.heap.source().held() <= own, "{own}");
        assert!(usage.largest_free + own * PAGE >= 4 << 20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_disturbed_by_nothing_and_all_comes_back(
        steps in proptest::collection::vec(any_step(), 1..300)
    ) {
        let mut model = Model {
            heap: heap(),
            blocks: Vec::new(),
            taken: BTreeMap::new(),
            seed: 0,
        };
        for step in &steps {
            model.step(step);
            model.check();
        }
        model.end();
    }
}
