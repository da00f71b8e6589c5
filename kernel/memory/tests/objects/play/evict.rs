//! Pages that go to slots, and mappings of files that go.

use faultline_memory::paging::EntryKind;
use faultline_memory::space::{EvictError, Eviction, Hand, WantedPage};
use x86_64::VirtAddr;

use super::{SLOTS, World};
use crate::common::evict::First;
use crate::common::operations::PAGE;
use crate::plain::Behind;

impl World {
    /// Evicts pages of a space, whatever they are used for.
    pub(super) fn evict(&mut self, space: usize, pages: u64) {
        let space = self.space(space);
        let mut hand = Hand::default();
        for _ in 0..pages {
            match self.machine.try_evict(space, &mut hand, &mut First) {
                Ok(Eviction::Unmapped(wanted)) => self.unmapped(space, wanted),
                Ok(Eviction::Written(_) | Eviction::Saved(_) | Eviction::BrokenUp { .. }) => {}
                Ok(Eviction::EndOfLap { .. }) => break,
                Err(error) => {
                    assert_eq!(error, EvictError::NoSlot);
                    assert_eq!(self.machine.memory.slots().used, SLOTS);
                }
            }
            self.machine.check();
        }
    }

    /// One page of the space shows this page of a file no more.
    fn unmapped(&mut self, space: usize, wanted: WantedPage) {
        let half = self.machine.space(space);
        let is_unused = |number: u64| {
            let end = half.walk(VirtAddr::new(number * PAGE)).end();
            end.entry.kind(end.level) == EntryKind::Unused
        };
        let plain = self.spaces.get_mut(&space).expect("it is there");
        let mut gone = plain.iter_mut().filter(|(number, page)| {
            page.behind == Behind::TheObject
                && page.page == wanted.page
                && self.objects[&page.object].id == wanted.object
                && is_unused(**number)
        });
        let (_, page) = gone.next().expect("the page that was unmapped");
        page.behind = Behind::Nothing;
        assert!(gone.next().is_none(), "one was mapped");
    }
}
