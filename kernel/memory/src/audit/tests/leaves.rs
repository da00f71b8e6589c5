//! Invariant 2: every leaf lies in a region, and gives what the region gives.

use super::*;
use crate::paging::Cache;
use crate::space::regions::Record;

fn broken(space: Scope, address: u64, frame: u64, defect: LeafDefect) -> Broken {
    Broken::Leaf {
        space,
        address: VirtAddr::new(address),
        frame: PhysAddr::new(frame),
        defect,
    }
}

/// A machine with one page of a region mapped for writing, in either half.
fn with_a_page(in_kernel: bool, request: Request) -> (Machine, Scope, u64) {
    let mut machine = Machine::new();
    let (scope, address) = if in_kernel {
        (Scope::Kernel, KERNEL)
    } else {
        (machine.low(), LOW)
    };
    machine.allocate(scope, address, request);
    machine.read(scope, address);
    assert!(machine.audit().is_ok());
    (machine, scope, address)
}

const DEMAND: Request = Request::new(2 * PAGE, Backing::Demand);

#[test]
fn a_leaf_behind_the_end_of_its_region_is_in_no_region() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let region = machine.half(low).region_at(VirtAddr::new(LOW)).unwrap();
    let memory = machine.free_frame().as_u64();
    machine.put_leaf(low, LOW + 2 * PAGE, memory, &region);
    let expected = broken(low, LOW + 2 * PAGE, memory, LeafDefect::NoRegion);
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 2);
}

#[test]
fn a_leaf_of_a_region_that_is_gone_is_in_no_region() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let frame = machine.frame_at(low, LOW).as_u64();
    let (space, memory) = machine.space(low);
    let regions = space.half_mut().records_mut();
    regions.remove(LOW).unwrap();
    memory.with_frames(|frames| regions.give_back_spares(frames));
    let expected = broken(low, LOW, frame, LeafDefect::NoRegion);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_large_leaf_in_a_region_that_shrank_lies_across_its_end() {
    let mut machine = Machine::new();
    let request = Request::new(2 * MIB, Backing::Immediate);
    machine.allocate(Scope::Kernel, KERNEL, request);
    let memory = machine.frame_at(Scope::Kernel, KERNEL).as_u64();
    let regions = machine.half(Scope::Kernel).records_mut();
    regions.update(KERNEL, |record| record.region.size = MIB);
    let expected = broken(Scope::Kernel, KERNEL, memory, LeafDefect::AcrossRegions);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn nothing_may_be_mapped_in_a_guard() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let memory = machine.frame_at(low, LOW).as_u64();
    machine.half(low).records_mut().update(LOW, |record| {
        record.region.backing = Backing::Guard;
        *record = Record::new(record.region, FEATURES, false);
    });
    assert_eq!(
        machine.broken(),
        broken(low, LOW, memory, LeafDefect::InGuard)
    );
}

#[test]
fn a_right_that_the_region_does_not_give_is_too_much() {
    let read = DEMAND.rights(Rights::Read);
    let cases = [
        (false, read, PageTableFlags::WRITABLE, Right::Write),
        (false, read, PageTableFlags::NO_EXECUTE, Right::Execute),
        (false, DEMAND, PageTableFlags::NO_EXECUTE, Right::Execute),
        (false, DEMAND, PageTableFlags::USER_ACCESSIBLE, Right::User),
        (false, DEMAND, PageTableFlags::GLOBAL, Right::Global),
        (true, DEMAND, PageTableFlags::USER_ACCESSIBLE, Right::User),
    ];
    for (in_kernel, request, flag, right) in cases {
        let (mut machine, scope, address) = with_a_page(in_kernel, request);
        let memory = machine.frame_at(scope, address).as_u64();
        machine.entry(scope, address, 1).flip(flag);
        let expected = broken(scope, address, memory, LeafDefect::Excess { right });
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn a_right_of_the_region_that_a_leaf_lacks_would_fault_for_ever() {
    let execute = DEMAND.rights(Rights::ReadExecute);
    let cases = [
        (false, DEMAND, PageTableFlags::WRITABLE, Right::Write),
        (false, execute, PageTableFlags::NO_EXECUTE, Right::Execute),
        (
            false,
            DEMAND.user(),
            PageTableFlags::USER_ACCESSIBLE,
            Right::User,
        ),
        (true, DEMAND, PageTableFlags::GLOBAL, Right::Global),
    ];
    for (in_kernel, request, flag, right) in cases {
        let (mut machine, scope, address) = with_a_page(in_kernel, request);
        let memory = machine.frame_at(scope, address).as_u64();
        machine.entry(scope, address, 1).flip(flag);
        let expected = broken(scope, address, memory, LeafDefect::Lack { right });
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn accessed_and_dirty_are_the_processors() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let entry = machine.entry(low, LOW, 1);
    entry.flip(PageTableFlags::ACCESSED | PageTableFlags::DIRTY);
    assert!(machine.audit().is_ok());
}

#[test]
fn a_cache_type_or_a_mark_that_the_region_does_not_ask_for_is_found() {
    let marks = [
        PageTableFlags::NO_CACHE,
        PageTableFlags::WRITE_THROUGH,
        Entry::BORROWED,
        Entry::FIXED,
    ];
    for mark in marks {
        let (mut machine, low, _) = with_a_page(false, DEMAND);
        let memory = machine.frame_at(low, LOW).as_u64();
        machine.entry(low, LOW, 1).flip(mark);
        let expected = broken(low, LOW, memory, LeafDefect::Bits { bits: mark.bits() });
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn bits_that_the_processor_reserves_are_found() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let entry = machine.entry(low, LOW, 1);
    entry.set(entry.get().bits() | 1 << 46);
    let memory = machine.frame_at(low, LOW).as_u64();
    let expected = broken(low, LOW, memory, LeafDefect::ReservedBits { bits: 1 << 46 });
    assert_eq!(machine.broken(), expected);

    let mut machine = Machine::new();
    machine.map_fixed(FIXED, 2 * MIB, Rights::Read, START);
    let entry = machine.entry(Scope::Kernel, FIXED, 2);
    entry.set(entry.get().bits() | 0x1_4000);
    let memory = START;
    let expected = broken(
        Scope::Kernel,
        FIXED,
        memory,
        LeafDefect::ReservedBits { bits: 0x1_4000 },
    );
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_processor_without_no_execute_reserves_its_bit() {
    let mut machine = Machine::with(Features {
        no_execute: false,
        ..FEATURES
    });
    let low = machine.low();
    machine.allocate(low, LOW, DEMAND);
    machine.write(low, LOW);
    let memory = machine.frame_at(low, LOW).as_u64();
    let bit = PageTableFlags::NO_EXECUTE;
    machine.entry(low, LOW, 1).flip(bit);
    let expected = broken(
        low,
        LOW,
        memory,
        LeafDefect::ReservedBits { bits: bit.bits() },
    );
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_processor_without_gigabyte_pages_refuses_them() {
    let mut machine = Machine::with(Features {
        gigabyte_pages: false,
        ..FEATURES
    });
    let low = machine.low();
    machine.allocate(low, LOW, DEMAND);
    machine.write(low, LOW);
    let flags = PageTableFlags::PRESENT;
    let entry = machine.entry(low, 0, 3);
    entry.set(Entry::leaf(PhysAddr::zero(), LeafSize::Size1GiB, flags).bits());
    let expected = broken(
        low,
        0,
        0,
        LeafDefect::ReservedBits {
            bits: Entry::HUGE_BIT,
        },
    );
    assert_eq!(machine.broken(), expected);
}

#[test]
fn an_entry_that_is_neither_present_nor_zero_is_named() {
    let (mut machine, low, _) = with_a_page(false, DEMAND);
    let memory = machine.frame_at(low, LOW).as_u64();
    machine.entry(low, LOW, 1).flip(PageTableFlags::PRESENT);
    let expected = broken(low, LOW, memory, LeafDefect::Unknown);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_device_page_maps_its_devices_memory_and_no_other() {
    let mut machine = Machine::new();
    let device = Backing::Device(PhysAddr::new(DEVICE), Cache::WriteCombining);
    let request = Request::new(4 * PAGE, device);
    machine.allocate(Scope::Kernel, KERNEL, request);
    let entry = machine.entry(Scope::Kernel, KERNEL + PAGE, 1);
    entry.set(entry.get().bits() + PAGE);
    let memory = DEVICE + 2 * PAGE;
    let expected = broken(
        Scope::Kernel,
        KERNEL + PAGE,
        memory,
        LeafDefect::OtherMemory,
    );
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 1);
}

#[test]
fn a_device_page_borrows_no_memory_that_is_managed() {
    let mut machine = Machine::new();
    let device = Backing::Device(PhysAddr::new(DEVICE), Cache::Uncached);
    machine.allocate(Scope::Kernel, KERNEL, Request::new(PAGE, device));
    let managed = Backing::Device(PhysAddr::new(START), Cache::Uncached);
    let regions = machine.half(Scope::Kernel).records_mut();
    regions.update(KERNEL, |record| record.region.backing = managed);
    let entry = machine.entry(Scope::Kernel, KERNEL, 1);
    entry.set(entry.get().bits() - DEVICE + START);
    let expected = broken(Scope::Kernel, KERNEL, START, LeafDefect::BorrowsManaged);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_fixed_leaf_may_give_less_than_its_region_but_not_more() {
    let mut machine = Machine::new();
    machine.map_fixed(FIXED, 4 * PAGE, Rights::ReadWrite, LOADER);
    let page = FIXED + 2 * PAGE;
    let entry = machine.entry(Scope::Kernel, page, 1);
    entry.flip(PageTableFlags::WRITABLE);
    assert!(machine.audit().is_ok());
    machine
        .entry(Scope::Kernel, page, 1)
        .flip(PageTableFlags::NO_EXECUTE);
    let excess = LeafDefect::Excess {
        right: Right::Execute,
    };
    let expected = broken(Scope::Kernel, page, LOADER + 2 * PAGE, excess);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn what_is_left_in_the_low_half_of_the_kernels_root_is_found() {
    let machine = Machine::new();
    // The kernel's slot 0 gets what its slot 320 has: a table without a leaf,
    // whose frame then is a table twice.
    let root = machine.kernel.root().start_address();
    let direct_map = machine.memory.direct_map();
    let shared = Raw(place(direct_map, root, KERNEL, 4)).get();
    Raw(place(direct_map, root, 0, 4)).set(shared.bits());
    let expected = Broken::Table {
        space: Scope::Kernel,
        level: 3,
        address: VirtAddr::zero(),
        table: PhysAddr::new(shared.table_address().as_u64()),
        defect: TableDefect::Frame {
            conflict: Conflict::Table,
        },
    };
    assert_eq!(machine.broken(), expected);
}
