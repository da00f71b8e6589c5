//! The machine: memory, a processor, spaces.
//!
//! | file | does |
//! |---|---|
//! | `access` | an access through cache, tables and faults |
//! | `frames` | makes frames free when they are short |
//! | `spaces` | makes, copies, loads and destroys address spaces |
//!
//! What must always hold: program memory is reached through the processor only, and what the
//! processor does while it ignores flushes stays within program memory (see `access`).
#![allow(unsafe_code)]

mod access;
mod frames;
mod spaces;

use alloc::sync::Arc;
use alloc::vec::Vec;

use memory::fault_log::Event;
use memory::memory_map::{Kind, Region};
use memory::slot::SetSlotsError;
use memory::space::Half;
use memory::{Features, KernelHalf, Memory, Space};
use spin::mutex::SpinMutex;
use x86_64::VirtAddr;

use crate::episode::Recording;
use crate::processor::Processor;
use crate::processors::Processors;
use crate::simulated_memory::{SIZE, SimulatedMemory};
use crate::swap::Swap;
use crate::translation::UPPER;
use crate::wire::{Bench, Wire};

pub(crate) use access::Refused;

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
            near: 0,
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
            window: 0x1000,
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
}
