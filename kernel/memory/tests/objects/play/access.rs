//! An access: what it finds, what it faults for, and what stands behind its page then.

use faultline_memory::object::{ObjectKind, Sharing};
use faultline_memory::space::Rights;
use faultline_memory::{Access, Outcome, Refusal};

use super::World;
use crate::common::machine::file_byte;
use crate::common::operations::PAGE;
use crate::plain::{Behind, in_one_region};

impl World {
    pub(super) fn access(&mut self, space: usize, number: u64, access: Access, byte: u8) {
        let space = self.space(space);
        let number = self.page(space, number);
        self.machine.load(0, Some(space));
        let result = self.machine.access(0, number * PAGE, access, false);
        let outcomes = self.machine.outcomes.clone();
        for outcome in &outcomes {
            *self.seen.entry(outcome.to_string()).or_default() += 1;
        }
        let Some(page) = self.spaces[&space].get(&number).copied() else {
            assert_eq!(result, Err(Refusal::NoRegion));
            return;
        };
        if page.rights == Rights::NoAccess
            || access == Access::Write && page.rights != Rights::ReadWrite
            || access == Access::Execute && !page.executes()
        {
            assert_eq!(result, Err(Refusal::Protection(access)));
            return;
        }
        let object = self.objects.get_mut(&page.object).expect("it is held");
        let is_absent = !object.present.contains_key(&page.page);
        let is_blocked = outcomes.first() == Some(&Outcome::Blocked);
        // A copy of the space's own waits for its slot, all else for the file.
        let is_read_in = is_blocked && page.behind == Behind::Nothing;
        if is_read_in {
            assert!(is_absent && object.kind == ObjectKind::File);
            let there = self.machine.memory.object_page(object.id, page.page);
            if there.is_some() {
                object.present.insert(page.page, file_byte(page.page));
            }
        }
        let physical = match result {
            Ok(physical) => physical,
            Err(Refusal::PastEnd) => {
                assert!(page.page >= object.pages && page.behind == Behind::Nothing);
                return;
            }
            Err(refusal) => {
                assert!(
                    self.is_limited && refusal == Refusal::OutOfFrames,
                    "{refusal}"
                );
                return;
            }
        };
        let is_copied = access == Access::Write && page.sharing == Sharing::Private;
        let expected = match (page.behind, is_copied) {
            (Behind::Nothing, true) => vec![Outcome::ObjectCopy],
            (Behind::Nothing, false) if is_absent && !is_read_in => vec![Outcome::ObjectNew],
            (Behind::Nothing, false) => vec![Outcome::ObjectMapped],
            (Behind::TheObject, true) => vec![Outcome::SharedCopy],
            (Behind::Copy(_), true) => {
                vec![
                    Outcome::SharedCopy,
                    Outcome::TakenOver,
                    Outcome::Spurious,
                    Outcome::Blocked,
                ]
            }
            (Behind::Copy(_), false) => vec![Outcome::Spurious, Outcome::Blocked],
            (Behind::TheObject, false) => vec![Outcome::Spurious],
        };
        let last = outcomes.last();
        let may_be_silent = expected.contains(&Outcome::Spurious);
        assert!(
            last.map_or(may_be_silent, |last| expected.contains(last)),
            "{access} of {page:?}: {outcomes:?}"
        );
        if page.behind == Behind::Nothing {
            object.present.entry(page.page).or_insert(0);
        }
        let held = object.present.get_mut(&page.page);
        let behind = match (page.behind, is_copied) {
            (Behind::Copy(_), true) | (_, true) => Behind::Copy(byte),
            (Behind::Copy(old), false) => {
                assert_eq!(self.machine.bytes.read(physical), old);
                Behind::Copy(old)
            }
            (Behind::Nothing | Behind::TheObject, false) => {
                let held = held.expect("mapped, so it is there");
                if access == Access::Write {
                    *held = byte;
                } else {
                    assert_eq!(self.machine.bytes.read(physical), *held);
                }
                Behind::TheObject
            }
        };
        if access == Access::Write {
            self.machine.bytes.write(physical, byte);
        }
        self.plain(space).get_mut(&number).expect("there").behind = behind;
        if page.behind == Behind::Nothing {
            self.map_around(space, number);
        }
    }

    /// A fault maps the pages around that are there.
    fn map_around(&mut self, space: usize, number: u64) {
        let plain = self.spaces.get_mut(&space).expect("it is there");
        let span = u64::from(plain[&number].fault_around);
        let window = number & !(span - 1)..(number | (span - 1)) + 1;
        let mut first = number;
        while first > window.start && in_one_region(plain, first - 1) {
            first -= 1;
        }
        let mut last = number;
        while last + 1 < window.end && in_one_region(plain, last) {
            last += 1;
        }
        for (_, page) in plain.range_mut(first..=last) {
            let is_there = self.objects[&page.object].present.contains_key(&page.page);
            if page.behind == Behind::Nothing && is_there {
                page.behind = Behind::TheObject;
            }
        }
    }
}
