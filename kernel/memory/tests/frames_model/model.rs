//! The model: sets of frame numbers and what somebody holds, each operation
//! done to it and to the allocator.

use std::collections::BTreeSet;

use memory::frames::{Frame, Frames, FreeError, ReclaimError, Run, RunError, Use};
use memory::memory_map::Kind;
use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};

use crate::compare::rows;
use crate::machine;
use crate::simulated::{frames_over, picture, range};
use crate::step::Step;

/// What somebody holds.
pub(crate) enum Owned {
    Small(Frame),
    Large(Frame<Size2MiB>),
    Row(Run),
}

impl Owned {
    fn numbers(&self) -> std::ops::Range<u64> {
        let (start, count) = match self {
            Self::Small(frame) => (frame.start(), 1),
            Self::Large(frame) => (frame.start(), 512),
            Self::Row(run) => (run.start(), run.frames()),
        };
        let first = start.as_u64() >> 12;
        first..first + count
    }

    fn usage(&self) -> Use {
        match self {
            Self::Small(frame) => frame.usage(),
            Self::Large(frame) => frame.usage(),
            Self::Row(run) => run.usage(),
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
}

impl Model {
    pub(crate) fn new() -> Self {
        let machine = machine();
        let of_kind = |kind| {
            machine
                .iter()
                .filter(move |entry| entry.kind == kind)
                .flat_map(|entry| {
                    let first = entry.range.start.as_u64() >> 12;
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
        }
    }

    pub(crate) fn allowance(&self) -> u64 {
        self.free.len() as u64 - self.withheld
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
        self.used[owned.usage() as usize] += numbers.end - numbers.start;
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
        self.used[owned.usage() as usize] -= numbers.end - numbers.start;
        Some(owned)
    }

    pub(crate) fn run(&mut self, step: Step) {
        match step {
            Step::Allocate { count, usage } => {
                for _ in 0..count {
                    let possible = self.allowance() > 0;
                    match self.frames.allocate::<Size4KiB>(usage) {
                        Ok(frame) => self.take(Owned::Small(frame)),
                        Err(_) => return assert!(!possible, "out of frames too early"),
                    }
                    assert!(possible, "a frame beyond the limit");
                }
            }
            Step::Allocate2M { usage } => {
                let possible = self.allowance() >= 512 && self.whole_blocks() > 0;
                let large = self.frames.allocate::<Size2MiB>(usage);
                assert_eq!(large.is_ok(), possible);
                if let Ok(frame) = large {
                    assert!(frame.start().is_aligned(Size2MiB::SIZE));
                    self.take(Owned::Large(frame));
                }
            }
            Step::Allocate1G { usage } => {
                assert!(self.frames.allocate::<Size1GiB>(usage).is_err());
            }
            Step::AllocateRun {
                count,
                align,
                below,
                usage,
            } => self.allocate_run(count, align, below, usage),
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
                Some(Owned::Small(frame)) => self.free_raw(frame.as_phys_frame(), frame.usage()),
                Some(Owned::Large(frame)) => self.free_raw(frame.as_phys_frame(), frame.usage()),
                Some(Owned::Row(run)) => {
                    let usage = run.usage();
                    run.split()
                        .for_each(|frame| self.free_raw(frame.as_phys_frame(), usage));
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
            Step::Reclassify { which, usage } if !self.owned.is_empty() => {
                let which = which % self.owned.len();
                let (before, count) = (
                    self.owned[which].usage(),
                    self.owned[which].numbers().count() as u64,
                );
                let owned = match self.owned.swap_remove(which) {
                    Owned::Small(frame) => Owned::Small(self.frames.reclassify(frame, usage)),
                    Owned::Large(frame) => Owned::Large(self.frames.reclassify(frame, usage)),
                    Owned::Row(run) => return self.owned.push(Owned::Row(run)),
                };
                assert_eq!(owned.usage(), usage);
                self.used[before as usize] -= count;
                self.used[usage as usize] += count;
                self.owned.push(owned);
            }
            Step::Split { .. } | Step::Reclassify { .. } => {}
            Step::Limit(limit) => {
                self.frames.set_limit(limit);
                let free = self.free.len() as u64;
                self.withheld = limit.map_or(0, |limit| free.saturating_sub(limit));
            }
            Step::Reclaim { start, frames } => self.reclaim(start, frames),
            Step::WrongFree {
                frame,
                offset,
                usage,
            } => self.wrong_free(frame, offset, usage),
        }
    }

    fn allocate_run(&mut self, count: u64, align: u64, below: u64, usage: Use) {
        let align_frames = (align / 4096).max(1);
        let lowest = rows(&self.free).into_iter().find_map(|(first, length)| {
            let start = first.next_multiple_of(align_frames);
            (start + count <= (first + length).min(below / 4096)).then_some(start)
        });
        let expected = match lowest {
            _ if count > self.allowance() => Err(RunError::OutOfFrames),
            Some(start) => Ok(start),
            None => Err(RunError::NoRun { count }),
        };
        let run = self
            .frames
            .allocate_run(count, align, PhysAddr::new(below), usage);
        assert_eq!(
            run.as_ref().map(|run| run.start().as_u64() / 4096),
            expected.as_ref().copied()
        );
        if let Ok(run) = run {
            self.take(Owned::Row(run));
        }
    }

    #[allow(unsafe_code)]
    fn free_raw<S: PageSize>(&mut self, frame: PhysFrame<S>, usage: Use) {
        // SAFETY: the owned frame was just given up, and nothing is mapped.
        assert_eq!(unsafe { self.frames.free_raw(frame, usage) }, Ok(()));
    }

    fn reclaim(&mut self, start: u64, frames: u64) {
        let wrong = (start..start + frames).find(|number| !self.pending.contains(number));
        let expected = match wrong {
            Some(number) => Err(ReclaimError::NotReclaimable {
                frame: PhysAddr::new(number << 12),
            }),
            None => Ok(frames),
        };
        assert_eq!(
            self.frames
                .reclaim(range(start << 12, (start + frames) << 12)),
            expected
        );
        if expected.is_ok() {
            self.pending
                .retain(|number| !(start..start + frames).contains(number));
            self.free.extend(start..start + frames);
        }
    }

    /// A raw free of a frame that nobody holds, or at no frame's start.
    #[allow(unsafe_code)]
    fn wrong_free(&mut self, number: u64, offset: u64, usage: Use) {
        let start = PhysAddr::new((number << 12) + offset);
        let held = self
            .owned
            .iter()
            .any(|owned| owned.numbers().contains(&number));
        let expected = if offset != 0 {
            FreeError::Misaligned { start }
        } else if self.free.contains(&number) {
            FreeError::NotAllocated { frame: start }
        } else if held && self.used[usage as usize] == 0 {
            FreeError::WrongUse { usage }
        } else if held {
            return; // that would be no error, but somebody's frame
        } else {
            FreeError::Foreign { frame: start }
        };
        let before = (picture(&self.frames), self.frames.counts());
        // SAFETY: nothing uses simulated memory, and the frame is not freed.
        let result = unsafe {
            let frame: PhysFrame = PhysFrame::from_start_address_unchecked(start);
            self.frames.free_raw(frame, usage)
        };
        assert_eq!(result, Err(expected));
        assert_eq!((picture(&self.frames), self.frames.counts()), before);
    }
}
