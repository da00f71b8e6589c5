//! The processors of one machine, and their flushes.
//!
//! A flush reaches every processor, and each forgets exactly what the contract
//! of `Tlb` names: for a page the leaves of any size that cover it and the
//! upper-level entries on the way to it; for everything, what lies in the
//! scope. At once it walks again to all that it knew, as a speculative read may
//! at any time (unless told not to): what is taken out of the tables only after its flush is stale.
//! What is flushed is written down, and a flush can be ignored on purpose, to
//! show that the harness notices.

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;

use faultline_memory::{Features, Flush, Scope};
use x86_64::VirtAddr;

use super::processor::Processor;
use super::simulated_memory::SimulatedMemory;
use super::translation::{Found, Leaf, UPPER, Upper, span};

/// A flush as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flushed {
    Pages(Scope, Vec<u64>),
    Everything(Scope),
}

/// A translation that a processor may still use and the tables no longer give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// A leaf: at this virtual address the tables say something narrower,
    /// something else, or nothing.
    Leaf { processor: usize, address: u64 },
    /// An upper-level entry of this level, for what begins here.
    Upper {
        processor: usize,
        level: u8,
        address: u64,
    },
}

/// All processors of a machine.
pub struct Processors {
    pub each: Vec<Processor>,
    /// Every flush since the start, or since somebody cleared this.
    pub flushed: Vec<Flushed>,
    /// How many flushes from now on are ignored.
    pub ignored: usize,
    /// Whether what is forgotten is walked to again at once.
    pub speculates: bool,
}

impl Processors {
    pub fn new(count: usize, memory: &Arc<SimulatedMemory>, features: Features) -> Self {
        let each = (0..count).map(|_| Processor::new(Arc::clone(memory), features));
        Self {
            each: each.collect(),
            flushed: Vec::new(),
            ignored: 0,
            speculates: true,
        }
    }

    /// The first remembered translation that gives more than the tables do.
    pub fn stale(&self) -> Option<Stale> {
        self.each.iter().enumerate().find_map(|(processor, core)| {
            let leaf = core.leaves.values().find_map(|leaf| stale_at(core, leaf));
            let mut uppers = core.uppers.iter();
            let upper =
                uppers.find(|((level, start), upper)| is_stale(core, *level, *start, upper));
            leaf.map(|address| Stale::Leaf { processor, address })
                .or(upper.map(|(&(level, address), _)| Stale::Upper {
                    processor,
                    level,
                    address,
                }))
        })
    }
}

/// Whether the tables lead elsewhere from what begins at `start` than `upper` remembers.
pub fn is_stale(core: &Processor, level: u8, start: u64, upper: &Upper) -> bool {
    core.table_below(level, start) != Some(upper.table)
}

/// The first address at which the tables do not give what `leaf` remembers.
pub fn stale_at(core: &Processor, leaf: &Leaf) -> Option<u64> {
    let mut address = leaf.start;
    // Behind a leaf that ends with the last address there is none.
    while address.wrapping_sub(leaf.start) < span(leaf.level) {
        let Found::Leaf(now, _) = core.look(address) else {
            return Some(address);
        };
        let same = now.physical + (address - now.start) == leaf.physical + (address - leaf.start)
            && now.cache == leaf.cache
            && leaf.permissions.within(now.permissions)
            && leaf.dirty <= now.dirty;
        if !same {
            return Some(address);
        }
        address = now.start.wrapping_add(span(now.level));
    }
    None
}

impl Processors {
    /// Carries a flush out, and writes it down.
    pub fn flush(&mut self, scope: Scope, flush: Flush<'_>) {
        self.flushed.push(match flush {
            Flush::Pages(pages) => {
                Flushed::Pages(scope, pages.iter().map(|page| page.as_u64()).collect())
            }
            Flush::Everything => Flushed::Everything(scope),
        });
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        let is_upper = |address: u64| address & UPPER == UPPER;
        let in_scope = |address: u64| is_upper(address) == (scope == Scope::Kernel);
        for core in &mut self.each {
            if let Scope::Space(root) = scope
                && root.start_address().as_u64() != core.root()
            {
                continue;
            }
            let known = core.known();
            match flush {
                Flush::Pages(pages) => {
                    for address in pages.iter().copied().map(VirtAddr::as_u64) {
                        assert!(in_scope(address), "{address:#x} is not in {scope:?}");
                        core.forget(address);
                    }
                }
                Flush::Everything => {
                    let keeps_global = scope != Scope::Kernel;
                    core.leaves.retain(|(_, start), leaf| {
                        !in_scope(*start) || keeps_global && leaf.global
                    });
                    core.uppers.retain(|(_, start), _| !in_scope(*start));
                }
            }
            if self.speculates {
                known
                    .into_iter()
                    .for_each(|address| core.speculate(address));
            }
        }
    }
}
