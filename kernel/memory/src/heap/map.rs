//! Which pages of the extents are handed out: one bit for each.
//!
//! `linked_list_allocator` knows its holes and cannot tell of them. As large
//! blocks are whole pages and neighbouring holes always merge, its holes are
//! the runs of clear bits here: so a trim finds them, and the largest one is
//! known, without taking a single one out of the list.
//!
//! What must always hold: a bit is set exactly if the list has handed its page
//! out. The bits stand in pages that the list has handed out for them; one page
//! has the bits of 128 MiB, so small extents share it.
#![allow(unsafe_code)]

use arrayvec::ArrayVec;

use super::source::{GRAIN, PAGE, Pages};

/// How many extents there can be.
pub(super) const MOST_EXTENTS: usize = 64;

/// Words of bits that an extent of so many bytes needs.
const fn words_for(size: usize) -> usize {
    size / PAGE / 64
}

struct Extent {
    pages: Pages,
    bits: &'static mut [u64],
}

/// The bits of all extents.
pub(super) struct Map {
    extents: ArrayVec<Extent, MOST_EXTENTS>,
    /// Words for the bits of extents to come.
    spare: &'static mut [u64],
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

    /// Bytes that the map needs to [be lent](Self::lend), in whole pages, before
    /// an extent of so many bytes is added.
    pub(super) fn lacks(&self, size: usize) -> usize {
        if words_for(size) <= self.spare.len() {
            0
        } else {
            (words_for(size) * 8).next_multiple_of(PAGE)
        }
    }

    /// Gives the map memory for bits.
    ///
    /// # Safety
    ///
    /// The `size` bytes from `start` on are the map's for ever, aligned to a
    /// page, and can be touched.
    pub(super) unsafe fn lend(&mut self, start: *mut u8, size: usize) {
        // SAFETY: the caller vouches for the memory; a page holds aligned words,
        // and all of them are written before the slice is made.
        self.spare = unsafe {
            start.write_bytes(0, size);
            core::slice::from_raw_parts_mut(start.cast::<u64>(), size / 8)
        };
    }

    /// Adds an extent, none of whose pages is handed out. `false`, and nothing
    /// changed, if the map lacks memory for its bits.
    pub(super) fn add(&mut self, pages: Pages) -> bool {
        debug_assert!(pages.start.is_multiple_of(GRAIN) && pages.end.is_multiple_of(GRAIN));
        if self.lacks(pages.size()) > 0 || self.is_full() {
            return false;
        }
        let spare = core::mem::take(&mut self.spare);
        let (bits, spare) = spare.split_at_mut(words_for(pages.size()));
        self.spare = spare;
        self.extents.push(Extent { pages, bits });
        true
    }

    /// Bytes of all extents.
    pub(super) fn size(&self) -> usize {
        self.extents.iter().map(|extent| extent.pages.size()).sum()
    }

    /// Notes that pages were handed out, or came back.
    pub(super) fn set(&mut self, pages: Pages, handed_out: bool) {
        for extent in &mut self.extents {
            for (word, mask) in masks(extent.pages, pages) {
                if handed_out {
                    extent.bits[word] |= mask;
                } else {
                    extent.bits[word] &= !mask;
                }
            }
        }
    }

    /// Whether all of these pages are of extents, and handed out (or all not).
    pub(super) fn are_all(&self, pages: Pages, handed_out: bool) -> bool {
        let count: usize = self
            .extents
            .iter()
            .flat_map(|extent| {
                masks(extent.pages, pages).map(|(word, mask)| {
                    let bits = extent.bits[word];
                    (if handed_out { bits } else { !bits } & mask).count_ones() as usize
                })
            })
            .sum();
        count == pages.count()
    }

    /// The holes: runs of pages that are not handed out.
    pub(super) fn holes(&self) -> impl Iterator<Item = Pages> + '_ {
        let mut parts = self.extents.iter().flat_map(Extent::holes).peekable();
        core::iter::from_fn(move || {
            let mut hole = parts.next()?;
            // A hole may go on in the extent behind.
            while let Some(more) = parts.next_if(|next| next.start == hole.end) {
                hole.end = more.end;
            }
            Some(hole)
        })
    }
}

impl Extent {
    fn holes(&self) -> impl Iterator<Item = Pages> + '_ {
        let mut page = 0;
        core::iter::from_fn(move || {
            let start = self.next(page, false)?;
            page = self.next(start, true).unwrap_or(self.pages.count());
            Some(Pages {
                start: self.pages.start + start * PAGE,
                end: self.pages.start + page * PAGE,
            })
        })
    }

    /// The first page from number `from` on that is handed out, or is not.
    fn next(&self, from: usize, handed_out: bool) -> Option<usize> {
        let mut mask = u64::MAX << (from % 64);
        for (index, &bits) in self.bits.iter().enumerate().skip(from / 64) {
            let found = if handed_out { bits } else { !bits } & mask;
            if found != 0 {
                return Some(index * 64 + found.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        None
    }
}

/// The words of an extent that pages have bits in, and which bits.
fn masks(extent: Pages, pages: Pages) -> impl Iterator<Item = (usize, u64)> {
    let start = pages.start.max(extent.start);
    let end = pages.end.min(extent.end).max(start);
    let (first, last) = ((start - extent.start) / PAGE, (end - extent.start) / PAGE);
    (first / 64..last.div_ceil(64))
        .filter(move |_| first < last)
        .map(move |word| {
            let low = first.saturating_sub(word * 64);
            let high = (last - word * 64).min(64);
            (word, (u64::MAX >> (64 - (high - low))) << low)
        })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use super::*;

    const MIB: usize = 1 << 20;

    /// Lends the map a page, which has room for the bits of 128 MiB.
    fn lend(map: &mut Map) {
        #[repr(align(4096))]
        struct Page([u64; PAGE / 8]);
        let page = Box::leak(Box::new(Page([u64::MAX; PAGE / 8])));
        // SAFETY: the page is leaked, so it is the map's for ever.
        unsafe { map.lend(page.0.as_mut_ptr().cast(), PAGE) };
    }

    #[test]
    fn the_bits_of_128_mib_take_a_page() {
        let mut map = Map::new();
        assert_eq!(map.lacks(GRAIN), PAGE);
        assert_eq!(map.lacks(128 * MIB), PAGE);
        assert_eq!(map.lacks(130 * MIB), 2 * PAGE);
        assert!(!map.add(Pages::new(GRAIN, GRAIN)), "there are no bits yet");
        lend(&mut map);
        assert_eq!(map.lacks(128 * MIB), 0);
        assert_eq!(map.lacks(130 * MIB), 2 * PAGE);
        assert!(map.add(Pages::new(GRAIN, 126 * MIB)));
        assert_eq!(map.lacks(2 * MIB), 0);
        assert_eq!(map.lacks(4 * MIB), PAGE);
    }

    #[test]
    fn there_are_64_extents_and_no_more() {
        let mut map = Map::new();
        lend(&mut map);
        for number in 0..64 {
            assert!(!map.is_full() && map.add(Pages::new(number * GRAIN, GRAIN)));
        }
        assert_eq!((map.is_full(), map.size()), (true, 64 * GRAIN));
        lend(&mut map);
        assert!(!map.add(Pages::new(64 * GRAIN, GRAIN)));
        assert_eq!(map.size(), 64 * GRAIN);
    }
}
