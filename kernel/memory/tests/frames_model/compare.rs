//! Everything that can be asked of the allocator, beside the model's answer.

extern crate std;

use std::collections::BTreeSet;
use std::vec::Vec;

use x86_64::PhysAddr;

use super::model::Model;
use crate::frames::{Counts, State};

impl Model {
    /// Everything that can be asked agrees with the model.
    pub(crate) fn check(&self) {
        let free = self.free.len() as u64;
        let [tables, kernel, private, shared, zero] = self.used;
        let expected = Counts {
            total: self.total,
            free,
            used: self.total - free,
            reserved: self.pending.len() as u64,
            tables,
            kernel,
            private,
            shared,
            zero,
            kept_back: self.kept_back,
            limit: (self.withheld > 0).then(|| self.allowance()),
            refused: 0,
        };
        assert_eq!(self.frames.counts(), expected);
        assert!(self.frames.can_allocate(self.allowance()));
        assert!(!self.frames.can_allocate(self.allowance() + 1));
        let recount = self.frames.recount().expect("the books agree");
        assert_eq!((recount.total, recount.free), (self.total, free));
        assert_eq!(self.frames.free_2m_blocks(), self.whole_blocks());
        assert_eq!(
            self.frames.largest_run(),
            rows(&self.free).iter().map(|row| row.1).max().unwrap_or(0)
        );
        let of_state = |wanted| {
            let ranges = self
                .frames
                .states()
                .filter(move |&(_, state)| state == wanted);
            ranges
                .map(|(range, _)| (range.start().as_u64() >> 12, range.frames()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of_state(State::Free), rows(&self.free));
        assert_eq!(of_state(State::Reserved), rows(&self.pending));
        let used: u64 = of_state(State::Used).iter().map(|row| row.1).sum();
        assert_eq!(used, self.used.iter().sum());
        for (range, state) in self.frames.states() {
            assert_eq!(self.frames.state_of(range.start()), Some(state));
            assert_eq!(
                self.frames.state_of(PhysAddr::new(range.end() - 1)),
                Some(state)
            );
        }
    }
}

/// Rows of frames: the number of the first, and how many.
pub(crate) fn rows(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut rows: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match rows.last_mut() {
            Some((first, length)) if *first + *length == number => *length += 1,
            _ => rows.push((number, 1)),
        }
    }
    rows
}
