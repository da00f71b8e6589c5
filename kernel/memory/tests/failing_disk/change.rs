//! What changes regions and spaces while some of their pages are in slots.

use faultline_memory::space::{Backing, Hand, Request, Rights};

use crate::common::machine::{Machine, PROCESSORS};
use crate::common::operations::PAGE;
use crate::common::snapshot::Snapshot;
use crate::plain::{Page, Place};
use crate::world::{MOST_SPACES, World, address_of};

impl World {
    /// Takes the right to write to pages, or gives it back.
    pub fn protect(&mut self, space: usize, page: u64, pages: u64, is_writable: bool) {
        let rights = if is_writable {
            Rights::ReadWrite
        } else {
            Rights::Read
        };
        let (start, size) = (address_of(page), pages * PAGE);
        let protect = |machine: &mut Machine| {
            let done = machine.try_protect(Some(space), start, size, rights);
            done.is_ok()
        };
        for page in self.change(space, page, pages, protect) {
            page.is_writable = is_writable;
        }
    }

    pub fn discard(&mut self, space: usize, page: u64, pages: u64) {
        let (start, size) = (address_of(page), pages * PAGE);
        let discard = |machine: &mut Machine| machine.try_discard(Some(space), start, size).is_ok();
        for page in self.change(space, page, pages, discard) {
            page.place = Place::Nowhere;
        }
    }

    /// Changes pages, all of which some region has: those are to change in the model. If
    /// it is refused none is, and nothing has changed.
    fn change(
        &mut self,
        space: usize,
        page: u64,
        pages: u64,
        change: impl FnOnce(&mut Machine) -> bool,
    ) -> Vec<&mut Page> {
        let before = Snapshot::of(&self.machine);
        if !change(&mut self.machine) {
            before.assert_unchanged(&Snapshot::of(&self.machine), "a refused change");
            return Vec::new();
        }
        let all = self.plain.space(space).range_mut(page..page + pages);
        let all: Vec<_> = all.map(|(_, page)| page).collect();
        assert_eq!(all.len() as u64, pages);
        all
    }

    pub fn free(&mut self, space: usize, page: u64, pages: u64) {
        self.machine
            .free_range(space, address_of(page), pages * PAGE);
        let range = page..page + pages;
        self.plain
            .space(space)
            .retain(|number, _| !range.contains(number));
    }

    /// Moves pages that lie in one region to where none lies.
    pub fn move_pages(&mut self, space: usize, page: u64, pages: u64, to: u64) {
        let before = Snapshot::of(&self.machine);
        let (start, size) = (address_of(page), pages * PAGE);
        let moved = self.machine.try_move(space, start, size, address_of(to));
        if moved.is_err() {
            return before.assert_unchanged(&Snapshot::of(&self.machine), "a refused move");
        }
        self.seen.moved += 1;
        let all = self.plain.space(space);
        for offset in 0..pages {
            let page = all.remove(&(page + offset)).expect("it was mapped");
            assert!(all.insert(to + offset, page).is_none());
        }
    }

    pub fn replace(&mut self, space: usize, page: u64, pages: u64) {
        let backing = if page.is_multiple_of(2) {
            Backing::Demand
        } else {
            Backing::Zero
        };
        let request = Request::new(pages * PAGE, backing);
        self.machine.replace(space, address_of(page), request);
        let new = Page {
            is_writable: true,
            place: Place::Nowhere,
        };
        let new = (page..page + pages).map(|number| (number, new));
        self.plain.space(space).extend(new);
    }

    pub fn fork(&mut self, space: usize) {
        if self.plain.spaces.len() == MOST_SPACES {
            return;
        }
        let child = self.machine.fork(space);
        let pages = self.plain.space(space).clone();
        for page in pages.values() {
            if let Place::Frame(frame) = page.place {
                let held = self.plain.frames.get_mut(&frame).expect("a page is there");
                held.is_shared = true;
            }
        }
        self.plain.spaces.insert(child, pages);
        self.hands.insert(child, Hand::default());
        self.parents.insert(child, space);
    }

    /// Ends a space, unless it is the last.
    pub fn exit(&mut self, space: usize) {
        if self.plain.spaces.len() > 1 {
            self.end_space(space);
        }
    }

    pub fn end_space(&mut self, space: usize) {
        let processor = space % PROCESSORS;
        if self.machine.loaded(processor) == Some(space) {
            self.machine.load(processor, None);
        }
        self.machine.destroy(space);
        self.plain.spaces.remove(&space);
    }
}
