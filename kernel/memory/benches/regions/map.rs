//! The peer: regions in a `BTreeMap` of the standard library.

use std::collections::BTreeMap;

/// Sizes by base.
pub(crate) struct Map(BTreeMap<u64, u64>);

impl Map {
    pub(crate) fn new(regions: impl Iterator<Item = (u64, u64)>) -> Self {
        Self(regions.collect())
    }

    /// The region that holds `address`: its base and size.
    #[inline]
    pub(crate) fn find(&self, address: u64) -> Option<(u64, u64)> {
        let (&base, &size) = self.0.range(..=address).next_back()?;
        (address - base < size).then_some((base, size))
    }

    /// Puts a region into the lowest place that fits, from `low` on.
    pub(crate) fn allocate(&mut self, low: u64, size: u64, align: u64) -> u64 {
        let mut place = low;
        for (&base, &taken) in self.0.range(low..) {
            if place + size <= base {
                break;
            }
            place = (base + taken).next_multiple_of(align);
        }
        self.0.insert(place, size);
        place
    }

    pub(crate) fn free(&mut self, base: u64) {
        self.0.remove(&base).expect("it was allocated");
    }
}
