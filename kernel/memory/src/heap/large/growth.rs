//! Growth: an extent more from the source, for pages that no hole has.
//!
//! ```text
//! | notes, if the spare ones do not suffice | the pages | ... free ... |
//! |<------ reserved together with the extent ---->|
//! ```
//!
//! What must always hold: an extent comes with all that its notes and the pages
//! that it is added for need, or it does not come. Only where alignment leaves a
//! gap between the two, the pages are reserved after that.
#![allow(unsafe_code)]

use super::super::source::{GRAIN, Pages, Source};
use super::{Large, fail};

impl Large<dyn Source + '_> {
    /// Adds an extent for `size` bytes at a multiple of `align`, the first
    /// `reserved` bytes of which are reserved then. Returns these pages.
    pub(super) fn grow_for(&mut self, size: usize, align: usize, reserved: usize) -> Option<Pages> {
        // Extents are aligned to a grain.
        let slack = if align > GRAIN { align } else { 0 };
        let least = self.size_for(size.checked_add(slack)?, align.min(GRAIN))?;
        // An eighth more each time: so many extents are enough for any machine.
        let wanted = self.step.max(self.map.size() / 8).next_multiple_of(GRAIN);
        let generous = (wanted > least).then_some(wanted);
        let place = generous.into_iter().chain([least]).find_map(|total| {
            let notes = self.map.notes(total);
            let front = notes.next_multiple_of(align);
            let is_known = front == notes && align <= GRAIN;
            let extent = self.add_extent(total, if is_known { reserved } else { 0 })?;
            Some(is_known.then(|| extent.start() + front))
        })?;
        match place {
            Some(start) => Some(Pages::between(start, start + size)),
            None => {
                let pages = self.map.find(size, align)?;
                self.reserve_first(pages, reserved)
            }
        }
    }

    /// Adds an extent of `size` bytes, whose first bytes are reserved: those for
    /// notes, and `reserved` behind them. Nothing but the notes is handed out.
    pub(super) fn add_extent(&mut self, size: usize, reserved: usize) -> Option<Pages> {
        if self.map.is_full() {
            return None;
        }
        let reserved = self.map.notes(size) + reserved;
        let extent = self.source.grow(size, reserved, self.map.end())?;
        if !extent.start().is_multiple_of(GRAIN) || extent.size() != size {
            fail::no_such_extent(extent, size);
        }
        // SAFETY: the extent is ours for ever, as the source vouches, and the
        // pages for notes are reserved; there is room in the map.
        unsafe { self.map.add(extent) };
        self.growths += 1;
        Some(extent)
    }

    /// How large an extent is that has `size` bytes at a multiple of `align`
    /// behind its notes.
    fn size_for(&self, size: usize, align: usize) -> Option<usize> {
        let mut total = size.checked_next_multiple_of(GRAIN)?;
        loop {
            let front = self.map.notes(total).next_multiple_of(align);
            let enough = size.checked_add(front)?.checked_next_multiple_of(GRAIN)?;
            if enough <= total {
                return Some(total);
            }
            total = enough;
        }
    }
}
