//! Entries in the order of their addresses: what a node holds.
//!
//! ```text
//! len | bases, sorted, then MAX | reaches | gap | slots | values
//! ```
//!
//! A search reads the bases alone and then one value. The values stay where
//! they are while entries come and go: `slots` says which value belongs to
//! which base.
//!
//! What must always hold: the spans of the entries are sorted and do not
//! overlap, and are those of their values; `gap` is the largest within and
//! between them; `slots` names every slot once, first those of the entries, then
//! the free ones; an unused base is `u64::MAX`.

use core::ops::{Index, IndexMut};

use super::node::Blank;

/// The addresses of a region, or of all regions below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first address.
    pub(super) base: u64,
    /// The last one.
    pub(super) last: u64,
    /// The largest gap between two neighbours in it, in bytes.
    pub(super) gap: u64,
}

/// What has a span.
pub(super) trait Spanned {
    fn span(&self) -> Span;
}

/// What else a row notes of an entry's [`Span`].
#[derive(Clone, Copy)]
struct Reach {
    last: u64,
    gap: u64,
}

/// Up to `N` values of type `T`, by address.
#[repr(C)]
pub(super) struct Row<T, const N: usize> {
    len: u16,
    bases: [u64; N],
    reaches: [Reach; N],
    /// The largest gap within or between entries, in bytes.
    gap: u64,
    slots: [u8; N],
    values: [Option<T>; N],
}

/// How many values of `value` bytes, empty ones included, fit into a row of `bytes`.
pub(super) const fn capacity(bytes: usize, value: usize) -> usize {
    let entry = size_of::<u64>() + size_of::<Reach>() + size_of::<u8>() + value;
    // The length, the largest gap, and what aligns the values behind the slots.
    (bytes - 24) / entry
}

impl<T, const N: usize> Blank for Row<T, N> {
    const BLANK: Self = {
        let mut slots = [0; N];
        let mut slot = 0;
        while slot < N {
            slots[slot] = slot as u8;
            slot += 1;
        }
        Self {
            len: 0,
            bases: [u64::MAX; N],
            reaches: [Reach { last: 0, gap: 0 }; N],
            gap: 0,
            slots,
            values: [const { None }; N],
        }
    };
}

impl<T, const N: usize> Row<T, N> {
    pub(super) const CAPACITY: usize = N;

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// How many entries have a base up to `address`.
    #[inline]
    pub(super) fn up_to(&self, address: u64) -> usize {
        // A base begins a page, so this is no more than the first one unused.
        let page = address & !4095;
        self.bases.partition_point(|base| *base <= page)
    }

    /// The last entry with a base up to `address`.
    #[inline]
    pub(super) fn below(&self, address: u64) -> Option<usize> {
        self.up_to(address).checked_sub(1)
    }

    /// The first entry that ends at `address` or after it.
    pub(super) fn from(&self, address: u64) -> Option<usize> {
        let reaches = &self.reaches[..self.len()];
        let index = reaches.partition_point(|reach| reach.last < address);
        (index < reaches.len()).then_some(index)
    }

    /// The span of an entry.
    pub(super) fn span_at(&self, index: usize) -> Span {
        let Reach { last, gap } = self.reaches[index];
        let base = self.bases[index];
        Span { base, last, gap }
    }

    /// The base of an entry, if there are so many.
    pub(super) fn base(&self, index: usize) -> Option<u64> {
        self.bases[..self.len()].get(index).copied()
    }

    /// The entries from `index` on, with their spans.
    pub(super) fn spans(&self, index: usize) -> impl Iterator<Item = (usize, Span)> {
        let spans = self.bases[..self.len()].iter().zip(&self.reaches);
        let spans = spans.map(|(&base, &Reach { last, gap })| Span { base, last, gap });
        spans.enumerate().skip(index)
    }

    /// The gap between entry `index` and the one before it, 0 if one is missing.
    fn gap_before(&self, index: usize) -> u64 {
        if index == 0 || index >= self.len() {
            return 0;
        }
        self.bases[index] - self.reaches[index - 1].last - 1
    }

    /// The largest gap before, within and behind an entry.
    fn gap_around(&self, index: usize) -> u64 {
        let beside = self.gap_before(index).max(self.gap_before(index + 1));
        self.reaches[index].gap.max(beside)
    }

    /// Corrects the largest gap, after gaps up to `old` have gone and others up
    /// to `new` have come.
    fn gaps_changed(&mut self, old: u64, new: u64) {
        if new >= self.gap {
            self.gap = new;
        } else if old == self.gap {
            self.gap = self.largest_gap();
        }
    }

    /// The largest gap, looked for among all.
    fn largest_gap(&self) -> u64 {
        let entries = self.bases[..self.len()].iter().zip(&self.reaches);
        let mut gap = 0;
        let mut end = self.bases[0];
        for (base, reach) in entries {
            gap = gap.max(base - end).max(reach.gap);
            end = reach.last.wrapping_add(1);
        }
        gap
    }

    /// Puts a value before entry `index`, or behind the last one.
    fn put(&mut self, index: usize, span: Span, value: T) {
        let (len, old) = (self.len(), self.gap_before(index));
        let Span { base, last, gap } = span;
        let slot = self.slots[len];
        self.bases.copy_within(index..len, index + 1);
        self.reaches.copy_within(index..len, index + 1);
        self.slots.copy_within(index..len, index + 1);
        self.bases[index] = base;
        self.reaches[index] = Reach { last, gap };
        self.slots[index] = slot;
        self.values[usize::from(slot)] = Some(value);
        self.len += 1;
        self.gaps_changed(old, self.gap_around(index));
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        let (last, old) = (self.len() - 1, self.gap_around(index));
        let slot = self.slots[index];
        self.bases.copy_within(index + 1..=last, index);
        self.reaches.copy_within(index + 1..=last, index);
        self.slots.copy_within(index + 1..=last, index);
        self.bases[last] = u64::MAX;
        self.slots[last] = slot;
        self.len -= 1;
        self.gaps_changed(old, self.gap_before(index));
        self.values[usize::from(slot)].take()
    }

    /// Moves the entries from `index` on to the end of `other`, which has room.
    pub(super) fn move_tail(&mut self, index: usize, other: &mut Self) {
        for entry in index..self.len() {
            let span = self.span_at(entry);
            let value = self.values[usize::from(self.slots[entry])].take();
            other.put(other.len(), span, value.expect("an entry has a value"));
        }
        self.bases[index..].fill(u64::MAX);
        self.len = self.len.min(index as u16);
        self.gap = self.largest_gap();
    }
}

impl<T: Spanned, const N: usize> Row<T, N> {
    /// Puts a value before entry `index`, or behind the last one. There is room.
    pub(super) fn insert(&mut self, index: usize, value: T) {
        self.put(index, value.span(), value);
    }

    /// Notes the span of an entry anew, whose value has changed.
    pub(super) fn note(&mut self, index: usize) {
        let Span { base, last, gap } = self[index].span();
        let old = self.gap_around(index);
        self.bases[index] = base;
        self.reaches[index] = Reach { last, gap };
        self.gaps_changed(old, self.gap_around(index));
    }

    /// True if length, slots and values fit together, so that entries may be read.
    pub(super) fn is_whole(&self) -> bool {
        let len = self.len();
        let mut named = [false; N];
        len <= N
            && self.slots.iter().enumerate().all(|(index, slot)| {
                let slot = usize::from(*slot);
                let is_new = slot < N && !core::mem::replace(&mut named[slot], true);
                is_new && self.values[slot].is_some() == (index < len)
            })
    }

    /// True if the largest gap is that of the entries, which are sorted.
    pub(super) fn is_measured(&self) -> bool {
        self.gap == self.largest_gap()
    }

    /// True if the entries are in order and the unused bases are what they must be.
    pub(super) fn is_sorted(&self) -> bool {
        let (used, unused) = self.bases.split_at(self.len());
        let ends = self.reaches.iter().zip(used.iter().skip(1));
        unused.iter().all(|base| *base == u64::MAX)
            && ends.into_iter().all(|(reach, next)| reach.last < *next)
    }

    /// True if the note of an entry is the span of its value.
    pub(super) fn is_noted(&self, index: usize) -> bool {
        self.span_at(index) == self[index].span()
    }
}

/// The span of all entries of a row that has one.
impl<T, const N: usize> Spanned for Row<T, N> {
    fn span(&self) -> Span {
        Span {
            base: self.bases[0],
            last: self.reaches[self.len() - 1].last,
            gap: self.gap,
        }
    }
}

impl<T, const N: usize> Index<usize> for Row<T, N> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let value = self.values[usize::from(self.slots[index])].as_ref();
        value.expect("an entry has a value")
    }
}

impl<T, const N: usize> IndexMut<usize> for Row<T, N> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let value = self.values[usize::from(self.slots[index])].as_mut();
        value.expect("an entry has a value")
    }
}
