//! Invariant 5: regions are whole pages, in order and apart, and the tree that
//! holds them knows its shape.

use super::*;
use crate::space::RecordsDefect;
use crate::space::regions::{Met, Record};
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

/// Changes the record of the region with this number, and nothing else.
fn change(machine: &mut Machine, index: u64, change: impl FnOnce(&mut Record)) {
    let regions = machine.spaces[0].half_mut().records_mut();
    change(regions.lookup(base(index)).expect("a region"));
}

/// Changes a region in a way that the tree takes note of.
fn update(machine: &mut Machine, index: u64, change: impl FnOnce(&mut Region)) {
    let regions = machine.spaces[0].half_mut().records_mut();
    regions.spoil(base(index), |record| change(&mut record.region));
}

/// The frame that holds the records of the first space, all in one node.
pub(super) fn frame_of_records(machine: &Machine) -> PhysAddr {
    let mut frame = None;
    let whole = machine.spaces[0].records().check(&mut |met| {
        if let Met::Frame(met) = met {
            frame = Some(met);
        }
        Ok::<(), RecordsDefect>(())
    });
    assert_eq!(whole, Ok(()));
    frame.expect("a node")
}

/// What is found broken in the tree of a space whose records lie in `frame`.
fn broken_tree(space: Scope, defect: RecordsDefect) -> Broken {
    let broken = Broken::Records { space, defect };
    assert_eq!(broken.invariant(), 5);
    broken
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
fn the_tree_notes_where_regions_begin() {
    let cases = [(3, base(2) + 2 * PAGE), (5, LOW - PAGE)];
    for (index, start) in cases {
        let (mut machine, low) = with_regions();
        let frame = frame_of_records(&machine);
        change(&mut machine, index, |record| {
            record.region.base = VirtAddr::new(start);
        });
        assert_eq!(
            machine.broken(),
            broken_tree(
                low,
                RecordsDefect::Note {
                    node: frame,
                    entry: index as usize
                }
            )
        );
    }
}

#[test]
fn the_tree_notes_where_regions_end() {
    let (mut machine, low) = with_regions();
    let frame = frame_of_records(&machine);
    change(&mut machine, 5, |record| record.region.size += PAGE);
    assert_eq!(
        machine.broken(),
        broken_tree(
            low,
            RecordsDefect::Note {
                node: frame,
                entry: 5
            }
        )
    );
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
    regions.spoil(FIXED, |record| record.region.backing = Backing::Demand);
    let expected = broken(Scope::Kernel, FIXED, RegionDefect::OutsideHalf);
    assert_eq!(machine.broken(), expected);
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
        let regions = machine.spaces[0].half_mut().records_mut();
        spoil(&mut regions.lookup(base(2) + PAGE).expect("a part").region);
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
        change(&mut machine, 4, spoil);
        let expected = broken(low, base(4), RegionDefect::Derived);
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn no_region_of_the_kernel_half_is_for_ring_3() {
    let mut machine = Machine::new();
    machine.allocate(Scope::Kernel, KERNEL, Request::new(PAGE, Backing::Demand));
    let regions = machine.half(Scope::Kernel).records_mut();
    regions.spoil(KERNEL, |record| record.region.user = true);
    let expected = broken(Scope::Kernel, KERNEL, RegionDefect::User);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_frame_of_records_was_handed_out_and_is_nothing_else() {
    let (machine, low) = with_regions();
    let address = frame_of_records(&machine);
    let frame = PhysFrame::<Size4KiB>::containing_address(address);
    // SAFETY: the records are read once more, by the audit, and not written.
    let freed = unsafe { machine.memory.free_raw(frame, FrameKind::Kernel) };
    freed.unwrap();
    let expected = Broken::RecordFrame {
        space: low,
        frame: address,
        conflict: Conflict::Free,
    };
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 1);
}
