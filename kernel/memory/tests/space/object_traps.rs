//! Where objects go wrong easily, each with its numbers.

use faultline_memory::object::{
    CreateError, ObjectKind, ProvideError, ResizeError, Sharing, UseError,
};
use faultline_memory::space::{AllocateError, Backing, ForkError, ProtectError, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};
use x86_64::VirtAddr;

use super::fork::owners;
use super::objects::{BASE, OTHER, backing, map, mapped};
use crate::common::machine::{Machine, file_byte};
use crate::common::operations::{KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

#[test]
fn three_hundred_mappings_of_a_page_are_counted() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::SharedMemory, 4);
    let object = object.expect("frames");
    let bases: Vec<u64> = (0..300).map(|index| BASE + index * 4 * PAGE).collect();
    for &base in &bases {
        let request = Request::new(4 * PAGE, backing(object.id(), Sharing::Shared));
        machine.with(LOW, |space, memory| {
            let made = space.allocate(request.placement(at(base)), memory);
            made.expect("room and frames");
        });
        machine.write(base, 1).expect("writable");
    }
    assert_eq!(owners(&mut machine, 0, BASE), 301);
    assert_eq!(machine.counts().shared, 1);
    for &base in &bases {
        assert_eq!(machine.read(base), Ok(1));
        machine.with(LOW, |space, memory| {
            let freed = space.free(VirtAddr::new(base), memory);
            assert_eq!(freed, Ok(0));
        });
    }
    machine.check();
    assert_eq!(machine.counts().shared, 1, "the object's");
    machine.memory.release_object(object);
    assert_eq!(machine.counts().shared, 0);
    machine.check();
}

#[test]
fn what_is_executed_is_not_mapped_shared_and_writable() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    machine.protect(LOW, BASE, PAGE, Rights::ReadExecute);
    assert_eq!(machine.fetch(BASE), Ok(file_byte(0)));
    machine
        .write(BASE + PAGE, 1)
        .expect("a copy beside the text");
    let request = Request::new(PAGE, backing(object.id(), Sharing::Shared));
    let error = UseError::Executed {
        object: object.id(),
    };
    let refused = machine.try_allocate(LOW, request.placement(at(OTHER)));
    assert_eq!(refused, Err(AllocateError::Object(error)));
    let read_only = request.rights(Rights::Read).placement(at(OTHER));
    machine.allocate(LOW, read_only);
    let refused = machine.try_protect(LOW, OTHER, PAGE, Rights::ReadWrite);
    let base = VirtAddr::new(OTHER);
    assert_eq!(refused, Err(ProtectError::Object { base, error }));
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    machine.protect(LOW, OTHER, PAGE, Rights::ReadWrite);
    let refused = machine.try_protect(LOW, BASE, PAGE, Rights::ReadExecute);
    let error = UseError::Written {
        object: object.id(),
    };
    let base = VirtAddr::new(BASE);
    assert_eq!(refused, Err(ProtectError::Object { base, error }));
    machine.memory.release_object(object);
}

#[test]
fn a_range_of_which_one_region_is_refused_keeps_all_its_holds() {
    let mut machine = Machine::new();
    let memory = &machine.memory;
    let first = memory.create_object(ObjectKind::SharedMemory, 1);
    let second = memory.create_object(ObjectKind::SharedMemory, 1);
    let (first, second) = (first.expect("frames"), second.expect("frames"));
    for (page, object, rights) in [
        (0, &first, Rights::Read),
        (1, &second, Rights::Read),
        (2, &second, Rights::ReadWrite),
    ] {
        let request = Request::new(PAGE, backing(object.id(), Sharing::Shared)).rights(rights);
        machine.allocate(LOW, request.placement(at(BASE + page * PAGE)));
    }
    let refused = machine.try_protect(LOW, BASE, 2 * PAGE, Rights::ReadExecute);
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err(String::from(
            "the region at 0x40001000: object 1 is mapped shared and writable, so it cannot be executed"
        ))
    );
    machine.protect(LOW, BASE, PAGE, Rights::ReadExecute);
    let objects = [first, second];
    for object in objects {
        machine.memory.release_object(object);
    }
}

#[test]
fn discarding_a_shared_mapping_drops_translations_and_no_byte() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    machine.write(BASE, 9).expect("writable");
    assert_eq!(machine.discard(LOW, BASE, PAGE), 0);
    assert_eq!(
        machine
            .memory
            .owners(machine.memory.object_page(object.id(), 0).expect("there")),
        1
    );
    assert_eq!(machine.read(BASE), Ok(9));
    assert_eq!(machine.outcome(), Some(Outcome::ObjectMapped));
    machine.memory.release_object(object);
}

#[test]
fn rights_that_are_taken_and_given_back_while_shared_copy_nothing() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    map(
        &mut machine,
        OTHER,
        object.id(),
        Sharing::Private,
        Rights::ReadWrite,
    );
    machine.write(BASE, 1).expect("writable");
    assert_eq!(machine.read(OTHER), Ok(1));
    for base in [BASE, OTHER] {
        machine.protect(LOW, base, 4 * PAGE, Rights::Read);
        let refused = Refusal::Protection(Access::Write);
        assert_eq!(machine.write(base, 2), Err(refused));
        machine.protect(LOW, base, 4 * PAGE, Rights::ReadWrite);
    }
    machine.write(BASE, 3).expect("writable");
    assert_eq!(machine.counts().private, 0, "writable where it is");
    assert_eq!(machine.read(OTHER), Ok(3), "still the object's");
    machine.write(OTHER, 4).expect("writable");
    assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    assert_eq!(machine.read(BASE), Ok(3));
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn each_part_of_a_split_region_knows_its_pages() {
    for sharing in [Sharing::Shared, Sharing::Private] {
        let mut machine = Machine::new();
        let object = machine.memory.create_object(ObjectKind::File, 9);
        let object = object.expect("frames");
        let backing = |offset_in_pages| Backing::Object {
            object: object.id(),
            offset_in_pages,
            sharing,
        };
        let request = Request::new(4 * PAGE, backing(3)).placement(at(BASE));
        machine.allocate(LOW, request);
        machine.protect(LOW, BASE + PAGE, 2 * PAGE, Rights::Read);
        let parts: Vec<_> = machine.half(LOW).regions().collect();
        let found: Vec<_> = parts.iter().map(|part| (part.size, part.backing)).collect();
        let expected = [
            (PAGE, backing(3)),
            (2 * PAGE, backing(4)),
            (PAGE, backing(6)),
        ];
        assert_eq!(found, expected);
        let held = |machine: &Machine| {
            let status = machine.memory.object(object.id());
            status.expect("there").regions
        };
        assert_eq!(held(&machine), 3);
        for page in 0..4 {
            assert_eq!(machine.read(BASE + page * PAGE), Ok(file_byte(3 + page)));
        }
        machine.protect(LOW, BASE + PAGE, 2 * PAGE, Rights::ReadWrite);
        assert_eq!((machine.half(LOW).region_count(), held(&machine)), (1, 1));
        machine.discard(LOW, BASE + 2 * PAGE, PAGE);
        assert_eq!(machine.read(BASE + 2 * PAGE), Ok(file_byte(5)));
        machine.free(LOW, BASE);
        machine.memory.release_object(object);
        machine.check();
    }
}

#[test]
fn the_name_of_an_object_that_is_gone_names_nothing() {
    let mut machine = Machine::new();
    let memory = &machine.memory;
    let object = memory.create_object(ObjectKind::File, 1).expect("frames");
    let old = object.id();
    memory.release_object(object);
    let new = memory.create_object(ObjectKind::File, 1).expect("frames");
    assert_ne!(old, new.id());
    assert_eq!(memory.object(old), None);
    assert_eq!(memory.object_page(old, 0), None);
    let gone = memory.provide_bytes(old, 0, b"page");
    assert_eq!(gone, Err(ProvideError::Gone { object: old }));
    let gone = memory.resize_object(old, 2);
    assert_eq!(gone, Err(ResizeError::Gone { object: old }));
    let gone = memory.read_object(old, 0, &mut [0]);
    assert_eq!(
        gone.expect_err("gone").to_string(),
        "offset 0x0: object 0 is gone"
    );
    let request = Request::new(PAGE, backing(old, Sharing::Private));
    let gone = machine.try_allocate(LOW, request);
    let error = UseError::Gone { object: old };
    assert_eq!(gone, Err(AllocateError::Object(error)));
    machine.memory.release_object(new);
    machine.check();
}

#[test]
fn an_object_shrinks_once_nobody_maps_what_goes() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    for page in 0..3 {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    let refused = machine.memory.resize_object(object.id(), 1);
    assert_eq!(refused, Err(ResizeError::Mapped { page: 1 }));
    machine.discard(LOW, BASE + PAGE, 3 * PAGE);
    assert_eq!(machine.memory.resize_object(object.id(), 1), Ok(2));
    assert_eq!(machine.counts().shared, 1);
    assert_eq!(machine.read(BASE + PAGE), Err(Refusal::PastEnd));
    assert_eq!(machine.read(BASE), Ok(file_byte(0)));
    machine.check();
    machine.memory.release_object(object);
}

#[test]
fn the_kernel_half_maps_no_object_and_no_object_is_endless() {
    let mut machine = Machine::new();
    let object = machine.memory.create_object(ObjectKind::File, 1);
    let object = object.expect("frames");
    let request = Request::new(PAGE, backing(object.id(), Sharing::Shared));
    let refused = machine.try_allocate(KERNEL, request);
    assert_eq!(refused, Err(AllocateError::ObjectInKernelHalf));
    let last = (1 << 36) - 1;
    let far = |offset_in_pages| Backing::Object {
        object: object.id(),
        offset_in_pages,
        sharing: Sharing::Shared,
    };
    let refused = machine.try_allocate(LOW, Request::new(2 * PAGE, far(last)));
    let error = AllocateError::NoSuchPages { first: last };
    assert_eq!(refused, Err(error));
    machine.allocate(LOW, Request::new(PAGE, far(last)));
    let pages = last + 2;
    let refused = machine.memory.create_object(ObjectKind::File, pages);
    assert_eq!(refused, Err(CreateError::TooLarge { pages }));
    machine.memory.release_object(object);
    machine.check();
}

/// Gives an operation 0, 1, 2, ... frames until it has enough; each failure
/// changes nothing. Returns how many it needed.
fn needed(machine: &mut Machine, mut operation: impl FnMut(&mut Machine) -> bool) -> u64 {
    for left in 0.. {
        machine.limit(left);
        let before = Snapshot::of(machine);
        if operation(machine) {
            machine.check();
            machine.memory.set_limit(None);
            return left;
        }
        machine.check();
        before.assert_unchanged(&Snapshot::of(machine), "too few frames");
    }
    unreachable!()
}

/// Tables of a tree with one word in it.
const TREE: u64 = 4;

#[test]
fn every_allocation_of_an_object_fails_in_turn_and_changes_nothing() {
    let mut machine = Machine::new();
    let mut made = None;
    let create = |machine: &mut Machine| match machine.memory.create_object(ObjectKind::File, 600) {
        Ok(object) => {
            made = Some(object);
            true
        }
        Err(error) => {
            assert_eq!(error, CreateError::OutOfFrames);
            false
        }
    };
    assert_eq!(needed(&mut machine, create), TREE, "records");
    let object = made.expect("created").id();
    let provide = |page| {
        move |machine: &mut Machine| match machine.memory.provide_bytes(object, page, b"page") {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, ProvideError::OutOfFrames);
                false
            }
        }
    };
    let first = 1 + TREE + TREE;
    assert_eq!(needed(&mut machine, provide(0)), first, "page, counter");
    assert_eq!(needed(&mut machine, provide(1)), 1);
    assert_eq!(needed(&mut machine, provide(599)), 2, "another table");
}

#[test]
fn every_allocation_of_a_touch_fails_in_turn_and_changes_nothing() {
    let touch = |access: Access| {
        move |machine: &mut Machine| match machine.access(0, BASE, access, false) {
            Ok(_) => true,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::OutOfFrames);
                false
            }
        }
    };
    let tables = 3;
    let page = 1 + TREE + TREE;
    for (sharing, access, copy, outcome) in [
        (Sharing::Shared, Access::Read, 0, Outcome::ObjectNew),
        (Sharing::Shared, Access::Write, 0, Outcome::ObjectNew),
        (Sharing::Private, Access::Read, 0, Outcome::ObjectNew),
        (Sharing::Private, Access::Write, 1, Outcome::ObjectCopy),
    ] {
        let (mut machine, object) = mapped(ObjectKind::SharedMemory, sharing);
        let frames = needed(&mut machine, touch(access));
        assert_eq!(frames, tables + page + copy, "{sharing} {access}");
        assert_eq!(machine.outcome(), Some(outcome));
        machine.memory.release_object(object);
    }
}

#[test]
fn a_fork_with_too_few_frames_holds_no_object() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    map(
        &mut machine,
        OTHER,
        object.id(),
        Sharing::Private,
        Rights::ReadWrite,
    );
    machine.write(BASE, 1).expect("writable");
    machine.write(OTHER, 2).expect("writable");
    let fork = |machine: &mut Machine| match machine.try_fork(0) {
        Ok(_) => true,
        Err(ForkError::OutOfFrames(_)) => false,
        Err(error) => panic!("{error}"),
    };
    // Root, two times two tables and one for both, records; the copy's counter has
    // its tables.
    assert_eq!(needed(&mut machine, fork), 1 + 4 + 1);
    assert_eq!(
        machine.memory.object(object.id()).expect("there").regions,
        4
    );
    machine.memory.release_object(object);
}
