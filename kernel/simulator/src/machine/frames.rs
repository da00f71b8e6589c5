//! Frames that are short: what a fault lacks, pages that go, and pages that come back.
//!
//! What must always hold: as in the kernel, as many pages go at once, in the same order, and
//! somebody who is short is refused only when nothing more can go.

use memory::Fault;
use memory::frames::Shortage;
use memory::space::{Eviction, SwapInError};
use x86_64::VirtAddr;

use super::Machine;
use crate::swap::{Evicted, IDLE_LAPS};

impl Machine {
    /// How many frames it takes to resolve a fault, and how many there are.
    pub(super) fn shortage(&self, fault: &Fault) -> Shortage {
        Shortage {
            needed: self.half_of(fault.address).frames_needed(fault),
            available: self.memory.counts().available(),
        }
    }

    /// Brings a page back from its slot; frames are made free for it if there are none.
    pub(super) fn bring_back(&mut self, address: VirtAddr) -> Result<(), Shortage> {
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

    /// Makes some frames free, if something failed for want of them and there are slots;
    /// false if none came.
    pub(crate) fn relieve(&mut self) -> bool {
        let missing = self.memory.take_missing();
        if missing == 0 || self.memory.slots().total == 0 {
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
                Some(Eviction::BrokenUp { written }) => {
                    (evicted.written, idle) = (evicted.written + written, 0);
                }
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
}
