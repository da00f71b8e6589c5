//! The software processor itself, on tables written by hand: exact error codes,
//! reserved bits, rights of all levels together, and what it remembers.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use common::machine::{FEATURES, PHYSICAL_END};
use common::processor::Processor;
use common::simulated_memory::SimulatedMemory;
use faultline_memory::{Access, Features};
use x86_64::structures::paging::PageTableFlags as Flags;

const ROOT: u64 = 0x10_0000;
const LEVEL_3: u64 = 0x10_1000;
const LEVEL_2: u64 = 0x10_2000;
const LEVEL_1: u64 = 0x10_3000;
const FRAME: u64 = 0x20_0000;
/// Index 1 in the table of each level.
const ADDRESS: u64 = 0x80_4020_1000;
const ALL: Flags = Flags::PRESENT
    .union(Flags::WRITABLE)
    .union(Flags::USER_ACCESSIBLE)
    .union(Flags::ACCESSED);
const READ_ONLY: Flags = Flags::PRESENT.union(Flags::ACCESSED);

/// Error codes (Intel SDM vol. 3A 4.7).
const P: u64 = 1;
const W: u64 = 2;
const U: u64 = 4;
const RSVD: u64 = 8;
const I: u64 = 16;

struct Bench {
    memory: Arc<SimulatedMemory>,
    processor: Processor,
}

impl Bench {
    /// Four tables that lead from `ADDRESS` to `FRAME` with all rights.
    fn new(features: Features) -> Self {
        let memory = Arc::new(SimulatedMemory::new());
        let mut processor = Processor::new(Arc::clone(&memory), features);
        processor.load(ROOT);
        let bench = Self { memory, processor };
        bench.set(4, LEVEL_3, ALL);
        bench.set(3, LEVEL_2, ALL);
        bench.set(2, LEVEL_1, ALL);
        bench.set(1, FRAME, ALL);
        bench
    }

    fn place(level: u8) -> u64 {
        [LEVEL_1, LEVEL_2, LEVEL_3, ROOT][usize::from(level) - 1] + 8
    }

    fn set(&self, level: u8, address: u64, flags: Flags) {
        let entry = self.memory.entry(Self::place(level));
        entry.store(address | flags.bits(), Relaxed);
    }

    fn flags(&self, level: u8) -> Flags {
        let bits = self.memory.entry(Self::place(level)).load(Relaxed);
        Flags::from_bits_truncate(bits)
    }

    /// The physical address, or the error code of the fault.
    fn access(&mut self, access: Access, user: bool) -> Result<u64, u64> {
        let translated = self.processor.translate(ADDRESS + 0x123, access, user);
        translated.map_err(|fault| {
            assert_eq!(fault.address.as_u64(), ADDRESS + 0x123);
            fault.code.bits()
        })
    }
}

#[test]
fn a_walk_leads_through_four_tables() {
    let mut bench = Bench::new(FEATURES);
    for access in [Access::Read, Access::Write, Access::Execute] {
        for user in [false, true] {
            assert_eq!(bench.access(access, user), Ok(FRAME + 0x123));
        }
    }
}

#[test]
fn the_last_page_of_each_half_may_be_the_last_of_physical_memory() {
    const LAST: u64 = PHYSICAL_END - 0x1000;
    for (last, slot) in [(0x7fff_ffff_f000, 255), (0xffff_ffff_ffff_f000, 511)] {
        for level in 1..=3 {
            let bench = Bench::new(FEATURES);
            let tables = [LEVEL_1, LEVEL_2, LEVEL_3];
            let set = |table: u64, index: u64, address: u64, flags: Flags| {
                let entry = bench.memory.entry(table + 8 * index);
                entry.store(address | flags.bits(), Relaxed);
            };
            set(ROOT, slot, LEVEL_3, ALL);
            for above in (level + 1..=3).rev() {
                set(tables[above - 1], 511, tables[above - 2], ALL);
            }
            let size = 0x1000 << (9 * (level - 1));
            let huge = if level > 1 { Flags::HUGE_PAGE } else { ALL };
            set(tables[level - 1], 511, PHYSICAL_END - size, ALL | huge);
            let mut core = bench.processor;
            for (byte, access) in [(0, Access::Read), (0xfff, Access::Write)] {
                let translated = core.translate(last + byte, access, false);
                assert_eq!(translated.ok(), Some(LAST + byte), "level {level}");
            }
            core.forget(last);
            assert!(core.leaves.is_empty());
        }
    }
}

#[test]
fn an_absent_entry_at_any_level_is_reported_without_the_p_bit() {
    for level in 1..=4 {
        let mut bench = Bench::new(FEATURES);
        bench.set(level, 0, Flags::empty());
        assert_eq!(bench.access(Access::Read, false), Err(0));
        assert_eq!(bench.access(Access::Write, true), Err(W | U));
        assert_eq!(bench.access(Access::Execute, false), Err(I));
    }
}

#[test]
fn every_level_must_give_a_right() {
    for level in 1..=4 {
        let mut bench = Bench::new(FEATURES);
        let next = [FRAME, LEVEL_1, LEVEL_2, LEVEL_3][level - 1];
        let level = level as u8;
        bench.set(level, next, ALL - Flags::WRITABLE);
        assert_eq!(bench.access(Access::Write, false), Err(P | W), "WP is on");
        bench.processor.load(ROOT);
        bench.set(level, next, ALL - Flags::USER_ACCESSIBLE);
        assert_eq!(bench.access(Access::Read, true), Err(P | U));
        assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
        bench.processor.load(ROOT);
        bench.set(level, next, ALL | Flags::NO_EXECUTE);
        assert_eq!(bench.access(Access::Execute, false), Err(P | I));
    }
}

#[test]
fn reserved_bits_are_reported_with_the_p_bit() {
    let features = Features {
        physical_bits: 46,
        ..FEATURES
    };
    let above = Flags::from_bits_retain(1 << features.physical_bits);
    for level in 1..=4 {
        let mut bench = Bench::new(features);
        bench.set(level, FRAME, ALL | above);
        assert_eq!(bench.access(Access::Write, false), Err(P | W | RSVD));
    }
    let mut bench = Bench::new(FEATURES);
    bench.set(4, LEVEL_3, ALL | Flags::HUGE_PAGE);
    assert_eq!(bench.access(Access::Read, false), Err(P | RSVD));
    let mut bench = Bench::new(FEATURES);
    bench.set(2, FRAME + 0x2000, ALL | Flags::HUGE_PAGE);
    assert_eq!(bench.access(Access::Read, false), Err(P | RSVD));
}

#[test]
fn what_the_processor_lacks_is_reserved() {
    let lacks_all = Features {
        gigabyte_pages: false,
        no_execute: false,
        global_pages: false,
        physical_bits: 46,
    };
    let mut bench = Bench::new(lacks_all);
    bench.set(1, FRAME, ALL | Flags::NO_EXECUTE);
    assert_eq!(bench.access(Access::Read, false), Err(P | RSVD));
    assert_eq!(
        bench.access(Access::Execute, false),
        Err(P | RSVD),
        "no I bit"
    );
    bench.processor.load(ROOT);
    bench.set(3, 0, ALL | Flags::HUGE_PAGE);
    assert_eq!(bench.access(Access::Read, false), Err(P | RSVD));
    let mut bench = Bench::new(FEATURES);
    bench.set(3, 0, ALL | Flags::HUGE_PAGE);
    assert_eq!(bench.access(Access::Read, false), Ok(0x20_1123));
}

#[test]
fn large_leaves_take_more_of_the_address() {
    let mut bench = Bench::new(FEATURES);
    bench.set(2, 0x60_0000, ALL | Flags::HUGE_PAGE);
    assert_eq!(bench.access(Access::Read, false), Ok(0x60_1123));
    let pat = Flags::from_bits_retain(1 << 12);
    bench.processor.load(ROOT);
    bench.set(2, 0x80_0000, ALL | Flags::HUGE_PAGE | pat);
    assert_eq!(
        bench.access(Access::Read, false),
        Ok(0x80_1123),
        "not an address bit"
    );
}

#[test]
fn accessed_and_dirty_are_set_when_they_are_due() {
    let mut bench = Bench::new(FEATURES);
    bench.set(1, FRAME, ALL - Flags::ACCESSED);
    assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
    assert_eq!(bench.flags(1), ALL);
    assert_eq!(bench.access(Access::Write, false), Ok(FRAME + 0x123));
    assert_eq!(bench.flags(1), ALL | Flags::DIRTY, "by a walk of its own");
    bench.set(1, FRAME, ALL);
    assert_eq!(bench.access(Access::Write, false), Ok(FRAME + 0x123));
    assert_eq!(bench.flags(1), ALL, "it remembers that it was set");
}

#[test]
fn a_leaf_is_remembered_when_the_tables_say_otherwise() {
    let mut bench = Bench::new(FEATURES);
    assert_eq!(bench.access(Access::Write, false), Ok(FRAME + 0x123));
    bench.set(1, 0, Flags::empty());
    assert_eq!(bench.access(Access::Write, false), Ok(FRAME + 0x123));
    bench.processor.forget(ADDRESS);
    assert_eq!(bench.access(Access::Write, false), Err(W));
}

#[test]
fn an_upper_level_entry_is_remembered_too() {
    let mut bench = Bench::new(FEATURES);
    assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
    let neighbour = ADDRESS + 0x1000;
    let entry = bench.memory.entry(LEVEL_1 + 16);
    entry.store((FRAME + 0x1000) | ALL.bits(), Relaxed);
    bench.set(3, 0, Flags::empty());
    let translated = bench.processor.translate(neighbour, Access::Read, false);
    assert_eq!(
        translated,
        Ok(FRAME + 0x1000),
        "the table at level 1 is known"
    );
    bench.processor.forget(ADDRESS);
    bench.processor.forget(neighbour);
    let translated = bench.processor.translate(neighbour, Access::Read, false);
    assert!(translated.is_err());
}

#[test]
fn loading_a_root_keeps_what_is_global_and_no_more() {
    let mut bench = Bench::new(FEATURES);
    bench.set(1, FRAME, ALL | Flags::GLOBAL);
    assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
    bench.set(1, 0, Flags::empty());
    bench.processor.load(ROOT);
    assert!(bench.processor.uppers.is_empty());
    assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
    let features = Features {
        global_pages: false,
        ..FEATURES
    };
    let mut bench = Bench::new(features);
    bench.set(1, FRAME, ALL | Flags::GLOBAL);
    assert_eq!(bench.access(Access::Read, false), Ok(FRAME + 0x123));
    bench.set(1, 0, Flags::empty());
    bench.processor.load(ROOT);
    assert_eq!(bench.access(Access::Read, false), Err(0));
}

#[test]
fn a_fault_forgets_its_page_and_a_speculative_walk_brings_it_back() {
    let mut bench = Bench::new(FEATURES);
    bench.set(1, FRAME, READ_ONLY);
    assert_eq!(bench.access(Access::Write, false), Err(P | W));
    bench.processor.forget_and_speculate(ADDRESS);
    bench.set(1, FRAME + 0x1000, ALL);
    assert_eq!(
        bench.access(Access::Read, false),
        Ok(FRAME + 0x123),
        "the old frame"
    );
    assert_eq!(bench.access(Access::Write, false), Err(P | W));
    bench.processor.forget_and_speculate(ADDRESS);
    assert_eq!(bench.access(Access::Write, false), Ok(FRAME + 0x1123));
}
