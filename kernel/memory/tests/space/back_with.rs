//! Pages that are backed with a frame of the caller's: the page has the frame
//! and its bytes, or the frame comes back and nothing has changed.

use faultline_memory::frames::Shortage;
use faultline_memory::frames::{Frame, FrameKind};
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{BackError, Backing, Request, Rights};
use faultline_memory::{Audit, Outcome};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn machine_with(half: Half, request: Request, base: u64) -> Machine {
    let mut machine = Machine::new();
    machine.allocate(half, request.placement(at(base)));
    machine
}

/// A frame of the kernel's that holds `byte` everywhere.
fn filled(machine: &Machine, byte: u8) -> Frame {
    let frame = machine.memory.allocate_frame(FrameKind::Kernel);
    let frame: Frame = frame.expect("a free frame");
    let start = frame.start().as_u64();
    (start..start + PAGE).for_each(|address| machine.bytes.write(address, byte));
    frame
}

/// Backs a page with a filled frame; where that is refused, the frame has come
/// back, nothing has changed, and the frame is given back.
fn back(machine: &mut Machine, half: Half, page: u64) -> Result<u64, BackError> {
    let frame = filled(machine, 0x5a);
    let start = frame.start().as_u64();
    let before = Snapshot::of(machine);
    let page = VirtAddr::new(page);
    let backed = machine.with(half, |space, memory| space.back_with(page, frame, memory));
    let result = backed.map(|()| start).map_err(|(error, frame)| {
        before.assert_unchanged(&Snapshot::of(machine), &error.to_string());
        assert_eq!(frame.start().as_u64(), start, "the same frame");
        assert_eq!(frame.kind(), FrameKind::Kernel);
        let audit = Audit::of(&machine.kernel, &machine.memory).held(1);
        let mut scratch = vec![0; audit.words()];
        let audited = audit.run(machine.spaces.iter().flatten(), &mut scratch);
        assert!(audited.is_ok(), "{audited:?}");
        machine.memory.free_frame(frame);
        error
    });
    machine.check();
    result
}

#[test]
fn a_page_has_the_frame_and_its_bytes_without_a_fault() {
    for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
        let mut machine = machine_with(half, Request::new(4 * PAGE, Backing::Demand), base);
        let kernel = machine.counts().kernel;
        let frame = back(&mut machine, half, base + 2 * PAGE).expect("an untouched page");
        let counts = machine.counts();
        assert_eq!((counts.private, counts.kernel), (1, kernel));
        assert_eq!(machine.physical_of(0, base + 2 * PAGE), Some(frame));
        assert_eq!(machine.read(base + 2 * PAGE + 7), Ok(0x5a));
        assert_eq!(machine.read(base + 3 * PAGE - 1), Ok(0x5a));
        assert_eq!(machine.write(base + 2 * PAGE, 1), Ok(()));
        assert_eq!(machine.faults(), 0);
        assert_eq!(machine.read(base + PAGE), Ok(0), "the others as ever");
        assert_eq!(machine.outcome(), Some(Outcome::Demand));
        assert_eq!(machine.free(half, base), 2);
    }
}

#[test]
fn a_page_has_the_rights_of_its_region_and_is_dirty() {
    let request = Request::new(PAGE, Backing::Demand).rights(Rights::ReadExecute);
    let mut machine = machine_with(LOW, request, BASE);
    back(&mut machine, LOW, BASE).expect("an untouched page");
    let walk = machine.space(0).walk(VirtAddr::new(BASE));
    let flags = Flags::PRESENT | Flags::ACCESSED | Flags::DIRTY;
    assert_eq!(
        walk.end().entry.flags(),
        flags,
        "its bytes are nowhere else"
    );
    assert_eq!(machine.fetch(BASE), Ok(0x5a));
    assert!(machine.write(BASE, 1).is_err());
}

#[test]
fn a_page_of_a_region_of_large_pages_is_backed_alone() {
    let large = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    let mut machine = machine_with(LOW, large, BASE);
    back(&mut machine, LOW, BASE + PAGE).expect("an untouched page");
    assert_eq!(machine.leaf_size(LOW, BASE + PAGE), PAGE);
    assert_eq!(machine.counts().private, 1);
}

#[test]
fn an_address_inside_a_page_is_refused() {
    let mut machine = machine_with(LOW, Request::new(2 * PAGE, Backing::Demand), BASE);
    for inside in [BASE + 1, BASE + 8, BASE + PAGE - 1] {
        let address = VirtAddr::new(inside);
        let refused = back(&mut machine, LOW, inside);
        assert_eq!(refused, Err(BackError::Unaligned { address }));
    }
}

#[test]
fn a_page_of_no_demand_region_is_refused() {
    for backing in [
        Backing::Immediate,
        Backing::Zero,
        Backing::Guard,
        Backing::Fixed,
    ] {
        let mut machine = machine_with(LOW, Request::new(PAGE, backing), BASE);
        for outside in [BASE, BASE - PAGE, BASE + PAGE, 0, KERNEL_BASE] {
            let page = VirtAddr::new(outside);
            let refused = back(&mut machine, LOW, outside);
            assert_eq!(refused, Err(BackError::NotOnDemand { page }), "{backing}");
        }
    }
}

#[test]
fn a_page_that_is_backed_or_reserved_is_refused() {
    let mut machine = machine_with(LOW, Request::new(4 * PAGE, Backing::Demand), BASE);
    machine.write(BASE, 7).expect("writable");
    let reserved = machine.with(LOW, |space, memory| {
        space.reserve(VirtAddr::new(BASE + PAGE), PAGE, memory)
    });
    assert_eq!(reserved, Ok(1));
    back(&mut machine, LOW, BASE + 2 * PAGE).expect("an untouched page");
    for page in [BASE, BASE + PAGE, BASE + 2 * PAGE] {
        let refused = back(&mut machine, LOW, page);
        let page = VirtAddr::new(page);
        assert_eq!(refused, Err(BackError::InUse { page }));
    }
    assert_eq!(machine.read(BASE), Ok(7));
    assert_eq!(machine.write(BASE + PAGE, 1), Ok(()), "still reserved");
}

#[test]
fn a_page_of_a_large_leaf_is_refused() {
    let large = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    let mut machine = machine_with(LOW, large, BASE);
    machine.write(BASE, 7).expect("writable");
    let page = VirtAddr::new(BASE + 9 * PAGE);
    let refused = back(&mut machine, LOW, page.as_u64());
    assert_eq!(refused, Err(BackError::InUse { page }));
}

#[test]
fn without_frames_for_the_tables_the_frame_comes_back() {
    // The caller's own frame is one of those that the limit lets out.
    for left in 1..4 {
        let mut machine = machine_with(LOW, Request::new(PAGE, Backing::Demand), BASE);
        machine.limit(left);
        let refused = back(&mut machine, LOW, BASE);
        let (needed, available) = (3, left - 1);
        let shortage = Shortage { needed, available };
        assert_eq!(refused, Err(BackError::OutOfFrames(shortage)));
        assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
    }
    let mut machine = machine_with(LOW, Request::new(PAGE, Backing::Demand), BASE);
    machine.limit(4);
    assert!(back(&mut machine, LOW, BASE).is_ok(), "it and three tables");
    assert_eq!(machine.counts().tables, FIRST_TABLES + 4);
}

#[test]
fn a_page_that_was_backed_is_discarded_like_any_other() {
    let mut machine = machine_with(LOW, Request::new(2 * PAGE, Backing::Demand), BASE);
    back(&mut machine, LOW, BASE).expect("an untouched page");
    assert_eq!(machine.read_on(1, BASE), Ok(0x5a));
    assert_eq!(machine.discard(LOW, BASE, PAGE), 1);
    assert_eq!(machine.read_on(1, BASE), Ok(0));
    assert_eq!(machine.counts().private, 1);
}
