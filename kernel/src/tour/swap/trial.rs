//! A workload with fewer frames than pages, under one way to choose which page goes.
//!
//! What must always hold: a trial has [`FRAMES`] frames for its pages, and leaves the
//! limit and the policy as they were.

use alloc::vec::Vec;

use memory::Space;
use memory::space::{Backing, Placement, Request};
use replacement::Access;
use x86_64::VirtAddr;

use crate::files::cache;
use crate::spaces::{self, Room};
use crate::swap::{self, Chosen};
use crate::tour::stage::Stage;

/// Pages that a workload uses.
pub const PAGES: u32 = 96;
/// Frames that there are for them.
pub const FRAMES: u64 = 32;
/// Pages of the program that forks.
pub const FORKED: u64 = 24;

/// Tables of the trial's part of the low half.
const TABLES: u64 = 3;
const PAGE: u64 = 4096;
const BASE: VirtAddr = VirtAddr::new(0x40_0000);

/// What a workload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Faults in its pages.
    pub faults: u64,
    /// Pages that were written to slots.
    pub writes: u64,
    /// Pages that were read from them.
    pub reads: u64,
}

impl Trial {
    /// Does the accesses of a trace.
    #[must_use]
    pub fn run(chosen: Chosen, trace: &[Access]) -> Self {
        Self::of(chosen, u64::from(PAGES), |stage| {
            for access in trace {
                let offset = u64::from(access.page) * PAGE;
                if access.is_write {
                    stage.write(offset, access.page as u8);
                } else {
                    stage.read(offset);
                }
            }
        })
    }

    /// Writes some pages, becomes two, and lets both write and read theirs in turns.
    ///
    /// # Panics
    ///
    /// If one of the two reads what it has not written, or there is no room for a space.
    #[must_use]
    pub fn fork(chosen: Chosen) -> Self {
        Self::of(chosen, FORKED, |stage| {
            let write = |who: u8| (0..FORKED).for_each(|page| stage.write(page * PAGE, who));
            let read = |who: u8| {
                let mut bytes = (0..FORKED).map(|page| stage.read(page * PAGE));
                assert!(bytes.all(|byte| byte == who), "what {who} wrote");
            };
            write(1);
            // Pages that two own stay: there has to be room for the first copy.
            swap::evict(FORKED / 2);
            let room = Room::new().expect("room for a space");
            let fork = spaces::relieved(|| spaces::current(Space::fork));
            let child = room.park(fork.expect("frames for a few tables"));
            write(2);
            let parent = child.switch();
            read(1);
            write(3);
            let child = parent.switch();
            read(2);
            let parent = child.switch();
            read(3);
            spaces::destroy(parent.switch().unpark());
        })
    }

    /// Does something to so many pages while there are few frames.
    fn of(chosen: Chosen, pages: u64, work: impl FnOnce(&Stage)) -> Self {
        let memory = spaces::memory();
        let (before, policy) = (memory.counts().limit, swap::policy());
        let request = Request::new(pages * PAGE, Backing::Demand)
            .placement(Placement::At(BASE))
            .label("a trial");
        let stage = Stage::reserve(request);
        cache::let_go();
        swap::set_policy(chosen);
        memory.set_limit(Some(FRAMES + TABLES));
        let slots = swap::slots();
        work(&stage);
        let moved = swap::slots();
        let region = spaces::look(BASE, |half| half.region_at(BASE));
        memory.set_limit(before);
        swap::set_policy(policy);
        stage.release();
        Self {
            faults: region.map_or(0, |region| region.faults),
            writes: moved.written - slots.written,
            reads: moved.read - slots.read,
        }
    }
}

/// All ways to choose, on the same trace.
#[must_use]
pub fn all(trace: &[Access]) -> Vec<(&'static str, Trial)> {
    let each = Chosen::ALL.into_iter();
    each.map(|(name, chosen)| (name, Trial::run(chosen, trace)))
        .collect()
}
