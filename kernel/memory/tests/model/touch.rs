//! Steps that touch memory: by a processor, and from outside of a space.

use faultline_memory::space::BytesRefusal;
use faultline_memory::{Access, Outcome};
use x86_64::VirtAddr;

use super::common::operations::{Half, KERNEL};
use super::common::translation::UPPER;
use super::fault::{Effect, Room};
use super::plain::{Behind, PAGE};
use super::play::World;
use super::script::{HalfNumber, Target};

impl World {
    /// An access by a processor, to the kernel half or to what it has loaded.
    pub fn access(
        &mut self,
        processor: usize,
        half: HalfNumber,
        target: Target,
        access: Access,
        user: bool,
        byte: u8,
    ) {
        let loaded = self.machine.loaded(processor);
        let half = if half == 0 { KERNEL } else { loaded };
        let address = self.address_of(half, target) + u64::from(target.byte);
        let features = self.features;
        let owner = if address & UPPER == 0 { loaded } else { KERNEL };
        let room = self.room_at(owner, address);
        let effect = self
            .plain(owner)
            .access(address, access, user, room, features);
        let result = self.machine.access(processor, address, access, user);
        let mut outcome = self.machine.outcome();
        if effect.outcome.is_none() && outcome == Some(Outcome::Spurious) {
            // A processor may remember less than is allowed by now.
            self.tally.count(Outcome::Spurious);
            self.count_spurious(owner, address);
            outcome = None;
        }
        assert_eq!(outcome, effect.outcome, "{access} of {address:#x}");
        self.count(effect);
        let Ok(physical) = result else {
            let waits = outcome == Some(Outcome::Blocked);
            assert!(!waits || room.frames == 0, "{room:?} is enough");
            return;
        };
        if outcome == Some(Outcome::Blocked) {
            self.came_back(owner, address, physical);
        }
        let (start, leaf) = self.plain(owner).leaf_at(address).expect("a mapped page");
        let offset = address - start;
        if access == Access::Write {
            leaf.dirty = true;
        }
        if leaf.behind == Behind::Borrowed {
            assert_eq!(physical, leaf.physical + offset);
        } else if access == Access::Write {
            leaf.write(offset, byte);
            self.machine.bytes.write(physical, byte);
        } else {
            let expected = leaf.read(offset);
            assert_eq!(self.machine.bytes.read(physical), expected);
        }
    }

    /// What an access there can have.
    fn room_at(&mut self, half: Half, address: u64) -> Room {
        Room {
            is_last_owner: self.is_last_owner(half, address),
            is_last_of_page: self.is_last_of_page(half, address),
            ..self.room()
        }
    }

    fn count(&mut self, effect: Effect) {
        self.fallbacks += effect.fallbacks;
        if let Some(outcome) = effect.outcome {
            self.tally.count(outcome);
        }
    }

    fn count_spurious(&mut self, half: Half, address: u64) {
        let plain = self.plain(half);
        let (base, _) = plain.region_at(address).expect("a region");
        plain
            .regions
            .entry(base)
            .and_modify(|region| region.faults += 1);
    }

    /// Reads, or writes `byte` so many times, from outside of the space.
    pub fn bytes(&mut self, half: Half, target: Target, size: usize, byte: Option<u8>) {
        let start = self.address_of(half, target) + u64::from(target.byte);
        let (expected, stopped) = self.expected_bytes(half, start, size as u64, byte);
        let from = VirtAddr::new(start);
        let mut bytes = vec![byte.unwrap_or(0xee); size];
        let result = self.machine.with(half, |space, memory| match byte {
            Some(_) => space.write(from, &bytes, memory),
            None => space.read(from, &mut bytes, memory),
        });
        let result = result.map_err(|error| (error.address, error.refusal));
        assert_eq!(result, stopped.map_or(Ok(()), Err));
        if byte.is_none() {
            assert!(bytes.starts_with(&expected), "bytes from {start:#x}");
        }
    }

    /// The bytes that can be read or written, and where and why it stops.
    fn expected_bytes(
        &mut self,
        half: Half,
        start: u64,
        size: u64,
        byte: Option<u8>,
    ) -> (Vec<u8>, Option<(u64, BytesRefusal)>) {
        let access = byte.map_or(Access::Read, |_| Access::Write);
        let features = self.features;
        let mut bytes = Vec::new();
        let mut next_page = 0;
        for address in (0..size).map(|done| start.saturating_add(done)) {
            if address >= next_page {
                if half.is_some() && address < PAGE || address >= World::top(half) {
                    return (bytes, Some((address, BytesRefusal::OutsideHalf)));
                }
                next_page = (address | (PAGE - 1)) + 1;
                let room = self.room_at(half, address);
                let effect = self
                    .plain(half)
                    .access(address, access, false, room, features);
                self.count(effect);
                if let Some(Outcome::Refused(refusal)) = effect.outcome {
                    return (bytes, Some((address, BytesRefusal::Fault { refusal })));
                }
                if effect.outcome == Some(Outcome::Blocked) {
                    let (_, leaf) = self.plain(half).leaf_at(address).expect("it waits");
                    let slot = leaf.slot.expect("it is in a slot");
                    return (bytes, Some((address, BytesRefusal::Swapped { slot })));
                }
            }
            let (start, leaf) = self.plain(half).leaf_at(address).expect("mapped");
            match (leaf.behind, byte) {
                (Behind::Borrowed, _) => return (bytes, Some((address, BytesRefusal::Device))),
                (_, Some(byte)) => leaf.write(address - start, byte),
                (_, None) => bytes.push(leaf.read(address - start)),
            }
        }
        (bytes, None)
    }
}
