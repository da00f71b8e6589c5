//! Machines of all kinds pass, and the report says what there is.

use super::*;
use crate::paging::Cache;

/// The root, the tables of four slots, and the root of the space.
const FIRST_TABLES: u64 = 6;

#[test]
fn a_fresh_machine_has_its_roots_and_slots_and_nothing_else() {
    let machine = Machine::new();
    let report = machine.audit().unwrap();
    let expected = Report {
        checks: report.checks,
        halves: 2,
        tables: FIRST_TABLES,
        ..Report::default()
    };
    assert_eq!(report, expected);
}

#[test]
fn pages_of_all_backings_are_counted_as_what_they_are() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(4 * PAGE, Backing::Immediate));
    machine.allocate(low, LOW + 0x1_0000, Request::new(4 * PAGE, Backing::Demand));
    machine.write(low, LOW + 0x1_1000);
    machine.allocate(low, LOW + 0x2_0000, Request::new(4 * PAGE, Backing::Zero));
    machine.read(low, LOW + 0x2_0000);
    machine.read(low, LOW + 0x2_1000);
    machine.write(low, LOW + 0x2_1000);
    machine.write(low, LOW + 0x2_2000);
    machine.allocate(low, LOW + 0x3_0000, Request::new(PAGE, Backing::Guard));
    let device = Backing::Device(PhysAddr::new(DEVICE), Cache::Uncached);
    machine.allocate(low, LOW + 0x4_0000, Request::new(3 * PAGE, device));
    let report = machine.audit().unwrap();
    let expected = Report {
        checks: report.checks,
        halves: 2,
        regions: 5,
        objects: 0,
        record_frames: 1,
        tables: FIRST_TABLES + 3,
        foreign_tables: 0,
        shared: 0,
        private: 4 + 1 + 2,
        reserved: 0,
        zero: 1,
        borrowed: 3,
        swapped: 0,
        fixed: 0,
    };
    assert_eq!(report, expected);
}

#[test]
fn large_pages_count_512_frames_and_fewer_tables() {
    let mut machine = Machine::new();
    let low = machine.low();
    let large = Request::new(2 * MIB, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(low, LOW, large);
    machine.write(low, LOW + 5 * PAGE);
    machine.allocate(
        Scope::Kernel,
        KERNEL,
        Request::new(4 * MIB, Backing::Immediate),
    );
    let report = machine.audit().unwrap();
    assert_eq!(report.private, 3 * 512);
    assert_eq!(report.tables, FIRST_TABLES + 2 + 1);
}

#[test]
fn a_large_page_that_was_split_is_still_owned_once() {
    let mut machine = Machine::new();
    let request = Request::new(4 * MIB, Backing::Immediate);
    machine.allocate(Scope::Kernel, KERNEL, request);
    machine.protect(Scope::Kernel, KERNEL + MIB, PAGE, Rights::ReadExecute);
    let report = machine.audit().unwrap();
    assert_eq!((report.regions, report.private), (3, 1024));
    assert_eq!(report.tables, FIRST_TABLES + 2);
}

#[test]
fn a_zero_region_of_large_pages_trades_its_zero_leaves_for_one_large() {
    let mut machine = Machine::new();
    let low = machine.low();
    let zero = Request::new(2 * MIB, Backing::Zero).page_size(LeafSize::Size2MiB);
    machine.allocate(low, LOW, zero);
    machine.read(low, LOW);
    machine.read(low, LOW + PAGE);
    assert_eq!(machine.audit().unwrap().zero, 2);
    machine.write(low, LOW + PAGE);
    let report = machine.audit().unwrap();
    assert_eq!((report.zero, report.private), (0, 512));
}

#[test]
fn fault_around_maps_whole_blocks() {
    let mut machine = Machine::new();
    let low = machine.low();
    let request = Request::new(64 * PAGE, Backing::Demand).fault_around(16);
    machine.allocate(low, LOW, request);
    machine.write(low, LOW + 17 * PAGE);
    assert_eq!(machine.audit().unwrap().private, 16);
}

#[test]
fn several_spaces_share_one_kernel_half_and_go_without_a_trace() {
    let mut machine = Machine::new();
    let request = Request::new(8 * PAGE, Backing::Demand);
    machine.allocate(Scope::Kernel, KERNEL, request);
    machine.write(Scope::Kernel, KERNEL);
    for _ in 0..3 {
        let space = machine.new_space();
        machine.allocate(space, LOW, request.user());
        machine.write(space, LOW);
    }
    let report = machine.audit().unwrap();
    assert_eq!((report.halves, report.private), (5, 4));
    for space in machine.spaces.drain(1..) {
        // SAFETY: no processor has its root loaded.
        let freed = unsafe { space.destroy(&machine.memory) };
        assert_eq!(freed, 1);
    }
    let report = machine.audit().unwrap();
    assert_eq!((report.halves, report.private), (2, 1));
    assert_eq!(report.tables, FIRST_TABLES + 2);
}

#[test]
fn a_machine_at_the_end_of_its_memory_passes() {
    let mut machine = Machine::new();
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(32 * MIB, Backing::Demand));
    let mut address = LOW;
    while machine.touch(low, address, Access::Write) == Outcome::Demand {
        address += PAGE;
    }
    let report = machine.audit().unwrap();
    assert_eq!(report.private, (address - LOW) / PAGE);
    assert_eq!(machine.memory.counts().free, 0);
}

#[test]
fn many_regions_in_a_tree_of_many_levels_pass() {
    let mut machine = Machine::new();
    let low = machine.low();
    for index in (0..500).map(|index| index * 73 % 500) {
        machine.allocate(
            low,
            LOW + index * 2 * PAGE,
            Request::new(PAGE, Backing::Demand),
        );
    }
    for index in (0..500).step_by(3) {
        machine.free(low, LOW + index * 2 * PAGE);
    }
    assert_eq!(machine.audit().unwrap().regions, 333);
}

#[test]
fn fixed_mappings_own_nothing() {
    let mut machine = Machine::new();
    machine.map_fixed(FIXED, 2 * MIB, Rights::ReadWrite, START);
    machine.map_fixed(FIXED + 4 * MIB, 3 * PAGE, Rights::ReadExecute, LOADER);
    let report = machine.audit().unwrap();
    assert_eq!((report.fixed, report.private), (512 + 3, 0));
    assert_eq!(report.tables, FIRST_TABLES + 2);
}

#[test]
fn the_boot_loaders_slots_are_left_alone_unless_asked_for() {
    let machine = Machine::on_the_loaders_tables(FEATURES);
    // A table of the loader's with a leaf in no region, in its slot 256.
    let address = 0xffff_8000_0000_0000;
    let direct_map = machine.memory.direct_map();
    let loaders = |page: u64| PhysAddr::new(LOADER + page * PAGE);
    let entry = |table, level| Raw(place(direct_map, table, address, level));
    let table = |page| Entry::table(loaders(page), 0, false).bits();
    entry(loaders(0), 4).set(table(1));
    entry(loaders(1), 3).set(table(2));
    let flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
    let leaf = Entry::leaf(loaders(0), LeafSize::Size4KiB, flags);
    entry(loaders(2), 2).set(table(3));
    entry(loaders(3), 1).set(leaf.bits());
    Cursor::share_kernel_half(
        machine.kernel.cursor().root(),
        machine.spaces[0].cursor().root(),
    );

    let report = machine.audit().unwrap();
    assert_eq!((report.tables, report.foreign_tables), (3, 1));
    let whole = machine.run(Audit::of(&machine.kernel, &machine.memory).whole());
    let expected = Broken::Leaf {
        space: Scope::Kernel,
        address: VirtAddr::new(address),
        frame: PhysAddr::new(LOADER),
        defect: LeafDefect::NoRegion,
    };
    assert_eq!(whole, Err(expected));

    let mut machine = machine;
    let fixed = Request::new(PAGE, Backing::Fixed).rights(Rights::Read);
    machine.allocate(Scope::Kernel, address, fixed);
    let report = machine
        .run(Audit::of(&machine.kernel, &machine.memory).whole())
        .unwrap();
    assert_eq!((report.foreign_tables, report.fixed), (4, 1));
}

#[test]
fn what_the_kernel_holds_itself_is_told_to_the_audit() {
    let machine = Machine::new();
    let stack = machine
        .memory
        .allocate_run(4, 4096, END, FrameKind::Kernel)
        .unwrap();
    let audit = Audit::of(&machine.kernel, &machine.memory);
    assert!(machine.run(audit.held(4)).is_ok());
    let expected = Broken::Count {
        counter: Counter::Kernel,
        says: 4,
        found: 0,
    };
    assert_eq!(machine.run(audit), Err(expected));
    machine.memory.free_run(stack);
    assert!(machine.audit().is_ok());
}

#[test]
fn a_processor_that_can_nothing_passes() {
    let mut machine = Machine::with(Features {
        gigabyte_pages: false,
        no_execute: false,
        global_pages: false,
        physical_bits: 36,
    });
    let low = machine.low();
    machine.allocate(low, LOW, Request::new(2 * PAGE, Backing::Zero));
    machine.read(low, LOW);
    machine.write(low, LOW + PAGE);
    let report = machine.audit().unwrap();
    assert_eq!((report.zero, report.private), (1, 1));
}

#[test]
fn an_audit_that_is_asked_wrong_says_so() {
    let machine = Machine::new();
    let audit = Audit::of(&machine.kernel, &machine.memory);
    let needed = audit.words();
    assert_eq!(needed, 16 * 256 / 16);
    let refused = audit.run(machine.spaces.iter(), &mut vec![0; needed - 1]);
    let expected = Broken::ScratchTooShort {
        needed,
        given: needed - 1,
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(refused.unwrap_err().invariant(), 0);
}
