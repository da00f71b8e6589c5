//! Growth: an extent more from the source, for the list that it adjoins or for
//! a list of its own.
//!
//! ```text
//! enough for the node, the map's bits and the record? ──> extent ──> list, map
//! ```
//!
//! What must always hold: an extent that was reserved is never lost. If the pages
//! to set it up cannot be had, it waits in `pending`, and is set up before another
//! one is reserved.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::with_exposed_provenance_mut;

use linked_list_allocator::Heap as List;

use super::super::source::{GRAIN, PAGE, Pages, Source};
use super::{Large, NODES};

/// Frames that growing may take: for the record of a region, and to spare.
const RECORDS: usize = 4;

impl<S: Source> Large<S> {
    /// Reserves an extent for a block of `size` bytes at a multiple of `align`.
    pub(in crate::heap) fn grow(&mut self, size: usize, align: usize) -> Option<Pages> {
        // Extents are aligned to a grain, and the map's bits may come first.
        let aligned = if align > GRAIN { align } else { 0 };
        let most = size.checked_add(aligned)?.checked_add(2 * GRAIN)?;
        let front = self.map.lacks(most).checked_next_multiple_of(align)?;
        let least = size
            .checked_add(aligned)?
            .checked_add(front)?
            .checked_next_multiple_of(GRAIN)?
            .max(GRAIN);
        // The one that waits comes first: there is room to note one.
        if let Some(waiting) = self.pending.take() {
            let extent = self.set_up(waiting)?;
            let suffices = extent.size() >= least;
            return if suffices {
                Some(extent)
            } else {
                self.grow(size, align)
            };
        }
        // An eighth more each time: so many extents are enough for any machine.
        let wanted = self.step.max(self.map.size() / 8).next_multiple_of(GRAIN);
        if self.map.is_full() || self.lists.is_full() {
            return None;
        }
        let behind = self.lists.last().map(|list| list.top().addr());
        let mut sizes = [wanted.max(least), least].into_iter();
        let extent = sizes.find_map(|size| {
            let ready = self.map.lacks(size) / PAGE + NODES + RECORDS;
            if !self.source.ready(ready) {
                return None;
            }
            self.source.grow(size, behind)
        })?;
        self.set_up(extent)
    }

    /// Makes a reserved extent one of the heap's. If the pages for the node and
    /// the map's bits cannot be had, it waits.
    fn set_up(&mut self, extent: Pages) -> Option<Pages> {
        let ready = self.map.lacks(extent.size()) / PAGE + NODES;
        if !self.source.ready(ready) {
            self.pending = Some(extent);
            return None;
        }
        // SAFETY: the extent is ours for ever, and the pages for the node and
        // the map's bits are ready.
        let added = unsafe { self.add(extent) };
        self.growths += u64::from(added);
        added.then_some(extent)
    }

    /// Puts an extent into the list that ends where it begins, or into a new one.
    ///
    /// # Safety
    ///
    /// The extent is the heap's alone, for ever, and pages for a node and for
    /// what the map lacks are ready.
    unsafe fn add(&mut self, extent: Pages) -> bool {
        let start: *mut u8 = with_exposed_provenance_mut(extent.start);
        // SAFETY: the extent is ours alone and is never given back.
        unsafe {
            match self.lists.last_mut() {
                Some(list) if list.top().addr() == extent.start => list.extend(extent.size()),
                _ => self.lists.push(List::new(start, extent.size())),
            }
        }
        let lacks = self.map.lacks(extent.size());
        if lacks == 0 {
            return self.map.add(extent);
        }
        let layout = Layout::from_size_align(lacks, PAGE).map_err(drop);
        let list = self.lists.last_mut().ok_or(());
        let bits = layout.and_then(|layout| list?.allocate_first_fit(layout));
        bits.is_ok_and(|bits| {
            // SAFETY: the list handed the pages out for ever, and they are ready.
            unsafe { self.map.lend(bits.as_ptr(), lacks) };
            let added = self.map.add(extent);
            self.map.set(Pages::new(bits.addr().get(), lacks), true);
            added
        })
    }
}
