//! Plays each step of a script on the machine and on the plain model, and
//! compares what both say.

use std::collections::BTreeMap;
use std::sync::Arc;

use faultline_memory::space::{Backing, HALF, Hand};
use faultline_memory::{Features, Space};

use super::common::machine::{KERNEL_BASE, KERNEL_END, Machine, PROCESSORS};
use super::common::operations::{Half, KERNEL};
use super::common::simulated_memory::SimulatedMemory;
use super::fault::Room;
use super::plain::{HUGE, PAGE, PlainHalf, PlainRegion};
use super::script::{HalfNumber, Step, Target};
use super::swap::SLOTS;
use super::tally::Tally;

/// Where regions fight for room: across a boundary of 1 GiB, and in the kernel
/// half across one of 512 GiB.
const LOW_ARENA: u64 = HUGE - 1024 * PAGE;
const KERNEL_ARENA: u64 = KERNEL_BASE + 512 * HUGE - 1024 * PAGE;
/// Spaces at a time.
const MOST_SPACES: usize = 2;

/// The machine and what it should look like.
pub struct World {
    pub machine: Machine,
    pub features: Features,
    pub halves: BTreeMap<Half, PlainHalf>,
    pub fallbacks: u64,
    pub tally: Tally,
    /// Free frames of the machine when it had one empty space.
    pub capacity: u64,
    /// Free frames that the limit keeps back.
    pub withheld: u64,
    /// Wishes so far.
    pub devices: u64,
    /// How far eviction has come.
    pub hands: BTreeMap<Half, Hand>,
}

impl World {
    pub fn new(memory: Arc<SimulatedMemory>, features: Features) -> Self {
        let far = memory.far();
        let ranges = [(0x10_0000, 0x78_0000), (far - 0x10_0000, far + 0x8_0000)];
        let machine = Machine::with_memory(memory, &ranges, features);
        machine.memory.set_slots(SLOTS).expect("frames");
        let kernel = PlainHalf {
            is_kernel: true,
            ..PlainHalf::default()
        };
        Self {
            features,
            capacity: machine.counts().free + 1,
            halves: BTreeMap::from([(KERNEL, kernel), (Some(0), PlainHalf::default())]),
            machine,
            fallbacks: 0,
            tally: Tally::default(),
            withheld: 0,
            devices: 0,
            hands: BTreeMap::new(),
        }
    }

    /// Plays one step and compares all there is to compare.
    pub fn play(&mut self, step: &Step) {
        match *step {
            Step::Allocate(half, wish) => self.allocate(self.half(half), &wish),
            Step::Free(half, target) => self.free(self.half(half), target),
            Step::Access(processor, half, target, access, user, byte) => {
                self.access(usize::from(processor), half, target, access, user, byte);
            }
            Step::Read(half, target, size) => {
                self.bytes(self.half(half), target, usize::from(size), None);
            }
            Step::Write(half, target, size, byte) => {
                self.bytes(self.half(half), target, usize::from(size), Some(byte));
            }
            Step::Protect(half, target, pages, rights) => {
                self.protect(self.half(half), target, u64::from(pages), rights);
            }
            Step::Discard(half, target, pages) => {
                self.discard(self.half(half), target, u64::from(pages));
            }
            Step::Reserve(half, target, pages) => {
                self.reserve(self.half(half), target, u64::from(pages));
            }
            Step::Unreserve(half, target, pages) => {
                self.unreserve(self.half(half), target, u64::from(pages));
            }
            Step::BackWith(half, target, byte) => {
                self.back_with(self.half(half), target, byte);
            }
            Step::FreeRange(half, target, pages) => {
                self.free_range(self.half(half), target, u64::from(pages));
            }
            Step::Replace(half, target, pages) => {
                self.replace(self.half(half), target, u64::from(pages));
            }
            Step::Grow(half, target, pages) => {
                self.grow(self.half(half), target, u64::from(pages));
            }
            Step::Move(half, target, pages, to) => {
                self.move_range(self.half(half), target, u64::from(pages), to);
            }
            Step::Limit(left) => self.limit(left.map(u64::from)),
            Step::Evict(half, pages) => self.evict(self.half(half), u64::from(pages)),
            Step::NewSpace => self.new_space(),
            Step::Fork(half) => self.fork(self.half(half)),
            Step::Load(processor, half) => {
                let half = self.half(half);
                self.machine.load(usize::from(processor), half);
            }
            Step::Destroy(half) => self.destroy(self.half(half)),
        }
        self.compare();
    }

    /// The kernel half for 0, and else a low half, counted round.
    fn half(&self, number: HalfNumber) -> Half {
        let low = self.halves.len() - 1;
        let index = match usize::from(number).checked_sub(1) {
            Some(number) if low > 0 => 1 + number % low,
            _ => 0,
        };
        *self.halves.keys().nth(index).expect("the kernel half")
    }

    /// The plain side of a half.
    pub fn plain(&mut self, half: Half) -> &mut PlainHalf {
        self.halves.get_mut(&half).expect("a half that exists")
    }

    /// The first address of the stretch that regions fight for.
    pub fn arena(half: Half) -> u64 {
        half.map_or(KERNEL_ARENA, |_| LOW_ARENA)
    }

    /// Where the last region of a half may end.
    pub fn top(half: Half) -> u64 {
        half.map_or(KERNEL_END, |_| HALF)
    }

    /// Where a target is: near a region, or, where there is none, in the arena
    /// or on the first pages.
    pub fn address_of(&self, half: Half, target: Target) -> u64 {
        let regions = self.halves.get(&half).map(|plain| &plain.regions);
        let count = regions.map_or(0, BTreeMap::len);
        let page = u64::from(target.page);
        if target.region == u8::MAX && half.is_some() || count == 0 {
            let base = if target.page.is_multiple_of(2) {
                Self::arena(half)
            } else {
                0
            };
            let base = if half == KERNEL { KERNEL_ARENA } else { base };
            return base + page / 2 % 4 * PAGE;
        }
        let number = usize::from(target.region) % count;
        let (base, region) = regions
            .and_then(|regions| regions.iter().nth(number))
            .expect("counted round");
        let pages = region.size / PAGE;
        if page % 32 == 31 {
            let end = base + region.size;
            // Behind the low half there is no address.
            return if end == HALF { end - PAGE } else { end };
        }
        base + page % pages * PAGE
    }

    /// Frames in use but for those of an empty machine.
    pub fn used(&self) -> u64 {
        let leaves: u64 = self
            .halves
            .values()
            .map(|half| half.private() + half.tables())
            .sum();
        let tables = self.counter_tables() + self.slot_tables() + self.note_tables();
        leaves + self.shared() + tables + self.record_frames()
    }

    pub fn record_frames(&self) -> u64 {
        let halves = self.halves.keys();
        halves
            .map(|&half| self.machine.half(half).record_frames())
            .sum()
    }

    /// Frames that are kept back for reserved pages.
    pub fn reserved(&self) -> u64 {
        self.halves.values().map(PlainHalf::reserved).sum()
    }

    /// Free frames that are not kept back.
    fn free_for_all(&self) -> u64 {
        self.capacity - self.used() - self.reserved() - self.kept_for_slots()
    }

    /// What can be handed out now.
    pub fn room(&self) -> Room {
        Room {
            frames: self.free_for_all() - self.withheld,
            is_last_owner: false,
            is_last_of_page: false,
            blocks: self.machine.memory.frames(|frames| frames.free_2m_blocks()),
        }
    }

    fn limit(&mut self, left: Option<u64>) {
        let free = self.free_for_all();
        self.withheld = left.map_or(0, |left| free.saturating_sub(left));
        self.machine.memory.set_limit(left);
    }

    /// True if there may be one space more.
    pub fn may_have_another(&self) -> bool {
        self.halves.len() <= MOST_SPACES
    }

    fn new_space(&mut self) {
        if !self.may_have_another() {
            return;
        }
        let room = self.room();
        let made = Space::new(&self.machine.kernel, &self.machine.memory);
        assert_eq!(made.is_ok(), room.frames > 0);
        if let Ok(space) = made {
            self.machine.spaces.push(Some(space));
            let index = self.machine.spaces.len() - 1;
            self.halves.insert(Some(index), PlainHalf::default());
        }
    }

    /// Destroys a space; where it is loaded, another takes its place.
    fn destroy(&mut self, half: Half) {
        let Some(index) = half else { return };
        let (private, shared) = (self.plain(half).private(), self.shared());
        self.halves.remove(&half);
        let last = shared - self.shared();
        let other = self.half(1);
        for processor in 0..PROCESSORS {
            if self.machine.loaded(processor) == half {
                self.machine.load(processor, other);
            }
        }
        assert_eq!(self.machine.destroy(index), private + last);
    }

    /// Gives everything back, and checks that it is all there.
    pub fn end(&mut self) {
        self.compare_all_bytes();
        for half in self.halves.keys().copied().collect::<Vec<_>>() {
            self.destroy(half);
        }
        let parts = std::mem::take(&mut self.plain(KERNEL).regions);
        let is_fixed = |part: &PlainRegion| part.backing == Backing::Fixed;
        for (base, _) in parts
            .iter()
            .filter(|(_, part)| part.offset == 0 && !is_fixed(part))
        {
            self.machine.free(KERNEL, *base);
        }
        let counts = self.machine.counts();
        assert_eq!(counts.free + counts.kernel, self.capacity);
        let fixed = parts.values().any(is_fixed);
        assert_eq!((counts.private, counts.kernel > 0), (0, fixed));
    }
}
