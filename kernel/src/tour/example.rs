//! The example this project grew from: a byte allocator hands out 5, 10 and
//! 100 bytes from a region at 0x10000, and the question is which touch makes
//! which page physical.
//!
//! It runs under each backing, touched in order and with b first, and once
//! where the blocks straddle a page boundary. Every number that is printed
//! comes from the counters, every fault from the journal.

use memory::space::{Backing, Placement, Region, Request};
use x86_64::VirtAddr;

use super::meter::{Meter, forget_events, tell_faults};
use crate::cpu::access;
use crate::{println, spaces};

/// Where the region lies.
const BASE: VirtAddr = VirtAddr::new(0x10000);
/// Its size: two pages.
const SIZE: u64 = 2 * 4096;

/// A block of bytes that the byte allocator handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// What the example calls it.
    name: char,
    /// The first byte.
    start: VirtAddr,
    /// Bytes.
    size: u64,
}

/// A byte allocator as small as they come: each block begins where the last
/// one ended, rounded up to a step. It has no headers, and touches nothing.
struct Bytes {
    next: VirtAddr,
    step: u64,
}

impl Bytes {
    fn allocate(&mut self, name: char, size: u64) -> Block {
        let start = self.next;
        self.next = (start + size).align_up(self.step);
        Block { name, start, size }
    }
}

/// How a block is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// Each byte is read.
    Read,
    /// Each byte is written.
    Write,
}

/// One run of the example.
struct Scenario {
    title: &'static str,
    backing: Backing,
    /// Where the byte allocator begins, and in which steps it goes on.
    first: u64,
    step: u64,
    order: &'static [usize],
    touches: &'static [Touch],
}

const IN_ORDER: &[usize] = &[0, 1, 2];
const B_FIRST: &[usize] = &[1, 0, 2];

const SCENARIOS: [Scenario; 7] = [
    Scenario {
        title: "immediate backing, touched in order",
        backing: Backing::Immediate,
        first: 0x10000,
        step: 1,
        order: IN_ORDER,
        touches: &[Touch::Write],
    },
    Scenario {
        title: "immediate backing, b touched first",
        backing: Backing::Immediate,
        first: 0x10000,
        step: 1,
        order: B_FIRST,
        touches: &[Touch::Write],
    },
    Scenario {
        title: "demand backing, touched in order",
        backing: Backing::Demand,
        first: 0x10000,
        step: 1,
        order: IN_ORDER,
        touches: &[Touch::Write],
    },
    Scenario {
        title: "demand backing, b touched first",
        backing: Backing::Demand,
        first: 0x10000,
        step: 1,
        order: B_FIRST,
        touches: &[Touch::Write],
    },
    Scenario {
        title: "zero backing, read and then written, in order",
        backing: Backing::Zero,
        first: 0x10000,
        step: 1,
        order: IN_ORDER,
        touches: &[Touch::Read, Touch::Write],
    },
    Scenario {
        title: "zero backing, read and then written, b first",
        backing: Backing::Zero,
        first: 0x10000,
        step: 1,
        order: B_FIRST,
        touches: &[Touch::Read, Touch::Write],
    },
    Scenario {
        title: "demand backing, straddling a page boundary: a at 0x10f85, b at 0x10f90",
        backing: Backing::Demand,
        first: 0x10f85,
        step: 16,
        order: IN_ORDER,
        touches: &[Touch::Write],
    },
];

/// Runs the whole example and tells of it.
///
/// # Panics
///
/// If the region cannot be had: the low half is empty but for the example's own.
pub fn run() {
    println!();
    println!(
        "a = alloc(5), b = alloc(10), c = alloc(100): when does their memory become physical?"
    );
    for scenario in &SCENARIOS {
        scenario.run();
    }
}

impl Scenario {
    fn run(&self) {
        println!();
        println!("{}", self.title);
        forget_events();
        let start = Meter::read();
        let region = reserve(self.backing);
        println!(
            "  region {:#x}..{:#x}, {} pages: {}",
            region.base,
            region.end(),
            region.size / 4096,
            Cost(Meter::read().since(start))
        );
        let blocks = self.blocks();
        for &block in self.order.iter().map(|&index| &blocks[index]) {
            for &touch in self.touches {
                let before = Meter::read();
                touch_block(block, touch);
                let cost = Meter::read().since(before);
                println!("  {}: {}", Step(block, touch), Cost(cost));
                tell_faults();
            }
        }
        println!("  in all: {}", Cost(Meter::read().since(start)));
        release(region);
    }

    fn blocks(&self) -> [Block; 3] {
        let mut bytes = Bytes {
            next: VirtAddr::new(self.first),
            step: self.step,
        };
        [('a', 5), ('b', 10), ('c', 100)].map(|(name, size)| bytes.allocate(name, size))
    }
}

/// Reserves the example's region in the low half of the current space.
fn reserve(backing: Backing) -> Region {
    let request = Request::new(SIZE, backing)
        .placement(Placement::At(BASE))
        .label("example");
    spaces::current(|space, physical, tlb| space.allocate(request, physical, tlb))
        .expect("the low half is empty")
}

fn release(region: Region) {
    spaces::current(|space, physical, tlb| space.free(region.base, physical, tlb))
        .expect("the region is the example's own");
}

/// Touches each byte of a block.
fn touch_block(block: Block, touch: Touch) {
    for address in (0..block.size).map(|offset| block.start + offset) {
        match touch {
            // SAFETY: the block lies in the example's own region.
            Touch::Read => drop(unsafe { access::read_byte(address) }),
            // SAFETY: as above; no Rust value stands there.
            Touch::Write => unsafe { access::write_byte(address, block.name as u8) },
        }
    }
}

/// A step in words.
struct Step(Block, Touch);

impl core::fmt::Display for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Block { name, start, size } = self.0;
        let verb = match self.1 {
            Touch::Read => "read",
            Touch::Write => "write",
        };
        write!(f, "{verb} {name}, {size} bytes at {start:#x}")
    }
}

/// A cost in words.
struct Cost(Meter);

impl core::fmt::Display for Cost {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Meter {
            faults,
            frames,
            tables,
        } = self.0;
        write!(f, "faults={faults} frames={frames} tables={tables}")
    }
}
