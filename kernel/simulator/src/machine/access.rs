//! An access: through the cache, the tables, and as many faults as it takes.
//!
//! ```text
//!   access ─> cache ── hit ─────────────────────────> byte
//!               └ miss ─> walk ── leaf ─> cache ────> byte
//!                           └ fault ─> resolve ─> again, or refused
//! ```
//!
//! What must always hold: while the processor does not obey flushes, a stale translation may
//! lead anywhere. An access through one goes to a frame that is free or a program's, and a
//! walk begins in a table, or else it is stopped.

use memory::frames::Shortage;
use memory::{Access, Fault, Outcome, Refusal};
use x86_64::VirtAddr;

use super::Machine;
use crate::episode::Telling;
use crate::processors::{is_stale, stale_at};
use crate::state::frames::{self, Use};
use crate::translation::{Leaf, UPPER, Upper, span};

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

    /// Reads a byte through the processor.
    pub(crate) fn read(&mut self, address: u64) -> Result<u8, Refused> {
        let physical = self.access(address, Access::Read, None)?;
        Ok(self.bytes.read(physical))
    }

    /// Writes a byte through the processor.
    pub(crate) fn write(&mut self, address: u64, byte: u8) -> Result<(), Refused> {
        self.access(address, Access::Write, Some(byte)).map(drop)
    }

    /// Writes a byte to each address up to `last`, which lies in the same page. What comes
    /// after the first byte goes by the translation that this one has left in the cache.
    pub(crate) fn fill(&mut self, address: u64, last: u64, byte: u8) -> Result<(), Refused> {
        self.write(address, byte)?;
        let Some(leaf) = self.hit(address, Access::Write) else {
            return Ok(());
        };
        for place in address + 1..=last {
            self.bytes.write(leaf.physical + (place - leaf.start), byte);
            self.hits += 1;
        }
        Ok(())
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
        self.bench(|bench| bench.near = address);
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
        cached.filter(|leaf| leaf.dirty || access != Access::Write || !leaf.permissions.writable)
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
            // No translation to the frame of zeroes ever allowed writing.
            Use::Free | Use::Private | Use::Shared | Use::Zero => Ok(()),
            what => Err(Refused::Astray(physical, what)),
        }
    }
}
