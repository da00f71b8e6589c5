//! Rows: neighbouring entries of one leaf table, done in one go.
//!
//! ```text
//!            entry stood on          row
//! leaf table [ 0 | 1 | ...  | n | n+1 | n+2 | ... | 511 ]
//!                             └── so many, none past the table's end
//! ```
//!
//! In a row the table is found once, and the entry above, which counts what is
//! in use, is written once.
//!
//! What must always hold: when a call returns, that count is right, and the
//! cursor stands where it stood.

use core::ops::ControlFlow;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::cursor::Cursor;
use super::entry::Entry;
use super::geometry::span_of;

/// What becomes of the ACCESSED bit of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It stays.
    Keep,
    /// It is cleared.
    Clear,
}

impl Cursor {
    /// How many entries there are from the level 1 entry stood on to the end of
    /// its table, those below the page boundary `end` only.
    #[inline]
    pub(crate) fn row_before(&self, end: u64) -> u64 {
        let here = self.address() / span_of(1);
        (512 - here % 512).min(end / span_of(1) - here)
    }

    /// Puts leaves into `count` unused entries from the one stood on, until
    /// `leaf` (which is told how many there are already) makes none. Returns
    /// how many there are.
    #[inline]
    pub(crate) fn fill_row(
        &mut self,
        count: u64,
        mut leaf: impl FnMut(u64) -> Option<Entry>,
    ) -> u64 {
        let mut filled = 0;
        for place in self.row(count) {
            let Some(new) = leaf(filled) else { break };
            // The processor writes nothing to an absent entry: a plain store will do.
            place.store(new.bits(), Relaxed);
            filled += 1;
        }
        self.count_in_use(filled, 0);
        filled
    }

    /// How many entries there are from the one stood on, before the page boundary
    /// `end`, of which each is by `step` more than the one before: for leaves whose
    /// frames follow each other that is a page, for entries that are alike 0. Above
    /// level 1 there is one.
    pub(crate) fn run_before(&self, end: u64, step: u64) -> u64 {
        if self.level() > 1 {
            return 1;
        }
        let mut next = self.entry().bits();
        let places = self.row(self.row_before(end)).iter();
        let run = places.take_while(|place| {
            let continues = place.load(Relaxed) == next;
            next += step;
            continues
        });
        run.count() as u64
    }

    /// Puts `first`, and what is by `step` more than the one before, into `count`
    /// unused entries from the one stood on.
    pub(crate) fn fill_run(&mut self, count: u64, first: Entry, step: u64) {
        if self.level() > 1 {
            return self.fill(first);
        }
        let mut next = first.bits();
        for place in self.row(count) {
            place.store(next, Relaxed);
            next += step;
        }
        self.count_in_use(count, 0);
    }

    /// Clears `count` entries from the one stood on, and hands each that was in
    /// use over with its address.
    ///
    /// The processor may set ACCESSED or DIRTY in an entry until it is cleared,
    /// and those bits are lost with it: nobody asks whether memory that is given
    /// up was written.
    #[inline]
    pub(crate) fn clear_row(&mut self, count: u64, mut cleared: impl FnMut(Entry, u64)) {
        let mut address = self.address() & !(span_of(1) - 1);
        let mut gone = 0;
        for place in self.row(count) {
            let old = Entry::from_bits(place.load(Relaxed));
            if old != Entry::UNUSED {
                place.store(0, Relaxed);
                gone += 1;
                cleared(old, address);
            }
            address += span_of(1);
        }
        self.count_in_use(0, gone);
    }

    /// Replaces all leaves in `count` entries from the one stood on by
    /// what `change` makes of them, and tells what each was and is, and where.
    #[inline]
    pub(crate) fn change_row(
        &mut self,
        count: u64,
        change: impl Fn(Entry) -> Entry,
        mut changed: impl FnMut(Entry, Entry, u64),
    ) {
        let mut address = self.address() & !(span_of(1) - 1);
        for place in self.row(count) {
            let old = Entry::from_bits(place.load(Relaxed));
            if old.is_leaf_or_table() {
                let old = exchange(place, old, &change);
                changed(old, change(old), address);
            }
            address += span_of(1);
        }
    }

    /// Shows `count` entries from the one stood on, with their addresses, until `look`
    /// breaks with what it was after, and stands on that one then; clears ACCESSED in
    /// each of which it says so.
    #[inline]
    pub(crate) fn age_row<B>(
        &mut self,
        count: u64,
        mut look: impl FnMut(Entry, u64) -> ControlFlow<B, Age>,
    ) -> Option<B> {
        let mut address = self.address() & !(span_of(1) - 1);
        for place in self.row(count) {
            match look(Entry::from_bits(place.load(Relaxed)), address) {
                ControlFlow::Continue(Age::Keep) => {}
                ControlFlow::Continue(Age::Clear) => {
                    place.fetch_and(!Entry::ACCESSED.bits(), Relaxed);
                }
                ControlFlow::Break(found) => {
                    self.step(address, place);
                    return Some(found);
                }
            }
            address += span_of(1);
        }
        None
    }

    /// Replaces the leaves in `count` entries from the one stood on by those in the
    /// same places behind the entry that `from` stands on, where these differ: leaves
    /// of the same memory, or copies of what is absent. DIRTY stays. Tells what each
    /// was and is, and where.
    #[inline]
    pub(crate) fn follow_row(
        &mut self,
        from: &Self,
        count: u64,
        mut changed: impl FnMut(Entry, Entry, u64),
    ) {
        let mut address = self.address() & !(span_of(1) - 1);
        for (place, from) in self.row(count).iter().zip(from.row(count)) {
            let old = Entry::from_bits(place.load(Relaxed));
            let new = Entry::from_bits(from.load(Relaxed));
            if old != new {
                debug_assert!(old.is_leaf_or_table() && new.is_leaf_or_table());
                let old = exchange(place, old, |old| new.with_dirty_of(old));
                changed(old, new, address);
            }
            address += span_of(1);
        }
    }

    /// The places of `count` entries from the level 1 entry stood on.
    #[inline]
    fn row(&self, count: u64) -> &'static [AtomicU64] {
        debug_assert!(self.level() == 1, "a row is in a leaf table");
        let first = (self.address() / span_of(1)) as usize % 512;
        &self.here()[first..(first + count as usize).min(512)]
    }
}

/// Puts what `change` makes of it in the place of a leaf; returns what it was
/// at that moment.
#[inline]
fn exchange(place: &AtomicU64, mut old: Entry, change: impl Fn(Entry) -> Entry) -> Entry {
    loop {
        if old.is_settled() {
            place.store(change(old).bits(), Relaxed);
            return old;
        }
        match place.compare_exchange(old.bits(), change(old).bits(), Relaxed, Relaxed) {
            Ok(_) => return old,
            Err(now) => old = Entry::from_bits(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86_64::structures::paging::PageTableFlags;

    const READ: u64 = PageTableFlags::PRESENT
        .union(PageTableFlags::ACCESSED)
        .bits();
    const WRITE: u64 = READ | PageTableFlags::WRITABLE.bits();
    const DIRTY: u64 = PageTableFlags::DIRTY.bits();

    #[test]
    fn what_the_processor_may_still_write_is_exchanged() {
        let narrow = |old: Entry| Entry::from_bits(old.bits() & !PageTableFlags::WRITABLE.bits());
        // The processor writes DIRTY after the entry was read.
        let place = AtomicU64::new(WRITE | DIRTY);
        let old = exchange(&place, Entry::from_bits(WRITE), narrow);
        assert_eq!(old.bits(), WRITE | DIRTY);
        assert_eq!(place.into_inner(), READ | DIRTY);
    }

    #[test]
    fn a_leaf_is_settled_once_no_bit_is_left_for_the_processor_to_set() {
        let settled = |bits| Entry::from_bits(bits).is_settled();
        assert!(settled(READ) && settled(WRITE | DIRTY));
        assert!(settled(Entry::HIDDEN.bits()));
        assert!(!settled(WRITE) && !settled(READ & !PageTableFlags::ACCESSED.bits()));
    }
}
