//! A machine of few frames, and what each byte in it should be.

use std::collections::{BTreeMap, HashMap};

use faultline_memory::object::{Object, ObjectKind, Sharing};
use faultline_memory::policy::Policy;
use faultline_memory::space::{Backing, EvictError, Eviction, Hand, Request, Rights, SwapInError};
use faultline_memory::{Access, Refusal};
use x86_64::VirtAddr;

use super::common::evict::Failed;
use super::common::machine::{Machine, PROCESSORS, file_byte};
use super::common::operations::{PAGE, at};

/// Spaces at a time.
const MOST_SPACES: usize = 3;
const SLOTS: u64 = 600;
/// The places of a page that are read and written.
const PLACES: [u64; 2] = [0, PAGE - 1];

/// A region of each space: where, how many pages, and with what behind it.
#[derive(Clone, Copy)]
struct Part {
    base: u64,
    pages: u64,
    kind: PartKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Demand,
    Zero,
    Immediate,
    PrivateFile,
    SharedFile,
}

const PARTS: [Part; 5] = [
    part(0x4000_0000, 64, PartKind::Demand),
    part(0x4010_0000, 32, PartKind::Zero),
    part(0x4020_0000, 3, PartKind::Immediate),
    part(0x4030_0000, 12, PartKind::PrivateFile),
    part(0x4040_0000, 6, PartKind::SharedFile),
];

const fn part(base: u64, pages: u64, kind: PartKind) -> Part {
    Part { base, pages, kind }
}

/// What a program should find: by address of a byte.
type Bytes = HashMap<u64, u8>;

pub struct World {
    pub machine: Machine,
    /// Writes and reads that failed.
    pub failed: (u64, u64),
    pub unmapped: u64,
    pub forks: u64,
    /// Spaces that ended for want of frames.
    pub killed: u64,
    file: Object,
    /// What was written to the file through any mapping.
    shared: Bytes,
    spaces: BTreeMap<usize, (Bytes, Hand)>,
    state: u64,
    steps: u64,
    free: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut machine = Machine::with_ranges(&[(0x10_0000, 0x17_0000)]);
        let free = machine.counts().free;
        machine.memory.set_slots(SLOTS).expect("frames");
        let file = machine.memory.create_object(ObjectKind::File, 12);
        let file = file.expect("frames");
        for Part { base, pages, kind } in PARTS {
            let object = |sharing| Backing::Object {
                object: file.id(),
                offset_in_pages: 0,
                sharing,
            };
            let backing = match kind {
                PartKind::Demand => Backing::Demand,
                PartKind::Zero => Backing::Zero,
                PartKind::Immediate => Backing::Immediate,
                PartKind::PrivateFile => object(Sharing::Private),
                PartKind::SharedFile => object(Sharing::Shared),
            };
            let request = Request::new(pages * PAGE, backing);
            machine.allocate(Some(0), request.placement(at(base)));
        }
        Self {
            machine,
            failed: (0, 0),
            unmapped: 0,
            forks: 0,
            killed: 0,
            file,
            shared: Bytes::new(),
            spaces: BTreeMap::from([(0, (Bytes::new(), Hand::default()))]),
            state: seed,
            steps: 0,
            free,
        }
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % end
    }

    fn any_space(&mut self) -> usize {
        let nth = self.below(self.spaces.len() as u64) as usize;
        *self.spaces.keys().nth(nth).expect("one is always there")
    }

    /// A page: half of the time one of a few that are used more than others.
    fn any_page(&mut self) -> (Part, u64) {
        let part = PARTS[[0, 0, 0, 1, 1, 2, 3, 4][self.below(8) as usize]];
        let pages = if self.below(2) == 0 {
            part.pages.min(5)
        } else {
            part.pages
        };
        let page = self.below(pages);
        (part, part.base + page * PAGE)
    }

    pub fn step(&mut self, policy: &mut dyn Policy) {
        let space = self.any_space();
        let (part, page) = self.any_page();
        match self.below(100) {
            0..40 => self.read(space, part, page, policy),
            40..80 => self.write(space, part, page, policy),
            80..88 => self.evict(space, policy),
            88..91 => self.failed_read(space, page),
            91..95 => self.discard(space, part, page),
            95..97 => self.protect(space, page),
            97..99 => self.fork(space, policy),
            _ => self.destroy(space),
        }
        self.steps += 1;
        if self.steps.is_multiple_of(32) {
            self.machine.check();
        }
    }

    /// What a byte of a page should be.
    fn expected(&self, space: usize, part: Part, address: u64) -> u8 {
        let page = (address - part.base) / PAGE;
        let own = self.spaces[&space].0.get(&address);
        let offset = address - part.base;
        match part.kind {
            PartKind::Demand | PartKind::Zero | PartKind::Immediate => own.copied().unwrap_or(0),
            PartKind::SharedFile => self.of_file(offset, page),
            // What was not copied yet shows the file.
            PartKind::PrivateFile => own.copied().unwrap_or_else(|| self.of_file(offset, page)),
        }
    }

    fn of_file(&self, offset: u64, page: u64) -> u8 {
        self.shared.get(&offset).copied().unwrap_or(file_byte(page))
    }

    /// One access, with memory made free as often as there is none.
    fn access(
        &mut self,
        space: usize,
        address: u64,
        access: Access,
        policy: &mut dyn Policy,
    ) -> u64 {
        let processor = self.below(PROCESSORS as u64) as usize;
        loop {
            if self.machine.loaded(processor) != Some(space) {
                self.machine.load(processor, Some(space));
            }
            match self.machine.access(processor, address, access, false) {
                Ok(physical) => return physical,
                Err(Refusal::OutOfFrames) => self.make_room(space, policy),
                Err(refusal) => panic!("{access} of {address:#x}: {refusal:?}"),
            }
        }
    }

    fn read(&mut self, space: usize, part: Part, page: u64, policy: &mut dyn Policy) {
        let address = page + PLACES[self.below(2) as usize];
        let physical = self.access(space, address, Access::Read, policy);
        let expected = self.expected(space, part, address);
        assert_eq!(self.machine.bytes.read(physical), expected, "{address:#x}");
    }

    fn write(&mut self, space: usize, part: Part, page: u64, policy: &mut dyn Policy) {
        let place = PLACES[self.below(2) as usize];
        let byte = self.below(256) as u8;
        let address = page + place;
        let physical = self.access(space, address, Access::Write, policy);
        self.machine.bytes.write(physical, byte);
        if part.kind == PartKind::SharedFile {
            self.shared.insert(address - part.base, byte);
            return;
        }
        // The copy of a page of a file has what the page had.
        for place in PLACES {
            let here = page + place;
            let now = self.expected(space, part, here);
            self.own(space).insert(here, now);
        }
        self.own(space).insert(address, byte);
    }

    fn own(&mut self, space: usize) -> &mut Bytes {
        &mut self.spaces.get_mut(&space).expect("it is there").0
    }

    /// Evicts a page; one time in eight the disk fails.
    fn evict(&mut self, space: usize, policy: &mut dyn Policy) {
        self.machine.disk.is_broken = self.below(8) == 0;
        let (_, hand) = self.spaces.get_mut(&space).expect("it is there");
        let slots = self.machine.memory.slots();
        match self.machine.try_evict(space, hand, policy) {
            Ok(Eviction::Unmapped(_)) => self.unmapped += 1,
            Ok(
                Eviction::Written(_)
                | Eviction::Saved(_)
                | Eviction::BrokenUp { .. }
                | Eviction::EndOfLap { .. },
            ) => {}
            Err(EvictError::Write { error: Failed, .. }) => {
                assert_eq!(self.machine.memory.slots().used, slots.used);
                self.failed.0 += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
        self.machine.disk.is_broken = false;
    }

    /// A slot that cannot be read stays what it is.
    fn failed_read(&mut self, space: usize, page: u64) {
        let half = self.machine.space(space);
        let wanted = half.wanted_slot(VirtAddr::new(page));
        self.machine.disk.is_broken = true;
        match (self.machine.try_swap_in(space, page), wanted) {
            (
                Err(SwapInError::Read {
                    slot,
                    error: Failed,
                }),
                Some(wanted),
            ) => {
                assert_eq!(slot, wanted);
                self.failed.1 += 1;
            }
            (Err(SwapInError::NotSwapped { .. }), None)
            | (Err(SwapInError::OutOfFrames(_)), Some(_)) => {}
            (other, wanted) => panic!("{other:?} with {wanted:?}"),
        }
        self.machine.disk.is_broken = false;
    }

    /// Makes a frame free for a space, if need be at the cost of another: what several
    /// spaces share cannot go.
    fn make_room(&mut self, space: usize, policy: &mut dyn Policy) {
        if !self.reclaim(policy) {
            let other = self.spaces.keys().copied().find(|other| *other != space);
            self.destroy(other.expect("one space alone always finds a page that can go"));
            self.killed += 1;
        }
    }

    /// Evicts until a frame is free, in any space, as whoever is out of frames does.
    /// Returns false if nothing can go.
    fn reclaim(&mut self, policy: &mut dyn Policy) -> bool {
        // No processor uses the pages meanwhile, nor speculates that it might: each
        // that is aged stays so.
        (0..PROCESSORS).for_each(|processor| self.machine.load(processor, None));
        let mut spaces = self.spaces.keys().copied().collect::<Vec<_>>();
        let first = self.below(spaces.len() as u64) as usize;
        spaces.rotate_left(first);
        // Laps in a row without a page that could go.
        let mut empty = 0;
        while empty < 2 * spaces.len() {
            spaces.rotate_left(1);
            let (_, hand) = self.spaces.get_mut(&spaces[0]).expect("it is there");
            loop {
                match self.machine.try_evict(spaces[0], hand, policy) {
                    Ok(Eviction::EndOfLap { candidates: 0 }) => empty += 1,
                    Ok(Eviction::EndOfLap { .. }) => empty = 0,
                    Ok(Eviction::Unmapped(_)) => {
                        self.unmapped += 1;
                        continue;
                    }
                    Ok(Eviction::Written(_) | Eviction::Saved(_) | Eviction::BrokenUp { .. }) => {
                        if self.machine.memory.frames(|frames| frames.can_allocate(1)) {
                            return true;
                        }
                        continue;
                    }
                    Err(error) => panic!("{error:?}"),
                }
                break;
            }
        }
        self.machine.memory.forget_saved() > 0
            && self.machine.memory.frames(|frames| frames.can_allocate(1))
    }

    fn discard(&mut self, space: usize, part: Part, page: u64) {
        if part.kind == PartKind::Immediate {
            return;
        }
        let (memory, start) = (&self.machine.memory, VirtAddr::new(page));
        let half = self.machine.spaces[space].as_mut().expect("it is there");
        half.discard(start, PAGE, memory).expect("on demand");
        for place in PLACES {
            self.own(space).remove(&(page + place));
        }
    }

    /// Takes all rights from a page, and gives them back.
    fn protect(&mut self, space: usize, page: u64) {
        let (memory, start) = (&self.machine.memory, VirtAddr::new(page));
        let half = self.machine.spaces[space].as_mut().expect("it is there");
        for rights in [Rights::NoAccess, Rights::ReadWrite] {
            if half.protect(start, PAGE, rights, memory).is_err() {
                return;
            }
        }
    }

    fn fork(&mut self, space: usize, policy: &mut dyn Policy) {
        if self.spaces.len() == MOST_SPACES {
            return;
        }
        for _ in 0..40 {
            if let Ok(child) = self.machine.try_fork(space) {
                let (bytes, _) = &self.spaces[&space];
                let copy = (bytes.clone(), Hand::default());
                self.spaces.insert(child, copy);
                self.forks += 1;
                return;
            }
            if !self.reclaim(policy) {
                return;
            }
        }
    }

    fn destroy(&mut self, space: usize) {
        if self.spaces.len() == 1 {
            return;
        }
        for processor in 0..PROCESSORS {
            if self.machine.loaded(processor) == Some(space) {
                self.machine.load(processor, None);
            }
        }
        self.machine.destroy(space);
        self.spaces.remove(&space);
    }

    /// Ends everything, and finds all frames and slots again.
    pub fn end(mut self) {
        (0..PROCESSORS).for_each(|processor| self.machine.load(processor, None));
        for space in std::mem::take(&mut self.spaces).into_keys() {
            self.machine.destroy(space);
            self.machine.check();
        }
        let memory = &self.machine.memory;
        memory.release_object(self.file);
        let slots = memory.slots();
        assert_eq!((slots.used, slots.saved), (0, 0));
        memory.set_slots(0).expect("none is used");
        assert_eq!(memory.counts().free, self.free + 1, "and the root");
        self.machine.check();
    }
}
