//! Eviction on a machine: the disk that pages go to, a policy that takes whatever it
//! meets, and both operations. While the disk works no lock is held, and no processor
//! can write to the page that goes.

use std::collections::HashMap;
use std::ops::Range;

use faultline_memory::Slot;
use faultline_memory::policy::{Candidate, Choice, Policy};
use faultline_memory::space::{EvictError, Eviction, Hand, SwapInError};
use x86_64::VirtAddr;

use super::machine::Machine;

/// The disk that pages go to. A slot that was never written cannot be read, nor one
/// whose last write failed; a read that fails leaves rubbish behind.
#[derive(Default)]
pub struct Disk {
    slots: HashMap<Slot, [u8; 4096]>,
    /// True if it fails whatever is asked of it.
    pub is_broken: bool,
    /// Requests that fail, by their number: the first is 0.
    pub failing: Range<u64>,
    /// Requests so far, those that failed included.
    pub writes: u64,
    pub reads: u64,
}

/// The disk failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl Disk {
    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.writes + self.reads
    }

    /// True if the next request fails.
    pub fn fails(&self) -> bool {
        self.is_broken || self.failing.contains(&self.requests())
    }

    pub fn write(&mut self, slot: Slot, bytes: &[u8; 4096]) -> Result<(), Failed> {
        let fails = self.fails();
        self.writes += 1;
        if fails {
            self.slots.remove(&slot);
            return Err(Failed);
        }
        self.slots.insert(slot, *bytes);
        Ok(())
    }

    pub fn read(&mut self, slot: Slot, bytes: &mut [u8; 4096]) -> Result<(), Failed> {
        let fails = self.fails();
        self.reads += 1;
        if fails {
            bytes[..2048].fill(0xdd);
            return Err(Failed);
        }
        *bytes = self.slots[&slot];
        Ok(())
    }
}

/// Takes whatever it meets. A processor of the bench sets ACCESSED again as soon as it
/// is cleared, by a speculative walk: so would one of metal that uses the page.
pub struct First;

impl Policy for First {
    fn choose(&mut self, _: &Candidate) -> Choice {
        Choice::Take
    }
}

impl Machine {
    /// Evicts a page of a space, with no lock of `memory` held while the disk works.
    pub fn try_evict(
        &mut self,
        index: usize,
        hand: &mut Hand,
        policy: &mut dyn Policy,
    ) -> Result<Eviction, EvictError<Failed>> {
        let space = self.spaces[index].as_mut().expect("a space that exists");
        let (memory, disk, processors) = (&self.memory, &mut self.disk, &self.processors);
        space.evict(hand, policy, memory, |slot, bytes| {
            assert!(!memory.is_locked(), "locked while the disk works");
            let stale = processors.lock().expect("no panic before").stale();
            assert_eq!(stale, None, "a processor could still write to the page");
            disk.write(slot, bytes)
        })
    }

    /// Brings a page of a space back from its slot.
    pub fn try_swap_in(&mut self, index: usize, address: u64) -> Result<Slot, SwapInError<Failed>> {
        let space = self.spaces[index].as_mut().expect("a space that exists");
        let (memory, disk) = (&self.memory, &mut self.disk);
        space.swap_in(VirtAddr::new(address), memory, |slot, bytes| {
            assert!(!memory.is_locked(), "locked while the disk works");
            disk.read(slot, bytes)
        })
    }
}
