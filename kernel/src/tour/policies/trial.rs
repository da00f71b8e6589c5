//! What is compared: ways to back a region, workloads, and what one workload
//! cost under one of them.
//!
//! The region is the same for all: 64 pages that begin at a multiple of 2 MiB,
//! so that small pages need one leaf table and a large page fits.

use memory::paging::LeafSize;
use memory::space::{Backing, Placement, Request};
use x86_64::VirtAddr;

use crate::account::meter::{Cost, measure};
use crate::bench::Bench;
use crate::spaces;
use crate::tour::stage::Stage;

/// Pages of 4 KiB that the workloads know of.
pub const PAGES: u64 = 64;
/// The sparse touch writes one page in so many.
pub const STRIDE: u64 = 8;
/// Pages that one fault maps with fault-around.
pub const AROUND: u16 = 16;

const PAGE: u64 = 4096;
const BASE: VirtAddr = VirtAddr::new(0x40_0000);

/// A way to back the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// All small pages at once.
    Immediate,
    /// A small page at each first touch.
    Demand,
    /// [`AROUND`] small pages at each first touch.
    Around,
    /// The zero frame at a first read, a small page at a first write.
    Zero,
    /// A page of 2 MiB at the first touch.
    Large,
}

impl Policy {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Immediate,
        Self::Demand,
        Self::Around,
        Self::Zero,
        Self::Large,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Demand => "demand",
            Self::Around => "fault-around",
            Self::Zero => "zero",
            Self::Large => "2M pages",
        }
    }

    fn request(self) -> Request {
        let (backing, around, page_size) = match self {
            Self::Immediate => (Backing::Immediate, 1, LeafSize::Size4KiB),
            Self::Demand => (Backing::Demand, 1, LeafSize::Size4KiB),
            Self::Around => (Backing::Demand, AROUND, LeafSize::Size4KiB),
            Self::Zero => (Backing::Zero, 1, LeafSize::Size4KiB),
            Self::Large => (Backing::Demand, 1, LeafSize::Size2MiB),
        };
        Request::new(PAGES * PAGE, backing)
            .fault_around(around)
            .page_size(page_size)
            .placement(Placement::At(BASE))
            .label(self.name())
    }
}

/// What is done to the region, one byte per page that is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// One page in [`STRIDE`] is written.
    SparseTouch,
    /// Every page is written.
    DenseWrite,
    /// Every page is read.
    ReadSweep,
    /// Every page is read; then every page is written.
    ReadThenWrite,
}

impl Workload {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [
        Self::SparseTouch,
        Self::DenseWrite,
        Self::ReadSweep,
        Self::ReadThenWrite,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SparseTouch => "sparse touch",
            Self::DenseWrite => "dense write",
            Self::ReadSweep => "read sweep",
            Self::ReadThenWrite => "read then write",
        }
    }

    /// Does it; returns the number of accesses.
    fn run(self, stage: &Stage) -> u64 {
        match self {
            Self::SparseTouch => write_each(stage, STRIDE),
            Self::DenseWrite => write_each(stage, 1),
            Self::ReadSweep => read_each(stage),
            Self::ReadThenWrite => read_each(stage) + write_each(stage, 1),
        }
    }
}

fn write_each(stage: &Stage, stride: u64) -> u64 {
    let mut accesses = 0;
    for page in (0..PAGES).step_by(stride as usize) {
        stage.write(page * PAGE, 1);
        accesses += 1;
    }
    accesses
}

fn read_each(stage: &Stage) -> u64 {
    for page in 0..PAGES {
        stage.read(page * PAGE);
    }
    PAGES
}

/// What one workload cost under one policy.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// The policy.
    pub policy: Policy,
    /// Bytes that the workload read or wrote.
    pub accesses: u64,
    /// Faults, frames and tables of allocation and accesses together.
    pub cost: Cost,
    /// Time-stamp ticks of the allocation.
    pub setup: u64,
    /// Time-stamp ticks of the accesses, with their faults.
    pub work: u64,
    /// Large pages that small ones stood in for.
    pub fallbacks: u64,
}

impl Trial {
    /// Allocates the region, runs the workload, and frees the region.
    ///
    /// # Panics
    ///
    /// If something else lies in the low half where the region goes, or no
    /// frame is left for it.
    #[must_use]
    pub fn run(policy: Policy, workload: Workload) -> Self {
        let clock = Bench::calibrated();
        let before = fallbacks();
        let request = policy.request();
        let mut stage = None;
        let (setup, reserved) = measure(|| clock.time(|| stage = Some(Stage::reserve(request))));
        let stage = stage.expect("it was just reserved");
        let mut accesses = 0;
        let (work, used) = measure(|| clock.time(|| accesses = workload.run(&stage)));
        stage.release();
        let mut cost = reserved.cost;
        cost += used.cost;
        Self {
            policy,
            accesses,
            cost,
            setup,
            work,
            fallbacks: fallbacks() - before,
        }
    }

    /// Frames behind the pages and frames for tables.
    #[must_use]
    pub fn frames(&self) -> i64 {
        self.cost.frames + self.cost.tables
    }

    /// Ticks of allocation and accesses.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.setup + self.work
    }
}

fn fallbacks() -> u64 {
    spaces::memory().fallbacks()
}
