//! Looks on while a program runs, and makes steps of what it sees: faults of one
//! kind, forks, and ends with what came back.

use alloc::collections::BTreeSet;

use memory::Outcome;
use memory::space::Resident;
use x86_64::VirtAddr;

use super::faults::Faults;
use super::program::Step;
use crate::account::meter::{self, Cost};
use crate::cpu::ring3::Left;
use crate::process::calls::number;
use crate::process::watch::Watch;
use crate::process::{Id, Process, State};
use crate::{heap, spaces};

/// Who looks on.
pub(super) struct Onlooker<'a> {
    tell: &'a mut dyn FnMut(&Step<'_>),
    /// Faults that were seen.
    seen: u64,
    /// Pages of the file that were read. One that is shown with zeroes behind its
    /// bytes, too, is read twice.
    read: BTreeSet<u64>,
    /// The page for which a fault waits until it is read.
    awaited: Option<VirtAddr>,
    /// The counters before the fork that is made.
    fork: Option<Reading>,
    /// The counters before the memory of a process goes back, and what it showed.
    end: Option<(Reading, Resident)>,
}

impl<'a> Onlooker<'a> {
    /// Of a program that has not run yet, and so many pages of whose file were read
    /// from its start on. Faults that came before are forgotten.
    pub(super) fn new(tell: &'a mut dyn FnMut(&Step<'_>), pages_read: u64) -> Self {
        while spaces::memory().next_event().is_some() {}
        Self {
            tell,
            seen: 0,
            read: (0..pages_read).collect(),
            awaited: None,
            fork: None,
            end: None,
        }
    }

    /// Tells of the faults of a process that have come since this was done before.
    fn tell_faults(&mut self, process: Id) {
        // Those that were seen last, which may go on.
        let mut last: Option<Faults> = None;
        let mut tell = |faults| (self.tell)(&Step::Faults(faults));
        while let Some(event) = spaces::memory().next_event() {
            let page = event.fault.address.align_down(4096_u64);
            if spaces::is_kernels(page) {
                continue;
            }
            // The access that waits faults again when its page is there.
            if event.outcome == Outcome::Blocked {
                self.awaited = Some(page);
                continue;
            }
            self.seen += 1;
            let was_read = self.awaited.take() == Some(page);
            let next = Faults::new(self.seen, process, event, was_read);
            self.read.extend(next.file_page.filter(|_| next.was_read));
            match &mut last {
                Some(last) if last.goes_on_with(&next) => last.count += 1,
                _ => last.replace(next).into_iter().for_each(&mut tell),
            }
        }
        last.into_iter().for_each(tell);
    }

    /// Pages of the file that were read so far, each counted once.
    pub(super) fn pages_read(&self) -> u64 {
        self.read.len() as u64
    }
}

impl Watch for Onlooker<'_> {
    fn left(&mut self, process: &Process, why: Left) {
        self.tell_faults(process.id);
        let is_fork = why == Left::SystemCall && process.call() == number::FORK;
        self.fork = is_fork.then(Reading::take);
    }

    fn handled(&mut self, process: &Process) {
        if let Some(before) = self.fork.take() {
            let cost = Reading::take().since(before);
            // An error is a number below 0.
            if let Ok(child @ 1..) = Id::try_from(process.call()) {
                (self.tell)(&Step::Forked {
                    parent: process.id,
                    child,
                    shown: shown(),
                    cost,
                });
            }
        }
        self.tell_faults(process.id);
        if let State::Ended(_) = process.state {
            self.end = Some((Reading::take(), shown()));
        }
    }

    fn ended(&mut self, process: Id) {
        if let Some((before, shown)) = self.end.take() {
            let cost = Reading::take().since(before);
            (self.tell)(&Step::Ended {
                process,
                shown,
                cost,
            });
        }
    }
}

/// What the pages of the loaded space show.
fn shown() -> Resident {
    spaces::current(|space, _| {
        let (start, end) = space.window();
        space.resident_between(start, end)
    })
}

/// The counters at one moment.
struct Reading {
    all: meter::Reading,
    heap: u64,
}

impl Reading {
    fn take() -> Self {
        Self {
            all: meter::Reading::take(),
            heap: heap::resident(),
        }
    }

    /// What has changed, without the kernel's heap.
    fn since(&self, before: Self) -> Cost {
        let cost = self.all.since(before.all);
        let heap = self.heap.cast_signed() - before.heap.cast_signed();
        Cost {
            frames: cost.frames - heap,
            ..cost
        }
    }
}
