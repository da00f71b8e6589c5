//! The model: sets of frame numbers and what somebody holds, each operation
//! done to it and to the allocator.

extern crate std;

use std::collections::BTreeSet;
use std::ops::Range;
use std::vec::Vec;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};

use super::compare::rows;
use super::step::Step;
use super::{frames_over, machine, range};
use crate::frames::{
    AllocateAtError, Frame, FrameKind, Frames, FreeError, ReclaimError, Run, RunError, Shortage,
    State,
};
use crate::memory_map::{FrameRange, Kind};

/// What somebody holds.
pub(crate) enum Owned {
    Small(Frame),
    Large(Frame<Size2MiB>),
    Row(Run),
}

impl Owned {
    fn numbers(&self) -> Range<u64> {
        let (start, count) = match self {
            Self::Small(frame) => (frame.start(), 1),
            Self::Large(frame) => (frame.start(), 512),
            Self::Row(run) => (run.start(), run.frames()),
        };
        let first = start.as_u64() >> 12;
        first..first + count
    }

    fn kind(&self) -> FrameKind {
        match self {
            Self::Small(frame) => frame.kind(),
            Self::Large(frame) => frame.kind(),
            Self::Row(run) => run.kind(),
        }
    }
}

pub(crate) struct Model {
    pub(crate) frames: Frames<'static>,
    pub(crate) free: BTreeSet<u64>,
    pub(crate) pending: BTreeSet<u64>,
    pub(crate) total: u64,
    pub(crate) used: [u64; 5],
    pub(crate) owned: Vec<Owned>,
    /// Free frames that the limit keeps back.
    pub(crate) withheld: u64,
    /// Free frames that are reserved.
    pub(crate) kept_back: u64,
}

impl Model {
    pub(crate) fn new() -> Self {
        let machine = machine();
        let of_kind = |kind| {
            machine
                .iter()
                .filter(move |entry| entry.kind == kind)
                .flat_map(|entry| {
                    let first = entry.range.start().as_u64() >> 12;
                    first..first + entry.range.frames()
                })
        };
        Self {
            frames: frames_over(&machine),
            free: of_kind(Kind::Usable).collect(),
            pending: of_kind(Kind::Reclaimable).collect(),
            total: machine.iter().map(|entry| entry.range.frames()).sum(),
            used: [0; 5],
            owned: Vec::new(),
            withheld: 0,
            kept_back: 0,
        }
    }

    pub(crate) fn allowance(&self) -> u64 {
        self.free.len() as u64 - self.withheld - self.kept_back
    }

    /// How many 2 MiB blocks have all their frames free.
    pub(crate) fn whole_blocks(&self) -> u64 {
        let whole = |(first, length): (u64, u64)| {
            ((first + length) / 512).saturating_sub(first.div_ceil(512))
        };
        rows(&self.free).into_iter().map(whole).sum()
    }

    fn take(&mut self, owned: Owned) {
        for number in owned.numbers() {
            assert!(
                self.free.remove(&number),
                "frame {number:#x} was handed out but not free"
            );
        }
        let numbers = owned.numbers();
        self.used[owned.kind() as usize] += numbers.end - numbers.start;
        self.owned.push(owned);
    }

    /// Takes something out of what is held, and counts it as free.
    pub(crate) fn give_up(&mut self, which: usize) -> Option<Owned> {
        if self.owned.is_empty() {
            return None;
        }
        let owned = self.owned.swap_remove(which % self.owned.len());
        self.free.extend(owned.numbers());
        let numbers = owned.numbers();
        self.used[owned.kind() as usize] -= numbers.end - numbers.start;
        Some(owned)
    }

    pub(crate) fn run(&mut self, step: Step) {
        match step {
            Step::Allocate { count, kind } => {
                for _ in 0..count {
                    let possible = self.allowance() > 0;
                    match self.frames.allocate::<Size4KiB>(kind) {
                        Ok(frame) => self.take(Owned::Small(frame)),
                        Err(_) => return assert!(!possible, "out of frames too early"),
                    }
                    assert!(possible, "a frame beyond the limit");
                }
            }
            Step::Allocate2M { kind } => {
                let possible = self.allowance() >= 512 && self.whole_blocks() > 0;
                let large = self.frames.allocate::<Size2MiB>(kind);
                assert_eq!(large.is_ok(), possible);
                if let Ok(frame) = large {
                    assert!(frame.start().is_aligned(Size2MiB::SIZE));
                    self.take(Owned::Large(frame));
                }
            }
            Step::Allocate1G { kind } => {
                assert!(self.frames.allocate::<Size1GiB>(kind).is_err());
            }
            Step::AllocateRun {
                count,
                align,
                below,
                kind,
            } => self.allocate_run(count, align, below, kind),
            Step::Free { which, count } => {
                for n in 0..count {
                    match self.give_up(which.wrapping_add(usize::from(n) * 7)) {
                        Some(Owned::Small(frame)) => self.frames.free(frame),
                        Some(Owned::Large(frame)) => self.frames.free(frame),
                        Some(Owned::Row(run)) => self.frames.free_run(run),
                        None => return,
                    }
                }
            }
            Step::FreeRaw { which } => match self.give_up(which) {
                Some(Owned::Small(frame)) => self.free_raw(frame.as_phys_frame(), frame.kind()),
                Some(Owned::Large(frame)) => self.free_raw(frame.as_phys_frame(), frame.kind()),
                Some(Owned::Row(run)) => {
                    let kind = run.kind();
                    run.split()
                        .for_each(|frame| self.free_raw(frame.as_phys_frame(), kind));
                }
                None => {}
            },
            Step::Split { which } if !self.owned.is_empty() => {
                let which = which % self.owned.len();
                match self.owned.swap_remove(which) {
                    Owned::Large(frame) => self.owned.extend(frame.split().map(Owned::Small)),
                    Owned::Row(run) => self.owned.extend(run.split().map(Owned::Small)),
                    small @ Owned::Small(_) => self.owned.push(small),
                }
            }
            Step::Reclassify { which, kind } if !self.owned.is_empty() => {
                let which = which % self.owned.len();
                let (before, count) = (
                    self.owned[which].kind(),
                    self.owned[which].numbers().count() as u64,
                );
                let owned = match self.owned.swap_remove(which) {
                    Owned::Small(frame) => Owned::Small(self.frames.reclassify(frame, kind)),
                    Owned::Large(frame) => Owned::Large(self.frames.reclassify(frame, kind)),
                    Owned::Row(run) => return self.owned.push(Owned::Row(run)),
                };
                assert_eq!(owned.kind(), kind);
                self.used[before as usize] -= count;
                self.used[kind as usize] += count;
                self.owned.push(owned);
            }
            Step::Split { .. } | Step::Reclassify { .. } => {}
            Step::Limit(limit) => {
                self.frames.set_limit(limit);
                let free = self.free.len() as u64 - self.kept_back;
                self.withheld = limit.map_or(0, |limit| free.saturating_sub(limit));
            }
            Step::AllocateAt {
                start,
                frames,
                kind,
            } => self.allocate_at(start..(start + frames).min(1 << 40), kind),
            Step::Reserve(count) => {
                let possible = count <= self.allowance();
                assert_eq!(self.frames.reserve(count).is_ok(), possible);
                self.kept_back += if possible { count } else { 0 };
            }
            Step::Unreserve(count) => {
                let count = count.min(self.kept_back);
                self.frames.unreserve(count);
                self.kept_back -= count;
            }
            Step::TakeReserved { count, kind } => {
                for _ in 0..count {
                    let frame = self.frames.take_reserved(kind);
                    assert_eq!(frame.is_ok(), self.kept_back > 0);
                    let Ok(frame) = frame else { return };
                    self.kept_back -= 1;
                    self.take(Owned::Small(frame));
                }
            }
            Step::Reclaim { start, frames } => self.reclaim(start, frames),
            Step::WrongFree {
                frame,
                offset,
                kind,
            } => self.wrong_free(frame, offset, kind),
        }
    }

    fn allocate_run(&mut self, count: u64, align: u64, below: u64, kind: FrameKind) {
        let align_frames = (align / 4096).max(1);
        let lowest = rows(&self.free).into_iter().find_map(|(first, length)| {
            let start = first.next_multiple_of(align_frames);
            (start + count <= (first + length).min(below / 4096)).then_some(start)
        });
        let expected = match lowest {
            _ if count > self.allowance() => Err(RunError::OutOfFrames(Shortage {
                needed: count,
                available: self.allowance(),
            })),
            Some(start) => Ok(start),
            None => Err(RunError::NoRun { count }),
        };
        let run = self.frames.allocate_run(count, align, below, kind);
        assert_eq!(
            run.as_ref().map(|run| run.start().as_u64() / 4096),
            expected.as_ref().copied()
        );
        if let Ok(run) = run {
            self.take(Owned::Row(run));
        }
    }

    /// A range that the step chose, with the frame in the way by the model.
    fn allocate_at(&mut self, numbers: Range<u64>, kind: FrameKind) {
        let range = range(numbers.start << 12, numbers.end << 12);
        let wrong = numbers.clone().find(|number| !self.free.contains(number));
        let expected = match wrong {
            _ if numbers.is_empty() => Err(AllocateAtError::Empty),
            Some(number) => {
                let frame = PhysAddr::new(number << 12);
                let is_held = |owned: &Owned| owned.numbers().contains(&number);
                Err(if self.pending.contains(&number) {
                    AllocateAtError::Reserved { frame }
                } else if self.owned.iter().any(is_held) {
                    AllocateAtError::InUse { frame }
                } else {
                    AllocateAtError::NotManaged { frame }
                })
            }
            None if range.frames() > self.allowance() => Err(AllocateAtError::OutOfFrames {
                available: self.allowance(),
            }),
            None => Ok(range),
        };
        let run = self.frames.allocate_at(range, kind);
        assert_eq!(run.as_ref().map(Run::range), expected.as_ref().copied());
        if let Ok(run) = run {
            self.take(Owned::Row(run));
        }
    }

    #[allow(unsafe_code)]
    fn free_raw<S: PageSize>(&mut self, frame: PhysFrame<S>, kind: FrameKind) {
        // SAFETY: the owned frame was just given up, and nothing is mapped.
        assert_eq!(unsafe { self.frames.free_raw(frame, kind) }, Ok(()));
    }

    #[allow(unsafe_code)]
    fn reclaim(&mut self, start: u64, frames: u64) {
        let wrong = (start..start + frames).find(|number| !self.pending.contains(number));
        let expected = match wrong {
            Some(number) => Err(ReclaimError::NotReclaimable {
                frame: PhysAddr::new(number << 12),
            }),
            None => Ok(frames),
        };
        let range = range(start << 12, (start + frames) << 12);
        // SAFETY: no memory is behind the frames.
        assert_eq!(unsafe { self.frames.reclaim(range) }, expected);
        if expected.is_ok() {
            self.pending
                .retain(|number| !(start..start + frames).contains(number));
            self.free.extend(start..start + frames);
        }
    }

    /// A raw free of a frame that nobody holds, or at no frame's start.
    #[allow(unsafe_code)]
    fn wrong_free(&mut self, number: u64, offset: u64, kind: FrameKind) {
        let start = PhysAddr::new((number << 12) + offset);
        let held = self
            .owned
            .iter()
            .any(|owned| owned.numbers().contains(&number));
        let expected = if offset != 0 {
            FreeError::Misaligned { start }
        } else if self.free.contains(&number) {
            FreeError::NotAllocated { frame: start }
        } else if held && self.used[kind as usize] == 0 {
            FreeError::WrongKind { kind }
        } else if held {
            return; // that would be no error, but somebody's frame
        } else {
            FreeError::Foreign { frame: start }
        };
        let before = (picture(&self.frames), self.frames.counts());
        // SAFETY: nothing uses simulated memory, and the frame is not freed.
        let result = unsafe {
            let frame: PhysFrame = PhysFrame::from_start_address_unchecked(start);
            self.frames.free_raw(frame, kind)
        };
        assert_eq!(result, Err(expected));
        assert_eq!((picture(&self.frames), self.frames.counts()), before);
    }
}

/// Every managed frame with its state: what may not change when a call is refused.
fn picture(frames: &Frames<'_>) -> Vec<(FrameRange, State)> {
    frames.states().collect()
}
