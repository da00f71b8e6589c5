//! Objects: what each counts, its pages, and the regions that map them.

use super::*;
use crate::audit::ObjectDefect;
use crate::object::{self, Object, ObjectId, ObjectKind, Sharing};
use crate::space::regions::Record;

/// Where a second region lies.
const OTHER: u64 = LOW + 64 * PAGE;

/// A machine with an object of four pages, mapped shared at `LOW` and read-only
/// at `OTHER`; its first page is touched in both, the second in one.
fn mapped() -> (Machine, Scope, Object) {
    let mut machine = Machine::new();
    let low = machine.low();
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 4);
    let object = object.expect("frames");
    let backing = Backing::Object {
        object: object.id(),
        offset_in_pages: 0,
        sharing: Sharing::Shared,
    };
    let request = Request::new(4 * PAGE, backing);
    machine.allocate(low, LOW, request);
    machine.allocate(low, OTHER, request.rights(Rights::Read));
    machine.write(low, LOW);
    machine.read(low, OTHER);
    machine.write(low, LOW + PAGE);
    (machine, low, object)
}

#[test]
fn an_object_and_its_pages_are_met_once() {
    let (machine, _, object) = mapped();
    let report = machine.audit().expect("nothing is broken");
    assert_eq!((report.objects, report.shared, report.private), (1, 2, 0));
    machine.memory.release_object(object);
    assert_eq!(machine.audit().expect("held by regions").objects, 1);
}

#[test]
fn what_an_object_counts_is_what_there_is() {
    let regions = |says, found| ObjectDefect::Regions { says, found };
    type Spoil = fn(&mut object::Record);
    let cases: [(Spoil, ObjectDefect); 4] = [
        (|record| record.regions += 1, regions(3, 2)),
        (|record| record.writers = 0, regions(0, 1)),
        (|record| record.executers = 1, regions(1, 0)),
        (|record| record.pages = 1, ObjectDefect::PastEnd { page: 1 }),
    ];
    for (spoil, defect) in cases {
        let (machine, _, object) = mapped();
        machine.memory.spoil_object(object.id(), spoil);
        let object = object.id();
        let expected = Broken::Object { object, defect };
        assert_eq!(machine.broken(), expected);
        assert_eq!(expected.invariant(), 4);
    }
}

#[test]
fn an_object_that_nothing_holds_is_not_kept() {
    let machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::File, 1);
    let object = object.expect("frames").id();
    let memory = &machine.memory;
    memory.spoil_object(object, |record| record.has_handle = false);
    let defect = ObjectDefect::Unheld;
    assert_eq!(machine.broken(), Broken::Object { object, defect });
}

#[test]
fn no_object_is_both_writable_and_executable() {
    let (mut machine, low, object) = mapped();
    let regions = machine.half(low).records_mut();
    regions.spoil(OTHER, |record| {
        record.region.rights = Rights::ReadExecute;
        *record = Record::new(record.region, FEATURES, false);
    });
    let object = object.id();
    let memory = &machine.memory;
    memory.spoil_object(object, |record| record.executers = 1);
    let defect = ObjectDefect::WritableAndExecutable;
    let expected = Broken::Object { object, defect };
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 3);
}

#[test]
fn a_region_is_of_an_object_that_there_is() {
    let (mut machine, low, _) = mapped();
    let zero_seen = machine.memory.zero_seen();
    let regions = machine.half(low).records_mut();
    regions.spoil(OTHER, |record| {
        if let Backing::Object { object, .. } = &mut record.region.backing {
            *object = ObjectId::new(zero_seen, object.number() + 1);
        }
    });
    let expected = Broken::Region {
        space: low,
        base: VirtAddr::new(OTHER),
        defect: RegionDefect::NoObject,
    };
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_shared_mapping_maps_the_page_that_its_object_has_there() {
    let (mut machine, low, _) = mapped();
    let first = machine.frame_at(low, LOW);
    let second = machine.frame_at(low, LOW + PAGE);
    let entry = machine.entry(low, OTHER, 1);
    let bits = entry.get().bits();
    entry.set(bits & !first.as_u64() | second.as_u64());
    let expected = Broken::Leaf {
        space: low,
        address: VirtAddr::new(OTHER),
        frame: second,
        defect: LeafDefect::OtherMemory,
    };
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 1);
}

#[test]
fn the_object_is_one_of_the_owners_of_each_of_its_pages() {
    let (mut machine, low, _) = mapped();
    let frame = machine.frame_at(low, LOW);
    machine.memory.spoil_owners(frame, 2);
    let (says, found) = (2, 3);
    assert_eq!(machine.broken(), Broken::Owners { frame, says, found });
}

#[test]
fn a_page_whose_owners_are_at_the_top_is_mapped_once_more_by_nobody() {
    let (mut machine, low, _) = mapped();
    let frame = machine.frame_at(low, LOW + PAGE);
    machine.memory.spoil_owners(frame, u32::MAX);
    let before = machine.memory.counts();
    let outcome = machine.touch(low, OTHER + PAGE, Access::Read);
    let refused = Outcome::Refused(crate::Refusal::OutOfFrames);
    assert_eq!((outcome, machine.memory.counts()), (refused, before));
    machine.memory.spoil_owners(frame, 2);
    machine.audit().expect("nothing is broken");
}
