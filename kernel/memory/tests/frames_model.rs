//! Random operations on the frame allocator beside a plain set of frames:
//! results, errors, counters and states agree after every step.

mod simulated;

use std::collections::BTreeSet;

use memory::frames::{Counts, Frame, Frames, FreeError, ReclaimError, Run, RunError, State, Use};
use memory::memory_map::{Kind, MapEntry};
use proptest::prelude::*;
use simulated::{frames_over, picture, range};
use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};

const USES: [Use; 5] = [
    Use::Table,
    Use::Kernel,
    Use::Private,
    Use::Shared,
    Use::Zero,
];

/// A machine with ragged, adjoining and far-apart ranges, and two of the loader's.
fn machine() -> [MapEntry; 6] {
    let entry = |start, end, kind| MapEntry {
        range: range(start, end),
        kind,
    };
    [
        entry(0x10_0000, 0x1a_3000, Kind::Usable),
        entry(0x1a_3000, 0x1c_0000, Kind::Reclaimable), // in the block of its neighbours
        entry(0x1c_0000, 0x82_1000, Kind::Usable),
        entry(0x4000_0000, 0x4040_0000, Kind::Usable),
        entry(0xff_ffff_d000, 0x100_0020_5000, Kind::Usable), // both sides of 1 TiB
        entry(0x100_0040_0000, 0x100_0040_8000, Kind::Reclaimable),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Allocate {
        count: u16,
        usage: Use,
    },
    Allocate2M {
        usage: Use,
    },
    Allocate1G {
        usage: Use,
    },
    AllocateRun {
        count: u64,
        align: u64,
        below: u64,
        usage: Use,
    },
    Free {
        which: usize,
        count: u16,
    },
    FreeRaw {
        which: usize,
    },
    Split {
        which: usize,
    },
    Reclassify {
        which: usize,
        usage: Use,
    },
    Limit(Option<u64>),
    Reclaim {
        start: u64,
        frames: u64,
    },
    WrongFree {
        frame: u64,
        offset: u64,
        usage: Use,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let usage = || proptest::sample::select(USES.to_vec());
    let which = any::<usize>;
    let count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let free_count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let run = (
        prop_oneof![1..20_u64, 1..1100_u64],
        0..23_u32,
        prop_oneof![0..0x900_u64, Just((1_u64 << 40) - 1)],
        usage(),
    );
    let wrong = (
        prop_oneof![0..0x900_u64, Just(0x3_ffff), 0xfff_fff0..0x1000_0500_u64],
        prop_oneof![9 => Just(0), 1 => 1..4096_u64],
        usage(),
    );
    prop_oneof![
        8 => (count, usage()).prop_map(|(count, usage)| Step::Allocate { count, usage }),
        3 => usage().prop_map(|usage| Step::Allocate2M { usage }),
        1 => usage().prop_map(|usage| Step::Allocate1G { usage }),
        4 => run.prop_map(|(count, align, below, usage)| Step::AllocateRun {
            count, align: 1 << align, below: below << 12, usage }),
        10 => (which(), free_count).prop_map(|(which, count)| Step::Free { which, count }),
        3 => which().prop_map(|which| Step::FreeRaw { which }),
        2 => which().prop_map(|which| Step::Split { which }),
        1 => (which(), usage()).prop_map(|(which, usage)| Step::Reclassify { which, usage }),
        1 => proptest::option::of(0..3000_u64).prop_map(Step::Limit),
        1 => (prop_oneof![0x190..0x1d0_u64, 0x1000_03f0..0x1000_0410_u64], 0..20_u64)
            .prop_map(|(start, frames)| Step::Reclaim { start, frames }),
        3 => wrong.prop_map(|(frame, offset, usage)| Step::WrongFree { frame, offset, usage }),
    ]
}

/// What somebody holds.
enum Owned {
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

struct Model {
    frames: Frames<'static>,
    free: BTreeSet<u64>,
    pending: BTreeSet<u64>,
    total: u64,
    used: [u64; 5],
    owned: Vec<Owned>,
    /// Free frames that the limit keeps back.
    withheld: u64,
}

impl Model {
    fn new() -> Self {
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

    fn allowance(&self) -> u64 {
        self.free.len() as u64 - self.withheld
    }

    /// How many 2 MiB blocks have all their frames free.
    fn whole_blocks(&self) -> u64 {
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
    fn give_up(&mut self, which: usize) -> Option<Owned> {
        if self.owned.is_empty() {
            return None;
        }
        let owned = self.owned.swap_remove(which % self.owned.len());
        self.free.extend(owned.numbers());
        let numbers = owned.numbers();
        self.used[owned.usage() as usize] -= numbers.end - numbers.start;
        Some(owned)
    }

    fn run(&mut self, step: Step) {
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

    /// Everything that can be asked agrees with the model.
    fn check(&self) {
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
            limit: (self.withheld > 0).then(|| free - self.withheld),
            refused: 0,
        };
        assert_eq!(self.frames.counts(), expected);
        assert!(self.frames.can_allocate(self.allowance()));
        assert!(!self.frames.can_allocate(self.allowance() + 1));
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
                .map(|(range, _)| (range.start.as_u64() >> 12, range.frames()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of_state(State::Free), rows(&self.free));
        assert_eq!(of_state(State::Reserved), rows(&self.pending));
        let used: u64 = of_state(State::Used).iter().map(|row| row.1).sum();
        assert_eq!(used, self.used.iter().sum());
        for (range, state) in self.frames.states() {
            assert_eq!(self.frames.state_of(range.start), Some(state));
            assert_eq!(self.frames.state_of(range.end - 1_u64), Some(state));
        }
    }
}

/// Rows of frames: the number of the first, and how many.
fn rows(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut rows: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match rows.last_mut() {
            Some((first, length)) if *first + *length == number => *length += 1,
            _ => rows.push((number, 1)),
        }
    }
    rows
}

proptest! {
    #[test]
    fn random_operations_agree_with_a_set_of_frames(steps in proptest::collection::vec(any_step(), 1..60)) {
        let mut model = Model::new();
        model.check();
        for step in steps {
            model.run(step);
            model.check();
        }
        // Everything comes back, and in one piece.
        model.frames.set_limit(None);
        model.withheld = 0;
        while let Some(owned) = model.give_up(0) {
            match owned {
                Owned::Small(frame) => model.frames.free(frame),
                Owned::Large(frame) => model.frames.free(frame),
                Owned::Row(run) => model.frames.free_run(run),
            }
        }
        model.check();
    }
}
