//! Every refusal of an allocation, by its variant, and that it changed nothing.

use faultline_memory::frames::Shortage;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{AllocateError, Backing, HALF, Placement, Request};
use x86_64::VirtAddr;

use crate::common::machine::{KERNEL_BASE, KERNEL_END, Machine};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn page() -> Request {
    Request::new(PAGE, Backing::Demand)
}

fn address(address: u64) -> VirtAddr {
    VirtAddr::new(address)
}

/// Allocates what is refused, and checks that nothing has changed.
pub(super) fn allocate_refused(
    machine: &mut Machine,
    half: Half,
    request: Request,
) -> AllocateError {
    let before = Snapshot::of(machine);
    let error = machine.try_allocate(half, request).expect_err("a refusal");
    before.assert_unchanged(&Snapshot::of(machine), &error.to_string());
    error
}

#[test]
fn a_region_has_a_size_that_the_space_can_hold() {
    let mut machine = Machine::new();
    let mut refused = |size| {
        let request = Request::new(size, Backing::Demand);
        allocate_refused(&mut machine, LOW, request)
    };
    assert_eq!(refused(0), AllocateError::ZeroSize);
    assert_eq!(
        refused(HALF + 1),
        AllocateError::TooLarge { size: HALF + 1 }
    );
    assert_eq!(
        refused(u64::MAX),
        AllocateError::TooLarge { size: u64::MAX }
    );
    assert_eq!(
        refused(HALF),
        AllocateError::NoRoom,
        "page 0 is never mapped"
    );
}

#[test]
fn a_size_is_rounded_up_to_whole_pages() {
    let mut machine = Machine::new();
    let region = machine.allocate(LOW, Request::new(1, Backing::Demand));
    assert_eq!(
        (region.base.as_u64(), region.size),
        (PAGE, PAGE),
        "first fit"
    );
    let large = Request::new(1, Backing::Demand).page_size(LeafSize::Size2MiB);
    let region = machine.allocate(LOW, large);
    assert_eq!((region.base.as_u64(), region.size), (BIG, BIG));
}

#[test]
fn an_alignment_is_a_power_of_two_of_whole_pages() {
    let mut machine = Machine::new();
    for align in [0, 1, 2048, 3 * PAGE, u64::MAX] {
        let place = Placement::Within {
            from: address(0),
            below: BASE,
            align,
        };
        let refused = allocate_refused(&mut machine, LOW, page().placement(place));
        assert_eq!(refused, AllocateError::BadAlignment { align });
    }
    let place = Placement::Within {
        from: address(BASE + 1),
        below: 2 * BASE,
        align: 16 * PAGE,
    };
    let region = machine.allocate(LOW, page().placement(place));
    assert_eq!(region.base.as_u64(), BASE + 16 * PAGE);
}

#[test]
fn an_address_is_a_multiple_of_the_page_size() {
    let mut machine = Machine::new();
    let refused = allocate_refused(&mut machine, LOW, page().placement(at(BASE + 8)));
    let unaligned = AllocateError::Unaligned {
        address: address(BASE + 8),
        size: PAGE,
    };
    assert_eq!(refused, unaligned);
    let large = page()
        .page_size(LeafSize::Size2MiB)
        .placement(at(BASE + PAGE));
    let refused = allocate_refused(&mut machine, LOW, large);
    let unaligned = AllocateError::Unaligned {
        address: address(BASE + PAGE),
        size: BIG,
    };
    assert_eq!(refused, unaligned);
}

#[test]
fn a_region_lies_in_its_half_and_not_on_the_null_page() {
    let mut machine = Machine::new();
    let cases = [
        (LOW, 0, 1),
        (LOW, HALF - PAGE, 2),
        (LOW, KERNEL_BASE, 1),
        (KERNEL, BASE, 1),
        (KERNEL, KERNEL_BASE - PAGE, 1),
        (KERNEL, KERNEL_END - PAGE, 2),
    ];
    for (half, base, pages) in cases {
        let request = Request::new(pages * PAGE, Backing::Demand).placement(at(base));
        let refused = allocate_refused(&mut machine, half, request);
        let outside = AllocateError::OutsideHalf {
            address: address(base),
        };
        assert_eq!(refused, outside, "{base:#x}");
    }
    for (half, base) in [(LOW, PAGE), (LOW, HALF - PAGE), (KERNEL, KERNEL_BASE)] {
        machine.allocate(half, page().placement(at(base)));
    }
}

#[test]
fn a_region_that_is_in_the_way_is_named_by_its_base() {
    let mut machine = Machine::new();
    let first = Request::new(4 * PAGE, Backing::Guard).placement(at(BASE));
    machine.allocate(LOW, first);
    for (base, pages) in [(BASE - PAGE, 2), (BASE + 3 * PAGE, 1), (BASE - PAGE, 9)] {
        let request = Request::new(pages * PAGE, Backing::Demand).placement(at(base));
        let refused = allocate_refused(&mut machine, LOW, request);
        assert_eq!(
            refused,
            AllocateError::Overlap {
                base: address(BASE)
            }
        );
    }
    machine.allocate(LOW, page().placement(at(BASE - PAGE)));
    machine.allocate(LOW, page().placement(at(BASE + 4 * PAGE)));
}

#[test]
fn no_gap_within_the_bounds_is_no_room() {
    let mut machine = Machine::new();
    machine.allocate(LOW, page().placement(at(BASE + 2 * PAGE)));
    let within = |pages, end| {
        let place = Placement::Within {
            from: address(BASE),
            below: end,
            align: PAGE,
        };
        Request::new(pages * PAGE, Backing::Demand).placement(place)
    };
    let refused = allocate_refused(&mut machine, LOW, within(3, BASE + 5 * PAGE));
    assert_eq!(refused, AllocateError::NoRoom);
    let region = machine.allocate(LOW, within(3, BASE + 6 * PAGE));
    assert_eq!(region.base.as_u64(), BASE + 3 * PAGE);
    let region = machine.allocate(LOW, within(2, BASE + 6 * PAGE));
    assert_eq!(region.base.as_u64(), BASE);
}

#[test]
fn a_fixed_region_is_where_it_is() {
    let mut machine = Machine::new();
    let fixed = Request::new(PAGE, Backing::Fixed);
    let refused = allocate_refused(&mut machine, KERNEL, fixed);
    assert_eq!(refused, AllocateError::FixedNeedsAddress);
    machine.allocate(KERNEL, fixed.placement(at(0xffff_8000_0000_0000)));
}

#[test]
fn fault_around_is_a_power_of_two_up_to_512() {
    let mut machine = Machine::new();
    for pages in [0, 3, 513, 1024] {
        let refused = allocate_refused(&mut machine, LOW, page().fault_around(pages));
        assert_eq!(refused, AllocateError::BadFaultAround { pages });
    }
    machine.allocate(LOW, page().fault_around(512));
}

#[test]
fn the_kernel_half_is_not_for_ring_3() {
    let mut machine = Machine::new();
    let refused = allocate_refused(&mut machine, KERNEL, page().user());
    assert_eq!(refused, AllocateError::UserInKernelHalf);
    machine.allocate(LOW, page().user());
}

#[test]
fn what_cannot_fit_is_refused_before_any_of_it_is_zeroed() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand).placement(at(BASE)));
    machine.write(BASE, 7).expect("writable");
    let frame = machine.physical_of(0, BASE).expect("mapped");
    assert_eq!(machine.free(LOW, BASE), 1);
    let free = machine.counts().free;
    let request = Request::new((free + 1) * PAGE, Backing::Immediate);
    let refused = allocate_refused(&mut machine, LOW, request);
    // Tables and a record come on top: five leaf tables, one each above, a node.
    let shortage = Shortage {
        needed: free + 1 + (free + 1).div_ceil(512) + 2 + 1,
        available: free,
    };
    assert_eq!(refused, AllocateError::OutOfFrames(shortage));
    assert_eq!(machine.bytes.read(frame), 7);
}
