//! Random operations beside a model: what a block holds is never disturbed, no
//! two overlap, the layout is as asked, the frames are never exceeded, and in
//! the end everything comes back.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use memory::heap::{GRAIN, Heap, PAGE};
use proptest::prelude::*;

use crate::memory::{Memory, heap, layout};

#[derive(Clone, Debug)]
enum Step {
    Allocate {
        size: usize,
        align: usize,
        zeroed: bool,
    },
    Free(usize),
    Resize {
        which: usize,
        size: usize,
    },
    Trim,
    /// So many frames more than are in use, or no limit.
    Limit(Option<usize>),
    Gap(bool),
}

fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 1..1100_usize,
        2 => 1000..9000_usize,
        2 => 8000..70_000_usize,
        1 => 60_000..1_500_000_usize,
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let align = prop_oneof![8 => 0..5_u32, 2 => 5..13_u32, 1 => 13..22_u32];
    prop_oneof![
        12 => (any_size(), align, any::<bool>()).prop_map(|(size, align, zeroed)| Step::Allocate {
            size,
            align: 1 << align,
            zeroed,
        }),
        9 => any::<usize>().prop_map(Step::Free),
        4 => (any::<usize>(), any_size()).prop_map(|(which, size)| Step::Resize { which, size }),
        1 => Just(Step::Trim),
        1 => proptest::option::of(0..600_usize).prop_map(Step::Limit),
        1 => any::<bool>().prop_map(Step::Gap),
    ]
}

struct Block {
    start: NonNull<u8>,
    layout: Layout,
    seed: u8,
}

impl Block {
    fn fill(&self) {
        for offset in 0..self.layout.size() {
            // SAFETY: the byte is the block's.
            unsafe { self.start.add(offset).write(self.byte(offset)) };
        }
    }

    fn byte(&self, offset: usize) -> u8 {
        self.seed ^ (offset ^ offset >> 8 ^ offset >> 16) as u8
    }

    fn assert_holds(&self, size: usize) {
        // SAFETY: the block is at least that long.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), size) };
        let wrong = (0..size).find(|&offset| bytes[offset] != self.byte(offset));
        assert_eq!(wrong, None, "{:?} of {:?}", self.start, self.layout);
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
    fn take(&mut self, start: NonNull<u8>, layout: Layout) {
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
                let Some(block) = block else { return };
                if zeroed {
                    // SAFETY: the block is that long, and was written.
                    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
                    assert!(bytes.iter().all(|&byte| byte == 0));
                }
                self.take(block, layout);
            }
            Step::Free(which) => {
                let Some(block) = self.give(which) else {
                    return;
                };
                block.assert_holds(block.layout.size());
                // SAFETY: allocated with this layout, and forgotten.
                unsafe { self.heap.deallocate(block.start, block.layout) };
            }
            Step::Resize { which, size } => {
                let Some(mut block) = self.give(which) else {
                    return;
                };
                // SAFETY: allocated with this layout.
                let moved = unsafe { self.heap.reallocate(block.start, block.layout, size) };
                let old = block.layout.size();
                if let Some(moved) = moved {
                    block.start = moved;
                    block.layout = layout(size, block.layout.align());
                }
                block.assert_holds(old.min(block.layout.size()));
                self.take(block.start, block.layout);
            }
            Step::Trim => _ = self.heap.trim(),
            Step::Limit(left) => {
                let used = self.heap.source().held() + self.heap.source().promised();
                self.heap.source_mut().frames = left.map_or(usize::MAX, |left| used + left);
            }
            Step::Gap(gap) => self.heap.source_mut().gap = if gap { GRAIN } else { 0 },
        }
    }

    fn check(&self) {
        let (usage, source) = (self.heap.usage(), self.heap.source());
        assert_eq!(usage.blocks, self.blocks.len());
        let bytes: usize = self.blocks.iter().map(|block| block.layout.size()).sum();
        assert!(usage.in_use >= bytes && usage.in_use <= usage.size);
        if source.frames < usize::MAX {
            assert!(source.held() + source.promised() <= source.frames);
        }
    }

    fn end(mut self) {
        for block in std::mem::take(&mut self.blocks) {
            block.assert_holds(block.layout.size());
            // SAFETY: allocated with this layout, and forgotten.
            unsafe { self.heap.deallocate(block.start, block.layout) };
        }
        self.heap.trim();
        let usage = self.heap.usage();
        assert_eq!((usage.in_use, usage.blocks), (0, 0));
        assert!(usage.classes.iter().all(|class| class.spans == 0));
        assert_eq!(self.heap.source().promised(), 0);
        // A node for each run of extents, and the bits of the map.
        let own = usage.growths as usize + 2;
        assert!(self.heap.source().held() <= own, "{own}");
        assert!(usage.largest_free + own * PAGE >= 4 << 20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

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
        }
        model.check();
        model.end();
    }
}
