//! Everything that an operation which is refused must leave as it was: frames,
//! counters, regions, and each entry of each table.

use faultline_memory::frames::{Counts, State};
use faultline_memory::memory_map::FrameRange;
use faultline_memory::space::Region;
use std::sync::atomic::Ordering::Relaxed;

use super::machine::Machine;
use super::simulated_memory::SimulatedMemory;
use super::translation::{ADDRESS, span};

/// An entry of a table that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The first virtual address that it spans.
    pub start: u64,
    /// The level of the table that it is in, 1 to 4.
    pub level: u8,
    pub bits: u64,
}

impl Placed {
    /// True for a leaf, which has P, or G in its place.
    pub fn is_leaf(&self) -> bool {
        self.bits & 0x101 != 0 && (self.level == 1 || self.bits & 0x80 != 0)
    }
}

/// The state of one half of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    pub regions: Vec<Region>,
    pub record_frames: u64,
    pub entries: Vec<Placed>,
}

/// The state of a machine, its fault log and its processors left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    counts: Counts,
    free_2m_blocks: u64,
    borrowed: u64,
    fallbacks: u64,
    leaked: u64,
    states: Vec<(FrameRange, State)>,
    /// The kernel half first.
    halves: Vec<Option<Half>>,
}

impl Snapshot {
    pub fn of(machine: &Machine) -> Self {
        let half = |space: &faultline_memory::space::Half| Half {
            regions: space.regions().collect(),
            record_frames: space.record_frames(),
            entries: entries(&machine.bytes, space),
        };
        let low = machine
            .spaces
            .iter()
            .map(|space| space.as_ref().map(|space| half(space)));
        let memory = &machine.memory;
        Self {
            counts: memory.counts(),
            free_2m_blocks: memory.frames(|frames| frames.free_2m_blocks()),
            borrowed: memory.borrowed(),
            fallbacks: memory.fallbacks(),
            leaked: memory.leaked(),
            states: memory.frames(|frames| frames.states().collect()),
            halves: std::iter::once(Some(half(&machine.kernel)))
                .chain(low)
                .collect(),
        }
    }

    /// Fails with the parts that differ, if `now` is not the same.
    pub fn assert_unchanged(&self, now: &Self, what: &str) {
        assert_eq!(self.counts, now.counts, "{what}: the counters");
        for (index, (before, after)) in self.halves.iter().zip(&now.halves).enumerate() {
            let (Some(before), Some(after)) = (before, after) else {
                continue;
            };
            assert_eq!(before.regions, after.regions, "{what}: regions of {index}");
            let gone = before
                .entries
                .iter()
                .find(|entry| !after.entries.contains(entry));
            let come = after
                .entries
                .iter()
                .find(|entry| !before.entries.contains(entry));
            assert_eq!((gone, come), (None, None), "{what}: entries of {index}");
        }
        assert_eq!(self, now, "{what}");
    }
}

/// Every entry of a half's tables that is not 0, by address, tables first.
pub fn entries(memory: &SimulatedMemory, space: &faultline_memory::space::Half) -> Vec<Placed> {
    let root = space.root().start_address().as_u64();
    let indices = if space.is_kernel() { 256..512 } else { 0..256 };
    let mut found = Vec::new();
    collect(memory, root, 4, 0, indices, &mut found);
    found
}

fn collect(
    memory: &SimulatedMemory,
    table: u64,
    level: u8,
    base: u64,
    indices: std::ops::Range<u64>,
    found: &mut Vec<Placed>,
) {
    for index in indices {
        let bits = memory.entry(table + 8 * index).load(Relaxed);
        if bits == 0 {
            continue;
        }
        let mut start = base + index * span(level);
        if level == 4 && index >= 256 {
            start |= 0xffff_0000_0000_0000;
        }
        let placed = Placed { start, level, bits };
        found.push(placed);
        if bits & 1 != 0 && !placed.is_leaf() {
            collect(memory, bits & ADDRESS, level - 1, start, 0..512, found);
        }
    }
}
