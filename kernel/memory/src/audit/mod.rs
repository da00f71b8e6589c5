//! The audit: every invariant of the memory manager checked against the tables,
//! records and bits themselves, and the first broken one named. It is the
//! memory manager's `fsck`.
//!
//! ```text
//! bitmap ─> regions of each half ─> objects ─> tables and leaves of each half ─> slots ─> counters
//!  frames      regions               objects     tables ─> leaves ─> marks        slots     mod
//! ```
//!
//! What must always hold: an audit changes nothing but its scratch, and the half
//! of each owner count that is there for its notes; it takes no memory, and
//! ends, without a panic, whatever the tables say. Private frames that a space
//! executes are writable in the direct map, through which the kernel fills them;
//! that alone is not held against them.
//! In the book: chapter 9, `docs/09-testing-a-kernel.md`.

mod broken;
mod defect;
mod display;
mod leaves;
mod marks;
mod objects;
mod outside;
mod owners;
mod regions;
mod slots;
mod tables;
#[cfg(test)]
mod tests;

pub use broken::{Broken, Counter};
pub use defect::{
    Conflict, LeafDefect, ObjectDefect, RegionDefect, Right, SlotDefect, TableDefect,
};

use core::iter::once;

use x86_64::{PhysAddr, VirtAddr};

use crate::frames::{Frames, State};
use crate::memory::{Memory, Met, Owners, Slots};
use crate::object::Objects;
use crate::slot::MOST_SLOTS;
use crate::space::{Half, KernelHalf, Space};
use crate::tlb::Scope;
use marks::Marks;

/// What an audit looked at, when nothing was broken. Frames are of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Comparisons that were made.
    pub checks: u64,
    /// Halves: the kernel's, and those of the spaces.
    pub halves: u64,
    /// Regions in them.
    pub regions: u64,
    /// Objects.
    pub objects: u64,
    /// Frames that hold their records.
    pub record_frames: u64,
    /// Frames that hold tables, roots included; those of the boot loader not.
    pub tables: u64,
    /// Tables of somebody else, in frames that were never handed out.
    pub foreign_tables: u64,
    /// Frames behind private leaves.
    pub private: u64,
    /// Frames behind shared leaves, and behind pages of objects.
    pub shared: u64,
    /// Pages that a frame is kept back for.
    pub reserved: u64,
    /// Leaves that share the zero frame.
    pub zero: u64,
    /// Pages that are in slots.
    pub swapped: u64,
    /// Frames behind borrowed leaves.
    pub borrowed: u64,
    /// Frames behind leaves in fixed regions, as often as they are mapped.
    pub fixed: u64,
}

/// An audit to be made: of the kernel half, and of the spaces that will be given
/// to [`Audit::run`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is checked before `run`"]
pub struct Audit<'a> {
    kernel: &'a KernelHalf,
    memory: &'a Memory,
    held: u64,
    whole: bool,
    /// Where the kernel's direct map shows physical address 0.
    direct_map: VirtAddr,
}

impl<'a> Audit<'a> {
    /// An audit of this kernel half.
    ///
    /// # Panics
    ///
    /// If the half was made from another `Memory`.
    pub fn of(kernel: &'a KernelHalf, memory: &'a Memory) -> Self {
        kernel.check(memory);
        let root = kernel.root().start_address();
        Self {
            kernel,
            memory,
            held: 0,
            direct_map: memory.direct_map().address_of(PhysAddr::zero()),
            whole: memory.frames(|frames| frames.state_of(root)) == Some(State::Used),
        }
    }

    /// Says how many frames of [`FrameKind::Kernel`](crate::frames::FrameKind::Kernel) the
    /// kernel holds itself, besides those of the region records.
    pub fn held(self, frames: u64) -> Self {
        Self {
            held: frames,
            ..self
        }
    }

    /// Audits every slot of the kernel's root, though it is the boot loader's.
    /// Without this a root that was not handed out by the allocator is audited
    /// in the slots of regions only, and any other root as a whole.
    ///
    /// In a whole audit each leaf there is has to lie in a region, and each
    /// table in memory that the allocator manages.
    pub fn whole(self) -> Self {
        Self {
            whole: true,
            ..self
        }
    }

    /// Words of scratch that [`Self::run`] needs: 4 bits for each frame.
    #[must_use]
    pub fn words(&self) -> usize {
        self.memory.frames(marks::words)
    }

    /// Audits the kernel half and `spaces`, which are all the low halves there
    /// are. What `scratch` held is lost. Every page of it has to be mapped
    /// before (in a kernel: immediate memory, a static, or written once): a
    /// fault cannot be resolved while spaces and memory are locked.
    ///
    /// # Errors
    ///
    /// The first thing that is [`Broken`].
    ///
    /// # Panics
    ///
    /// If a space was made from another `Memory`.
    pub fn run<'s>(
        self,
        spaces: impl Iterator<Item = &'s Space> + Clone,
        scratch: &mut [u64],
    ) -> Result<Report, Broken>
    where
        'a: 's,
    {
        spaces.clone().for_each(|space| space.check(self.memory));
        let (needed, given) = (self.words(), scratch.len());
        let Some(scratch) = scratch.get_mut(..needed) else {
            return Err(Broken::ScratchTooShort { needed, given });
        };
        let lent = (self.memory.leaked(), self.memory.borrowed());
        self.memory.audited(|frames, owners, objects, slots| {
            self.run_with(frames, (owners, objects, slots), lent, spaces, scratch)
        })
    }

    /// The audit itself, with the frame allocator locked.
    fn run_with<'s>(
        self,
        frames: &Frames,
        (owners, objects, slots): (&Owners, &Objects, &Slots),
        (leaked, borrowed): (u64, u64),
        spaces: impl Iterator<Item = &'s Space> + Clone,
        scratch: &mut [u64],
    ) -> Result<Report, Broken>
    where
        'a: 's,
    {
        let zero = self.memory.zero_frame().start_address();
        let mut auditor = Auditor {
            memory: self.memory,
            frames,
            marks: Marks::new(frames, owners, zero, scratch),
            objects: objects.look(),
            slots: slots.met(),
            kept_for_slots: 0,
            direct_map: self.direct_map,
            executes_outside: false,
            resident: 0,
            report: Report::default(),
        };
        let kernel: &Half = self.kernel;
        let halves = once(kernel).chain(spaces.map(|space| &**space));
        auditor.slots.forget(0..MOST_SLOTS);
        auditor.require(leaked == 0, Broken::Leaked { count: leaked })?;
        auditor.bitmap()?;
        for half in halves.clone() {
            auditor.regions(half)?;
        }
        auditor.counter_tables(owners)?;
        auditor.slot_tables(slots)?;
        auditor.objects(halves.clone())?;
        for half in halves.clone() {
            auditor.tables(half, kernel)?;
        }
        if self.whole {
            auditor.foreign_tables(kernel)?;
        }
        if auditor.executes_outside {
            outside::check(self.memory, frames, halves.clone(), self.whole)?;
        }
        auditor.zero_frame()?;
        auditor.owner_counts(owners)?;
        auditor.slot_owners(slots)?;
        auditor.counters(self.held, borrowed)?;
        let resident = halves.map(Half::resident_frames).sum();
        auditor.equal(Counter::Resident, resident, auditor.resident)?;
        Ok(auditor.report)
    }
}

/// An audit under way.
struct Auditor<'a> {
    memory: &'a Memory,
    frames: &'a Frames<'a>,
    marks: Marks<'a>,
    objects: Objects,
    /// What was met of the owners of slots.
    slots: Met,
    /// Frames that are to be kept back for tables of their counts.
    kept_for_slots: u64,
    direct_map: VirtAddr,
    /// Whether a leaf allows to execute memory that is not managed.
    executes_outside: bool,
    /// Frames behind private and shared leaves, as often as they are mapped.
    resident: u64,
    report: Report,
}

impl Auditor<'_> {
    /// Counts a check, and ends the audit if it does not hold.
    #[inline]
    fn require(&mut self, holds: bool, broken: Broken) -> Result<(), Broken> {
        self.report.checks += 1;
        if holds { Ok(()) } else { Err(broken) }
    }

    fn equal(&mut self, counter: Counter, says: u64, found: u64) -> Result<(), Broken> {
        let broken = Broken::Count {
            counter,
            says,
            found,
        };
        self.require(says == found, broken)
    }

    /// The allocator's bitmap agrees with itself and with its counters.
    fn bitmap(&mut self) -> Result<(), Broken> {
        let frames = self.frames;
        let found = frames.recount().map_err(|block| Broken::Bitmap { block })?;
        let counts = frames.counts();
        self.equal(Counter::Total, counts.total, found.total)?;
        self.equal(Counter::Free, counts.free, found.free)?;
        self.equal(Counter::Reserved, counts.reserved, found.reserved)?;
        self.equal(Counter::Used, counts.used, found.used)?;
        self.equal(Counter::Refused, counts.refused, 0)
    }

    /// Each counter by use says what the walk has found.
    fn counters(&mut self, held: u64, borrowed: u64) -> Result<(), Broken> {
        let counts = self.frames.counts();
        let report = self.report;
        self.equal(Counter::Tables, counts.tables, report.tables)?;
        self.equal(Counter::Private, counts.private, report.private)?;
        let kept_back = report.reserved + self.kept_for_slots;
        self.equal(Counter::KeptBack, counts.kept_back, kept_back)?;
        self.equal(Counter::Shared, counts.shared, report.shared)?;
        self.equal(Counter::Zero, counts.zero, 1)?;
        self.equal(Counter::Kernel, counts.kernel, report.record_frames + held)?;
        self.equal(Counter::Borrowed, borrowed, report.borrowed)
    }

    /// The zero frame still holds nothing but zeroes.
    #[expect(unsafe_code, reason = "reads a frame")]
    fn zero_frame(&mut self) -> Result<(), Broken> {
        const PIECE: usize = 256;
        let frame = self.memory.zero_frame();
        for offset in (0..frame.size()).step_by(PIECE) {
            let address = frame.start_address() + offset;
            let mut bytes = [0; PIECE];
            // SAFETY: inside the zero frame, which is in use for ever.
            unsafe { self.memory.direct_map().read(address, &mut bytes) };
            let wrong = bytes.iter().position(|byte| *byte != 0);
            let at = address + wrong.unwrap_or(0) as u64;
            self.require(wrong.is_none(), Broken::ZeroFrame { address: at })?;
        }
        Ok(())
    }
}

/// The name of a half in what is found broken.
fn scope(half: &Half) -> Scope {
    half.scope()
}
