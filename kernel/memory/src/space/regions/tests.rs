//! Regions beside a map of them, and what an audit finds in a damaged tree.
#![allow(unsafe_code, reason = "host memory stands in for physical memory")]

extern crate std;

use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

mod audited;
mod both;

use both::{Both, record};

use super::link::{Inner, Leaf};
use super::node::Blank;
use super::*;
use crate::frames::{Layout, State};
use crate::memory_map::FrameRange;
use crate::paging::LeafSize;
use crate::space::region::{Backing, Region, Rights};

const PAGE: u64 = 4096;
const FRAMES: u64 = 1024;
/// Pages of the area, below either top, in which regions are placed.
const AREA: u64 = 1 << 16;
/// The last addresses of the low half and of the kernel half.
const TOPS: [u64; 2] = [(1 << 47) - 1, u64::MAX];

#[derive(Clone, Debug)]
enum Step {
    /// Regions at these pages, of so many pages, reserved together.
    Insert(Vec<(u64, u64)>),
    /// So many regions from this page on.
    Remove(u64, u64),
    /// The region at this page, or the next one, to so many pages.
    Resize(u64, u64),
    /// The region at this page, or the next one, begins so many pages later.
    Shorten(u64, u64),
    /// At this page and so many bytes.
    Ask(u64, u64),
    /// Pages of size, the power of two of the alignment, from page, to page.
    Fit(u64, u32, u64, u64),
    GiveBackSpares,
}

fn step() -> impl Strategy<Value = Step> {
    let page = || 0..AREA;
    prop_oneof![
        4 => prop::collection::vec((page(), 1..9_u64), 1..6).prop_map(Step::Insert),
        1 => page().prop_map(|first| Step::Insert((first..first + 40).map(|page| (page, 1)).collect())),
        2 => (page(), 1..4_u64).prop_map(|(page, count)| Step::Remove(page, count)),
        2 => (page(), 50..400_u64).prop_map(|(page, count)| Step::Remove(page, count)),
        2 => (page(), 1..20_u64).prop_map(|(page, pages)| Step::Resize(page, pages)),
        2 => (page(), 1..6_u64).prop_map(|(page, pages)| Step::Shorten(page, pages)),
        1 => (1..20_u64).prop_map(|pages| Step::Resize(AREA - 1, pages)),
        4 => (page(), 0..PAGE).prop_map(|(page, bytes)| Step::Ask(page, bytes)),
        4 => (1..40_u64, 12..20_u32, page(), page())
            .prop_map(|(pages, align, low, last)| Step::Fit(pages, align, low, last)),
        1 => Just(Step::GiveBackSpares),
    ]
}

/// In which order the first regions come.
#[derive(Clone, Copy, Debug)]
enum Order {
    Up,
    Down,
    Mixed,
}

/// So many regions, each followed by a free page as a rule.
fn fill(both: &mut Both, number: u64, order: Order) {
    for index in 0..number {
        let place = match order {
            Order::Up => index,
            Order::Down => number - 1 - index,
            // Odd, so that it takes every place once.
            Order::Mixed => index * 4999 % number.next_power_of_two(),
        };
        both.insert(&[(place * 8, 5 + place % 4)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn regions_are_what_a_map_of_them_is(
        top in prop::sample::select(&TOPS[..]),
        number in prop::sample::select(vec![0, 1, 30, 34, 500, 6000_u64]),
        order in prop::sample::select(vec![Order::Up, Order::Down, Order::Mixed]),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut both = Both::new(top);
        fill(&mut both, number, order);
        both.check();
        for step in steps {
            match step {
                Step::Insert(wishes) => both.insert(&wishes),
                Step::Remove(page, count) => {
                    for _ in 0..count {
                        if let Some(base) = both.some(page) {
                            both.remove(base);
                        }
                    }
                    let none = both.base_of(page) + 1;
                    both.remove(none);
                }
                Step::Resize(page, pages) => {
                    if let Some(base) = both.some(page) {
                        both.resize(base, pages);
                    }
                }
                Step::Shorten(page, pages) => {
                    if let Some(base) = both.some(page) {
                        both.shorten(base, pages);
                    }
                }
                Step::Ask(page, bytes) => {
                    both.ask(both.base_of(page) + bytes);
                    for address in [0, both.start - 1, both.top, u64::MAX] {
                        both.ask(address);
                    }
                }
                Step::Fit(pages, align, low, last) => {
                    let low = both.base_of(low);
                    let last = both.base_of(last) | (PAGE - 1);
                    for (low, last) in [(low, last), (0, last), (low, both.top), (low, u64::MAX)] {
                        let (size, align) = (pages * PAGE, 1 << align);
                        let found = both.regions.first_fit(size, align, low, last);
                        prop_assert_eq!(found, both.fit(size, align, low, last));
                        let highest = both.regions.last_fit(size, align, low, last);
                        prop_assert_eq!(highest, both.last_fit(size, align, low, last));
                    }
                }
                Step::GiveBackSpares => both.regions.give_back_spares(&mut both.frames),
            }
            both.check();
        }
        both.end();
    }
}

#[test]
fn three_levels_come_and_go_and_the_last_hit_with_them() {
    for (order, frames) in [(Order::Up, 198), (Order::Mixed, 302), (Order::Down, 409)] {
        let mut both = Both::new(u64::MAX);
        fill(&mut both, 6000, order);
        both.check();
        assert_eq!(both.regions.height, 3);
        both.regions.give_back_spares(&mut both.frames);
        assert!(
            both.regions.frames() <= frames,
            "{order:?} {}",
            both.regions.frames()
        );
        let bases: Vec<u64> = both.map.keys().copied().collect();
        for (count, base) in bases.iter().enumerate() {
            assert!(both.regions.lookup(base + 8).is_some());
            assert!(both.regions.tree.last().is_some() && both.regions.is_current());
            // All but every 50th.
            if count % 50 != 0 {
                both.remove(*base);
                assert_eq!(both.regions.find(*base), None);
                assert_eq!(both.regions.lookup(*base), None);
            }
        }
        both.check();
        both.regions.give_back_spares(&mut both.frames);
        assert!(both.regions.frames() <= 12, "{}", both.regions.frames());
        both.end();
    }
}

#[test]
fn regions_may_be_kept_behind_a_lock() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Regions>();
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "insertions are reserved before")]
fn a_removal_ends_a_reservation() {
    let mut both = Both::new(TOPS[0]);
    both.insert(&[(1, 1)]);
    both.reserve(&[both.base_of(2)]);
    both.remove(both.base_of(1));
    both.regions.insert(record(both.base_of(2), PAGE, 0));
}

#[test]
fn the_largest_gap_is_taken_by_what_fits_it_exactly() {
    let mut both = Both::new(TOPS[0]);
    both.insert(&[(0, 1), (3, 1)]);
    let (low, last) = (both.base_of(0), both.base_of(4) - 1);
    let fit = |pages: u64| both.regions.first_fit(pages * PAGE, PAGE, low, last);
    assert_eq!(fit(2), Some(both.base_of(1)));
    assert_eq!(fit(3), None);
}

#[test]
fn a_node_has_room_for_31_records_or_98_links() {
    assert_eq!((Leaf::CAPACITY, Inner::CAPACITY), (31, 98));
}

#[test]
fn the_last_hit_is_changed_where_it_lies() {
    let mut both = Both::new(TOPS[0]);
    both.insert(&[(AREA - 1, 1), (7, 3)]);
    for _ in 0..3 {
        both.regions
            .lookup(TOPS[0])
            .expect("it is there")
            .region
            .faults += 1;
    }
    let faults = both
        .regions
        .find(TOPS[0])
        .map(|record| record.region.faults);
    let (_, number) = both.map[&(TOPS[0] - 4095)];
    assert_eq!(faults, Some(number + 3));
}
