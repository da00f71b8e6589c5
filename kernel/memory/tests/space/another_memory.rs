//! A half is used with the `Memory` that it was made from. With another, frames
//! would go to an allocator that does not own them: every operation refuses
//! loudly, and changes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use faultline_memory::frames::FrameKind;
use faultline_memory::memory_map::{Kind, Region};
use faultline_memory::object::{
    ObjectBytesError, ObjectBytesRefusal, ObjectKind, ProvideError, ResizeError, Sharing, UseError,
};
use faultline_memory::paging::Cache;
use faultline_memory::space::{AllocateError, Backing, Request, Rights};
use faultline_memory::{Access, Audit, Fault, Flush, Memory, Scope, Space, Tlb};
use x86_64::VirtAddr;

use crate::common::machine::{FEATURES, FIXED_BASE, KERNEL_BASE, Machine};
use crate::common::operations::{Half, KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

struct NoCache;

impl Tlb for NoCache {
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

/// A second `Memory`, over memory of the machine's that its own does not manage.
fn over_other_frames(machine: &Machine) -> Memory {
    let region = Region {
        start: 0x1000_0000,
        end: 0x1010_0000,
        kind: Kind::Usable,
    };
    // SAFETY: the memory is mapped there, and nobody else uses it; nothing in
    // it is cached.
    let memory = unsafe { Memory::new([region], machine.bytes.offset(), FEATURES, &NoCache) };
    memory.expect("room")
}

/// Fails unless `operation` panics with the words for a foreign `Memory`.
fn assert_refused<R>(what: &str, operation: impl FnOnce() -> R) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(operation)) else {
        panic!("{what} was not refused");
    };
    let words = panic.downcast_ref::<&str>().copied();
    let expected = "a half of an address space is used with the `Memory` that it was made from";
    assert_eq!(words, Some(expected), "{what}");
}

/// A machine with a touched demand region in both halves.
fn machine() -> Machine {
    let mut machine = Machine::new();
    for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
        let request = Request::new(4 * PAGE, Backing::Demand);
        machine.allocate(half, request.placement(at(base)));
        machine.write(base, 7).expect("writable");
    }
    machine
}

/// Tries every operation of a half with a `Memory` that it was not made from.
fn try_all(machine: &mut Machine, other: &Memory, half: Half, base: u64) {
    let (before, counts) = (Snapshot::of(machine), other.counts());
    let start = VirtAddr::new(base);
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.with(half, |space, _| {
        for backing in [Backing::Demand, Backing::Immediate, device] {
            let request = Request::new(PAGE, backing);
            assert_refused("allocate", || space.allocate(request, other));
        }
        let fault = Fault::supervisor(start + PAGE, Access::Write);
        assert_refused("resolve", || space.resolve(&fault, other));
        assert_refused("reserve", || space.reserve(start, 2 * PAGE, other));
        assert_refused("unreserve", || space.unreserve(start, PAGE, other));
        assert_refused("read", || space.read(start, &mut [0], other));
        assert_refused("write", || space.write(start, &[1], other));
        assert_refused("discard", || space.discard(start, PAGE, other));
        let rights = Rights::Read;
        assert_refused("protect", || space.protect(start, PAGE, rights, other));
        assert_refused("free", || space.free(start, other));
    });
    before.assert_unchanged(&Snapshot::of(machine), "a foreign memory");
    assert_eq!(other.counts(), counts);
    machine.check();
    // This one takes the frame along.
    let frame = machine.memory.allocate_frame(FrameKind::Kernel);
    let frame = frame.expect("a free frame");
    machine.with(half, |space, _| {
        assert_refused("back_with", || space.back_with(start + PAGE, frame, other));
    });
    assert_eq!(machine.half(half).translate(start + PAGE), None);
}

#[test]
fn every_operation_of_both_halves_refuses_another_memory() {
    for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
        let mut machine = machine();
        let other = over_other_frames(&machine);
        try_all(&mut machine, &other, half, base);
    }
}

#[test]
fn a_memory_of_another_machine_is_another_even_with_the_same_addresses() {
    for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
        let (mut machine, other) = (machine(), machine());
        assert_eq!(machine.memory.zero_frame(), other.memory.zero_frame());
        try_all(&mut machine, &other.memory, half, base);
    }
}

#[test]
fn an_object_of_another_memory_is_none_of_this_one() {
    let (mut machine, other) = (machine(), machine());
    let make = |memory: &Memory| {
        let object = memory.create_object(ObjectKind::SharedMemory, 4);
        object.expect("a frame")
    };
    // They have the same number.
    let (object, foreign) = (make(&machine.memory), make(&other.memory));
    let id = foreign.id();
    assert_eq!(object.id().to_string(), id.to_string());
    let before = Snapshot::of(&machine);
    let backing = Backing::Object {
        object: id,
        offset_in_pages: 0,
        sharing: Sharing::Shared,
    };
    let gone = AllocateError::Object(UseError::Gone { object: id });
    let allocated = machine.try_allocate(LOW, Request::new(PAGE, backing));
    assert_eq!(allocated, Err(gone));
    let memory = &machine.memory;
    assert_eq!(memory.object(id), None);
    assert_eq!(
        memory.resize_object(id, 1),
        Err(ResizeError::Gone { object: id })
    );
    let refusal = ObjectBytesRefusal::Gone { object: id };
    let written = memory.write_object(id, 0, &[1]);
    assert_eq!(written, Err(ObjectBytesError { offset: 0, refusal }));
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| memory.release_object(foreign))) else {
        panic!("it was taken");
    };
    let words = panic.downcast_ref::<&str>().copied();
    let expected = "an object goes back to the `Memory` that made it";
    assert_eq!(words, Some(expected));
    before.assert_unchanged(&Snapshot::of(&machine), "a foreign object");
    machine.memory.release_object(object);
}

#[test]
fn a_frame_of_another_memory_becomes_no_page_of_an_object() {
    let machine = machine();
    let other = over_other_frames(&machine);
    let object = machine.memory.create_object(ObjectKind::File, 1);
    let object = object.expect("a frame");
    let foreign = other.allocate_frame(FrameKind::Private).expect("a frame");
    let before = Snapshot::of(&machine);
    let frame = foreign.start();
    let (error, foreign) = machine
        .memory
        .provide(object.id(), 0, foreign)
        .expect_err("nobody counts its owners");
    assert_eq!(error, ProvideError::NotCounted { frame });
    before.assert_unchanged(&Snapshot::of(&machine), "a foreign frame");
    other.free_frame(foreign);
    machine.memory.release_object(object);
}

#[test]
fn what_only_one_kind_of_half_does_refuses_another_memory() {
    let (mut machine, another) = (machine(), machine());
    let other = over_other_frames(&machine);
    let (start, counts) = (machine.device(), other.counts());
    let before = Snapshot::of(&machine);
    assert_refused("a new space", || Space::new(&machine.kernel, &other));
    let kernel = &mut machine.kernel;
    let device = Request::new(PAGE, Backing::Device(start, Cache::Uncached));
    // SAFETY: simulated memory stays, and no Rust reference covers it.
    assert_refused("map_device", || unsafe {
        kernel.map_device(device, &other)
    });
    let fixed = Request::new(PAGE, Backing::Fixed).placement(at(FIXED_BASE));
    // SAFETY: as above.
    assert_refused("map_fixed", || unsafe {
        kernel.map_fixed(fixed, start, &other)
    });
    assert_refused("an audit", || Audit::of(&machine.kernel, &other));
    let foreign = Space::new(&another.kernel, &another.memory).expect("a frame");
    assert_refused("an audit of a space", || {
        let audit = Audit::of(&machine.kernel, &machine.memory);
        audit.run([&foreign].into_iter(), &mut vec![0; audit.words()])
    });
    before.assert_unchanged(&Snapshot::of(&machine), "a foreign memory");
    let loaded_nowhere = machine.new_space();
    let space = machine.spaces[loaded_nowhere].take().expect("a space");
    // SAFETY: no processor has it loaded.
    assert_refused("destroy", || unsafe { space.destroy(&other) });
    assert_eq!(other.counts(), counts);
}
