//! Exercise 2 of chapter 2 (medium): the list of which the most ranges are made.
//!
//! A list may have more ranges after cleaning than it had regions before. `regions` is
//! to make a list of `n` regions, all of them above 1 MiB, of which as many ranges are
//! made as is possible at all. These lie apart, so that only `n` ranges are made.
//!
//! Test: `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored most_ranges`
//!
//! Hint: a range can begin wherever a region begins or ends.

use faultline_memory::memory_map::{Kind, Region};

/// A list of `n` regions, at least one.
pub(crate) fn regions(n: u64) -> Vec<Region> {
    let start = |index: u64| 0x10_0000 + 2 * index * 0x1000;
    let usable = |index| Region {
        start: start(index),
        end: start(index) + 0x1000,
        kind: Kind::Usable,
    };
    (0..n).map(usable).collect()
}
