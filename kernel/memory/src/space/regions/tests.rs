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

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "memory, not a value")] [u8; PAGE as usize]);

/// Regions, and a map from the base to the size and a number of its own.
struct Both {
    memory: Vec<Page>,
    frames: Frames<'static>,
    regions: Regions,
    map: BTreeMap<u64, (u64, u64)>,
    /// The first page of the area.
    start: u64,
    /// The last address of the area, and of its half.
    top: u64,
}

fn record(base: u64, size: u64, number: u64) -> Record {
    Record {
        region: Region {
            base: VirtAddr::new(base),
            size,
            backing: Backing::Demand,
            rights: Rights::ReadWrite,
            page_size: LeafSize::Size4KiB,
            user: false,
            fault_around: 1,
            label: "",
            faults: number,
            source: 0,
            offset: 0,
        },
        rights: PageTableFlags::empty(),
        refused: PageFaultErrorCode::empty(),
    }
}

fn plain(record: &Record) -> (u64, u64, u64) {
    (record.base(), record.region.size, record.region.faults)
}

impl Both {
    fn new(top: u64) -> Self {
        let mut memory: Vec<Page> = (0..=FRAMES).map(|_| Page([0; PAGE as usize])).collect();
        // SAFETY: the memory lasts as long as the regions, and only they use it.
        let direct_map = unsafe { DirectMap::new(VirtAddr::from_ptr(memory.as_mut_ptr())) };
        memory.as_mut_ptr().expose_provenance();
        let range = FrameRange::new(PhysAddr::new(PAGE), (FRAMES + 1) * PAGE);
        let storage = vec![0; Layout::of([range].into_iter()).words()].leak();
        // SAFETY: nobody else uses this memory, and the storage does not lie in it.
        let frames = unsafe { Frames::new([range].into_iter(), storage, FrameRange::empty()) };
        Self {
            memory,
            frames: frames.expect("one range"),
            regions: Regions::new(direct_map),
            map: BTreeMap::new(),
            start: top - (AREA * PAGE - 1),
            top,
        }
    }

    fn base_of(&self, page: u64) -> u64 {
        self.start + page % AREA * PAGE
    }

    /// Reserves with ever more frames until it works: before, nothing changes.
    fn reserve(&mut self, bases: &[u64]) {
        let before = (self.frames.counts(), self.regions.spares.len());
        for limit in 0.. {
            self.frames.set_limit(Some(limit));
            let result = self.regions.reserve(bases, &mut self.frames);
            self.frames.set_limit(None);
            let now = (self.frames.counts(), self.regions.spares.len());
            if result.is_ok() {
                // Not one too many is taken either.
                assert_eq!(now.0.free, before.0.free - limit);
                return;
            }
            assert_eq!(now, before);
        }
    }

    /// Where a region of this size could grow to, from this base on, as a last address.
    fn room_from(&self, base: u64) -> u64 {
        let next = self.map.range(base + 1..).next();
        next.map_or(self.top, |(next, _)| next - 1)
    }

    /// Inserts regions of these sizes at these pages, where they are free.
    fn insert(&mut self, wishes: &[(u64, u64)]) {
        let mut chosen = BTreeMap::new();
        for (page, pages) in wishes {
            let base = self.base_of(*page);
            let is_free = self.holder(base).is_none() && !chosen.contains_key(&base);
            if is_free {
                chosen.insert(base, *pages);
            }
        }
        let bases: Vec<u64> = chosen.keys().copied().collect();
        self.reserve(&bases);
        for (base, pages) in chosen {
            if self.holder(base).is_some() {
                continue;
            }
            let size = (pages * PAGE - 1).min(self.room_from(base) - base) + 1;
            self.map.insert(base, (size, base ^ size));
            self.regions.insert(record(base, size, base ^ size));
        }
    }

    fn holder(&self, address: u64) -> Option<(u64, u64, u64)> {
        let (base, (size, number)) = self.map.range(..=address).next_back()?;
        (address - base < *size).then_some((*base, *size, *number))
    }

    /// The base of some region, if there is one.
    fn some(&self, chance: u64) -> Option<u64> {
        let base = self.base_of(chance);
        let mut from = self.map.range(base..).chain(&self.map);
        from.next().map(|(base, _)| *base)
    }

    fn remove(&mut self, base: u64) {
        let expected = self.map.remove(&base);
        let removed = self.regions.remove(base).map(|record| plain(&record));
        assert_eq!(removed, expected.map(|(size, number)| (base, size, number)));
    }

    fn resize(&mut self, base: u64, pages: u64) {
        let size = (pages * PAGE - 1).min(self.room_from(base) - base) + 1;
        self.map.insert(base, (size, pages));
        let is_there = self.regions.update(base, |record| {
            record.region.size = size;
            record.region.faults = pages;
        });
        assert!(is_there);
        assert!(
            !self
                .regions
                .update(base + 1, |_| panic!("no region begins there"))
        );
    }

    /// All ways to ask for an address say what the map says.
    fn ask(&mut self, address: u64) {
        let holder = self.holder(address);
        assert_eq!(self.regions.find(address).map(plain), holder);
        let looked_up = self.regions.lookup(address);
        assert_eq!(looked_up.map(|record| plain(record)), holder);
        let entry = |(base, (size, number)): (&u64, &(u64, u64))| (*base, *size, *number);
        let above = self.map.range(address..).next().map(entry);
        assert_eq!(self.regions.from(address).map(plain), holder.or(above));
        let before = self.map.range(..address).next_back().map(entry);
        assert_eq!(self.regions.before(address).map(plain), before);
    }

    /// The lowest place that fits, gap by gap.
    fn fit(&self, size: u64, align: u64, low: u64, last: u64) -> Option<u64> {
        let mut gaps = vec![];
        let mut start = Some(0);
        for (base, (size, _)) in &self.map {
            gaps.extend(
                start
                    .filter(|start| start < base)
                    .map(|start| (start, base - 1)),
            );
            start = (base + (size - 1)).checked_add(1);
        }
        gaps.extend(start.map(|start| (start, u64::MAX)));
        gaps.into_iter().find_map(|(start, end)| {
            let place = start.max(low).checked_next_multiple_of(align)?;
            let end = end.min(last);
            (place <= end && end - place >= size - 1).then_some(place)
        })
    }

    /// The tree is whole, in frames of its own, and holds what the map holds.
    fn check(&self) {
        let mut seen = BTreeSet::new();
        let mut records = vec![];
        let result = self.regions.check::<Defect>(&mut |met| {
            match met {
                Met::Frame(frame) => {
                    assert_eq!(self.frames.state_of(frame), Some(State::Used));
                    assert!(seen.insert(frame), "two nodes in {frame:?}");
                }
                Met::Record(record) => records.push(plain(record)),
            }
            Ok(())
        });
        assert_eq!(result, Ok(()));
        let expected = self
            .map
            .iter()
            .map(|(base, (size, number))| (*base, *size, *number));
        assert!(expected.eq(records.iter().copied()));
        assert_eq!(self.regions.len(), records.len() as u64);
        assert_eq!(self.regions.frames(), seen.len() as u64);
        assert_eq!(self.frames.counts().kernel, seen.len() as u64);
    }

    /// Empties the regions; no frame is missing then.
    fn end(mut self) {
        assert!(
            self.regions.iter().map(plain).eq(self
                .map
                .iter()
                .map(|(base, (size, number))| (*base, *size, *number)))
        );
        while let Some((base, _)) = self.map.first_key_value() {
            self.remove(*base);
        }
        self.check();
        self.regions.give_back_spares(&mut self.frames);
        self.check();
        assert_eq!((self.regions.height, self.regions.frames()), (0, 0));
        assert_eq!(self.frames.counts().kernel, 0);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Regions at these pages, of so many pages, reserved together.
    Insert(Vec<(u64, u64)>),
    /// So many regions from this page on.
    Remove(u64, u64),
    /// The region at this page, or the next one, to so many pages.
    Resize(u64, u64),
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
    for (order, frames) in [(Order::Up, 185), (Order::Mixed, 283), (Order::Down, 383)] {
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
fn a_node_has_room_for_33_records_or_98_links() {
    assert_eq!((Leaf::CAPACITY, Inner::CAPACITY), (33, 98));
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

/// What is done to a node, as words, and what an audit says of its frame then.
type Damage = dyn Fn(&mut [u64; 512]);
type Finds = dyn Fn(PhysAddr) -> Defect;

/// Damages one of the nodes, in the order in which they are met, and says what the audit finds.
fn damaged(node: usize, damage: impl FnOnce(&mut [u64; 512])) -> (PhysAddr, Defect) {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 200, Order::Up);
    let mut met = vec![];
    let result = both.regions.check::<Defect>(&mut |seen| {
        if let Met::Frame(frame) = seen {
            met.push(frame);
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    let page = &mut both.memory[(met[node].as_u64() / PAGE) as usize];
    // SAFETY: a page is as large and as aligned; nothing else uses it now.
    damage(unsafe { &mut *(&raw mut *page).cast::<[u64; 512]>() });
    let defect = both.regions.check::<Defect>(&mut |_| Ok(()));
    (met[node], defect.expect_err("damage is found"))
}

#[test]
fn an_audit_finds_what_is_damaged() {
    /// The word of a leaf behind its bases and reaches.
    const GAP: usize = 1 + Leaf::CAPACITY * 3;
    let empty = |leaf: &mut [u64; 512]| {
        // SAFETY: a leaf lies at the start of the page, and owns nothing.
        unsafe { (&raw mut *leaf).cast::<Leaf>().write(Leaf::BLANK) };
    };
    let cases: [(usize, &Damage, &Finds); 14] = [
        (1, &|leaf| leaf[0] = 0, &|node| Defect::Filling { node }),
        (1, &|leaf| leaf[0] = 0xffff, &|node| Defect::Filling {
            node,
        }),
        (1, &|leaf| leaf[0] -= 1, &|node| Defect::Filling { node }),
        (7, &empty, &|node| Defect::Filling { node }),
        (1, &|leaf| leaf[GAP + 1] += 1, &|node| Defect::Filling {
            node,
        }),
        // The first slot names one behind the last.
        (
            1,
            &|leaf| leaf[GAP + 1] = leaf[GAP + 1] & !0xff | Leaf::CAPACITY as u64,
            &|node| Defect::Filling { node },
        ),
        (1, &|leaf| leaf.swap(1, 2), &|node| Defect::Order { node }),
        // The first region ends with the first byte of the second, and a base
        // is left over behind the two entries of the last leaf.
        (1, &|leaf| leaf[1 + Leaf::CAPACITY] = leaf[2], &|node| {
            Defect::Order { node }
        }),
        (7, &|leaf| leaf[3] = leaf[2], &|node| Defect::Order { node }),
        (1, &|leaf| leaf[GAP] -= 1, &|node| Defect::Gap { node }),
        // The last addresses of the last entries, and the gap within another one.
        (2, &|leaf| leaf[GAP - 2] -= 1, &|frame| Defect::Note {
            node: frame,
            entry: Leaf::CAPACITY - 1,
        }),
        (0, &|inner| inner[1 + Inner::CAPACITY + 12] -= 1, &|frame| {
            Defect::Note {
                node: frame,
                entry: 6,
            }
        }),
        (0, &|inner| inner[1 + Inner::CAPACITY + 3] -= 1, &|frame| {
            Defect::Note {
                node: frame,
                entry: 1,
            }
        }),
        (
            1,
            &|leaf| leaf[size_of::<Leaf>() / 8..].fill(500 * PAGE),
            &|node| Defect::Frame { node },
        ),
    ];
    for (node, damage, expected) in cases {
        let (frame, defect) = damaged(node, damage);
        assert_eq!(defect, expected(frame));
    }
}

#[test]
fn an_audit_finds_counts_that_are_wrong() {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 10, Order::Down);
    let check = |regions: &Regions| regions.check::<Defect>(&mut |_| Ok(()));
    both.regions.len += 1;
    assert_eq!(check(&both.regions), Err(Defect::Records { found: 10 }));
    both.regions.len -= 1;
    both.regions.height += 1;
    assert!(matches!(check(&both.regions), Err(Defect::Level { .. })));
    both.regions.height -= 1;
    both.check();
}

#[test]
fn an_audit_finds_a_node_above_others_on_the_level_of_leaves() {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 200, Order::Up);
    let mut root = None;
    let mut check = |regions: &Regions| {
        regions.check::<Defect>(&mut |seen| {
            if let (Met::Frame(frame), None) = (seen, root) {
                root = Some(frame);
            }
            Ok(())
        })
    };
    assert_eq!(check(&both.regions), Ok(()));
    both.regions.height -= 1;
    let found = check(&both.regions);
    assert_eq!(found.err(), root.map(|node| Defect::Level { node }));
}

#[test]
fn an_audit_finds_spare_nodes_that_go_round() {
    let mut both = Both::new(u64::MAX);
    both.reserve(&[both.base_of(1), both.base_of(2)]);
    let mut met = vec![];
    let mut check = |regions: &Regions| {
        regions.check::<Defect>(&mut |seen| {
            if let Met::Frame(frame) = seen {
                met.push((frame.as_u64() / PAGE) as usize);
            }
            Ok(())
        })
    };
    assert_eq!(check(&both.regions), Ok(()));
    let [first, second] = met[..] else {
        panic!("two nodes are spare, not {}", met.len());
    };
    let pages = both.memory.as_mut_ptr().cast::<[*const (); 512]>();
    // SAFETY: a spare node begins with a pointer to the next one, and nothing
    // uses either now.
    unsafe { (*pages.add(second))[0] = (*pages.add(first))[0] };
    let found = both.regions.check::<Defect>(&mut |_| Ok(()));
    assert_eq!(found, Err(Defect::Nodes { found: 3 }));
}

#[test]
fn an_audit_finds_a_last_hit_that_is_not_in_the_tree() {
    let mut both = Both::new(u64::MAX);
    both.insert(&[(1, 1)]);
    let check = |regions: &Regions| regions.check::<Defect>(&mut |_| Ok(()));
    let base = both.base_of(1);
    let copy = *both.regions.lookup(base).expect("it is there");
    assert_eq!(check(&both.regions), Ok(()));
    both.regions.tree.spoil_last(Box::leak(Box::new(copy)));
    assert_eq!(check(&both.regions), Err(Defect::LastHit));
}
