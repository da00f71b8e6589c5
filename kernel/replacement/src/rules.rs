//! Rules that know what was, and not what comes.

use alloc::collections::{BTreeMap, VecDeque};

use crate::paper::Rule;

/// First in, first out: the page goes that came first.
#[derive(Debug, Default)]
pub struct Fifo {
    queue: VecDeque<u32>,
    is_in: BTreeMap<u32, ()>,
}

impl Rule for Fifo {
    fn access(&mut self, page: u32, _: usize) {
        if self.is_in.insert(page, ()).is_none() {
            self.queue.push_back(page);
        }
    }

    fn choose(&mut self) -> u32 {
        let page = self.queue.pop_front().unwrap_or_default();
        self.is_in.remove(&page);
        page
    }
}

/// The page goes that was not accessed for the longest time.
#[derive(Debug, Default)]
pub struct LeastRecentlyUsed {
    last: BTreeMap<u32, usize>,
    by_time: BTreeMap<usize, u32>,
}

impl Rule for LeastRecentlyUsed {
    fn access(&mut self, page: u32, at: usize) {
        if let Some(before) = self.last.insert(page, at) {
            self.by_time.remove(&before);
        }
        self.by_time.insert(at, page);
    }

    fn choose(&mut self) -> u32 {
        let (_, page) = self.by_time.pop_first().unwrap_or_default();
        self.last.remove(&page);
        page
    }
}

/// The clock: first in, first out, but a page that was accessed since it was last
/// looked at has another turn.
#[derive(Debug, Default)]
pub struct Clock {
    queue: VecDeque<u32>,
    is_accessed: BTreeMap<u32, bool>,
}

impl Rule for Clock {
    fn access(&mut self, page: u32, _: usize) {
        if self.is_accessed.insert(page, true).is_none() {
            self.queue.push_back(page);
        }
    }

    fn choose(&mut self) -> u32 {
        while let Some(page) = self.queue.pop_front() {
            if self.is_accessed.get(&page) != Some(&true) {
                self.is_accessed.remove(&page);
                return page;
            }
            self.is_accessed.insert(page, false);
            self.queue.push_back(page);
        }
        0
    }
}
