//! The map of all extents: which of their pages are handed out, and where a run
//! of free ones is.
//!
//! ```text
//! extent:  grain | grain | grain     adjoins:  grain | grain     elsewhere:  grain
//!             [ a hole ....................... ]                          [ another ]
//! ```
//!
//! A search goes through the summaries of the grains in the order of addresses,
//! and finds the first hole that is large enough. A hole goes on from grain to
//! grain, and from extent to extent where they adjoin.
//!
//! What must always hold: extents are sorted and do not overlap. The notes stand
//! in pages that were reserved for them and are handed out for ever; what is left
//! over of such a page is for the next extents.
#![allow(unsafe_code)]

use core::ops::{ControlFlow, Range};
use core::ptr::with_exposed_provenance_mut;

use arrayvec::ArrayVec;

use super::super::source::{GRAIN, PAGE, Pages};
use super::grain::{Grain, PAGES};

/// How many extents there can be.
const MOST_EXTENTS: usize = 64;

struct Extent {
    pages: Pages,
    grains: &'static mut [Grain],
}

/// The notes about all extents.
pub(super) struct Map {
    extents: ArrayVec<Extent, MOST_EXTENTS>,
    /// Notes for extents to come.
    spare: &'static mut [Grain],
}

impl Map {
    pub(super) const fn new() -> Self {
        Self {
            extents: ArrayVec::new_const(),
            spare: &mut [],
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.extents.is_full()
    }

    /// Bytes at the start of an extent of so many bytes that are needed for notes.
    pub(super) fn notes(&self, size: usize) -> usize {
        let grains = size / GRAIN;
        if grains <= self.spare.len() {
            0
        } else {
            (grains * size_of::<Grain>()).next_multiple_of(PAGE)
        }
    }

    /// Adds an extent. The pages for [`notes`](Self::notes) at its start are
    /// handed out, the others are free.
    ///
    /// # Safety
    ///
    /// The extent is the map's for ever, is aligned to a grain and exposed, and
    /// the pages for notes are reserved. The map is not full.
    pub(super) unsafe fn add(&mut self, pages: Pages) {
        let notes = self.notes(pages.size());
        let place = self
            .extents
            .partition_point(|one| one.pages.start() < pages.start());
        let below = place == 0 || self.extents[place - 1].pages.end() <= pages.start();
        let above = self.extents.get(place);
        let above = above.is_none_or(|above| pages.end() <= above.pages.start());
        assert!(
            below && above,
            "heap: the extent {pages:x?} overlaps another one"
        );
        if notes > 0 {
            let start: *mut Grain = with_exposed_provenance_mut(pages.start());
            let count = notes / size_of::<Grain>();
            // SAFETY: the caller vouches for the pages; they hold so many aligned
            // notes, each of which is written before the slice is made.
            self.spare = unsafe {
                (0..count).for_each(|index| start.add(index).write(Grain::FREE));
                core::slice::from_raw_parts_mut(start, count)
            };
        }
        let spare = core::mem::take(&mut self.spare);
        let (grains, spare) = spare.split_at_mut(pages.size() / GRAIN);
        self.spare = spare;
        self.extents.insert(place, Extent { pages, grains });
        if notes > 0 {
            self.set(Pages::between(pages.start(), pages.start() + notes), true);
        }
    }

    /// Bytes of all extents.
    pub(super) fn size(&self) -> usize {
        self.extents.iter().map(|extent| extent.pages.size()).sum()
    }

    /// Where the last extent ends.
    pub(super) fn end(&self) -> Option<usize> {
        self.extents.last().map(|extent| extent.pages.end())
    }

    /// Notes that pages are handed out, or free.
    pub(super) fn set(&mut self, pages: Pages, handed_out: bool) {
        for extent in &mut self.extents {
            for (grain, range) in parts(extent.pages, pages) {
                extent.grains[grain].set(range, handed_out);
            }
        }
    }

    /// Notes that the grain at this address is a chunk, or none any more.
    pub(super) fn set_chunk(&mut self, start: usize, is_chunk: bool) {
        let pages = Pages::between(start, start + GRAIN);
        for extent in &mut self.extents {
            for (grain, _) in parts(extent.pages, pages) {
                extent.grains[grain].is_chunk = is_chunk;
            }
        }
        self.set(pages, is_chunk);
    }

    /// Whether the address is one of a chunk.
    pub(super) fn is_in_chunk(&self, address: usize) -> bool {
        let start = address / PAGE * PAGE;
        self.grains_of(Pages::between(start, start + PAGE))
            .any(|(grain, _)| grain.is_chunk)
    }

    /// The addresses of all chunks.
    pub(super) fn chunks(&self) -> impl Iterator<Item = usize> + '_ {
        let grains = self.extents.iter().flat_map(Extent::grains);
        grains.filter_map(|(start, grain)| grain.is_chunk.then_some(start))
    }

    /// Whether all of these pages are of extents, and free.
    pub(super) fn are_free(&self, pages: Pages) -> bool {
        let free = |(grain, range): (&Grain, Range<usize>)| range.len() - grain.handed_out(range);
        self.grains_of(pages).map(free).sum::<usize>() == pages.count()
    }

    /// Whether all of these pages are handed out, and none as part of a chunk.
    pub(super) fn are_handed_out(&self, pages: Pages) -> bool {
        let blocks = self.grains_of(pages).filter(|(grain, _)| !grain.is_chunk);
        let handed_out = blocks.map(|(grain, range)| grain.handed_out(range));
        handed_out.sum::<usize>() == pages.count()
    }

    /// The first free run of `size` bytes at a multiple of `align`.
    pub(super) fn find(&self, size: usize, align: usize) -> Option<Pages> {
        let fitting = |hole: Pages| {
            let start = hole.start().checked_next_multiple_of(align)?;
            let end = start.checked_add(size)?;
            (end <= hole.end()).then(|| Pages::between(start, end))
        };
        let visit = |hole| fitting(hole).map_or(ControlFlow::Continue(()), ControlFlow::Break);
        self.each_hole(size / PAGE, visit).break_value()
    }

    /// Visits the holes, in the order of addresses, until a visit breaks off.
    /// Those of fewer than `least` pages may be left out.
    pub(super) fn each_hole<T>(
        &self,
        least: usize,
        mut visit: impl FnMut(Pages) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        // The hole that reaches up to the end of the grain before.
        let mut open: Option<Pages> = None;
        for (start, grain) in self.extents.iter().flat_map(Extent::grains) {
            let joined = open.take_if(|hole| hole.end() == start);
            if let Some(hole) = open.take() {
                visit(hole)?;
            }
            let first = joined.map_or(start, Pages::start);
            let head_end = start + grain.head() * PAGE;
            let hole = (first < head_end).then(|| Pages::between(first, head_end));
            if grain.is_free() {
                open = hole;
                continue;
            }
            if let Some(hole) = hole {
                visit(hole)?;
            }
            if grain.inner() >= least.max(1) {
                for run in grain.inner_runs() {
                    visit(Pages::between(
                        start + run.start * PAGE,
                        start + run.end * PAGE,
                    ))?;
                }
            }
            let (tail, end) = (grain.tail() * PAGE, start + GRAIN);
            open = (tail > 0).then(|| Pages::between(end - tail, end));
        }
        open.map_or(ControlFlow::Continue(()), visit)
    }

    /// The notes about pages: grains, and the numbers of the pages in them.
    fn grains_of(&self, pages: Pages) -> impl Iterator<Item = (&Grain, Range<usize>)> {
        self.extents.iter().flat_map(move |extent| {
            let parts = parts(extent.pages, pages);
            parts.map(|(grain, range)| (&extent.grains[grain], range))
        })
    }
}

impl Extent {
    /// The grains, with their addresses.
    fn grains(&self) -> impl Iterator<Item = (usize, &Grain)> {
        (self.pages.start()..).step_by(GRAIN).zip(&*self.grains)
    }
}

/// The grains of an extent that pages lie in, by number, and the numbers of the
/// pages in them.
fn parts(extent: Pages, pages: Pages) -> impl Iterator<Item = (usize, Range<usize>)> {
    let start = pages.start().max(extent.start());
    let end = pages.end().min(extent.end()).max(start);
    let (first, last) = (
        (start - extent.start()) / PAGE,
        (end - extent.start()) / PAGE,
    );
    (first / PAGES..last.div_ceil(PAGES))
        .filter(move |_| first < last)
        .map(move |grain| {
            let from = first.saturating_sub(grain * PAGES);
            (grain, from..(last - grain * PAGES).min(PAGES))
        })
}

#[cfg(test)]
mod tests;
