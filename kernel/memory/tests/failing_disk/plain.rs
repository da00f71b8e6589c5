//! The plain model: which page of which space is in which frame, or in which slot, and
//! what it holds there.

use std::collections::BTreeMap;

use faultline_memory::Slot;

use crate::common::machine::Machine;
use crate::common::operations::PAGE;
use crate::tag::Tag;

/// A page that a region has.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub is_writable: bool,
    pub place: Place,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nobody has needed it yet: it is zero.
    Nowhere,
    /// In the frame at this physical address.
    Frame(u64),
    Slot(Slot),
}

/// A frame with pages.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub tag: Tag,
    /// True if several had it at some time, and nobody has written since.
    pub is_shared: bool,
    /// The slot that it came from and still has.
    pub slot: Option<Slot>,
}

/// All spaces, frames and slots.
#[derive(Default)]
pub struct Plain {
    pub spaces: BTreeMap<usize, BTreeMap<u64, Page>>,
    pub frames: BTreeMap<u64, Held>,
    /// What each slot in use holds.
    pub slots: BTreeMap<Slot, Tag>,
}

impl Plain {
    pub fn space(&mut self, space: usize) -> &mut BTreeMap<u64, Page> {
        self.spaces.get_mut(&space).expect("it is there")
    }

    /// A page; `None` if no region has it.
    pub fn page(&self, space: usize, page: u64) -> Option<Page> {
        self.spaces[&space].get(&page).copied()
    }

    /// Puts a page somewhere. What nobody has any more goes.
    pub fn put(&mut self, space: usize, page: u64, place: Place) {
        let page = self.space(space).get_mut(&page).expect("it is mapped");
        page.place = place;
        self.settle();
    }

    /// What a page holds.
    pub fn tag(&self, space: usize, page: u64) -> Tag {
        match self.page(space, page).map(|page| page.place) {
            None | Some(Place::Nowhere) => Tag::default(),
            Some(Place::Frame(frame)) => self.frames[&frame].tag,
            Some(Place::Slot(slot)) => self.slots[&slot],
        }
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let pages = self.spaces.values().flat_map(BTreeMap::values);
        pages.map(|page| page.place)
    }

    /// How many pages are there.
    pub fn owners(&self, place: Place) -> usize {
        self.places().filter(|other| *other == place).count()
    }

    /// The frames that still have this slot.
    fn noted(&self, slot: Slot) -> usize {
        let frames = self.frames.values();
        frames.filter(|held| held.slot == Some(slot)).count()
    }

    /// Owners of a slot: pages that are there, and frames that still have it.
    pub fn slot_owners(&self, slot: Slot) -> usize {
        self.owners(Place::Slot(slot)) + self.noted(slot)
    }

    /// True if some slot is free, or only one frame still has it.
    pub fn has_a_slot_to_spare(&self, slots: u64) -> bool {
        let is_spare = |slot: &Slot| self.noted(*slot) == 1 && self.slot_owners(*slot) == 1;
        (self.slots.len() as u64) < slots || self.slots.keys().any(is_spare)
    }

    /// Somebody takes a slot. If it was not free, the one frame that still had it loses
    /// it: true then.
    pub fn take_slot(&mut self, slot: Slot) -> bool {
        let was_used = self.slots.contains_key(&slot);
        if was_used {
            let owners = (self.owners(Place::Slot(slot)), self.noted(slot));
            assert_eq!(owners, (0, 1), "pages and frames that have {slot}");
            let mut frames = self.frames.values_mut();
            let loser = frames.find(|held| held.slot == Some(slot));
            loser.expect("one has it").slot = None;
            self.settle();
        }
        was_used
    }

    /// Lets go of frames without a page, and of slots without a page or a frame.
    pub fn settle(&mut self) {
        let places: Vec<Place> = self.places().collect();
        self.frames
            .retain(|frame, _| places.contains(&Place::Frame(*frame)));
        let noted: Vec<_> = self.frames.values().filter_map(|held| held.slot).collect();
        self.slots
            .retain(|slot, _| noted.contains(slot) || places.contains(&Place::Slot(*slot)));
    }

    /// Compares all there is with the machine, which is audited.
    pub fn compare(&self, machine: &Machine) {
        let report = machine.check();
        let in_slots = self
            .places()
            .filter(|place| matches!(place, Place::Slot(_)));
        assert_eq!(report.swapped, in_slots.count() as u64);
        let (counts, slots) = (machine.counts(), machine.memory.slots());
        let shared = self.frames.values().filter(|held| held.is_shared).count();
        let private = self.frames.len() - shared;
        assert_eq!(
            (counts.private, counts.shared),
            (private as u64, shared as u64)
        );
        let saved = self.frames.values().filter(|held| held.slot.is_some());
        assert_eq!(
            (slots.used, slots.saved),
            (self.slots.len() as u64, saved.count() as u64)
        );
        for slot in self.slots.keys() {
            let owners = self.slot_owners(*slot) as u32;
            assert_eq!(machine.memory.slot_owners(*slot), owners, "{slot}");
        }
        for (frame, held) in &self.frames {
            let found = Tag::of(&machine.bytes.copy(*frame, PAGE));
            assert_eq!(found, Some(held.tag), "in the frame at {frame:#x}");
        }
    }
}
