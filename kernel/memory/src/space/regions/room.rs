//! Finding room: gap after gap from the lowest up, or from the highest down,
//! without the nodes below which no gap is wide enough.

use super::link::Link;
use super::row::{Row, Span, Spanned};

/// What is looked for: `size` bytes at a multiple of `align`, which is a power
/// of two, from `low` up to and with `last`.
pub(super) struct Wanted {
    pub(super) size: u64,
    pub(super) align: u64,
    pub(super) low: u64,
    pub(super) last: u64,
}

impl Wanted {
    /// The lowest place that no region below `root` overlaps.
    pub(super) fn first_fit(&self, root: Option<&Link>) -> Option<u64> {
        let Some(root) = root else {
            return self.place(0, u64::MAX);
        };
        let Span { base, last, gap } = root.span();
        let before = base.checked_sub(1).and_then(|last| self.place(0, last));
        before
            .or_else(|| self.fit_below(root, gap))
            .or_else(|| self.place(last.checked_add(1)?, u64::MAX))
    }

    /// The lowest place between the regions below `link`, of whose gaps the
    /// largest is `gap`.
    fn fit_below(&self, link: &Link, gap: u64) -> Option<u64> {
        if gap < self.size {
            return None;
        }
        match link {
            Link::Leaf(leaf) => self.fit_among(leaf, |_, _| None),
            Link::Inner(inner) => {
                self.fit_among(inner, |index, gap| self.fit_below(&inner[index], gap))
            }
        }
    }

    /// The lowest place within or between the entries of a row; `within` is
    /// asked about the inside of an entry, by its index and largest gap.
    fn fit_among<T, const N: usize>(
        &self,
        row: &Row<T, N>,
        within: impl Fn(usize, u64) -> Option<u64>,
    ) -> Option<u64> {
        let first = row.below(self.low).unwrap_or(0);
        for (index, Span { base, last, gap }) in row.spans(first) {
            if base > self.last {
                return None;
            }
            let place = within(index, gap).or_else(|| {
                let next = row.base(index + 1)?;
                self.place(last + 1, next - 1)
            });
            if place.is_some() {
                return place;
            }
        }
        None
    }

    /// The highest place that no region below `root` overlaps.
    pub(super) fn last_fit(&self, root: Option<&Link>) -> Option<u64> {
        let Some(root) = root else {
            return self.high_place(0, u64::MAX);
        };
        let Span { base, last, gap } = root.span();
        let behind = last.checked_add(1);
        let behind = behind.and_then(|start| self.high_place(start, u64::MAX));
        behind
            .or_else(|| self.last_fit_below(root, gap))
            .or_else(|| self.high_place(0, base.checked_sub(1)?))
    }

    /// The highest place between the regions below `link`, of whose gaps the
    /// largest is `gap`.
    fn last_fit_below(&self, link: &Link, gap: u64) -> Option<u64> {
        if gap < self.size {
            return None;
        }
        match link {
            Link::Leaf(leaf) => self.last_fit_among(leaf, |_, _| None),
            Link::Inner(inner) => {
                self.last_fit_among(inner, |index, gap| self.last_fit_below(&inner[index], gap))
            }
        }
    }

    /// The highest place within or between the entries of a row; `within` is asked
    /// as by [`Self::fit_among`].
    fn last_fit_among<T, const N: usize>(
        &self,
        row: &Row<T, N>,
        within: impl Fn(usize, u64) -> Option<u64>,
    ) -> Option<u64> {
        for index in (0..row.up_to(self.last)).rev() {
            let Span { base, last, gap } = row.span_at(index);
            let next = row.base(index + 1);
            let behind = next.and_then(|next| self.high_place(last + 1, next - 1));
            let place = behind.or_else(|| within(index, gap));
            if place.is_some() || base <= self.low {
                return place;
            }
        }
        None
    }

    /// The lowest place in the gap from `start` up to and with `last`.
    fn place(&self, start: u64, last: u64) -> Option<u64> {
        let below_align = self.align - 1;
        let place = start.max(self.low).checked_add(below_align)? & !below_align;
        let end = place.checked_add(self.size.checked_sub(1)?)?;
        (end <= last.min(self.last)).then_some(place)
    }

    /// The highest place in the gap from `start` up to and with `last`.
    fn high_place(&self, start: u64, last: u64) -> Option<u64> {
        let below_align = self.align - 1;
        let place = last.min(self.last).checked_sub(self.size.checked_sub(1)?)?;
        let place = place & !below_align;
        (place >= start.max(self.low)).then_some(place)
    }
}
