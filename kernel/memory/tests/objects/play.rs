//! Plays each step on the machine and on the plain model, and compares.

mod access;
mod evict;
mod objects;

use std::collections::BTreeMap;

use faultline_memory::object::{Sharing, UseError};
use faultline_memory::space::{
    AllocateError, Backing, DiscardError, ForkError, ProtectError, Request, Rights,
};

use super::common::machine::Machine;
use super::common::operations::{PAGE, at};
use super::plain::{Behind, PlainObject, PlainPage, PlainSpace, regions_of};
use super::step::{STRETCH, Step, Wish};

/// The first page of the stretch, across two leaf tables.
const FIRST: u64 = (0x4000_0000 / PAGE) - STRETCH / 2;
/// Spaces and objects at a time.
const MOST_SPACES: usize = 3;
const MOST_OBJECTS: usize = 4;
/// Slots: fewer than pages that may want one, now and then.
const SLOTS: u64 = 12;

/// The machine, and what it should look like.
pub struct World {
    machine: Machine,
    objects: BTreeMap<usize, PlainObject>,
    spaces: BTreeMap<usize, PlainSpace>,
    created: usize,
    sources: u64,
    is_limited: bool,
    free: u64,
    /// How often each outcome was seen, by its words.
    pub seen: BTreeMap<String, u64>,
}

impl World {
    pub fn new() -> Self {
        let machine = Machine::with_ranges(&[(0x10_0000, 0x30_0000)]);
        let free = machine.counts().free;
        machine.memory.set_slots(SLOTS).expect("frames");
        Self {
            free,
            machine,
            objects: BTreeMap::new(),
            spaces: BTreeMap::from([(0, PlainSpace::new())]),
            created: 0,
            sources: 0,
            is_limited: false,
            seen: BTreeMap::new(),
        }
    }

    pub fn play(&mut self, step: &Step) {
        match *step {
            Step::Create(kind, pages) => self.create(kind, pages),
            Step::Release(number) => self.release(number),
            Step::Resize(number, pages) => self.resize(number, pages),
            Step::Provide(number, page) => self.provide(number, page),
            Step::ReadObject(number, page) => self.read_object(number, page),
            Step::WriteObject(number, page, byte) => self.write_object(number, page, byte),
            Step::Map(space, wish) => self.map(space, &wish),
            Step::Free(space, page) => self.free(space, page),
            Step::Access(space, page, access, byte) => {
                self.access(space, page, access, byte);
            }
            Step::Protect(space, page, pages, rights) => {
                self.protect(space, page, pages, rights);
            }
            Step::Discard(space, page, pages) => self.discard(space, page, pages),
            Step::Evict(space, pages) => self.evict(space, pages),
            Step::Fork(space) => self.fork(space),
            Step::Destroy(space) => self.destroy(space),
            Step::Limit(left) => {
                self.is_limited = left.is_some();
                self.machine.memory.set_limit(left);
            }
        }
        self.compare();
    }

    /// Ends everything that there is, and finds all frames again.
    pub fn end(&mut self) {
        self.machine.memory.set_limit(None);
        let slots = self.machine.memory.slots();
        for (what, times) in [
            ("written to a slot", slots.written),
            ("read from a slot", slots.read),
        ] {
            *self.seen.entry(what.into()).or_default() += times;
        }
        for object in self.objects.values_mut() {
            if let Some(handle) = object.handle.take() {
                self.machine.memory.release_object(handle);
            }
        }
        self.machine.check();
        (0..2).for_each(|processor| self.machine.load(processor, None));
        for space in std::mem::take(&mut self.spaces).into_keys() {
            self.machine.destroy(space);
            self.machine.check();
        }
        self.machine.memory.set_slots(0).expect("none is used");
        assert_eq!(self.machine.counts().free, self.free + 1, "and the root");
    }

    fn compare(&mut self) {
        self.machine.check();
        let spaces = &self.spaces;
        self.objects.retain(|&number, object| {
            let regions = spaces.values().map(|space| regions_of(space, number)).sum();
            let status = self.machine.memory.object(object.id);
            if object.handle.is_none() && regions == 0 {
                assert_eq!(status, None);
                return false;
            }
            let status = status.expect("somebody holds it");
            assert_eq!((status.pages, status.regions), (object.pages, regions));
            for page in 0..10 {
                let is_there = self.machine.memory.object_page(object.id, page).is_some();
                assert_eq!(is_there, object.present.contains_key(&page), "page {page}");
            }
            true
        });
        let there: usize = self.objects.values().map(|one| one.present.len()).sum();
        assert!(self.machine.counts().shared >= there as u64);
    }

    /// The number of a space, counted round.
    fn space(&self, number: usize) -> usize {
        let spaces = self.spaces.keys();
        *spaces.cycle().nth(number).expect("one is always there")
    }

    /// The number of a page in a space: most are mapped.
    fn page(&self, space: usize, page: u64) -> u64 {
        let plain = &self.spaces[&space];
        if page % 4 == 3 || plain.is_empty() {
            return FIRST + page % STRETCH;
        }
        let nth = page as usize % plain.len();
        *plain.keys().nth(nth).expect("counted round")
    }

    fn plain(&mut self, space: usize) -> &mut PlainSpace {
        self.spaces.get_mut(&space).expect("it is there")
    }

    /// Why an object cannot be mapped so.
    fn conflict(&self, number: usize, sharing: Sharing, rights: Rights) -> Option<UseError> {
        let object = self.objects[&number].id;
        let pages = || {
            let pages = self.spaces.values().flat_map(PlainSpace::values);
            pages.filter(|page| page.object == number)
        };
        match (rights, sharing) {
            (Rights::ReadExecute, _) if pages().any(PlainPage::writes_object) => {
                Some(UseError::Written { object })
            }
            (Rights::ReadWrite, Sharing::Shared) if pages().any(PlainPage::executes) => {
                Some(UseError::Executed { object })
            }
            _ => None,
        }
    }

    fn map(&mut self, space: usize, wish: &Wish) {
        let (space, Some(number)) = (self.space(space), self.object(wish.object)) else {
            return;
        };
        let first = FIRST + wish.at;
        let backing = Backing::Object {
            object: self.objects[&number].id,
            offset_in_pages: wish.offset,
            sharing: wish.sharing,
        };
        let request = Request::new(wish.pages * PAGE, backing)
            .rights(wish.rights)
            .fault_around(wish.fault_around)
            .placement(at(first * PAGE));
        let is_taken = self.spaces[&space].range(first..first + wish.pages).count() > 0;
        let conflict = self.conflict(number, wish.sharing, wish.rights);
        match self.machine.try_allocate(Some(space), request) {
            Ok(_) => assert!(!is_taken && conflict.is_none()),
            Err(AllocateError::Overlap { .. }) if is_taken => return,
            Err(AllocateError::OutOfFrames(_)) if self.is_limited => return,
            Err(error) => {
                assert_eq!(Some(error), conflict.map(AllocateError::Object));
                return;
            }
        }
        let source = self.sources;
        self.sources += 1;
        for page in 0..wish.pages {
            let plain = PlainPage {
                source,
                object: number,
                page: wish.offset + page,
                sharing: wish.sharing,
                rights: wish.rights,
                fault_around: wish.fault_around,
                behind: Behind::Nothing,
            };
            self.plain(space).insert(first + page, plain);
        }
    }

    fn free(&mut self, space: usize, page: u64) {
        let space = self.space(space);
        let page = self.page(space, page);
        let Some(source) = self.spaces[&space].get(&page).map(|page| page.source) else {
            return;
        };
        let plain = self.plain(space);
        let mut of_source = plain.iter().filter(|(_, page)| page.source == source);
        let (&first, _) = of_source.next().expect("one at least");
        plain.retain(|_, page| page.source != source);
        self.machine.free(Some(space), first * PAGE);
    }

    fn protect(&mut self, space: usize, first: u64, pages: u64, rights: Rights) {
        let space = self.space(space);
        let first = self.page(space, first);
        let range = first..first + pages;
        let touched: Vec<PlainPage> = self.spaces[&space]
            .range(range.clone())
            .map(|(_, page)| *page)
            .collect();
        let conflict = touched
            .iter()
            .find_map(|page| self.conflict(page.object, page.sharing, rights));
        let has_gap = touched.len() as u64 != pages;
        let result = self
            .machine
            .try_protect(Some(space), first * PAGE, pages * PAGE, rights);
        match result {
            Ok(()) => {
                assert!(!has_gap && conflict.is_none());
                for (_, page) in self.plain(space).range_mut(range) {
                    page.rights = rights;
                }
            }
            Err(ProtectError::NoRegion { .. }) => assert!(has_gap),
            Err(ProtectError::Object { error, .. }) => assert_eq!(Some(error), conflict),
            Err(ProtectError::OutOfFrames(_)) => assert!(self.is_limited),
            Err(error) => panic!("{error}"),
        }
    }

    fn discard(&mut self, space: usize, first: u64, pages: u64) {
        let space = self.space(space);
        let first = self.page(space, first);
        let range = first..first + pages;
        let count = self.spaces[&space].range(range.clone()).count() as u64;
        match self
            .machine
            .try_discard(Some(space), first * PAGE, pages * PAGE)
        {
            Ok(_) => {
                assert_eq!(count, pages);
                for (_, page) in self.plain(space).range_mut(range) {
                    page.behind = Behind::Nothing;
                }
            }
            Err(DiscardError::NoRegion { .. }) => assert!(count < pages),
            Err(error) => panic!("{error}"),
        }
    }

    fn fork(&mut self, space: usize) {
        let space = self.space(space);
        if self.spaces.len() == MOST_SPACES {
            return;
        }
        match self.machine.try_fork(space) {
            Ok(child) => {
                let copy = self.spaces[&space].clone();
                self.spaces.insert(child, copy);
            }
            Err(error) => assert!(self.is_limited && matches!(error, ForkError::OutOfFrames(_))),
        }
    }

    fn destroy(&mut self, space: usize) {
        let space = self.space(space);
        if self.spaces.len() == 1 {
            return;
        }
        self.spaces.remove(&space);
        let other = self.space(0);
        (0..2).for_each(|processor| self.machine.load(processor, Some(other)));
        self.machine.destroy(space);
    }
}
