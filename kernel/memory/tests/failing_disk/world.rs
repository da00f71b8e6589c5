//! The machine and the model, what each step does to them, and the end.

use std::collections::BTreeMap;

use faultline_memory::space::{Backing, Hand, Request};

use crate::common::evict::Failed;
use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};
use crate::plain::{Page, Place, Plain};
use crate::script::{DEMAND, MAPPED, Step};

/// Fewer than pages that can want one.
pub const SLOTS: u64 = 12;
pub const MOST_SPACES: usize = 3;
pub const BASE: u64 = 0x4000_0000;

/// Requests that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub writes: u64,
    pub reads: u64,
}

impl Failures {
    pub fn add(&mut self, other: Self) {
        self.writes += other.writes;
        self.reads += other.reads;
    }
}

/// What happened on the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Slots that were read, and those that an ancestor had written.
    pub read: u64,
    pub of_ancestors: u64,
    /// Slots that a page in memory had to give to another.
    pub slots_taken: u64,
    /// Pages for which there was no slot.
    pub no_slot: u64,
    /// Ranges that were moved.
    pub moved: u64,
}

pub struct World {
    pub machine: Machine,
    pub failed: Failures,
    pub seen: Seen,
    pub plain: Plain,
    /// How far eviction has come in each space.
    pub hands: BTreeMap<usize, Hand>,
    /// Of which space each is a fork.
    pub parents: BTreeMap<usize, usize>,
    /// Pages that programs wrote.
    pub writes: u32,
    /// Free frames at first.
    free: u64,
}

pub fn address_of(page: u64) -> u64 {
    BASE + page * PAGE
}

impl World {
    /// One space, with a region on demand and one of zero pages.
    pub fn new() -> Self {
        let mut machine = Machine::with_ranges(&[(0x10_0000, 0x17_0000)]);
        // Each processor runs the spaces of its parity.
        machine.load(1, None);
        let free = machine.counts().free;
        machine.memory.set_slots(SLOTS).expect("frames");
        for (backing, pages) in [
            (Backing::Demand, 0..DEMAND),
            (Backing::Zero, DEMAND..MAPPED),
        ] {
            let request = Request::new((pages.end - pages.start) * PAGE, backing);
            let base = address_of(pages.start);
            machine.allocate(LOW, request.placement(at(base)));
        }
        let page = Page {
            is_writable: true,
            place: Place::Nowhere,
        };
        let pages = (0..MAPPED).map(|number| (number, page));
        Self {
            machine,
            failed: Failures::default(),
            seen: Seen::default(),
            plain: Plain {
                spaces: BTreeMap::from([(0, pages.collect())]),
                ..Plain::default()
            },
            hands: BTreeMap::from([(0, Hand::default())]),
            parents: BTreeMap::new(),
            writes: 0,
            free,
        }
    }

    /// Plays a step, and compares. Whoever waits for a page that cannot be read tries
    /// once more, unless that fails as well.
    pub fn play(&mut self, step: Step) {
        if let Err(Failed) = self.step(step)
            && !self.machine.disk.fails()
        {
            assert_eq!(self.step(step), Ok(()), "{step:?}");
        }
        self.plain.compare(&self.machine);
    }

    fn step(&mut self, step: Step) -> Result<(), Failed> {
        match step {
            Step::Read(space, page) => return self.read(self.space(space), page),
            Step::ReadAhead(space, page) => {
                let space = self.space(space);
                let place = self.plain.page(space, page).map(|page| page.place);
                if let Some(Place::Slot(slot)) = place {
                    return self.bring_back(space, page, slot, true);
                }
            }
            Step::Write(space, page) => return self.write(self.space(space), page),
            Step::Evict(space, times) => {
                let space = self.space(space);
                (0..times).for_each(|_| self.evict(space));
            }
            Step::Fork(space) => self.fork(self.space(space)),
            Step::Protect(space, page, pages, is_writable) => {
                self.protect(self.space(space), page, pages, is_writable);
            }
            Step::Discard(space, page, pages) => self.discard(self.space(space), page, pages),
            Step::Free(space, page, pages) => self.free(self.space(space), page, pages),
            Step::Move(space, page, pages, to) => {
                self.move_pages(self.space(space), page, pages, to);
            }
            Step::Replace(space, page, pages) => self.replace(self.space(space), page, pages),
            Step::Exit(space) => self.exit(self.space(space)),
            Step::ForgetSaved => {
                self.machine.memory.forget_saved();
                let frames = self.plain.frames.values_mut();
                frames.for_each(|held| held.slot = None);
            }
        }
        self.plain.settle();
        Ok(())
    }

    /// A space, counted round.
    fn space(&self, number: usize) -> usize {
        let spaces = &self.plain.spaces;
        let mut spaces = spaces.keys().copied().cycle();
        spaces.nth(number).expect("one is always there")
    }

    /// Mends the disk, reads every page of every space, ends them all, and finds all
    /// frames and slots again.
    pub fn end(mut self) {
        let (failed, disk) = (self.failed, &mut self.machine.disk);
        disk.failing = 0..0;
        for space in self.plain.spaces.keys().copied().collect::<Vec<_>>() {
            for page in self.plain.space(space).keys().copied().collect::<Vec<_>>() {
                assert_eq!(self.read(space, page), Ok(()));
            }
            self.plain.compare(&self.machine);
            self.end_space(space);
            self.plain.settle();
            self.plain.compare(&self.machine);
        }
        assert_eq!(self.failed, failed);
        let memory = &self.machine.memory;
        assert_eq!((memory.slots().used, memory.slots().saved), (0, 0));
        memory.set_slots(0).expect("none is used");
        assert_eq!(memory.counts().free, self.free + 1, "and the root");
    }
}
