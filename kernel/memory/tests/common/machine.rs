//! A machine of simulated memory and software processors, set up as a kernel
//! sets itself up: memory map, frames, kernel half, spaces.
//!
//! Every access goes through a processor: translate, fault, resolve, and again.
//! What must hold at each of them is checked here: one fault is enough for one
//! access, and no translation leads to a frame that is not in use.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use faultline_memory::frames::State;
use faultline_memory::memory_map::{Kind, Region as MapRegion};
use faultline_memory::object::ProvideError;
use faultline_memory::space::{SwapInError, WantedPage};
use faultline_memory::{Access, Features, KernelHalf, Memory, Outcome, Refusal, Space};
use x86_64::{PhysAddr, VirtAddr};

use super::evict::Disk;
use super::processors::Processors;
use super::simulated_memory::SimulatedMemory;
use super::translation::UPPER;
use super::wire::Wire;

/// The top-level slots of the kernel half that hold regions: the last ones.
pub const KERNEL_SLOTS: Range<u16> = 510..512;
/// The first address in them.
pub const KERNEL_BASE: u64 = 0xffff_ff00_0000_0000;
/// The end of the last region that may lie there.
pub const KERNEL_END: u64 = 0xffff_ffff_ffff_f000;
/// A further slot, for what is mapped for ever.
pub const FIXED_SLOT: Range<u16> = 300..301;
/// The first address in it.
pub const FIXED_BASE: u64 = 0xffff_9600_0000_0000;
/// Tables that a machine without any space has: its root, and one for each slot.
pub const FIRST_TABLES: u64 = 4;
/// Events that its fault log holds.
pub const EVENTS: usize = faultline_memory::fault_log::RING;
/// How many processors a machine has.
pub const PROCESSORS: usize = 2;

/// A processor that can do everything.
pub const FEATURES: Features = Features {
    gigabyte_pages: true,
    no_execute: true,
    global_pages: true,
    physical_bits: 52,
};
/// The end of the physical addresses that it has.
pub const PHYSICAL_END: u64 = 1 << FEATURES.physical_bits;

/// A machine; `spaces[i]` is the low half that `load(_, Some(i))` loads.
pub struct Machine {
    pub memory: Memory,
    pub(super) processors: Arc<Mutex<Processors>>,
    pub kernel: KernelHalf,
    pub spaces: Vec<Option<Space>>,
    loaded: [Option<usize>; PROCESSORS],
    /// The fault outcomes of the last access; at most one, and before it one that
    /// it was blocked.
    pub outcomes: Vec<Outcome>,
    pub bytes: Arc<SimulatedMemory>,
    pub disk: Disk,
}

/// What every byte of a page of a file is, as long as nobody writes.
pub const fn file_byte(page: u64) -> u8 {
    0x80 | page as u8
}

impl Machine {
    /// A machine with 8 MiB of memory near the bottom and 6 MiB far up, one
    /// space, loaded on both processors.
    pub fn new() -> Self {
        Self::with_features(FEATURES)
    }

    /// The same with other processors.
    pub fn with_features(features: Features) -> Self {
        let memory = Arc::new(SimulatedMemory::new());
        let far = memory.far();
        let ranges = [(0x10_0000, 0x90_0000), (far - 0x10_0000, far + 0x50_0000)];
        Self::with_rubbish(memory, &ranges, features)
    }

    /// A machine with these ranges of memory.
    pub fn with_ranges(ranges: &[(u64, u64)]) -> Self {
        Self::with_rubbish(Arc::new(SimulatedMemory::new()), ranges, FEATURES)
    }

    /// The first 8 MiB of each range hold rubbish, as memory does after a
    /// restart, so that a frame that nobody zeroed is noticed.
    fn with_rubbish(
        memory: Arc<SimulatedMemory>,
        ranges: &[(u64, u64)],
        features: Features,
    ) -> Self {
        for &(start, end) in ranges {
            memory.soil(start, (end - start).min(0x80_0000));
        }
        Self::with_memory(memory, ranges, features)
    }

    /// A machine with all of it chosen. The memory holds what it held.
    pub fn with_memory(
        memory: Arc<SimulatedMemory>,
        ranges: &[(u64, u64)],
        features: Features,
    ) -> Self {
        let regions: Vec<_> = ranges
            .iter()
            .map(|&(start, end)| MapRegion {
                start,
                end,
                kind: Kind::Usable,
            })
            .collect();
        let processors = Processors::new(PROCESSORS, &memory, features);
        let processors = Arc::new(Mutex::new(processors));
        let (offset, tlb) = (memory.offset(), Wire::to(&processors));
        // SAFETY:
        // - The whole simulated memory is mapped at this offset, and a machine
        //   drops its `Memory` and halves before the bytes.
        // - Tests touch frames that are free, tables or records only in the way
        //   a processor does: atomically, and entries alone.
        // - The processors are what the features say, and honour WP.
        let handle = unsafe { Memory::new(regions, offset, features, tlb) }.expect("enough memory");
        // SAFETY: it is the machine's one kernel half.
        let kernel = unsafe { KernelHalf::new(KERNEL_SLOTS, &[FIXED_SLOT], &handle) }
            .expect("free slots and four frames");
        let mut machine = Self {
            memory: handle,
            processors,
            kernel,
            spaces: Vec::new(),
            loaded: [None; PROCESSORS],
            outcomes: Vec::new(),
            bytes: memory,
            disk: Disk::default(),
        };
        let space = machine.new_space();
        (0..PROCESSORS).for_each(|processor| machine.load(processor, Some(space)));
        machine
    }

    /// The processors; nothing may be done to memory while this is held.
    pub fn processors(&self) -> MutexGuard<'_, Processors> {
        self.processors
            .lock()
            .expect("no test goes on after a panic")
    }

    /// Makes a space with an empty low half.
    pub fn new_space(&mut self) -> usize {
        let space = Space::new(&self.kernel, &self.memory).expect("a frame for the root");
        self.spaces.push(Some(space));
        self.spaces.len() - 1
    }

    /// Loads a space on a processor, or the kernel half alone.
    pub fn load(&mut self, processor: usize, space: Option<usize>) {
        let root = space.map_or(self.kernel.root(), |index| self.space(index).root());
        let root = root.start_address().as_u64();
        self.processors().each[processor].load(root);
        self.loaded[processor] = space;
    }

    /// The space that is loaded on a processor.
    pub fn loaded(&self, processor: usize) -> Option<usize> {
        self.loaded[processor]
    }

    /// A low half.
    pub fn space(&mut self, index: usize) -> &mut Space {
        self.spaces[index].as_mut().expect("a space that exists")
    }

    /// Destroys a space that no processor has loaded.
    pub fn destroy(&mut self, index: usize) -> u64 {
        assert!(!self.loaded.contains(&Some(index)), "it is in use");
        let space = self.spaces[index].take().expect("a space that exists");
        // SAFETY: checked above.
        unsafe { space.destroy(&self.memory) }
    }

    /// One access: translated, faulted and resolved until it works or is
    /// refused. Returns the physical address.
    pub fn access(
        &mut self,
        processor: usize,
        address: u64,
        access: Access,
        user: bool,
    ) -> Result<u64, Refusal> {
        self.outcomes.clear();
        loop {
            let translated = self.processors().each[processor].translate(address, access, user);
            let fault = match translated {
                Ok(physical) => {
                    let frame = PhysAddr::new(physical);
                    let state = self.memory.frames(|frames| frames.state_of(frame));
                    assert!(
                        matches!(state, Some(State::Used) | None),
                        "{access} of {address:#x} leads to {physical:#x}, which is {state:?}"
                    );
                    return Ok(physical);
                }
                Err(fault) => fault,
            };
            assert!(
                self.outcomes.iter().all(|one| *one == Outcome::Blocked),
                "{address:#x}: after {:?} there is another fault: {fault}",
                self.outcomes
            );
            self.processors().each[processor].forget_and_speculate(address);
            let outcome = match self.loaded[processor] {
                Some(index) if address & UPPER == 0 => {
                    let space = self.spaces[index].as_mut().expect("a loaded space");
                    space.resolve(&fault, &self.memory)
                }
                _ => self.kernel.resolve(&fault, &self.memory),
            };
            self.outcomes.push(outcome);
            if let Outcome::Refused(refusal) = outcome {
                return Err(refusal);
            }
            if outcome == Outcome::Blocked {
                self.read_in(processor, address)?;
            }
        }
    }

    /// Gets the page that an access waits for, as a kernel does: from its slot, or
    /// from a file, of which each byte is [`file_byte`].
    fn read_in(&mut self, processor: usize, address: u64) -> Result<(), Refusal> {
        let index = self.loaded[processor].expect("low halves have objects and slots");
        let is_in_slot = self.space(index).wanted_slot(VirtAddr::new(address));
        if is_in_slot.is_some() {
            return match self.try_swap_in(index, address) {
                Ok(_) => Ok(()),
                Err(SwapInError::OutOfFrames(_)) => Err(Refusal::OutOfFrames),
                Err(error) => panic!("{error:?}"),
            };
        }
        let wanted = self.space(index).wanted_page(VirtAddr::new(address));
        let WantedPage { object, page } = wanted.expect("a region of a file");
        let bytes = [file_byte(page); 4096];
        match self.memory.provide_bytes(object, page, &bytes) {
            Ok(()) => Ok(()),
            Err(ProvideError::OutOfFrames) => Err(Refusal::OutOfFrames),
            Err(error) => panic!("{error}"),
        }
    }

    /// The kernel, on processor 0, reads a byte.
    pub fn read(&mut self, address: u64) -> Result<u8, Refusal> {
        self.read_on(0, address)
    }

    /// The kernel, on processor 0, writes a byte.
    pub fn write(&mut self, address: u64, byte: u8) -> Result<(), Refusal> {
        self.write_on(0, address, byte)
    }

    /// The kernel reads a byte.
    pub fn read_on(&mut self, processor: usize, address: u64) -> Result<u8, Refusal> {
        let physical = self.access(processor, address, Access::Read, false)?;
        Ok(self.bytes.read(physical))
    }

    /// The kernel writes a byte.
    pub fn write_on(&mut self, processor: usize, address: u64, byte: u8) -> Result<(), Refusal> {
        let physical = self.access(processor, address, Access::Write, false)?;
        self.bytes.write(physical, byte);
        Ok(())
    }

    /// The kernel, on processor 0, fetches an instruction.
    pub fn fetch(&mut self, address: u64) -> Result<u8, Refusal> {
        let physical = self.access(0, address, Access::Execute, false)?;
        Ok(self.bytes.read(physical))
    }

    /// Where the memory of devices begins: 1 GiB aligned, and nobody manages it.
    pub fn device(&self) -> PhysAddr {
        PhysAddr::new(self.bytes.far() / 2)
    }

    /// Where the tables say that an address of space `index` lies: both those
    /// who tell the way and those who only go it.
    pub fn physical_of(&mut self, index: usize, address: u64) -> Option<u64> {
        let address = VirtAddr::new(address);
        let half: &faultline_memory::space::Half = match address.as_u64() >> 63 {
            1 => &self.kernel,
            _ => self.space(index),
        };
        let physical = half.translate(address);
        assert_eq!(half.walk(address).physical(), physical, "{address:?}");
        physical.map(PhysAddr::as_u64)
    }
}
