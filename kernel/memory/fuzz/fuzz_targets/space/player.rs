//! Plays a script on a machine of simulated memory and software processors.
//!
//! What is demanded after each step: the audit passes, no processor remembers
//! what it must not, a step that was refused has changed nothing, and each byte
//! is the one that was written there last, or 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use faultline_memory::frames::FrameKind;
use faultline_memory::space::{Backing, HALF, Hand, Region};
use faultline_memory::{Features, Outcome, Refusal};
use x86_64::VirtAddr;

use crate::common::evict::First;
use crate::common::machine::{
    FEATURES, FIRST_TABLES, KERNEL_BASE, KERNEL_END, Machine, PROCESSORS,
};
use crate::common::operations::{BIG, Half, KERNEL, PAGE};
use crate::common::simulated_memory::SimulatedMemory;
use crate::common::snapshot::Snapshot;
use crate::step::{Kind, Script, Step, Target, Wish};

/// Spaces that there are at most at a time.
const MOST_SPACES: usize = 4;
/// Slots that pages can go to.
const SLOTS: u64 = 8192;

thread_local! {
    /// Reserved once: each machine soils what it uses.
    static MEMORY: Arc<SimulatedMemory> = Arc::new(SimulatedMemory::new());
}

/// A machine, and what its pages are to hold.
struct Player {
    machine: Machine,
    /// By half: how far eviction has come.
    hands: BTreeMap<Half, Hand>,
    /// Bytes that are not 0, by half and address.
    bytes: BTreeMap<(Half, u64), u8>,
}

/// Plays a script, then takes everything down and misses nothing.
pub fn play(script: &Script) {
    let features = Features {
        gigabyte_pages: script.gigabyte_pages,
        no_execute: script.no_execute,
        ..FEATURES
    };
    let memory = MEMORY.with(Arc::clone);
    let far = memory.far();
    let ranges = [(0x10_0000, 0x70_0000), (far - 0x10_0000, far + 0x20_0000)];
    let mut player = Player {
        machine: Machine::with_memory(memory, &ranges, features),
        hands: BTreeMap::new(),
        bytes: BTreeMap::new(),
    };
    let slots = player.machine.memory.set_slots(SLOTS);
    slots.expect("frames for their counts");
    for step in script.steps.iter().take(200) {
        player.step(*step);
        player.machine.check();
    }
    player.take_down();
}

impl Player {
    fn step(&mut self, step: Step) {
        match step {
            Step::Allocate(wish) => {
                let half = self.half(wish.half);
                let span = match half {
                    KERNEL => KERNEL_BASE..KERNEL_END,
                    Some(_) => 0..HALF,
                };
                let request = wish.request(span, self.machine.device());
                self.unless_refused("allocate", |machine| {
                    machine.try_allocate(half, request).map(|_| ()).is_ok()
                });
            }
            Step::Free(target) => {
                let Some((half, _, page)) = self.find(target) else {
                    return;
                };
                let regions = self.regions(half);
                if self.unless_refused("free", |machine| machine.try_free(half, page).is_ok()) {
                    let kept = self.regions(half);
                    let page = VirtAddr::new_truncate(page);
                    assert!(kept.iter().all(|region| !region.contains(page)));
                    for gone in regions.iter().filter(|region| !kept.contains(region)) {
                        self.forget(half, gone.base.as_u64(), gone.end());
                    }
                }
            }
            Step::Access(processor, target, kind, user) => {
                self.access(usize::from(processor) % PROCESSORS, target, kind, user);
            }
            Step::Read(target, size) => self.read(target, size),
            Step::Write(target, size, byte) => self.write(target, size, byte),
            Step::Protect(target, pages, right) => {
                if let Some((half, _, start)) = self.find(target) {
                    let size = u64::from(pages) % 1200 * PAGE;
                    self.unless_refused("protect", |machine| {
                        let done = machine.try_protect(half, start, size, right.into());
                        done.is_ok()
                    });
                }
            }
            Step::Discard(target, pages) => {
                if let Some((half, _, start)) = self.find(target) {
                    let size = u64::from(pages) % 1200 * PAGE;
                    let done = self.unless_refused("discard", |machine| {
                        machine.try_discard(half, start, size).is_ok()
                    });
                    if done {
                        self.forget(half, start, start.saturating_add(size));
                    }
                }
            }
            Step::Reserve(target, pages) => {
                if let Some((half, _, start)) = self.find(target) {
                    let size = u64::from(pages) % 1200 * PAGE;
                    self.unless_refused("reserve", |machine| {
                        let start = VirtAddr::new_truncate(start);
                        machine.with(half, |space, memory| {
                            space.reserve(start, size, memory).is_ok()
                        })
                    });
                }
            }
            Step::Unreserve(target, pages) => {
                if let Some((half, _, start)) = self.find(target) {
                    let size = u64::from(pages) % 1200 * PAGE;
                    self.unless_refused("unreserve", |machine| {
                        let start = VirtAddr::new_truncate(start);
                        machine.with(half, |space, memory| {
                            space.unreserve(start, size, memory).is_ok()
                        })
                    });
                }
            }
            Step::BackWith(target, byte) => self.back_with(target, byte),
            Step::FreeRange(target, pages) => self.free_range(target, pages),
            Step::Grow(target, pages) => {
                if let Some((Some(index), _, page)) = self.find(target) {
                    let by = u64::from(pages) % 1200 * PAGE;
                    self.unless_refused("grow", |machine| {
                        machine.try_grow(index, page, by).is_ok()
                    });
                }
            }
            Step::Replace(target, wish) => self.replace(target, wish),
            Step::Move(target, pages, to, aligned) => self.move_range(target, pages, to, aligned),
            Step::Limit(left) => {
                self.machine.memory.set_limit(left.map(u64::from));
            }
            Step::NewSpace => {
                let memory = &self.machine.memory;
                let room = memory.frames(|frames| frames.can_allocate(1));
                if room && self.spaces().count() < MOST_SPACES {
                    self.machine.new_space();
                }
            }
            Step::Fork(half) => {
                if let half @ Some(index) = self.half(half)
                    && self.spaces().count() < MOST_SPACES
                    && self.unless_refused("fork", |machine| machine.try_fork(index).is_ok())
                {
                    let child = Some(self.machine.spaces.len() - 1);
                    let own = self.bytes.iter().filter(|((of, _), _)| *of == half);
                    let copies: Vec<_> = own
                        .map(|((_, address), byte)| ((child, *address), *byte))
                        .collect();
                    self.bytes.extend(copies);
                }
            }
            Step::Evict(half, pages, is_broken) => self.evict(half, pages % 32, is_broken),
            Step::Load(processor, half) => {
                let half = self.half(half);
                self.machine.load(usize::from(processor) % PROCESSORS, half);
            }
            Step::Destroy(half) => {
                let loaded = [0, 1].map(|processor| self.machine.loaded(processor));
                if let half @ Some(index) = self.half(half)
                    && !loaded.contains(&half)
                {
                    self.machine.destroy(index);
                    self.forget(half, 0, u64::MAX);
                }
            }
        }
    }

    /// Evicts pages, whatever they are used for.
    fn evict(&mut self, half: u8, pages: u8, is_broken: bool) {
        let half @ Some(index) = self.half(half) else {
            return;
        };
        let mut hand = self.hands.get(&half).copied().unwrap_or_default();
        self.machine.disk.is_broken = is_broken;
        for _ in 0..pages {
            self.unless_refused("evict", |machine| {
                machine.try_evict(index, &mut hand, &mut First).is_ok()
            });
            self.machine.check();
        }
        self.machine.disk.is_broken = false;
        self.hands.insert(half, hand);
    }

    fn free_range(&mut self, target: Target, pages: u16) {
        let Some((half @ Some(index), _, start)) = self.find(target) else {
            return;
        };
        let size = u64::from(pages) % 1200 * PAGE;
        let done = self.unless_refused("free_range", |machine| {
            machine.try_free_range(index, start, size).is_ok()
        });
        if done {
            self.forget(half, start, start + size);
        }
    }

    fn replace(&mut self, target: Target, wish: Wish) {
        let Some((half @ Some(index), _, start)) = self.find(target) else {
            return;
        };
        let request = wish.request(0..HALF, self.machine.device());
        let mut end = start;
        let done = self.unless_refused("replace", |machine| {
            let replaced = machine.try_replace(index, start, request);
            end = replaced.map_or(end, |region| region.end());
            replaced.is_ok()
        });
        if done {
            assert!(end > start);
            self.forget(half, start, end);
        }
    }

    fn move_range(&mut self, target: Target, pages: u16, to: Target, aligned: bool) {
        let (Some((half @ Some(index), region, start)), Some((_, _, to))) =
            (self.find(target), self.find(to))
        else {
            return;
        };
        let left = region.end().saturating_sub(start);
        let size = (u64::from(pages) % 1200 * PAGE).min(left);
        let to = if aligned {
            to / BIG * BIG + start % BIG
        } else {
            to
        };
        let done = to < HALF
            && self.unless_refused("move_range", |machine| {
                machine.try_move(index, start, size, to).is_ok()
            });
        if done {
            let own = self
                .bytes
                .iter()
                .filter(|((of, at), _)| *of == half && (start..start + size).contains(at));
            let moved: Vec<_> = own
                .map(|((_, at), byte)| ((half, at - start + to), *byte))
                .collect();
            self.forget(half, start, start + size);
            self.bytes.extend(moved);
        }
    }

    /// One access of a processor to a byte, whose page and value are the step's.
    fn access(&mut self, processor: usize, target: Target, kind: Kind, user: bool) {
        let Some((half, _, address)) = self.find(target) else {
            return;
        };
        if half != KERNEL && self.machine.loaded(processor) != half {
            return;
        }
        let before = Snapshot::of(&self.machine);
        let byte = target.page as u8;
        match self.machine.access(processor, address, kind.into(), user) {
            // No memory is simulated up to the end of the physical addresses.
            Ok(physical) if physical >= self.machine.bytes.size() => {}
            Ok(physical) => match kind {
                Kind::Write => {
                    self.machine.bytes.write(physical, byte);
                    self.note(half, address, byte);
                }
                Kind::Read | Kind::Execute => {
                    let found = self.machine.bytes.read(physical);
                    self.expect(half, address, found);
                }
            },
            Err(refusal) => {
                let now = Snapshot::of(&self.machine);
                let last = self.machine.outcome();
                // One that waits for its slot waits for a frame first.
                let waits = last == Some(Outcome::Blocked) && refusal == Refusal::OutOfFrames;
                assert!(waits || last == Some(Outcome::Refused(refusal)), "{last:?}");
                before.assert_unchanged(&now, "a refused access");
            }
        }
    }

    fn read(&mut self, target: Target, size: u16) {
        let Some((half, _, start)) = self.find(target) else {
            return;
        };
        let start = start + u64::from(target.page % 4096);
        let mut bytes = vec![0; usize::from(size) % 9000];
        let done = self.machine.with(half, |space, memory| {
            space.read(VirtAddr::new_truncate(start), &mut bytes, memory)
        });
        let end = done.map_or_else(|error| error.address, |()| start + bytes.len() as u64);
        for (address, byte) in (start..end).zip(bytes) {
            self.expect(half, address, byte);
        }
    }

    fn write(&mut self, target: Target, size: u16, byte: u8) {
        let Some((half, _, start)) = self.find(target) else {
            return;
        };
        let start = start + u64::from(target.page % 4096);
        let bytes = vec![byte; usize::from(size) % 9000];
        let done = self.machine.with(half, |space, memory| {
            space.write(VirtAddr::new_truncate(start), &bytes, memory)
        });
        let end = done.map_or_else(|error| error.address, |()| start + bytes.len() as u64);
        for address in start..end {
            self.note(half, address, byte);
        }
    }

    /// Backs a page with a frame that holds `byte` 4096 times.
    fn back_with(&mut self, target: Target, byte: u8) {
        let Some((half, _, page)) = self.find(target) else {
            return;
        };
        let done = self.unless_refused("back_with", |machine| {
            let Ok(frame) = machine.memory.allocate_frame(FrameKind::Kernel) else {
                return false;
            };
            let start = frame.start().as_u64();
            (start..start + PAGE).for_each(|at| machine.bytes.write(at, byte));
            let page = VirtAddr::new_truncate(page);
            let result = machine.with(half, |space, memory| space.back_with(page, frame, memory));
            result
                .map_err(|(_, frame)| machine.memory.free_frame(frame))
                .is_ok()
        });
        if done {
            (page..page + PAGE).for_each(|address| self.note(half, address, byte));
        }
    }

    /// Does what may be refused; if it is, nothing has changed. True if it is not.
    fn unless_refused(&mut self, what: &str, call: impl FnOnce(&mut Machine) -> bool) -> bool {
        let before = Snapshot::of(&self.machine);
        let done = call(&mut self.machine);
        if !done {
            before.assert_unchanged(&Snapshot::of(&self.machine), what);
        }
        done
    }

    /// Everything goes back: what is left is what a fresh machine has.
    fn take_down(&mut self) {
        self.machine.memory.set_limit(None);
        (0..PROCESSORS).for_each(|processor| self.machine.load(processor, KERNEL));
        for index in self.spaces().collect::<Vec<_>>() {
            self.machine.destroy(index);
        }
        while let Some(region) = self.regions(KERNEL).first() {
            self.machine.free(KERNEL, region.base.as_u64());
        }
        let counts = self.machine.counts();
        assert_eq!((counts.private, counts.shared, counts.kernel), (0, 0, 0));
        let slots = self.machine.memory.slots();
        assert_eq!((slots.used, slots.saved), (0, 0));
        assert_eq!(counts.tables, FIRST_TABLES);
        assert_eq!(self.machine.memory.borrowed(), 0);
        self.machine.check();
    }

    // --- what there is -----------------------------------------------------

    fn spaces(&self) -> impl Iterator<Item = usize> + '_ {
        let spaces = self.machine.spaces.iter().enumerate();
        spaces.filter_map(|(index, space)| space.as_ref().map(|_| index))
    }

    /// The half with this number, counted round over those there are.
    fn half(&self, number: u8) -> Half {
        let halves: Vec<Half> = std::iter::once(KERNEL)
            .chain(self.spaces().map(Some))
            .collect();
        halves[usize::from(number) % halves.len()]
    }

    fn regions(&self, half: Half) -> Vec<Region> {
        self.machine.half(half).regions().collect()
    }

    /// Half, region and address of a target, if the half has a region.
    fn find(&self, target: Target) -> Option<(Half, Region, u64)> {
        let half = self.half(target.half);
        let regions = self.regions(half);
        let index = usize::from(target.region).checked_rem(regions.len())?;
        let region = regions[index];
        let page = u64::from(target.page) % (region.size / PAGE + 1);
        let address = region.base.as_u64() + page * PAGE;
        // Behind the low half there is no address.
        let address = if address == HALF {
            HALF - PAGE
        } else {
            address
        };
        Some((half, region, address))
    }

    // --- what it holds -----------------------------------------------------

    /// True if the byte is this region's own: not a device's, which all share.
    fn is_own(&self, half: Half, address: u64) -> bool {
        let regions = self.regions(half);
        let address = VirtAddr::new_truncate(address);
        let region = regions.iter().find(|region| region.contains(address));
        region.is_some_and(|region| !matches!(region.backing, Backing::Device(..)))
    }

    fn note(&mut self, half: Half, address: u64, byte: u8) {
        if self.is_own(half, address) {
            self.bytes.insert((half, address), byte);
        }
    }

    fn forget(&mut self, half: Half, start: u64, end: u64) {
        self.bytes
            .retain(|&(of, address), _| of != half || !(start..end).contains(&address));
    }

    fn expect(&self, half: Half, address: u64, found: u8) {
        if self.is_own(half, address) {
            let byte = self.bytes.get(&(half, address)).copied().unwrap_or(0);
            assert_eq!(found, byte, "the byte at {address:#x} of {half:?}");
        }
    }
}
