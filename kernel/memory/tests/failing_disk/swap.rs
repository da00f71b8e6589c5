//! Pages that go to slots and come back, and what a request that fails must leave as it
//! was.

use std::iter;

use faultline_memory::Slot;
use faultline_memory::frames::{Frame, FrameKind};
use faultline_memory::space::{EvictError, Eviction, SwapInError};
use x86_64::VirtAddr;

use crate::common::evict::{Failed, First};
use crate::common::operations::PAGE;
use crate::common::snapshot::{Snapshot, entries};
use crate::plain::{Held, Place};
use crate::tag::Tag;
use crate::world::{BASE, SLOTS, World, address_of};

impl World {
    /// Tries to evict a page.
    pub fn evict(&mut self, space: usize) {
        let mut hand = self.hands[&space];
        let before = Snapshot::of(&self.machine);
        let leaves = entries(&self.machine.bytes, self.machine.half(Some(space)));
        let evicted = self.machine.try_evict(space, &mut hand, &mut First);
        self.hands.insert(space, hand);
        let stayed = || entries(&self.machine.bytes, self.machine.half(Some(space))) == leaves;
        let victim = || hand.address().wrapping_sub(PAGE + BASE) / PAGE;
        match evicted {
            Ok(Eviction::EndOfLap { .. }) => {}
            Ok(Eviction::Written(slot)) => {
                self.seen.slots_taken += u64::from(self.plain.take_slot(slot));
                self.goes_to(space, victim(), slot);
            }
            Ok(Eviction::Saved(slot)) => {
                let held = self.alone(space, victim());
                assert_eq!(held.slot, Some(slot));
                assert_eq!(held.tag, self.plain.slots[&slot], "{slot} holds it");
                self.goes_to(space, victim(), slot);
            }
            Err(EvictError::NoSlot) => {
                self.seen.no_slot += 1;
                assert!(stayed() && !self.plain.has_a_slot_to_spare(SLOTS));
                before.assert_unchanged(&Snapshot::of(&self.machine), "no slot");
            }
            Err(EvictError::Write {
                slot,
                error: Failed,
            }) => {
                self.failed.writes += 1;
                assert!(stayed(), "the page is there as before");
                assert_eq!(self.machine.memory.slot_owners(slot), 0, "it is free");
                self.alone(space, victim());
                // With no slot free, it was that of a page in memory, which has none now.
                if !self.plain.take_slot(slot) {
                    before.assert_unchanged(&Snapshot::of(&self.machine), "a failed write");
                }
            }
            other => panic!("{other:?}"),
        }
        self.plain.compare(&self.machine);
    }

    /// The frame of a page that nobody else has.
    fn alone(&self, space: usize, page: u64) -> Held {
        let place = self.plain.page(space, page).map(|page| page.place);
        let Some(place @ Place::Frame(frame)) = place else {
            panic!("page {page} of space {space} is {place:?}");
        };
        assert_eq!(self.plain.owners(place), 1, "{place:?}");
        self.plain.frames[&frame]
    }

    fn goes_to(&mut self, space: usize, page: u64, slot: Slot) {
        let tag = self.alone(space, page).tag;
        self.plain.slots.insert(slot, tag);
        self.plain.put(space, page, Place::Slot(slot));
    }

    /// Brings a page back from its slot, which holds what its owner wrote, and nobody
    /// else's bytes.
    pub fn bring_back(
        &mut self,
        space: usize,
        page: u64,
        slot: Slot,
        ahead: bool,
    ) -> Result<(), Failed> {
        let before = Snapshot::of(&self.machine);
        let owners = self.machine.memory.slot_owners(slot);
        let address = address_of(page);
        let read = if ahead {
            self.read_ahead(space, address, slot)
        } else {
            self.machine.try_swap_in(space, address)
        };
        match read {
            Ok(from) => assert_eq!(from, slot),
            Err(SwapInError::Read {
                slot: from,
                error: Failed,
            }) => {
                self.failed.reads += 1;
                assert_eq!(from, slot);
                before.assert_unchanged(&Snapshot::of(&self.machine), "a failed read");
                assert_eq!(self.machine.memory.slot_owners(slot), owners);
                return Err(Failed);
            }
            Err(error) => panic!("{error:?}"),
        }
        let frame = self.machine.physical_of(space, address);
        let frame = frame.expect("it is mapped");
        let tag = self.plain.slots[&slot];
        self.assert_holds(space, page, frame, tag);
        self.seen.read += 1;
        let is_own = tag.owner == 0 || usize::from(tag.owner - 1) == space;
        self.seen.of_ancestors += u64::from(!is_own);
        let held = Held {
            tag,
            is_shared: false,
            slot: Some(slot),
        };
        self.plain.frames.insert(frame, held);
        self.plain.put(space, page, Place::Frame(frame));
        Ok(())
    }

    /// Reads a slot into a frame that is nobody's page, which becomes the page then.
    fn read_ahead(
        &mut self,
        space: usize,
        address: u64,
        slot: Slot,
    ) -> Result<Slot, SwapInError<Failed>> {
        let memory = &self.machine.memory;
        let frame = memory.allocate_frame(FrameKind::Kernel);
        let frame: Frame = frame.expect("frames");
        let mut bytes = [0; PAGE as usize];
        let read = self.machine.disk.read(slot, &mut bytes);
        for (physical, byte) in (frame.start().as_u64()..).zip(bytes) {
            self.machine.bytes.write(physical, byte);
        }
        if let Err(error) = read {
            memory.free_frame(frame);
            return Err(SwapInError::Read { slot, error });
        }
        let half = self.machine.spaces[space].as_mut().expect("it is there");
        let back = half.swap_in_with(VirtAddr::new(address), slot, frame, memory);
        assert_eq!(back, Ok(()), "it is still in that slot");
        Ok(slot)
    }

    /// Fails if a frame does not hold what a page of a space should: then it says whose
    /// bytes these are.
    pub fn assert_holds(&mut self, space: usize, page: u64, frame: u64, tag: Tag) {
        let found = Tag::of(&self.machine.bytes.copy(frame, PAGE));
        assert_eq!(found, Some(tag), "page {page} of space {space}");
        // Who wrote it is the space itself, or the one that it is a fork of, and so on.
        let Some(author) = tag.owner.checked_sub(1) else {
            return;
        };
        let mut line = iter::successors(Some(space), |child| self.parents.get(child).copied());
        let is_of_the_line = line.any(|ancestor| ancestor == usize::from(author));
        assert!(is_of_the_line, "space {space} reads what {author} wrote");
    }
}
