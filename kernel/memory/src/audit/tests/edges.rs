//! At the very edge: what lies beside the forbidden passes, and the first and
//! the last of it are found.

use super::*;
use crate::paging::Cache;

const NO_EXECUTE: PageTableFlags = PageTableFlags::NO_EXECUTE;
/// The first address of the loader's slot 256.
const LOADERS: u64 = 0xffff_8000_0000_0000;

fn device(memory: u64) -> Request {
    let backing = Backing::Device(PhysAddr::new(memory), Cache::Uncached);
    Request::new(PAGE, backing)
}

fn leaf(space: Scope, address: u64, frame: u64, defect: LeafDefect) -> Broken {
    Broken::Leaf {
        space,
        address: VirtAddr::new(address),
        frame: PhysAddr::new(frame),
        defect,
    }
}

fn table(space: Scope, level: u8, address: u64, table: u64, defect: TableDefect) -> Broken {
    Broken::Table {
        space,
        level,
        address: VirtAddr::new(address),
        table: PhysAddr::new(table),
        defect,
    }
}

/// The entry for `address` in one of the loader's tables.
fn loaders_entry(machine: &Machine, page: u64, address: u64, level: u8) -> Raw<'static> {
    let table = PhysAddr::new(LOADER + page * PAGE);
    Raw(place(machine.memory.direct_map(), table, address, level))
}

/// Shows the kernel half of the kernel's root in the space's.
fn share(machine: &Machine) {
    Cursor::share_kernel_half(
        machine.kernel.cursor().root(),
        machine.spaces[0].cursor().root(),
    );
}

fn audit_whole(machine: &Machine) -> Result<Report, Broken> {
    machine.run(Audit::of(&machine.kernel, &machine.memory).whole())
}

#[test]
fn devices_right_below_and_above_the_managed_memory_borrow_none_of_it() {
    for memory in [START - PAGE, END] {
        let mut machine = Machine::new();
        let low = machine.low();
        machine.allocate(low, LOW, device(memory));
        assert_eq!(machine.audit().map(|report| report.borrowed), Ok(1));
    }
}

#[test]
fn the_frame_behind_the_zero_frame_may_hold_anything() {
    let machine = Machine::new();
    let behind = machine.memory.zero_frame().start_address() + PAGE;
    // It is the kernel's root, and an entry that is not present may say anything.
    assert_eq!(behind, machine.kernel.root().start_address());
    // SAFETY: the frame is in use, and only looked at as entries.
    unsafe { machine.memory.direct_map().write(behind, &[2]) };
    assert!(machine.audit().is_ok());
}

#[test]
fn a_device_page_beside_executable_memory_is_not_in_it() {
    // Executable are the pages 1 and 2 of the device.
    for (page, is_executable) in [(0, false), (1, true), (2, true), (3, false)] {
        let mut machine = Machine::new();
        let low = machine.low();
        machine.map_fixed(FIXED, 2 * PAGE, Rights::ReadExecute, DEVICE + PAGE);
        let memory = DEVICE + page * PAGE;
        machine.allocate(low, LOW, device(memory));
        let both = leaf(low, LOW, memory, LeafDefect::WritableAndExecutable);
        let expected = if is_executable { Some(both) } else { None };
        assert_eq!(machine.audit().err(), expected, "page {page}");
    }
}

#[test]
fn the_loaders_writable_leaves_count_in_a_whole_audit_only() {
    let mut machine = Machine::on_the_loaders_tables(FEATURES);
    machine.map_fixed(KERNEL, PAGE, Rights::ReadExecute, DEVICE);
    for (page, level) in [(0, 4), (1, 3), (2, 2)] {
        let below = PhysAddr::new(LOADER + (page + 1) * PAGE);
        let entry = Entry::table(below, 1, false);
        loaders_entry(&machine, page, LOADERS, level).set(entry.bits());
    }
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | NO_EXECUTE;
    let written = Entry::leaf(PhysAddr::new(DEVICE), LeafSize::Size4KiB, flags);
    loaders_entry(&machine, 3, LOADERS, 1).set(written.bits());
    let fixed = Request::new(PAGE, Backing::Fixed);
    machine.allocate(Scope::Kernel, LOADERS, fixed);
    share(&machine);
    assert!(machine.audit().is_ok());
    let both = LeafDefect::WritableAndExecutable;
    let expected = leaf(Scope::Kernel, LOADERS, DEVICE, both);
    assert_eq!(audit_whole(&machine), Err(expected));
}

#[test]
fn a_leaf_below_a_table_of_the_loaders_that_takes_execution_away_is_not_executable() {
    for of_table in [PageTableFlags::empty(), NO_EXECUTE] {
        for of_leaf in [PageTableFlags::empty(), NO_EXECUTE] {
            let mut machine = Machine::on_the_loaders_tables(FEATURES);
            for (page, level) in [(0, 4), (1, 3), (2, 2)] {
                let below = PhysAddr::new(LOADER + (page + 1) * PAGE);
                let entry = Entry::table(below, 1, false).bits() | of_table.bits();
                loaders_entry(&machine, page, LOADERS, level).set(entry);
            }
            let flags = PageTableFlags::PRESENT | of_leaf;
            let entry = Entry::leaf(PhysAddr::new(DEVICE), LeafSize::Size4KiB, flags);
            loaders_entry(&machine, 3, LOADERS, 1).set(entry.bits());
            let fixed = Request::new(PAGE, Backing::Fixed).rights(Rights::Read);
            machine.allocate(Scope::Kernel, LOADERS, fixed);
            share(&machine);
            let excess = leaf(
                Scope::Kernel,
                LOADERS,
                DEVICE,
                LeafDefect::Excess {
                    right: Right::Execute,
                },
            );
            let is_executable = (of_table | of_leaf).is_empty();
            let expected = is_executable.then_some(excess);
            assert_eq!(audit_whole(&machine).err(), expected);
        }
    }
}

#[test]
fn a_table_of_the_loaders_has_no_bit_that_the_processor_reserves() {
    let huge = PageTableFlags::HUGE_PAGE;
    let cases = [
        (true, NO_EXECUTE, PageTableFlags::empty()),
        (false, NO_EXECUTE, NO_EXECUTE),
        (true, huge, huge),
        (false, huge | NO_EXECUTE, huge | NO_EXECUTE),
    ];
    for (no_execute, set, wrong) in cases {
        let machine = Machine::on_the_loaders_tables(Features {
            no_execute,
            ..FEATURES
        });
        let below = LOADER + PAGE;
        let entry = Entry::table(PhysAddr::new(below), 0, false);
        loaders_entry(&machine, 0, LOADERS, 4).set(entry.bits() | set.bits());
        share(&machine);
        let defect = TableDefect::Bits { bits: wrong.bits() };
        let broken = table(Scope::Kernel, 3, LOADERS, below, defect);
        let expected = (!wrong.is_empty()).then_some(broken);
        assert_eq!(audit_whole(&machine).err(), expected);
    }
}

#[test]
fn the_loaders_root_may_be_the_kernels_but_not_that_of_a_space() {
    let mut machine = Machine::on_the_loaders_tables(FEATURES);
    assert_eq!(machine.audit().map(|report| report.foreign_tables), Ok(1));
    let direct_map = machine.memory.direct_map();
    // SAFETY: a frame of zeroes, which nobody else uses.
    let loaders = unsafe { Table::at(PhysAddr::new(LOADER + PAGE), direct_map) };
    Cursor::share_kernel_half(machine.kernel.cursor().root(), loaders);
    let low = machine.low();
    *machine.half(low).cursor_mut() = Cursor::new(direct_map, loaders, 4, LOW);
    let defect = TableDefect::Frame {
        conflict: Conflict::Reserved,
    };
    let expected = table(low, 4, 0, LOADER + PAGE, defect);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_reservation_outside_of_demand_regions_is_found() {
    for backing in [Backing::Zero, Backing::Demand] {
        let mut machine = Machine::new();
        let low = machine.low();
        machine.allocate(low, LOW, Request::new(2 * PAGE, backing));
        machine.write(low, LOW);
        machine
            .entry(low, LOW + PAGE, 1)
            .set(Entry::RESERVED.bits());
        machine.entry(low, LOW, 2).count_one_more();
        let expected = if backing == Backing::Demand {
            // The entry is as it should be; only nobody has counted it.
            Broken::Count {
                counter: Counter::KeptBack,
                says: 0,
                found: 1,
            }
        } else {
            leaf(low, LOW + PAGE, 0, LeafDefect::Unknown)
        };
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn a_cursor_is_stale_in_either_half_and_on_any_page_of_a_table() {
    for page in [0, 1, 511] {
        for in_kernel in [false, true] {
            let mut machine = Machine::new();
            let (scope, base) = match in_kernel {
                false => (machine.low(), LOW),
                true => (Scope::Kernel, KERNEL),
            };
            let address = base + page * PAGE;
            machine.allocate(scope, base, Request::new(2 * MIB, Backing::Demand));
            machine.write(scope, address);
            let kept = machine.half(scope).cursor().clone();
            machine.discard(scope, address, PAGE);
            let half = machine.half(scope);
            *half.cursor_mut() = kept;
            let root = half.root().start_address().as_u64();
            let expected = table(scope, 4, address, root, TableDefect::StaleCursor);
            assert_eq!(machine.broken(), expected);
        }
    }
}
