//! Eviction beside the plain model: which page goes, to which slot, and what its frame,
//! its slot and the tables that count them come to.

use std::collections::{BTreeMap, BTreeSet};

use faultline_memory::Slot;
use faultline_memory::space::{Backing, Eviction, Rights};
use x86_64::VirtAddr;

use super::common::evict::First;
use super::common::operations::Half;
use super::fork::tables_for;
use super::plain::{BIG, Behind, PAGE, PlainHalf, PlainLeaf, UNKNOWN};
use super::play::World;

/// Slots that there are: more than pages that can want one.
pub const SLOTS: u64 = 4096;
/// Blocks of 512 frames that the machine has, or parts of them.
const BLOCKS: u64 = 4 + 2;
/// Tables that the counts of slots take at most, and the notes of frames.
const MOST_TABLES: u64 = (SLOTS / 512 + 3) + (BLOCKS + 3);

impl World {
    /// Pages of a half go, one after the other.
    pub fn evict(&mut self, half: Half, pages: u64) {
        let Some(index) = half else { return };
        for _ in 0..pages {
            let owners = self.owners();
            let mut hand = self.hands.get(&half).copied().unwrap_or_default();
            let plain = &self.halves[&half];
            let mut rest = plain.leaves.range(hand.address()..);
            let next = rest.find(|(start, leaf)| {
                let is_taken =
                    leaf.size == PAGE || hand.takes_large() && leaf.behind == Behind::Private;
                is_taken && plain.may_go(**start, leaf, &owners)
            });
            let next = next.map(|(start, leaf)| (*start, leaf.clone()));
            let used = self.slots();
            let evicted = self.machine.try_evict(index, &mut hand, &mut First);
            self.hands.insert(half, hand);
            let evicted = evicted.expect("slots for all");
            let Some((start, leaf)) = next else {
                assert!(matches!(evicted, Eviction::EndOfLap { .. }), "{evicted:?}");
                return;
            };
            if leaf.size > PAGE {
                self.broken_up(half, start, leaf.size, evicted);
                continue;
            }
            let is_same = leaf.behind == Behind::Private && !leaf.dirty;
            let slot = match (leaf.slot.filter(|_| is_same), evicted) {
                (Some(own), Eviction::Saved(slot)) => {
                    assert_eq!(slot, own);
                    slot
                }
                (None, Eviction::Written(slot)) => {
                    assert!(!used.contains(&slot), "{slot} is somebody else's");
                    slot
                }
                (own, evicted) => panic!("{evicted:?} of {start:#x}, which has {own:?}"),
            };
            let (_, leaf) = self.plain(half).leaf_at(start).expect("it was there");
            leaf.behind = Behind::Swapped;
            leaf.slot = Some(slot);
            leaf.dirty = false;
            leaf.physical = UNKNOWN;
        }
    }

    /// A large page was broken up: a small one of it, for each level of tables, is in a
    /// slot.
    fn broken_up(&mut self, half: Half, start: u64, size: u64, evicted: Eviction) {
        let pages = if size > BIG { 2 } else { 1 };
        assert_eq!(evicted, Eviction::BrokenUp { written: pages });
        let slots = [0, PAGE].map(|offset| {
            let address = VirtAddr::new(start + offset);
            self.machine.space(half.expect("low")).wanted_slot(address)
        });
        let plain = self.plain(half);
        for number in 0..=pages {
            plain.split_at(start + number * PAGE);
        }
        for (number, slot) in (0..pages).zip(slots) {
            let leaf = plain.leaves.get_mut(&(start + number * PAGE));
            let leaf = leaf.expect("it was split");
            leaf.behind = Behind::Swapped;
            leaf.slot = Some(slot.expect("it is in a slot"));
            leaf.dirty = false;
            leaf.physical = UNKNOWN;
        }
    }

    /// A page came back to this frame. It keeps its slot.
    pub fn came_back(&mut self, half: Half, address: u64, physical: u64) {
        let frame = physical & !(PAGE - 1);
        let plain = self.plain(half);
        let (base, _) = plain.region_at(address).expect("a region");
        let region = plain.regions.get_mut(&base).expect("a region");
        region.faults += 1;
        let (_, leaf) = plain.leaf_at(address).expect("a page in a slot");
        leaf.behind = Behind::Private;
        leaf.physical = frame;
    }

    /// All leaves.
    fn leaves(&self) -> impl Iterator<Item = &PlainLeaf> {
        self.halves.values().flat_map(|half| half.leaves.values())
    }

    /// The slots in use.
    pub fn slots(&self) -> BTreeSet<Slot> {
        self.leaves().filter_map(|leaf| leaf.slot).collect()
    }

    /// The frames that still have the slot they came from.
    pub fn noted(&self) -> BTreeSet<u64> {
        let noted = self.leaves().filter(|leaf| leaf.behind != Behind::Swapped);
        noted
            .filter(|leaf| leaf.slot.is_some())
            .map(|leaf| leaf.physical)
            .collect()
    }

    /// Pages in slots.
    pub fn swapped(&self) -> u64 {
        let leaves = self.leaves();
        leaves.filter(|leaf| leaf.behind == Behind::Swapped).count() as u64
    }

    /// Tables that hold the counts of slots.
    pub fn slot_tables(&self) -> u64 {
        let slots = self.slots().into_iter();
        tables_for(slots.map(|slot| slot.number() * PAGE))
    }

    /// Tables that hold the slots of frames.
    pub fn note_tables(&self) -> u64 {
        tables_for(self.noted().into_iter())
    }

    /// Frames that are kept back for counts of slots and notes.
    pub fn kept_for_slots(&self) -> u64 {
        MOST_TABLES - self.slot_tables() - self.note_tables()
    }
}

impl PlainHalf {
    /// True if a leaf may be evicted; `owners` says who owns shared frames.
    fn may_go(&self, start: u64, leaf: &PlainLeaf, owners: &BTreeMap<u64, u64>) -> bool {
        let Some((_, region)) = self.region_at(start) else {
            return false;
        };
        let is_lazy = matches!(region.backing, Backing::Demand | Backing::Zero);
        let is_owned = match leaf.behind {
            Behind::Private => true,
            Behind::Shared => owners.get(&leaf.physical) == Some(&1),
            Behind::Zero | Behind::Borrowed | Behind::Reserved | Behind::Swapped => false,
        };
        is_lazy && is_owned && region.rights != Rights::NoAccess
    }
}
