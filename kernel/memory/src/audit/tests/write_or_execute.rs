//! Invariant 3: no frame is writable and executable over all its mappings, and
//! the zero frame is written nowhere.

use super::*;
use crate::paging::Cache;

fn broken(space: Scope, address: u64, frame: u64, defect: LeafDefect) -> Broken {
    let broken = Broken::Leaf {
        space,
        address: VirtAddr::new(address),
        frame: PhysAddr::new(frame),
        defect,
    };
    assert_eq!(broken.invariant(), 3);
    broken
}

const BOTH: LeafDefect = LeafDefect::WritableAndExecutable;

#[test]
fn text_that_is_writable_in_the_direct_map_is_found() {
    let mut machine = Machine::new();
    machine.map_fixed(FIXED, MIB, Rights::ReadWrite, LOADER);
    machine.map_fixed(
        FIXED + 8 * MIB,
        PAGE,
        Rights::ReadExecute,
        LOADER + 5 * PAGE,
    );
    let expected = broken(Scope::Kernel, FIXED + 8 * MIB, LOADER + 5 * PAGE, BOTH);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn text_inside_a_large_writable_leaf_is_found() {
    let mut machine = Machine::new();
    let large = free_large_frame(&machine).as_u64();
    machine.map_fixed(FIXED, PAGE, Rights::ReadExecute, large + 300 * PAGE);
    machine.map_fixed(FIXED + 4 * MIB, 2 * MIB, Rights::ReadWrite, large);
    let expected = broken(Scope::Kernel, FIXED + 4 * MIB, large + 300 * PAGE, BOTH);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_private_page_that_is_executable_elsewhere_is_found() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(PAGE, Backing::Demand));
    machine.write(low, LOW);
    let memory = machine.frame_at(low, LOW).as_u64();
    machine.map_fixed(FIXED, PAGE, Rights::ReadExecute, memory);
    let expected = broken(Scope::Kernel, FIXED, memory, BOTH);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_private_page_that_is_executable_may_be_filled_through_the_direct_map_only() {
    let mut machine = Machine::new();
    let low = machine.low();
    let request = Request::new(PAGE, Backing::Demand).rights(Rights::ReadExecute);
    machine.allocate(low, LOW, request);
    machine.read(low, LOW);
    let memory = machine.frame_at(low, LOW);
    let shown_at = machine.memory.direct_map().address_of(memory);
    assert_ne!(shown_at.as_u64(), FIXED);
    machine.map_fixed(FIXED, PAGE, Rights::ReadWrite, memory.as_u64());
    let expected = broken(Scope::Kernel, FIXED, memory.as_u64(), BOTH);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn the_direct_map_is_spared_for_private_frames_and_not_for_text() {
    let mut machine = Machine::new();
    let low = machine.low();
    let request = Request::new(PAGE, Backing::Demand).rights(Rights::ReadExecute);
    machine.allocate(low, LOW, request);
    machine.read(low, LOW);
    let text = LOADER + 3 * PAGE;
    machine.map_fixed(FIXED + 64 * MIB, PAGE, Rights::ReadExecute, text);
    // On the host memory is reached in the low half. A kernel's own map of all
    // of it, writable, is not there.
    let shown = |memory: u64| FIXED + memory;
    machine.map_fixed(shown(START), LOADER - START, Rights::ReadWrite, START);
    let audit = |machine: &Machine| {
        let mut audit = Audit::of(&machine.kernel, &machine.memory);
        audit.direct_map = VirtAddr::new(FIXED);
        machine.run(audit)
    };
    assert_eq!(audit(&machine).map(|report| report.fixed), Ok(15 * 256 + 1));
    machine.map_fixed(shown(LOADER), MIB, Rights::ReadWrite, LOADER);
    let expected = broken(Scope::Kernel, FIXED + 64 * MIB, text, BOTH);
    assert_eq!(audit(&machine), Err(expected));
}

#[test]
fn a_device_that_is_written_here_and_executed_there_is_found() {
    let mut machine = Machine::new();
    machine.map_fixed(FIXED, 4 * PAGE, Rights::ReadExecute, DEVICE);
    assert!(machine.audit().is_ok());
    let other = machine.new_space();
    let inside = Backing::Device(PhysAddr::new(DEVICE + 2 * PAGE), Cache::Uncached);
    machine.allocate(other, LOW, Request::new(PAGE, inside));
    let expected = broken(other, LOW, DEVICE + 2 * PAGE, BOTH);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn outside_memory_is_checked_however_many_runs_are_executable() {
    let mut machine = Machine::new();
    for index in 0..200 {
        // Every other page, so that no two of them make one run.
        let start = DEVICE + 2 * index * PAGE;
        machine.map_fixed(FIXED + index * PAGE, PAGE, Rights::ReadExecute, start);
    }
    assert!(machine.audit().is_ok());
    let last = DEVICE + 2 * 199 * PAGE;
    let request = Request::new(PAGE, Backing::Device(PhysAddr::new(last), Cache::Uncached));
    machine.allocate(Scope::Kernel, KERNEL, request);
    assert_eq!(machine.broken(), broken(Scope::Kernel, KERNEL, last, BOTH));
}

#[test]
fn one_leaf_that_allows_both_is_an_excess_first() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(PAGE, Backing::Demand));
    machine.write(low, LOW);
    machine.entry(low, LOW, 1).flip(PageTableFlags::NO_EXECUTE);
    let Broken::Leaf { defect, .. } = machine.broken() else {
        panic!("a leaf")
    };
    assert_eq!(
        defect,
        LeafDefect::Excess {
            right: Right::Execute
        }
    );
}

#[test]
fn a_writable_leaf_of_the_zero_frame_is_found() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(PAGE, Backing::Zero));
    machine.read(low, LOW);
    machine.entry(low, LOW, 1).flip(PageTableFlags::WRITABLE);
    let zero = machine.memory.zero_frame().start_address().as_u64();
    let expected = broken(low, LOW, zero, LeafDefect::ZeroWritable);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn the_zero_frame_behind_a_demand_page_is_found() {
    let mut machine = Machine::new();
    let low = machine.low();
    let region = machine.allocate(low, LOW, Request::new(2 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    let zero = machine.memory.zero_frame().start_address().as_u64();
    machine.put_leaf(low, LOW + PAGE, zero, &region);
    let expected = broken(low, LOW + PAGE, zero, LeafDefect::ZeroFrame);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn one_byte_in_the_zero_frame_is_found_where_it_is() {
    for offset in [0, 255, 256, 2049, 4095] {
        let machine = Machine::new();
        let address = machine.memory.zero_frame().start_address() + offset;
        // SAFETY: the frame is in use for ever, and no reference covers it.
        unsafe { machine.memory.direct_map().write(address, &[1]) };
        assert_eq!(machine.broken(), Broken::ZeroFrame { address });
        assert_eq!(Broken::ZeroFrame { address }.invariant(), 3);
    }
}
