//! Forks, and what the model knows of frames that several leaves own: which
//! they are, who is the last owner, and how many tables hold their counters.

use std::collections::{BTreeMap, BTreeSet};

use faultline_memory::frames::Shortage;
use faultline_memory::space::ForkError;

use super::common::operations::Half;
use super::plain::{BIG, Behind, PAGE, PlainHalf};
use super::play::World;

impl World {
    /// The shared pages of 4 KiB, and how many leaves own each.
    pub fn owners(&self) -> BTreeMap<u64, u64> {
        let mut owners = BTreeMap::new();
        for leaf in self.halves.values().flat_map(|half| half.leaves.values()) {
            if leaf.behind == Behind::Shared {
                for page in (0..leaf.size).step_by(PAGE as usize) {
                    *owners.entry(leaf.physical + page).or_default() += 1;
                }
            }
        }
        owners
    }

    /// Frames that are shared.
    pub fn shared(&self) -> u64 {
        self.owners().len() as u64
    }

    /// Tables that hold the counters of shared frames: one for 2 MiB, and three
    /// above them.
    pub fn counter_tables(&self) -> u64 {
        tables_for(self.owners().into_keys())
    }

    /// True if the leaf at an address shares nothing with another leaf any more.
    pub fn is_last_owner(&mut self, half: Half, address: u64) -> bool {
        let owners = self.owners();
        let leaf = self.plain(half).leaf_at(address);
        leaf.is_some_and(|(_, leaf)| {
            let mut pages = (0..leaf.size).step_by(PAGE as usize);
            pages.all(|page| owners.get(&(leaf.physical + page)) == Some(&1))
        })
    }

    /// The same of the page at an address, which may be part of a large leaf.
    pub fn is_last_of_page(&mut self, half: Half, address: u64) -> bool {
        let owners = self.owners();
        let leaf = self.plain(half).leaf_at(address);
        leaf.is_some_and(|(base, leaf)| {
            let page = (address - base) & !(PAGE - 1);
            let physical = leaf.physical.checked_add(page);
            physical.is_some_and(|physical| owners.get(&physical) == Some(&1))
        })
    }

    /// Copies a space, if there may be one more.
    pub fn fork(&mut self, half: Half) {
        let Some(index) = half.filter(|_| self.may_have_another()) else {
            return;
        };
        let room = self.room();
        let counted = self.owners().into_keys();
        let plain = &self.halves[&half];
        let mine = plain
            .leaves
            .values()
            .filter(|leaf| leaf.behind == Behind::Private);
        let mine = mine.flat_map(|leaf| {
            let pages = (0..leaf.size).step_by(PAGE as usize);
            pages.map(|page| leaf.physical + page)
        });
        let counters = tables_for(counted.chain(mine)) - self.counter_tables();
        let needed = plain.tables() + plain.reserved() + counters;
        let records = plain.regions.len() as u64 + 2;
        match self.machine.try_fork(index) {
            Ok(child) => {
                assert!(room.frames >= needed, "{room:?} is not enough");
                let copy = self.plain(half).fork();
                self.halves.insert(Some(child), copy);
            }
            Err(ForkError::OutOfFrames(Shortage {
                needed: said,
                available,
            })) => {
                assert!(
                    (needed..needed + records).contains(&said),
                    "{said} of {needed}"
                );
                assert!(available == room.frames && available < said, "{room:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl PlainHalf {
    /// A copy; what was private is shared by both.
    fn fork(&mut self) -> Self {
        for leaf in self.leaves.values_mut() {
            if leaf.behind == Behind::Private {
                leaf.behind = Behind::Shared;
            }
        }
        let mut regions = self.regions.clone();
        regions.values_mut().for_each(|region| region.faults = 0);
        Self {
            is_kernel: false,
            regions,
            leaves: self.leaves.clone(),
            next_source: self.next_source,
        }
    }
}

/// Tables for the counters of these frames.
pub fn tables_for(frames: impl Iterator<Item = u64>) -> u64 {
    let blocks: BTreeSet<u64> = frames.map(|frame| frame / BIG).collect();
    if blocks.is_empty() {
        0
    } else {
        blocks.len() as u64 + 3
    }
}
