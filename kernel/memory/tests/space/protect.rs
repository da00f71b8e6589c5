//! Changing rights: regions and large leaves are split, merge again, and every
//! processor obeys from then on.

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;
const WRITE_REFUSED: Refusal = Refusal::Protection(Access::Write);

fn machine_with(pages: u64, backing: Backing) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, backing);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine
}

/// First page, pages and rights of each region.
fn regions(machine: &mut Machine) -> Vec<(u64, u64, Rights)> {
    let regions = machine.space(0).regions();
    regions
        .map(|region| {
            let first = (region.base.as_u64() - BASE) / PAGE;
            (first, region.size / PAGE, region.rights)
        })
        .collect()
}

#[test]
fn the_middle_of_a_region_becomes_a_region_of_its_own_and_merges_again() {
    let mut machine = machine_with(8, Backing::Demand);
    machine.protect(LOW, BASE + 2 * PAGE, 3 * PAGE, Rights::Read);
    let split = [
        (0, 2, Rights::ReadWrite),
        (2, 3, Rights::Read),
        (5, 3, Rights::ReadWrite),
    ];
    assert_eq!(regions(&mut machine), split);
    machine.protect(LOW, BASE + 2 * PAGE, 3 * PAGE, Rights::ReadWrite);
    assert_eq!(regions(&mut machine), [(0, 8, Rights::ReadWrite)]);
}

#[test]
fn neighbours_of_different_allocations_do_not_merge() {
    let mut machine = machine_with(2, Backing::Demand);
    let next = Request::new(2 * PAGE, Backing::Demand);
    machine.allocate(LOW, next.placement(at(BASE + 2 * PAGE)));
    machine.protect(LOW, BASE, 4 * PAGE, Rights::Read);
    let both = [(0, 2, Rights::Read), (2, 2, Rights::Read)];
    assert_eq!(regions(&mut machine), both);
}

#[test]
fn a_range_over_several_regions_merges_what_it_makes_alike() {
    let mut machine = machine_with(8, Backing::Demand);
    machine.protect(LOW, BASE + PAGE, PAGE, Rights::Read);
    machine.protect(LOW, BASE + 3 * PAGE, PAGE, Rights::ReadExecute);
    assert_eq!(regions(&mut machine).len(), 5);
    machine.protect(LOW, BASE + PAGE, 3 * PAGE, Rights::Read);
    let merged = [
        (0, 1, Rights::ReadWrite),
        (1, 3, Rights::Read),
        (4, 4, Rights::ReadWrite),
    ];
    assert_eq!(regions(&mut machine), merged);
}

#[test]
fn faults_are_kept_through_split_and_merge() {
    let mut machine = machine_with(4, Backing::Demand);
    machine.write(BASE, 1).expect("writable");
    machine.protect(LOW, BASE + 2 * PAGE, PAGE, Rights::Read);
    machine.read(BASE + 2 * PAGE).expect("readable");
    machine.protect(LOW, BASE, 4 * PAGE, Rights::ReadWrite);
    let faults: Vec<_> = machine
        .space(0)
        .regions()
        .map(|region| region.faults)
        .collect();
    assert_eq!(faults, [2]);
}

#[test]
fn every_processor_obeys_at_once() {
    let mut machine = machine_with(2, Backing::Immediate);
    for processor in 0..2 {
        assert_eq!(machine.write_on(processor, BASE, 8), Ok(()));
    }
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    for processor in 0..2 {
        assert_eq!(machine.write_on(processor, BASE, 9), Err(WRITE_REFUSED));
        assert_eq!(machine.write_on(processor, BASE + PAGE, 9), Ok(()));
        assert_eq!(machine.read_on(processor, BASE), Ok(8));
    }
}

#[test]
fn code_is_written_then_made_executable_and_back() {
    let mut machine = machine_with(1, Backing::Demand);
    machine.write(BASE, 0xc3).expect("writable");
    machine.protect(LOW, BASE, PAGE, Rights::ReadExecute);
    assert_eq!(machine.fetch(BASE), Ok(0xc3));
    assert_eq!(machine.write(BASE, 0xcc), Err(WRITE_REFUSED));
    machine.protect(LOW, BASE, PAGE, Rights::ReadWrite);
    let refused = Refusal::Protection(Access::Execute);
    assert_eq!(machine.fetch(BASE), Err(refused));
    assert_eq!(machine.write(BASE, 0xcc), Ok(()));
}

#[test]
fn the_zero_frame_stays_read_only_whatever_the_region_allows() {
    let mut machine = machine_with(1, Backing::Zero);
    assert_eq!(machine.read(BASE), Ok(0));
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    machine.protect(LOW, BASE, PAGE, Rights::ReadWrite);
    assert_eq!(machine.write(BASE, 1), Ok(()));
    assert_eq!(machine.outcome(), Some(Outcome::PrivateCopy));
}

#[test]
fn part_of_a_large_leaf_splits_it_and_keeps_bytes_and_frames() {
    let mut machine = Machine::new();
    let request = Request::new(2 * BIG, Backing::Immediate);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in [0, 255, 256, 511, 512, 1023] {
        machine
            .write(BASE + page * PAGE, page as u8)
            .expect("writable");
    }
    let frame = machine.physical_of(0, BASE + 256 * PAGE);
    machine.protect(LOW, BASE + 256 * PAGE, 512 * PAGE, Rights::Read);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 3 + 2);
    assert_eq!(machine.physical_of(0, BASE + 256 * PAGE), frame);
    for page in [0, 255, 256, 511, 512, 1023] {
        assert_eq!(machine.read(BASE + page * PAGE), Ok(page as u8));
        let refused = (256..768).contains(&page);
        assert_eq!(machine.write(BASE + page * PAGE, 0).is_err(), refused);
    }
    assert_eq!(machine.counts().private, 1024);
    assert_eq!(machine.free(LOW, BASE), 1024);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn a_whole_large_leaf_is_not_split() {
    let mut machine = Machine::new();
    let request = Request::new(2 * BIG, Backing::Immediate);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.protect(LOW, BASE + BIG, BIG, Rights::Read);
    assert_eq!(machine.leaf_size(LOW, BASE + BIG), BIG);
    assert_eq!(machine.write(BASE + BIG, 1), Err(WRITE_REFUSED));
    assert_eq!(machine.write(BASE + BIG - 1, 1), Ok(()));
}

#[test]
fn dirty_survives_a_change_of_rights() {
    let mut machine = machine_with(2, Backing::Immediate);
    machine.write(BASE, 1).expect("writable");
    machine.protect(LOW, BASE, 2 * PAGE, Rights::Read);
    let dirty = |machine: &mut Machine, page| {
        let walk = machine.space(0).walk(x86_64::VirtAddr::new(page));
        let flags = walk.end().entry.flags();
        flags.contains(x86_64::structures::paging::PageTableFlags::DIRTY)
    };
    assert!(dirty(&mut machine, BASE));
    assert!(!dirty(&mut machine, BASE + PAGE));
}

#[test]
fn a_large_page_that_was_split_is_whole_again_for_the_next_region() {
    let mut machine = Machine::new();
    let before = machine.memory.frames(|frames| frames.free_2m_blocks());
    let request = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, request.placement(at(BASE)));
    machine.write(BASE, 1).expect("writable");
    machine.protect(LOW, BASE, PAGE, Rights::Read);
    assert_eq!(machine.free(LOW, BASE), 512);
    assert_eq!(
        machine.memory.frames(|frames| frames.free_2m_blocks()),
        before
    );
}

#[test]
fn rights_in_the_kernel_half_change_for_every_space() {
    let mut machine = Machine::new();
    let second = machine.new_space();
    machine.load(1, Some(second));
    let request = Request::new(PAGE, Backing::Immediate).placement(at(KERNEL_BASE));
    machine.allocate(KERNEL, request);
    for processor in 0..2 {
        assert_eq!(machine.write_on(processor, KERNEL_BASE, 1), Ok(()));
    }
    machine.protect(KERNEL, KERNEL_BASE, PAGE, Rights::Read);
    for processor in 0..2 {
        let refused = machine.write_on(processor, KERNEL_BASE, 1);
        assert_eq!(refused, Err(WRITE_REFUSED));
    }
}

#[test]
fn pages_without_access_keep_what_they_hold_until_they_are_accessible_again() {
    for backing in [Backing::Zero, Backing::Demand, Backing::Immediate] {
        let mut machine = machine_with(4, backing);
        machine.write(BASE, 7).expect("writable");
        machine.protect(LOW, BASE, 2 * PAGE, Rights::NoAccess);
        let frames = machine.counts().available();
        for access in [Access::Read, Access::Write, Access::Execute] {
            for page in [BASE, BASE + PAGE] {
                let refused = Refusal::Protection(access);
                let result = machine.access(0, page, access, false);
                assert_eq!(result, Err(refused), "{backing}");
            }
        }
        let space = machine.space(0);
        assert_eq!(space.translate(VirtAddr::new(BASE)), None);
        assert_eq!(space.walk(VirtAddr::new(BASE)).physical(), None);
        assert_eq!(machine.counts().available(), frames);
        machine.protect(LOW, BASE, 2 * PAGE, Rights::ReadWrite);
        assert_eq!(machine.read(BASE), Ok(7), "{backing}");
        machine.check();
    }
}
