//! Entries, rows and the cursor over tables in ordinary memory, bit by bit and
//! address by address.
#![allow(unsafe_code, reason = "host memory stands in for physical memory")]

extern crate std;

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use std::boxed::Box;
use std::vec::Vec;

use x86_64::structures::paging::PageTableFlags as Flags;
use x86_64::{PhysAddr, VirtAddr};

use super::*;
use crate::DirectMap;

const PAGE: u64 = 4096;
/// What the one leaf table spans.
const BASE: u64 = 0x40_0000;

/// A root and the tables on the way to `BASE`, one frame each from physical
/// address 0 on.
#[repr(C, align(4096))]
struct Tables([[AtomicU64; 512]; 4]);

/// A cursor on the page with this number from `BASE` on. No entry is in use.
fn cursor_on(page: u64) -> Cursor {
    let tables = Tables([const { [const { AtomicU64::new(0) }; 512] }; 4]);
    let tables: &'static Tables = Box::leak(Box::new(tables));
    for (table, index) in [(0, 0), (1, 0), (2, 2)] {
        let below = PhysAddr::new((table as u64 + 1) * PAGE);
        let entry = Entry::table(below, u64::from(table < 2), true);
        tables.0[table][index].store(entry.bits(), Relaxed);
    }
    let offset = VirtAddr::from_ptr(tables);
    // SAFETY: the tables are shown from this offset on for ever, and a test's
    // cursor alone uses them.
    let direct_map = unsafe { DirectMap::new(offset) };
    // SAFETY: the root is one of them.
    let root = unsafe { Table::at(PhysAddr::zero(), direct_map) };
    Cursor::new(direct_map, root, 4, BASE + page * PAGE)
}

fn leaf(number: u64) -> Entry {
    Entry::leaf(
        PhysAddr::new(number * PAGE),
        LeafSize::Size4KiB,
        Flags::PRESENT | Flags::WRITABLE,
    )
}

#[test]
fn a_row_ends_with_its_table_or_with_the_range() {
    let rows = [(0, 512, 512), (3, 10, 7), (510, 1000, 2), (511, 512, 1)];
    for (page, end, count) in rows {
        assert_eq!(cursor_on(page).row_before(BASE + end * PAGE), count);
    }
}

#[test]
fn a_row_is_filled_changed_and_cleared_at_its_addresses_and_counted_above() {
    let mut cursor = cursor_on(5);
    assert_eq!(cursor.fill_row(3, |n| Some(leaf(100 + n))), 3);
    cursor.seek(BASE + 9 * PAGE);
    assert_eq!(cursor.fill_row(3, |n| (n < 1).then(|| leaf(200))), 1);
    assert_eq!(cursor.entry_at(2).in_use(), 4);
    let pages = [(5, 100), (6, 101), (7, 102), (9, 200)];
    let expected = pages.map(|(page, number)| (BASE + page * PAGE, leaf(number)));

    cursor.seek(BASE + 5 * PAGE);
    let (mut changed, mut cleared) = (Vec::new(), Vec::new());
    let dirty = |old: Entry| Entry::from_bits(old.bits() | Flags::DIRTY.bits());
    cursor.change_row(6, dirty, |old, new, address| {
        assert_eq!(new, dirty(old));
        changed.push((address, old));
    });
    assert_eq!(changed, expected);
    assert_eq!(cursor.entry_at(2).in_use(), 4);

    cursor.clear_row(6, |old, address| cleared.push((address, old)));
    assert_eq!(
        cleared,
        expected.map(|(address, old)| (address, dirty(old)))
    );
    assert_eq!(cursor.entry_at(2).in_use(), 0);
}

#[test]
fn unused_entries_are_passed_over_however_far_the_end_is() {
    let cursor = cursor_on(3);
    let next = BASE + 4 * PAGE;
    assert_eq!(cursor.next_in_use(next), next);
    assert_eq!(cursor.next_in_use(next + 5 * PAGE), next + 5 * PAGE);
    // 2^32 pages: a `usize` of 32 bits would hold none of them.
    assert_eq!(cursor.next_in_use(next + (PAGE << 32)), BASE + 512 * PAGE);
}

#[test]
fn a_cursor_finds_back_from_the_other_half() {
    let mut cursor = cursor_on(7);
    cursor.replace(leaf(300));
    cursor.seek(0xffff_8000_0000_0000);
    assert_eq!((cursor.level(), cursor.entry()), (4, Entry::UNUSED));
    cursor.seek(BASE + 7 * PAGE);
    assert_eq!((cursor.level(), cursor.entry()), (1, leaf(300)));
}

#[test]
fn a_cursor_is_current_only_with_the_very_lowest_table() {
    let mut cursor = cursor_on(0);
    assert!(cursor.is_current());
    let stale = cursor.clone();
    // Another frame, here the root's, takes the place of the leaf table.
    let other = Entry::table(PhysAddr::zero(), 0, true);
    cursor.climb();
    cursor.replace(other);
    assert!(!stale.is_current());
    assert_eq!(stale.level(), 1);
}

#[test]
fn a_leaf_is_the_same_whether_its_flags_name_its_page_size() {
    for (size, page_size) in [
        (LeafSize::Size4KiB, Flags::empty()),
        (LeafSize::Size2MiB, Flags::HUGE_PAGE),
        (LeafSize::Size1GiB, Flags::HUGE_PAGE),
    ] {
        let named = Flags::PRESENT | page_size | Flags::WRITABLE;
        let start = PhysAddr::new(1 << 30);
        let entry = Entry::leaf(start, size, named - page_size);
        assert_eq!(entry.bits(), 1 << 30 | named.bits());
        assert_eq!(Entry::leaf(start, size, named), entry);
    }
}

#[test]
fn what_another_processor_notes_while_a_leaf_is_split_is_noted_in_all_parts() {
    const ROUNDS: u64 = 2000;
    let flags = Flags::PRESENT | Flags::WRITABLE;
    let large = Entry::leaf(PhysAddr::new(0x20_0000), LeafSize::Size2MiB, flags);
    let written = large.bits() | Entry::DIRTY.bits();
    for round in 0..ROUNDS {
        let mut cursor = cursor_on(0);
        let table = cursor.climb();
        cursor.replace(large);
        let (place, parts) = (cursor.place(), table.entries());
        let is_written = std::thread::scope(|scope| {
            let writes = scope.spawn(|| {
                while parts[0].load(Relaxed) == 0 {
                    core::hint::spin_loop();
                }
                // As a processor does: only while the entry is the leaf.
                let noted = place.compare_exchange(large.bits(), written, Relaxed, Relaxed);
                noted.is_ok()
            });
            // For the other one to be there.
            (0..50 * (round % 100)).for_each(|_| core::hint::spin_loop());
            cursor.split(table);
            writes.join().expect("it writes a bit")
        });
        let is_dirty = |entry: Entry| entry.flags().contains(Entry::DIRTY);
        let dirty = cursor.table_entries().filter(|entry| is_dirty(*entry));
        let expected = if is_written { 512 } else { 0 };
        assert_eq!(dirty.count(), expected, "round {round}");
    }
}
