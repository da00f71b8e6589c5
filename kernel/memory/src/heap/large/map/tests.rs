//! The map over memory of the host: what is found, and what is noted.
#![allow(unsafe_code)]

extern crate std;

use std::alloc::{Layout, alloc_zeroed};
use std::vec::Vec;

use super::*;

/// The address of that many grains, for good.
fn room(grains: usize) -> usize {
    let layout = Layout::from_size_align(grains * GRAIN, GRAIN).unwrap();
    // SAFETY: the size is not 0.
    unsafe { alloc_zeroed(layout) }.expose_provenance()
}

fn extent(start: usize, grains: usize) -> Pages {
    Pages::new(start, grains * GRAIN).unwrap()
}

/// All holes of at least that many pages: first page of `base`, and count.
fn holes(map: &Map, least: usize, base: usize) -> Vec<(usize, usize)> {
    let mut holes = Vec::new();
    let visit = |hole: Pages| {
        holes.push(((hole.start() - base) / PAGE, hole.count()));
        ControlFlow::<()>::Continue(())
    };
    assert!(map.each_hole(least, visit).is_continue());
    holes.retain(|&(_, count)| count >= least);
    holes
}

#[test]
fn the_notes_of_112_mib_take_a_page() {
    let base = room(59);
    let mut map = Map::new();
    assert_eq!(map.notes(GRAIN), PAGE);
    assert_eq!(map.notes(56 * GRAIN), PAGE);
    assert_eq!(map.notes(57 * GRAIN), 2 * PAGE);
    // SAFETY: the room is the map's for good.
    unsafe { map.add(extent(base, 55)) };
    assert_eq!((map.notes(GRAIN), map.notes(2 * GRAIN)), (0, PAGE));
    // SAFETY: as above.
    unsafe { map.add(extent(base + 55 * GRAIN, 4)) };
    assert_eq!(
        (map.size(), map.end()),
        (59 * GRAIN, Some(base + 59 * GRAIN))
    );
    let expected = [(1, 55 * 512 - 1), (55 * 512 + 1, 4 * 512 - 1)];
    assert_eq!(holes(&map, 1, base), expected);
}

#[test]
fn there_are_64_extents_and_no_more() {
    let base = room(128);
    let mut map = Map::new();
    for number in 0..64 {
        assert!(!map.is_full());
        // SAFETY: the room is the map's for good.
        unsafe { map.add(extent(base + number * 2 * GRAIN, 1)) };
    }
    assert_eq!((map.is_full(), map.size()), (true, 64 * GRAIN));
}

#[test]
#[should_panic = "overlaps another one"]
fn an_extent_that_overlaps_another_one_is_refused() {
    let base = room(3);
    let mut map = Map::new();
    for first in [1, 0] {
        // SAFETY: the room is the map's for good; what overlaps is not added.
        unsafe { map.add(extent(base + first * GRAIN, 2)) };
    }
}

#[test]
fn a_hole_goes_on_where_extents_adjoin_and_nowhere_else() {
    let base = room(6);
    let mut map = Map::new();
    for (first, grains) in [(4, 2), (0, 1), (1, 2)] {
        // SAFETY: the room is the map's for good.
        unsafe { map.add(extent(base + first * GRAIN, grains)) };
    }
    // The notes are in the extent that came first.
    assert_eq!(holes(&map, 1, base), [(0, 3 * 512), (4 * 512 + 1, 1023)]);
    let at = |first: usize, count: usize| Pages::new(base + first * PAGE, count * PAGE).unwrap();
    map.set(at(500, 20), true);
    assert_eq!(holes(&map, 1, base), [(0, 500), (520, 1016), (2049, 1023)]);
    assert!(map.are_handed_out(at(500, 20)) && !map.are_handed_out(at(499, 2)));
    assert!(map.are_free(at(520, 1016)) && !map.are_free(at(519, 2)));
    assert!(!map.are_free(at(1530, 7)), "the last one is of no extent");
    assert_eq!(map.find(1017 * PAGE, PAGE), Some(at(2049, 1017)));
    assert_eq!(map.find(513 * PAGE, GRAIN), None);
    assert_eq!(map.find(512 * PAGE, GRAIN), Some(at(1024, 512)));
    assert_eq!(map.find(1024 * PAGE, PAGE), None);
}

#[test]
fn what_is_found_is_what_a_look_at_each_page_finds() {
    let base = room(4);
    let mut map = Map::new();
    // SAFETY: the room is the map's for good.
    unsafe { map.add(extent(base, 4)) };
    let mut taken = std::vec![false; 2048];
    taken[0] = true;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let first = 1 + state as usize % 2000;
        let count = 1 + (state >> 32) as usize % 40;
        let handed_out = state >> 63 == 0;
        let pages = Pages::new(base + first * PAGE, count * PAGE).unwrap();
        map.set(pages, handed_out);
        taken[first..first + count].fill(handed_out);
        for least in [1, 2, 7, 30] {
            let free = taken.windows(least).position(|run| !run.contains(&true));
            let found = map.find(least * PAGE, PAGE);
            let found = found.map(|pages| (pages.start() - base) / PAGE);
            assert_eq!(found, free, "{least}");
        }
    }
}
