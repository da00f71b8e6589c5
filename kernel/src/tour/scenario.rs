//! The workload of the example, as data: a byte allocator hands out 5, 10 and
//! 100 bytes from a region of two pages at 0x10000, and each block is touched.
//!
//! ```text
//! packed        0x10000 a  0x10005 b  0x1000f c                 one page
//! inside        0x10985 a  0x10990 b  0x109a0 c ... 0x10a04     one page
//! straddling    0x10f85 a  0x10f90 b  0x10fa0 c ... 0x11004     c ends in the second
//! ```
//!
//! [`Scenario::run`] does it for real and hands each step, with its cost, to
//! whoever asked: the tour prints it, the tests assert it.

use memory::space::{Backing, Placement, Region, Request};
use x86_64::VirtAddr;

use super::stage::Stage;
use crate::account::meter::{Measured, measure};

/// Where the region lies.
pub const BASE: VirtAddr = VirtAddr::new(0x10000);
/// Its size in bytes: two pages.
pub const SIZE: u64 = 2 * 4096;

/// A block of bytes that the byte allocator handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// What the example calls it.
    pub name: char,
    /// The first byte.
    pub start: VirtAddr,
    /// Bytes.
    pub size: u64,
}

impl Block {
    /// The address behind its last byte.
    #[must_use]
    pub fn end(&self) -> VirtAddr {
        self.start + self.size
    }

    /// How many of its bytes lie in the page where it begins, and how many
    /// past that page.
    #[must_use]
    pub fn split(&self) -> (u64, u64) {
        let room = 4096 - u64::from(self.start.page_offset());
        let first = self.size.min(room);
        (first, self.size - first)
    }
}

/// A byte allocator as small as they come: each block begins where the last
/// one ended, rounded up to a step. It has no headers, and touches nothing.
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    next: VirtAddr,
    step: u64,
}

impl Bytes {
    /// From the first byte of the region on, without gaps.
    pub const PACKED: Self = Self {
        next: BASE,
        step: 1,
    };
    /// From the middle of the first page on, in steps of 16 bytes.
    pub const INSIDE: Self = Self {
        next: VirtAddr::new(0x10985),
        step: 16,
    };
    /// From the end of the first page on, in steps of 16 bytes.
    pub const STRADDLING: Self = Self {
        next: VirtAddr::new(0x10f85),
        step: 16,
    };

    /// Hands out the next `size` bytes.
    pub fn allocate(&mut self, name: char, size: u64) -> Block {
        let start = self.next;
        self.next = (start + size).align_up(self.step);
        Block { name, start, size }
    }
}

/// How a block is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// Each byte is read.
    Read,
    /// Each byte is written.
    Write,
}

/// One run of the example.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The region's backing.
    pub backing: Backing,
    /// The byte allocator, before its first block.
    pub bytes: Bytes,
    /// The order of touches: 0 is a, 1 is b, 2 is c.
    pub order: [usize; 3],
    /// What is done to each block in its turn.
    pub touches: &'static [Touch],
}

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The region was allocated.
    Reserve(Region),
    /// Each byte of a block was read or written.
    Touch(Block, Touch),
    /// The region was freed.
    Free,
}

impl Scenario {
    /// The blocks a, b and c of 5, 10 and 100 bytes, as they will lie.
    #[must_use]
    pub fn blocks(&self) -> [Block; 3] {
        let mut bytes = self.bytes;
        [('a', 5), ('b', 10), ('c', 100)].map(|(name, size)| bytes.allocate(name, size))
    }

    /// Runs in the low half of the space that is loaded, and hands `tell` each
    /// step after it was done, with what it cost.
    ///
    /// # Panics
    ///
    /// If there is no room: something lies at [`BASE`], or no frame is left.
    pub fn run(&self, mut tell: impl FnMut(Step, &Measured)) {
        let request = Request::new(SIZE, self.backing)
            .placement(Placement::At(BASE))
            .label("example");
        let (stage, measured) = measure(|| Stage::reserve(request));
        tell(Step::Reserve(stage.region()), &measured);
        let blocks = self.blocks();
        for block in self.order.map(|index| blocks[index]) {
            for &touch in self.touches {
                let ((), measured) = measure(|| touch_block(&stage, block, touch));
                tell(Step::Touch(block, touch), &measured);
            }
        }
        let ((), measured) = measure(|| stage.release());
        tell(Step::Free, &measured);
    }
}

fn touch_block(stage: &Stage, block: Block, touch: Touch) {
    let first = block.start - BASE;
    for offset in first..first + block.size {
        match touch {
            Touch::Read => drop(stage.read(offset)),
            Touch::Write => stage.write(offset, block.name as u8),
        }
    }
}
