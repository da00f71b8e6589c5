//! Objects in spaces: what a touch of a page that is there, or not there, becomes
//! through shared and private mappings.

use faultline_memory::object::{
    MOST_PAGES, Object, ObjectId, ObjectKind, ObjectStatus, ProvideError, Sharing,
};
use faultline_memory::space::{Backing, BytesRefusal, GrowError, Request, Rights};
use faultline_memory::{Outcome, Refusal};
use x86_64::{PhysAddr, VirtAddr};

use super::fork::owners;
use crate::common::machine::{Machine, file_byte};
use crate::common::operations::{LOW, PAGE, at};

pub(crate) const BASE: u64 = 0x4000_0000;
pub(crate) const OTHER: u64 = 0x5000_0000;

pub(crate) fn backing(object: ObjectId, sharing: Sharing) -> Backing {
    Backing::Object {
        object,
        offset_in_pages: 0,
        sharing,
    }
}

/// A machine with an object of four pages, mapped at [`BASE`].
pub(crate) fn mapped(kind: ObjectKind, sharing: Sharing) -> (Machine, Object) {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(kind, 4).expect("frames");
    map(&mut machine, BASE, object.id(), sharing, Rights::ReadWrite);
    (machine, object)
}

/// Maps four pages of an object.
pub(crate) fn map(
    machine: &mut Machine,
    base: u64,
    object: ObjectId,
    sharing: Sharing,
    rights: Rights,
) {
    let request = Request::new(4 * PAGE, backing(object, sharing)).rights(rights);
    machine.allocate(LOW, request.placement(at(base)));
}

#[test]
fn shared_memory_gets_a_zeroed_frame_when_it_is_first_touched_through_any_mapping() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    map(
        &mut machine,
        OTHER,
        object.id(),
        Sharing::Shared,
        Rights::Read,
    );
    assert_eq!(machine.counts().shared, 0);
    assert_eq!(machine.read(OTHER + PAGE), Ok(0));
    assert_eq!(machine.outcome(), Some(Outcome::ObjectNew));
    machine.write(BASE + PAGE, 7).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::ObjectMapped));
    assert_eq!(machine.read(OTHER + PAGE), Ok(7));
    assert_eq!((machine.outcome(), machine.counts().shared), (None, 1));
    assert_eq!(
        owners(&mut machine, 0, BASE + PAGE),
        3,
        "two leaves, one object"
    );
    machine.check();
    machine.memory.release_object(object);
    machine.check();
}

#[test]
fn a_page_of_a_file_is_read_in_once_for_all_who_map_it() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    assert_eq!(machine.read(BASE + 2 * PAGE), Ok(file_byte(2)));
    assert_eq!(
        machine.outcomes,
        [Outcome::Blocked, Outcome::ObjectMapped],
        "read, and then mapped"
    );
    map(
        &mut machine,
        OTHER,
        object.id(),
        Sharing::Private,
        Rights::ReadExecute,
    );
    assert_eq!(machine.fetch(OTHER + 2 * PAGE), Ok(file_byte(2)));
    assert_eq!(machine.outcomes, [Outcome::ObjectMapped]);
    assert_eq!(machine.counts().shared, 1);
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn the_first_write_through_a_private_mapping_copies() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    machine.read(BASE).expect("readable");
    machine.write(BASE + 1, 1).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy), "was mapped");
    machine.write(BASE + PAGE, 2).expect("writable");
    assert_eq!(
        machine.outcomes,
        [Outcome::Blocked, Outcome::ObjectCopy],
        "was not mapped"
    );
    let counts = machine.counts();
    assert_eq!((counts.private, counts.shared), (2, 2));
    assert_eq!(machine.read(BASE), Ok(file_byte(0)), "copied");
    let mut bytes = [0; 2];
    machine
        .memory
        .read_object(object.id(), PAGE, &mut bytes)
        .expect("there");
    assert_eq!(bytes, [file_byte(1); 2], "the object is as it was");
    machine.check();
    assert_eq!(machine.discard(LOW, BASE, 2 * PAGE), 2);
    assert_eq!(machine.read(BASE + PAGE), Ok(file_byte(1)), "shows again");
    assert_eq!(machine.outcomes, [Outcome::ObjectMapped]);
    machine.memory.release_object(object);
}

#[test]
fn an_access_past_the_end_is_refused() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 2);
    let object = object.expect("frames");
    map(
        &mut machine,
        BASE,
        object.id(),
        Sharing::Shared,
        Rights::ReadWrite,
    );
    machine.write(BASE + PAGE, 1).expect("the last page");
    assert_eq!(machine.write(BASE + 2 * PAGE, 1), Err(Refusal::PastEnd));
    machine
        .memory
        .resize_object(object.id(), 3)
        .expect("it grows");
    machine.write(BASE + 2 * PAGE, 1).expect("the last page");
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn either_the_handle_or_the_mapping_may_end_first() {
    for handle_first in [true, false] {
        let mut machine = Machine::new();
        let before = machine.counts();
        let object = machine.memory.create_object(ObjectKind::SharedMemory, 4);
        let object = object.expect("frames");
        let id = object.id();
        map(&mut machine, BASE, id, Sharing::Shared, Rights::ReadWrite);
        machine.write(BASE, 1).expect("writable");
        if handle_first {
            machine.memory.release_object(object);
            machine.check();
            assert_eq!(machine.read(BASE), Ok(1));
            assert_eq!(machine.free(LOW, BASE), 0);
        } else {
            assert_eq!(machine.free(LOW, BASE), 0);
            let there = machine.memory.object_page(id, 0);
            assert!(there.is_some(), "the handle holds it");
            machine.memory.release_object(object);
        }
        machine.check();
        assert_eq!(machine.memory.object(id), None);
        assert_eq!(machine.counts(), before);
    }
}

#[test]
fn a_fork_keeps_shared_mappings_shared_and_private_ones_apart() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    map(
        &mut machine,
        OTHER,
        object.id(),
        Sharing::Private,
        Rights::ReadWrite,
    );
    machine.write(BASE, 1).expect("writable");
    machine.read(OTHER).expect("readable");
    machine.write(OTHER + PAGE, 5).expect("writable");
    let child = machine.fork(0);
    machine.load(1, Some(child));
    machine.write_on(1, BASE, 2).expect("writable");
    assert_eq!(machine.outcome(), None, "mapped and writable in both");
    assert_eq!(machine.read(BASE), Ok(2));
    assert_eq!(machine.read(OTHER), Ok(2), "not copied yet");
    machine.write_on(1, OTHER, 9).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    machine.write_on(1, OTHER + PAGE, 8).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    machine.write(OTHER + PAGE, 6).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::TakenOver));
    assert_eq!(machine.read(OTHER), Ok(2));
    assert_eq!(machine.read_on(1, OTHER + PAGE), Ok(8));
    let status = machine.memory.object(object.id());
    let regions = 4;
    let expected = ObjectStatus {
        kind: ObjectKind::SharedMemory,
        pages: 4,
        regions,
    };
    assert_eq!(status, Some(expected));
    machine.check();
    machine.memory.release_object(object);
    machine.load(1, LOW);
    machine.destroy(child);
    machine.check();
}

#[test]
fn bytes_of_an_object_are_those_of_its_mappings() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    let (memory, id) = (&machine.memory, object.id());
    memory
        .write_object(id, PAGE - 1, &[1, 2])
        .expect("two pages");
    let mut bytes = [9; 3];
    let read = memory.read_object(id, 2 * PAGE - 1, &mut bytes);
    assert_eq!((read, bytes), (Ok(()), [0, 0, 0]), "zeroes, and no frame");
    assert_eq!(memory.object_page(id, 2), None);
    assert_eq!(memory.counts().shared, 2);
    let error = memory.write_object(id, 4 * PAGE - 1, &[3, 4]);
    let error = error.expect_err("the second byte lies past the end");
    assert_eq!(
        error.to_string(),
        "offset 0x4000: past the end of the object"
    );
    assert_eq!(machine.read(BASE + PAGE), Ok(2));
    assert_eq!(machine.outcome(), Some(Outcome::ObjectMapped));
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn bytes_of_a_space_stop_where_a_page_of_a_file_is_not_there() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    machine.read(BASE).expect("read in");
    let from = VirtAddr::new(BASE + PAGE - 1);
    let mut bytes = [0; 2];
    let error = machine.with(LOW, |space, memory| space.read(from, &mut bytes, memory));
    let error = error.expect_err("page 1 is not there");
    assert_eq!((error.address, bytes[0]), (BASE + PAGE, file_byte(0)));
    let BytesRefusal::Absent { wanted } = error.refusal else {
        panic!("{error}");
    };
    assert_eq!((wanted.object, wanted.page), (object.id(), 1));
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn a_fault_maps_the_pages_around_that_are_there() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::File, 8);
    let object = object.expect("frames");
    for page in [1, 2, 5] {
        let provided = machine.memory.provide_bytes(object.id(), page, b"page");
        provided.expect("frames");
    }
    let request = Request::new(8 * PAGE, backing(object.id(), Sharing::Private))
        .rights(Rights::ReadExecute)
        .fault_around(8);
    machine.allocate(LOW, request.placement(at(BASE)));
    assert_eq!(machine.fetch(BASE + 2 * PAGE), Ok(b'p'));
    for page in [1, 5] {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(b'p'));
        assert_eq!(machine.outcome(), None, "mapped by the first fault");
    }
    assert_eq!(machine.counts().shared, 3, "none was made");
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn a_page_is_provided_once_and_the_second_frame_comes_back() {
    let machine = Machine::new();
    let memory = &machine.memory;
    let object = memory.create_object(ObjectKind::File, 1).expect("frames");
    let frame = || {
        memory
            .allocate_frame(faultline_memory::frames::FrameKind::Kernel)
            .expect("a frame")
    };
    let first = frame();
    let start: PhysAddr = first.start();
    memory.provide(object.id(), 0, first).expect("not there");
    assert_eq!(memory.object_page(object.id(), 0), Some(start));
    let (error, second) = memory.provide(object.id(), 0, frame()).expect_err("there");
    assert_eq!(error.to_string(), "page 0 is there already");
    let (error, second) = memory.provide(object.id(), 1, second).expect_err("no page");
    assert_eq!(error.to_string(), "the object ends before page 1");
    memory.free_frame(second);
    machine.check();
    memory.release_object(object);
}

#[test]
fn a_hole_and_a_move_keep_each_page_and_each_region_of_the_object_counted() {
    for sharing in [Sharing::Shared, Sharing::Private] {
        let (mut machine, object) = mapped(ObjectKind::SharedMemory, sharing);
        for page in 0..4 {
            machine.read(BASE + page * PAGE).expect("readable");
        }
        machine.free_range(0, BASE + PAGE, PAGE);
        let moved = machine.move_range(0, BASE + 3 * PAGE, PAGE, OTHER);
        let third = Backing::Object {
            object: object.id(),
            offset_in_pages: 3,
            sharing,
        };
        assert_eq!(moved.backing, third);
        assert_eq!(machine.space(0).region_count(), 3);
        assert_eq!(machine.read(OTHER), Ok(0));
        assert_eq!(machine.outcome(), None);
        machine.memory.release_object(object);
        for base in [BASE, BASE + 2 * PAGE, OTHER] {
            machine.free(LOW, base);
        }
        assert_eq!(machine.counts().shared, 0);
    }
}

#[test]
fn a_page_past_the_end_is_refused_whatever_its_number() {
    let machine = Machine::new();
    let memory = &machine.memory;
    let object = memory.create_object(ObjectKind::File, 1).expect("frames");
    memory.provide_bytes(object.id(), 0, b"x").expect("absent");
    for page in [1, 1 << 36, 1 << 52, u64::MAX] {
        let refused = memory.provide_bytes(object.id(), page, b"");
        assert_eq!(refused, Err(ProvideError::PastEnd { page }));
    }
    memory.release_object(object);
}

#[test]
fn a_mapping_does_not_grow_past_the_pages_that_an_object_can_have() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::File, 1);
    let object = object.expect("frames");
    let backing = Backing::Object {
        object: object.id(),
        offset_in_pages: MOST_PAGES - 2,
        sharing: Sharing::Private,
    };
    machine.allocate(LOW, Request::new(PAGE, backing).placement(at(BASE)));
    machine.grow(0, BASE, PAGE);
    let refused = machine.try_grow(0, BASE, PAGE);
    assert_eq!(refused, Err(GrowError::NoSuchPages { first: MOST_PAGES }));
    machine.memory.release_object(object);
}
