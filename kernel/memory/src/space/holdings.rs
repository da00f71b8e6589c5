//! What a half of an address space holds: its tables, and the frames behind its
//! leaves. For pictures of physical memory, which ask of each frame what it is.
//!
//! Leaves of fixed regions and of the zero frame hold nothing: what they map is
//! accounted for elsewhere. So a picture can be drawn after every step, tables
//! in which no region is placed are not looked into where only leaves can be,
//! and no table beyond its last entry in use. Neighbours: `query` tells of
//! single regions, and `audit` trusts no count and checks that all adds up.

use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use crate::direct_map::DirectMap;
use crate::paging::{Entry, EntryKind, LeafSize, Table, index_at};
use crate::physical::Physical;

/// What frames are to the half that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holding {
    /// A page table.
    Table,
    /// Behind a leaf that owns them.
    Private,
    /// Behind a leaf that maps a device's memory.
    Borrowed,
}

/// Frames in a row that a half holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What they are.
    pub holding: Holding,
    /// The physical address of the first.
    pub start: PhysAddr,
    /// How many frames of 4 KiB.
    pub frames: u64,
}

impl Space {
    /// Tells `tell` of all frames that this half holds, those behind
    /// neighbouring pages together if they are neighbours themselves.
    pub fn holdings(&self, physical: &Physical, tell: impl FnMut(Held)) {
        let slot = |address: u64| u64::from(index_at(VirtAddr::new_truncate(address), 4));
        let (low, high) = self.window;
        let slots = if self.is_kernel() { 256..512 } else { 0..256 };
        let mut visit = Visit {
            direct_map: physical.direct_map(),
            zero: physical.zero_frame().start_address(),
            run: None,
            tell,
        };
        let root = self.cursor.root();
        visit.meet(Holding::Table, self.root().start_address(), 1);
        visit.slots(root, slots.start..slot(low), false);
        visit.slots(root, slot(low)..slot(high - 1) + 1, true);
        visit.slots(root, slot(high - 1) + 1..slots.end, false);
        if let Some(run) = visit.run {
            (visit.tell)(run);
        }
    }
}

/// A visit to all tables of a half.
struct Visit<F> {
    direct_map: DirectMap,
    zero: PhysAddr,
    /// What was met last and not told yet.
    run: Option<Held>,
    tell: F,
}

impl<F: FnMut(Held)> Visit<F> {
    /// Visits slots of the root. Only where regions are placed do leaves hold
    /// anything.
    fn slots(&mut self, root: Table, slots: Range<u64>, with_leaves: bool) {
        let all = slots.end.saturating_sub(slots.start);
        self.entries(root, 4, slots, all, with_leaves);
    }

    /// Visits entries of a table until `in_use` of them were met.
    fn entries(
        &mut self,
        table: Table,
        level: u8,
        indices: Range<u64>,
        in_use: u64,
        with_leaves: bool,
    ) {
        let mut left = in_use;
        for index in indices {
            let entry = Entry::from_bits(self.direct_map.entry(table, index).load(Relaxed));
            if entry == Entry::UNUSED {
                continue;
            }
            match entry.kind(level) {
                EntryKind::Table(address) if level > 1 => {
                    self.meet(Holding::Table, address, 1);
                    if level > 2 || with_leaves {
                        // The entries of level 4 in the kernel half count nothing.
                        let in_use = if level == 4 { 512 } else { entry.in_use() };
                        self.entries(entry.as_table(), level - 1, 0..512, in_use, with_leaves);
                    }
                }
                EntryKind::Leaf(start, size) if with_leaves => self.leaf(entry, start, size),
                _ => {}
            }
            left -= 1;
            if left == 0 {
                return;
            }
        }
    }

    fn leaf(&mut self, entry: Entry, start: PhysAddr, size: LeafSize) {
        if entry.flags().contains(Entry::FIXED) {
            return;
        }
        if entry.is_borrowed() {
            self.meet(Holding::Borrowed, start, size.frames());
        } else if start != self.zero {
            self.meet(Holding::Private, start, size.frames());
        }
    }

    fn meet(&mut self, holding: Holding, start: PhysAddr, frames: u64) {
        if let Some(run) = &mut self.run {
            if run.holding == holding && run.start + run.frames * 4096 == start {
                run.frames += frames;
                return;
            }
            (self.tell)(*run);
        }
        self.run = Some(Held {
            holding,
            start,
            frames,
        });
    }
}
