//! What programs read and write: the whole page each time.

use faultline_memory::{Access, Fault, Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::evict::Failed;
use crate::common::machine::PROCESSORS;
use crate::plain::{Held, Place};
use crate::tag::Tag;
use crate::world::{World, address_of};

impl World {
    /// One access of a program. `None` if it is refused, as it should be.
    fn access(&mut self, space: usize, page: u64, access: Access) -> Result<Option<u64>, Failed> {
        let address = address_of(page);
        let processor = space % PROCESSORS;
        if self.machine.loaded(processor) != Some(space) {
            self.machine.load(processor, Some(space));
        }
        let refused = match self.plain.page(space, page) {
            None => Some(Refusal::NoRegion),
            Some(found) if access == Access::Write && !found.is_writable => {
                Some(Refusal::Protection(access))
            }
            Some(found) => {
                if let Place::Slot(slot) = found.place {
                    let fault = Fault::supervisor(VirtAddr::new(address), access);
                    let half = self.machine.spaces[space].as_mut().expect("it is there");
                    let outcome = half.resolve(&fault, &self.machine.memory);
                    assert_eq!(outcome, Outcome::Blocked);
                    self.bring_back(space, page, slot, false)?;
                }
                None
            }
        };
        let result = self.machine.access(processor, address, access, false);
        assert_eq!(result.err(), refused, "{access} of page {page} of {space}");
        Ok(result.ok())
    }

    pub fn read(&mut self, space: usize, page: u64) -> Result<(), Failed> {
        let Some(frame) = self.access(space, page, Access::Read)? else {
            return Ok(());
        };
        let tag = self.plain.tag(space, page);
        self.assert_holds(space, page, frame, tag);
        let zero = self.machine.memory.zero_frame().start_address().as_u64();
        if frame != zero {
            self.lies_in(space, page, frame, tag);
        }
        Ok(())
    }

    /// Writes a whole page, after a look at what is there.
    pub fn write(&mut self, space: usize, page: u64) -> Result<(), Failed> {
        let Some(frame) = self.access(space, page, Access::Write)? else {
            return Ok(());
        };
        let tag = self.plain.tag(space, page);
        self.assert_holds(space, page, frame, tag);
        self.lies_in(space, page, frame, tag);
        self.writes += 1;
        let tag = Tag {
            owner: 1 + space as u16,
            page: page as u16,
            version: self.writes,
        };
        for (physical, byte) in (frame..).zip(tag.bytes()) {
            self.machine.bytes.write(physical, byte);
        }
        let held = self.plain.frames.get_mut(&frame).expect("it lies there");
        (held.tag, held.is_shared) = (tag, false);
        Ok(())
    }

    /// A page lies in this frame: its own one, or a new one.
    fn lies_in(&mut self, space: usize, page: u64, frame: u64, tag: Tag) {
        if self.plain.page(space, page).map(|page| page.place) == Some(Place::Frame(frame)) {
            return;
        }
        let held = Held {
            tag,
            is_shared: false,
            slot: None,
        };
        let other = self.plain.frames.insert(frame, held);
        assert!(other.is_none(), "the frame at {frame:#x} holds {other:?}");
        self.plain.put(space, page, Place::Frame(frame));
    }
}
