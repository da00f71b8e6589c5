//! Invariant 5: regions are whole pages, in order and apart, and the tree that
//! holds them knows its shape.

use super::*;
use crate::space::regions::Record;
use crate::space::tree::Node;
use x86_64::structures::idt::PageFaultErrorCode;

fn broken(space: Scope, base: u64, defect: RegionDefect) -> Broken {
    let broken = Broken::Region {
        space,
        base: VirtAddr::new(base),
        defect,
    };
    assert_eq!(broken.invariant(), 5);
    broken
}

/// The base of the region with this number.
fn base(index: u64) -> u64 {
    LOW + index * 0x1_0000
}

/// A machine with seven regions of 4 pages, 12 pages apart: a full tree.
fn with_regions() -> (Machine, Scope) {
    let mut machine = Machine::new();
    let low = machine.low();
    for index in 0..7 {
        machine.allocate(low, base(index), Request::new(4 * PAGE, Backing::Demand));
    }
    assert!(machine.audit().is_ok());
    (machine, low)
}

/// Changes the node of the region with this number, and nothing above it.
fn change(machine: &mut Machine, index: u64, change: impl FnOnce(&mut Node)) {
    let tree = &mut machine.spaces[0].half_mut().records_mut().tree;
    let node = tree.find(base(index)).expect("a region");
    change(tree.pool.get_mut(node));
}

/// Changes a region in a way that the tree takes note of.
fn update(machine: &mut Machine, index: u64, change: impl FnOnce(&mut Region)) {
    let regions = machine.spaces[0].half_mut().records_mut();
    regions.update(base(index), |record| change(&mut record.region));
}

#[test]
fn a_region_is_whole_pages() {
    type Spoil = fn(&mut Region);
    let cases: [(Spoil, u64); 4] = [
        (|region| region.base += 8_u64, base(3) + 8),
        (|region| region.size += 8, base(3)),
        (|region| region.size = 0, base(3)),
        (|region| region.size = 100, base(3)),
    ];
    for (spoil, start) in cases {
        let (mut machine, low) = with_regions();
        update(&mut machine, 3, spoil);
        assert_eq!(
            machine.broken(),
            broken(low, start, RegionDefect::Unaligned)
        );
    }
}

#[test]
fn regions_do_not_overlap() {
    let (mut machine, low) = with_regions();
    let inside = base(2) + 2 * PAGE;
    change(&mut machine, 3, |node| {
        node.record.region.base = VirtAddr::new(inside)
    });
    assert_eq!(
        machine.broken(),
        broken(low, inside, RegionDefect::OutOfOrder)
    );
}

#[test]
fn regions_are_sorted() {
    let (mut machine, low) = with_regions();
    change(&mut machine, 5, |node| {
        node.record.region.base = VirtAddr::new(LOW - PAGE)
    });
    let expected = broken(low, LOW - PAGE, RegionDefect::OutOfOrder);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_region_lies_in_the_window_of_its_half() {
    let (mut machine, low) = with_regions();
    update(&mut machine, 6, |region| region.size = 1 << 47);
    assert_eq!(
        machine.broken(),
        broken(low, base(6), RegionDefect::OutsideHalf)
    );

    let mut machine = Machine::new();
    machine.map_fixed(FIXED, PAGE, Rights::Read, LOADER);
    // Only fixed regions and guards lie outside of the window.
    let regions = machine.half(Scope::Kernel).records_mut();
    regions.update(FIXED, |record| record.region.backing = Backing::Demand);
    let expected = broken(Scope::Kernel, FIXED, RegionDefect::OutsideHalf);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn heights_and_balance_are_those_of_the_tree() {
    let (mut machine, low) = with_regions();
    change(&mut machine, 1, |node| node.height += 1);
    // Its parent, the root, is as high as that now.
    assert_eq!(machine.broken(), broken(low, base(1), RegionDefect::Height));

    let (mut machine, low) = with_regions();
    change(&mut machine, 3, |node| node.height += 1);
    assert_eq!(machine.broken(), broken(low, base(3), RegionDefect::Height));

    let (mut machine, low) = with_regions();
    change(&mut machine, 1, |node| {
        (node.left, node.right, node.height) = (None, None, 1);
    });
    change(&mut machine, 3, |node| node.left = None);
    assert_eq!(machine.broken(), broken(low, base(3), RegionDefect::Height));
}

#[test]
fn a_tree_that_leads_in_a_circle_is_found_and_ends() {
    let (mut machine, low) = with_regions();
    let root = machine.spaces[0].half_mut().records_mut().tree.root;
    change(&mut machine, 0, |node| node.left = root);
    assert_eq!(machine.broken(), broken(low, base(3), RegionDefect::Height));
}

#[test]
fn spans_and_gaps_are_those_of_the_tree() {
    let cases: [fn(&mut Node); 3] = [
        |node| node.gap += PAGE,
        |node| node.start -= PAGE,
        |node| node.end += PAGE,
    ];
    for spoil in cases {
        let (mut machine, low) = with_regions();
        change(&mut machine, 5, spoil);
        assert_eq!(machine.broken(), broken(low, base(5), RegionDefect::Gap));
    }
}

#[test]
fn a_part_of_an_allocation_follows_the_part_before_it() {
    let split = || {
        let (mut machine, low) = with_regions();
        machine.protect(low, base(2) + PAGE, PAGE, Rights::Read);
        assert_eq!(machine.audit().unwrap().regions, 9);
        (machine, low)
    };
    let cases: [fn(&mut Region); 2] = [|region| region.offset += PAGE, |region| region.source += 1];
    for spoil in cases {
        let (mut machine, low) = split();
        let tree = &mut machine.spaces[0].half_mut().records_mut().tree;
        let node = tree.find(base(2) + PAGE).unwrap();
        spoil(tree.region_mut(node));
        let expected = broken(low, base(2) + PAGE, RegionDefect::TornOff);
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn what_a_record_keeps_for_faults_follows_from_its_region() {
    let cases: [fn(&mut Record); 4] = [
        |record| record.region.rights = Rights::Read,
        |record| record.region.user = true,
        |record| record.rights.toggle(PageTableFlags::WRITABLE),
        |record| record.refused.toggle(PageFaultErrorCode::INSTRUCTION_FETCH),
    ];
    for spoil in cases {
        let (mut machine, low) = with_regions();
        change(&mut machine, 4, |node| spoil(&mut node.record));
        let expected = broken(low, base(4), RegionDefect::Derived);
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn no_region_of_the_kernel_half_is_for_ring_3() {
    let mut machine = Machine::new();
    machine.allocate(Scope::Kernel, KERNEL, Request::new(PAGE, Backing::Demand));
    let regions = machine.half(Scope::Kernel).records_mut();
    regions.update(KERNEL, |record| record.region.user = true);
    let expected = broken(Scope::Kernel, KERNEL, RegionDefect::User);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn the_record_that_was_hit_last_is_one_of_the_tree() {
    let (mut machine, low) = with_regions();
    machine.read(low, base(4));
    let hit = machine.half(low).records().last.expect("a hit");
    machine.free(low, base(4));
    assert!(machine.audit().is_ok());
    machine.half(low).records_mut().last = Some(hit);
    let expected = broken(low, hit.slab(), RegionDefect::StaleHit);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_record_that_is_in_no_tree_was_lost() {
    let (mut machine, low) = with_regions();
    let region = machine.spaces[0].region_at(VirtAddr::new(base(0))).unwrap();
    let (space, memory) = machine.space(low);
    let record = Record::new(region, memory.features(), false);
    let tree = &mut space.half_mut().records_mut().tree;
    let lost = memory.with_frames(|frames| tree.reserve(frames, record));
    assert!(lost.is_ok());
    let expected = Broken::Count {
        counter: Counter::Records(low),
        says: 8,
        found: 7,
    };
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_frame_of_records_without_one_in_the_tree_was_lost() {
    let mut machine = Machine::new();
    let low = machine.low();
    let region = machine.allocate(Scope::Kernel, KERNEL, Request::new(PAGE, Backing::Demand));
    let (space, memory) = machine.space(low);
    let record = Record::new(region, memory.features(), false);
    let tree = &mut space.half_mut().records_mut().tree;
    let lost = memory.with_frames(|frames| tree.reserve(frames, record));
    assert!(lost.is_ok());
    let expected = Broken::Count {
        counter: Counter::RecordFrames(low),
        says: 1,
        found: 0,
    };
    assert_eq!(machine.broken(), expected);
}

#[test]
fn the_number_of_regions_is_that_of_the_tree() {
    let (mut machine, low) = with_regions();
    machine.spaces[0].half_mut().records_mut().tree.len += 1;
    let expected = Broken::Count {
        counter: Counter::Regions(low),
        says: 8,
        found: 7,
    };
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_frame_of_records_was_handed_out_and_is_nothing_else() {
    let (mut machine, low) = with_regions();
    let slab = machine.spaces[0]
        .half_mut()
        .records_mut()
        .tree
        .root
        .unwrap()
        .slab();
    let frame = PhysFrame::<Size4KiB>::containing_address(PhysAddr::new(slab));
    // SAFETY: the records are read once more, by the audit, and not written.
    let freed = machine
        .memory
        .with_frames(|frames| unsafe { frames.free_raw(frame, FrameKind::Kernel) });
    freed.unwrap();
    let expected = Broken::Region {
        space: low,
        base: VirtAddr::new(slab),
        defect: RegionDefect::Record(Conflict::Free),
    };
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 1);
}
