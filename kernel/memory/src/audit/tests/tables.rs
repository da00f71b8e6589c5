//! Invariant 4: tables are counted right, none is kept without need, and what
//! is to be mapped is mapped.

use super::*;
use crate::paging::index_at;

fn broken(space: Scope, level: u8, address: u64, table: u64, defect: TableDefect) -> Broken {
    Broken::Table {
        space,
        level,
        address: VirtAddr::new(address),
        table: PhysAddr::new(table),
        defect,
    }
}

/// A machine with a private page at `LOW`, and the tables on the way to it, the
/// lowest level first.
fn with_a_page() -> (Machine, Scope, [u64; 3]) {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(2 * PAGE, Backing::Demand));
    machine.write(low, LOW);
    let tables = [2, 3, 4].map(|level| {
        let entry = machine.entry(low, LOW, level).get();
        entry.table_address().as_u64()
    });
    (machine, low, tables)
}

/// Gives back a private frame that no leaf maps any more.
fn free_private(machine: &Machine, memory: PhysAddr) {
    let frame = PhysFrame::<Size4KiB>::containing_address(memory);
    let freed = machine.memory.with_frames(|frames| {
        // SAFETY: nothing uses the memory any more.
        unsafe { frames.free_raw(frame, FrameKind::Private) }
    });
    freed.expect("a private frame");
}

#[test]
fn a_table_without_an_entry_in_use_is_not_kept() {
    let (mut machine, low, [lowest, ..]) = with_a_page();
    let memory = machine.frame_at(low, LOW);
    machine.entry(low, LOW, 1).set(0);
    free_private(&machine, memory);
    let expected = broken(low, 1, LOW, lowest, TableDefect::Empty);
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 4);
}

#[test]
fn the_count_of_entries_in_use_is_exact_at_every_level() {
    for level in 1..=3 {
        let (mut machine, low, tables) = with_a_page();
        let entry = machine.entry(low, LOW, level + 1);
        entry.count_one_more();
        let address = LOW & !(span_of(level + 1) - 1);
        let defect = TableDefect::InUse { says: 2, found: 1 };
        let table = tables[usize::from(level) - 1];
        assert_eq!(machine.broken(), broken(low, level, address, table, defect));
    }
}

#[test]
fn the_kernel_halfs_counts_are_exact_below_level_3() {
    let mut machine = Machine::new();
    machine.allocate(
        Scope::Kernel,
        KERNEL,
        Request::new(PAGE, Backing::Immediate),
    );
    let entry = machine.entry(Scope::Kernel, KERNEL, 3);
    let table = entry.get().table_address().as_u64();
    entry.count_one_more();
    let defect = TableDefect::InUse { says: 2, found: 1 };
    let expected = broken(Scope::Kernel, 2, KERNEL, table, defect);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn the_counts_of_fixed_mappings_are_exact_as_well() {
    let mut machine = Machine::new();
    machine.map_fixed(FIXED, PAGE, Rights::Read, LOADER);
    let entry = machine.entry(Scope::Kernel, FIXED, 2);
    let table = entry.get().table_address().as_u64();
    entry.count_one_less();
    let defect = TableDefect::InUse { says: 0, found: 1 };
    let expected = broken(Scope::Kernel, 1, FIXED, table, defect);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn rights_are_decided_by_leaves_and_never_by_tables() {
    let flags = [
        PageTableFlags::WRITABLE,
        PageTableFlags::USER_ACCESSIBLE,
        PageTableFlags::NO_EXECUTE,
        PageTableFlags::GLOBAL,
        PageTableFlags::NO_CACHE,
    ];
    for flag in flags {
        let (mut machine, low, [_, table, _]) = with_a_page();
        machine.entry(low, LOW, 3).flip(flag);
        let expected = broken(low, 2, 0, table, TableDefect::Bits { bits: flag.bits() });
        assert_eq!(machine.broken(), expected);
        assert_eq!(expected.invariant(), 2);
    }
}

#[test]
fn no_table_of_the_kernel_half_lets_ring_3_through() {
    let mut machine = Machine::new();
    machine.allocate(
        Scope::Kernel,
        KERNEL,
        Request::new(PAGE, Backing::Immediate),
    );
    let entry = machine.entry(Scope::Kernel, KERNEL, 2);
    let table = entry.get().table_address().as_u64();
    entry.flip(PageTableFlags::USER_ACCESSIBLE);
    let defect = TableDefect::Bits {
        bits: PageTableFlags::USER_ACCESSIBLE.bits(),
    };
    assert_eq!(
        machine.broken(),
        broken(Scope::Kernel, 1, KERNEL, table, defect)
    );
}

#[test]
fn a_table_may_not_lie_in_a_frame_that_is_something_else() {
    let (mut machine, low, [lowest, ..]) = with_a_page();
    let address = LOW + 4 * MIB;
    let root = machine.spaces[0].root().start_address();
    let cases = [
        (lowest, Conflict::Table),
        (root.as_u64(), Conflict::Table),
        (machine.frame_at(low, LOW).as_u64(), Conflict::Private),
        (machine.free_frame().as_u64(), Conflict::Free),
        (LOADER, Conflict::Reserved),
        (DEVICE, Conflict::Unmanaged),
        (
            machine.memory.zero_frame().start_address().as_u64(),
            Conflict::Zero,
        ),
        (
            super::regions::frame_of_records(&machine).as_u64(),
            Conflict::Records,
        ),
    ];
    for (memory, conflict) in cases {
        let table = Entry::table(PhysAddr::new(memory), 1, true);
        machine.entry(low, address, 2).set(table.bits());
        let expected = broken(low, 1, address, memory, TableDefect::Frame { conflict });
        assert_eq!(machine.broken(), expected);
        assert_eq!(expected.invariant(), 1);
        machine.entry(low, address, 2).set(0);
        assert!(machine.audit().is_ok());
    }
}

#[test]
fn a_root_may_not_be_a_root_twice() {
    let mut machine = Machine::new();
    let root = machine.kernel.cursor().root();
    let direct_map = machine.memory.direct_map();
    let scope = machine.low();
    *machine.half(scope).cursor_mut() = Cursor::new(direct_map, root, 4, LOW);
    let expected = broken(
        scope,
        4,
        0,
        root.address().as_u64(),
        TableDefect::Frame {
            conflict: Conflict::Table,
        },
    );
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_slot_of_the_kernel_half_that_is_gone_is_missed() {
    for slot in WINDOW {
        let mut machine = Machine::new();
        let address = VirtAddr::new_truncate(u64::from(slot) << 39);
        assert_eq!(index_at(address, 4), slot);
        machine.entry(Scope::Kernel, address.as_u64(), 4).set(0);
        let expected = broken(Scope::Kernel, 3, address.as_u64(), 0, TableDefect::Missing);
        assert_eq!(machine.broken(), expected);
    }
}

#[test]
fn every_root_shares_the_kernel_half_but_for_what_the_processor_sets() {
    let mut machine = Machine::new();
    let low = machine.low();
    let root = machine.spaces[0].root().start_address().as_u64();
    let entry = machine.entry(low, FIXED, 4);
    entry.flip(PageTableFlags::ACCESSED);
    assert!(machine.audit().is_ok());
    machine.entry(low, FIXED, 4).set(0);
    let expected = broken(low, 4, FIXED, root, TableDefect::NotShared);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_cursor_that_remembers_a_table_that_is_gone_is_found() {
    let (mut machine, low, _) = with_a_page();
    let root = machine.spaces[0].root().start_address().as_u64();
    // A second cursor takes the page's table out; the space's own still stands in it.
    let kept = machine.half(low).cursor().clone();
    machine.discard(low, LOW, PAGE);
    assert!(machine.audit().is_ok());
    *machine.half(low).cursor_mut() = kept;
    let expected = broken(low, 4, LOW, root, TableDefect::StaleCursor);
    assert_eq!(machine.broken(), expected);
}

#[test]
fn a_hole_in_an_immediate_region_is_found() {
    let mut machine = Machine::new();
    let request = Request::new(4 * PAGE, Backing::Immediate);
    machine.allocate(Scope::Kernel, KERNEL, request);
    let hole = KERNEL + 2 * PAGE;
    let memory = machine.frame_at(Scope::Kernel, hole);
    machine.entry(Scope::Kernel, hole, 1).set(0);
    machine.entry(Scope::Kernel, hole, 2).count_one_less();
    free_private(&machine, memory);
    let expected = Broken::Region {
        space: Scope::Kernel,
        base: VirtAddr::new(KERNEL),
        defect: RegionDefect::NotResident {
            address: VirtAddr::new(hole),
        },
    };
    assert_eq!(machine.broken(), expected);
    assert_eq!(expected.invariant(), 4);
}
