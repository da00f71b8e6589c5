//! The machine: memory, a processor, spaces, and accesses through all of it.
//!
//! ```text
//!   access ─> cache ── hit ─────────────────────────> byte
//!               └ miss ─> walk ── leaf ─> cache ────> byte
//!                           └ fault ─> resolve ─> again, or refused
//! ```
//!
//! What must always hold: program memory is reached through the processor only. While it
//! does not obey flushes, a stale translation may lead anywhere: an access through one goes
//! to a frame that is free or a program's, or is stopped.
#![allow(unsafe_code)]

use alloc::sync::Arc;
use alloc::vec::Vec;

use memory::fault_log::Event;
use memory::frames::{OutOfFrames, Shortage};
use memory::memory_map::{Kind, Region};
use memory::slot::SetSlotsError;
use memory::space::{Eviction, ForkError, Half, SwapInError};
use memory::{Access, Fault, Features, KernelHalf, Memory, Outcome, Refusal, Space};
use spin::mutex::SpinMutex;
use x86_64::VirtAddr;

use crate::episode::{Recording, Telling};
use crate::processor::Processor;
use crate::processors::{Processors, is_stale, stale_at};
use crate::simulated_memory::{SIZE, SimulatedMemory};
use crate::state::frames::{self, Use};
use crate::swap::{Evicted, IDLE_LAPS, Swap};
use crate::translation::{Leaf, UPPER, Upper, span};
use crate::wire::{Bench, Wire};

/// Spaces that there may be at once, as in the kernel.
pub(crate) const MOST_SPACES: usize = 32;

/// Where usable memory begins.
const USABLE: u64 = 1 << 20;
const FEATURES: Features = Features {
    gigabyte_pages: true,
    no_execute: true,
    global_pages: true,
    physical_bits: 40,
};

/// The machine. Its memory goes before the bytes that it lies in.
pub struct Machine {
    memory: Memory,
    kernel: KernelHalf,
    spaces: Vec<Option<Space>>,
    current: usize,
    bench: Arc<SpinMutex<Bench>>,
    pub(crate) swap: Swap,
    pub(crate) recording: Recording,
    /// Where the window on program memory begins.
    pub(crate) window: u64,
    pub(crate) hits: u64,
    pub(crate) walks: u64,
    /// Faults since somebody cleared this, and what became of them.
    pub(crate) events: Vec<Event>,
    /// Faults that frames were made free for.
    pub(crate) relieved: u64,
    /// Faults that waited for a slot.
    pub(crate) waited: u64,
    bytes: Arc<SimulatedMemory>,
}

/// Why the processor made no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A page fault that was refused.
    PageFault(Fault, Refusal),
    /// The same, for want of frames.
    OutOfFrames(Fault, Shortage),
    /// The address is none.
    NotCanonical,
    /// A stale translation leads to this physical address, which is no program's memory.
    Astray(u64, Use),
}

impl Machine {
    /// A machine with so many slots on its disk.
    ///
    /// # Errors
    ///
    /// Too many slots for its memory.
    ///
    /// # Panics
    ///
    /// If the host has no 16 MiB.
    pub fn new(slots: u64) -> Result<Self, SetSlotsError> {
        let bytes = Arc::new(SimulatedMemory::new());
        let mut processors = Processors::new(1, &bytes, FEATURES);
        // What nobody asked for would only be in the way of who looks on.
        processors.speculates = false;
        let bench = Arc::new(SpinMutex::new(Bench {
            processors,
            before_flush: None,
        }));
        let usable = Region {
            start: USABLE,
            end: SIZE,
            kind: Kind::Usable,
        };
        let wire = Wire::to(&bench);
        // SAFETY:
        // - The whole simulated memory is mapped at this offset, and lives as long as the
        //   machine; nobody else touches it but the processor, entries as atomics.
        // - The processor is what the features say, and honours WP. It ignores flushes only
        //   when told to, and `access` keeps what comes of that inside of program memory.
        let memory = unsafe { Memory::new([usable], bytes.offset(), FEATURES, wire) };
        let memory = memory.expect("15 MiB have room for a bitmap and a log");
        // SAFETY: it is the machine's one kernel half.
        let kernel = unsafe { KernelHalf::new(510..512, &[], &memory) };
        let kernel = kernel.expect("three frames for tables, and one for records");
        memory.set_slots(slots)?;
        let space = Space::new(&kernel, &memory).expect("a frame for the root");
        let mut machine = Self {
            memory,
            kernel,
            spaces: alloc::vec![Some(space)],
            current: 0,
            bench,
            swap: Swap::new(),
            recording: Recording::default(),
            window: 0x1_0000,
            hits: 0,
            walks: 0,
            events: Vec::new(),
            relieved: 0,
            waited: 0,
            bytes,
        };
        machine.load(0);
        Ok(machine)
    }

    // --- looking --------------------------------------------------------------

    /// The memory manager.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The kernel half.
    pub(crate) fn kernel(&self) -> &KernelHalf {
        &self.kernel
    }

    /// The physical memory.
    pub(crate) fn bytes(&self) -> &SimulatedMemory {
        &self.bytes
    }

    /// Looks at the processor and its flushes; nothing may be done to memory meanwhile.
    pub(crate) fn bench<R>(&self, look: impl FnOnce(&mut Bench) -> R) -> R {
        look(&mut self.bench.lock())
    }

    /// Looks at the processor; nothing may be done to memory meanwhile.
    pub(crate) fn core<R>(&self, look: impl FnOnce(&mut Processor) -> R) -> R {
        self.bench(|bench| look(&mut bench.processors.each[0]))
    }

    /// The number of the space that is loaded.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// The space that is loaded.
    pub(crate) fn space(&self) -> &Space {
        let space = self.spaces[self.current].as_ref();
        space.expect("the loaded space exists")
    }

    /// All spaces, by number.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = (usize, &Space)> + Clone {
        let all = self.spaces.iter().enumerate();
        all.filter_map(|(number, space)| space.as_ref().map(|space| (number, space)))
    }

    /// The kernel half, and the low halves of all spaces.
    pub(crate) fn halves(&self) -> impl Iterator<Item = &Half> {
        let kernel: &Half = &self.kernel;
        let low = self.spaces().map(|(_, space)| -> &Half { space });
        core::iter::once(kernel).chain(low)
    }

    /// The half that an address lies in.
    pub(crate) fn half_of(&self, address: VirtAddr) -> &Half {
        match address.as_u64() & UPPER {
            0 => self.space(),
            _ => &self.kernel,
        }
    }

    /// How many flushes there were.
    pub(crate) fn flushes(&self) -> u64 {
        self.bench(|bench| bench.processors.flushed.len()) as u64
    }

    /// Whether the processor obeys them.
    pub(crate) fn obeys(&self) -> bool {
        self.bench(|bench| bench.processors.ignored == 0)
    }

    // --- the processor --------------------------------------------------------

    /// Lets the processor obey flushes, or ignore them.
    pub(crate) fn set_obeys(&mut self, obeys: bool) {
        let ignored = if obeys { 0 } else { usize::MAX };
        self.bench(|bench| bench.processors.ignored = ignored);
    }

    /// Makes the processor forget all that it remembers, whether it obeys flushes or not.
    /// Returns how many entries that were.
    pub(crate) fn forget_all(&mut self) -> usize {
        self.core(|core| {
            let count = core.leaves.len() + core.uppers.len();
            core.leaves.clear();
            core.uppers.clear();
            count
        })
    }

    /// Loads the root of a space, which makes the processor forget the one before.
    pub(crate) fn load(&mut self, number: usize) {
        self.current = number;
        let root = self.space().root().start_address().as_u64();
        self.core(|core| core.load(root));
    }

    /// Reads a byte through the processor.
    pub(crate) fn read(&mut self, address: u64) -> Result<u8, Refused> {
        let physical = self.access(address, Access::Read, None)?;
        Ok(self.bytes.read(physical))
    }

    /// Writes a byte through the processor.
    pub(crate) fn write(&mut self, address: u64, byte: u8) -> Result<(), Refused> {
        self.access(address, Access::Write, Some(byte)).map(drop)
    }

    /// The byte that the processor would read, without an access.
    pub(crate) fn peek(&self, address: u64) -> Option<u8> {
        let at = VirtAddr::try_new(address).ok()?;
        let cached = self.cached(address);
        let cached = cached.map(|leaf| leaf.physical + (address - leaf.start));
        let tables = || self.half_of(at).translate(at).map(|at| at.as_u64());
        Some(self.bytes.read(cached.or_else(tables)?))
    }

    /// One access, and what there is to tell of it. A byte that is given is written.
    fn access(&mut self, address: u64, access: Access, byte: Option<u8>) -> Result<u64, Refused> {
        let at = VirtAddr::try_new(address).map_err(|_| Refused::NotCanonical)?;
        let mut telling = Telling::begin(self, at, access);
        let result = self.translate(at, access, &mut telling);
        if let (Ok(physical), Some(byte)) = (result, byte) {
            self.bytes.write(physical, byte);
        }
        telling.end(self, result);
        result
    }

    /// Translates, takes faults and resolves them until there is a physical address, or
    /// none is to be had.
    fn translate(
        &mut self,
        at: VirtAddr,
        access: Access,
        telling: &mut Telling,
    ) -> Result<u64, Refused> {
        let address = at.as_u64();
        loop {
            let hit = self.hit(address, access);
            self.check_way(address, hit)?;
            let translated = self.core(|core| core.translate(address, access, false));
            self.hits += u64::from(hit.is_some());
            self.walks += u64::from(hit.is_none());
            let fault = match translated {
                Ok(physical) => {
                    self.check_end(physical, hit)?;
                    return Ok(physical);
                }
                Err(fault) => fault,
            };
            telling.faulted(self, &fault);
            self.core(|core| core.forget(address));
            let outcome = self.resolve(&fault);
            telling.resolved(self, outcome);
            match outcome {
                Outcome::Refused(Refusal::OutOfFrames) if self.relieve() => {
                    self.relieved += 1;
                    telling.relieved(self);
                }
                Outcome::Refused(Refusal::OutOfFrames) => {
                    return Err(Refused::OutOfFrames(fault, self.shortage(&fault)));
                }
                Outcome::Refused(refusal) => return Err(Refused::PageFault(fault, refusal)),
                Outcome::Blocked => {
                    self.waited += 1;
                    let brought = self.bring_back(at);
                    brought.map_err(|shortage| Refused::OutOfFrames(fault, shortage))?;
                    telling.brought_back(self);
                }
                _ => {}
            }
        }
    }

    /// The leaf that an access would go by without a walk, be it allowed or not.
    pub(crate) fn hit(&self, address: u64, access: Access) -> Option<Leaf> {
        let cached = self.cached(address);
        // A first write walks anew, to set DIRTY.
        cached.filter(|leaf| {
            leaf.dirty || access != Access::Write || !leaf.permissions.writable
        })
    }

    fn resolve(&mut self, fault: &Fault) -> Outcome {
        self.bench(|bench| bench.before_flush = None);
        let outcome = match fault.address.as_u64() & UPPER {
            0 => {
                let space = self.spaces[self.current].as_mut();
                let space = space.expect("the loaded space exists");
                space.resolve(fault, &self.memory)
            }
            _ => self.kernel.resolve(fault, &self.memory),
        };
        self.events
            .extend(core::iter::from_fn(|| self.memory.next_event()));
        outcome
    }

    /// The leaf that the processor remembers for an address.
    fn cached(&self, address: u64) -> Option<Leaf> {
        self.core(|core| {
            (1..=3).find_map(|level| {
                let start = address & !(span(level) - 1);
                core.leaves.get(&(level, start)).copied()
            })
        })
    }

    /// The lowest entry above a leaf that the processor remembers on the way to an address.
    pub(crate) fn shortcut(&self, address: u64) -> Option<(u8, Upper)> {
        self.core(|core| {
            (2..=4).find_map(|level| {
                let start = address & !(span(level) - 1);
                Some((level, *core.uppers.get(&(level, start))?))
            })
        })
    }

    /// Stops a walk that would begin in what is no table any more.
    fn check_way(&self, address: u64, hit: Option<Leaf>) -> Result<(), Refused> {
        let Some((level, upper)) = self.shortcut(address).filter(|_| hit.is_none()) else {
            return Ok(());
        };
        let start = address & !(span(level) - 1);
        let is_stale = self.core(|core| is_stale(core, level, start, &upper));
        match is_stale {
            true => Err(Refused::Astray(upper.table, frames::at(self, upper.table))),
            false => Ok(()),
        }
    }

    /// Stops an access through a stale translation that does not end in program memory.
    fn check_end(&self, physical: u64, hit: Option<Leaf>) -> Result<(), Refused> {
        let is_stale = |leaf: &Leaf| self.core(|core| stale_at(core, leaf).is_some());
        if hit.as_ref().is_none_or(|leaf| !is_stale(leaf)) {
            return Ok(());
        }
        match frames::at(self, physical) {
            Use::Free | Use::Private | Use::Shared => Ok(()),
            what => Err(Refused::Astray(physical, what)),
        }
    }

    // --- frames ---------------------------------------------------------------

    /// How many frames it takes to resolve a fault, and how many there are.
    fn shortage(&self, fault: &Fault) -> Shortage {
        Shortage {
            needed: self.half_of(fault.address).frames_needed(fault),
            available: self.memory.counts().available(),
        }
    }

    /// Brings a page back from its slot; frames are made free for it if there are none.
    fn bring_back(&mut self, address: VirtAddr) -> Result<(), Shortage> {
        loop {
            let space = self.spaces[self.current].as_mut();
            let space = space.expect("the loaded space exists");
            let shortage = match self.swap.bring_back(space, address, &self.memory) {
                Err(SwapInError::OutOfFrames(shortage)) => shortage,
                // The page is there, or the access will tell what it wants.
                _ => return Ok(()),
            };
            if !self.relieve() {
                return Err(shortage);
            }
        }
    }

    /// Makes some frames free, if there are slots and somebody was short; false if none came.
    fn relieve(&mut self) -> bool {
        let missing = self.memory.take_missing().max(1);
        if self.memory.slots().total == 0 {
            return false;
        }
        let before = self.memory.counts();
        // As many at once as the kernel lets go.
        let batch = ((before.private + before.shared) / 128).min(64);
        self.evict(missing.max(batch));
        self.memory.counts().available() > before.available()
    }

    /// Lets so many pages go, or as many as can.
    pub(crate) fn evict(&mut self, wanted: u64) -> Evicted {
        let mut evicted = Evicted::default();
        let mut idle = 0;
        while evicted.written + evicted.saved < wanted {
            let turns = self.spaces().count();
            if idle >= IDLE_LAPS * turns {
                break;
            }
            let turn = self.swap.turn % turns;
            let (number, _) = self.spaces().nth(turn).expect("it is one of so many");
            let space = self.spaces[number].as_mut().expect("it exists");
            match self.swap.evict(number, space, &self.memory) {
                Some(Eviction::Written(_)) => (evicted.written, idle) = (evicted.written + 1, 0),
                Some(Eviction::Saved(_)) => (evicted.saved, idle) = (evicted.saved + 1, 0),
                Some(Eviction::Unmapped(_)) => {}
                Some(Eviction::EndOfLap { .. }) => {
                    self.swap.turn = (turn + 1) % turns;
                    idle += 1;
                }
                None => break,
            }
        }
        evicted
    }

    // --- spaces ---------------------------------------------------------------

    /// Works on the space that is loaded.
    pub(crate) fn change<R>(&mut self, work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
        self.bench(|bench| bench.before_flush = None);
        let space = self.spaces[self.current].as_mut();
        work(space.expect("the loaded space exists"), &self.memory)
    }

    /// The space of this number, if there is one.
    pub(crate) fn space_of(&self, number: u64) -> Option<&Space> {
        let space = self.spaces.get(usize::try_from(number).ok()?)?;
        space.as_ref()
    }

    /// The number that the next space would get.
    pub(crate) fn free_number(&self) -> Option<usize> {
        (0..MOST_SPACES).find(|number| self.space_of(*number as u64).is_none())
    }

    /// Makes an empty space of this number.
    pub(crate) fn make_space(&mut self, number: usize) -> Result<(), OutOfFrames> {
        let space = Space::new(&self.kernel, &self.memory)?;
        self.keep(number, space);
        Ok(())
    }

    /// Makes a copy of the space that is loaded, of this number.
    pub(crate) fn fork(&mut self, number: usize) -> Result<(), ForkError> {
        let copy = self.change(Space::fork)?;
        self.keep(number, copy);
        Ok(())
    }

    fn keep(&mut self, number: usize, space: Space) {
        if number == self.spaces.len() {
            self.spaces.push(None);
        }
        self.spaces[number] = Some(space);
        self.swap.forget_hand(number);
    }

    /// Destroys a space that is not loaded. Returns how many frames went back.
    pub(crate) fn destroy(&mut self, number: usize) -> u64 {
        assert!(number != self.current, "it is loaded");
        let space = self.spaces[number].take();
        // SAFETY: the one processor has another root loaded.
        space.map_or(0, |space| unsafe { space.destroy(&self.memory) })
    }
}
