//! What an audit finds broken: which invariant, and where. What is wrong there is in
//! `defect`; `display` says it in words.

use x86_64::{PhysAddr, VirtAddr};

use super::defect::{Conflict, LeafDefect, ObjectDefect, RegionDefect, SlotDefect, TableDefect};
use crate::object::ObjectId;
use crate::slot::Slot;
use crate::space::RecordsDefect;
use crate::tlb::Scope;

/// The first invariant that an audit found broken, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// The scratch is shorter than [`Audit::words`](super::Audit::words).
    ScratchTooShort {
        /// Words that are needed.
        needed: usize,
        /// Words that were given.
        given: usize,
    },
    /// 1: the allocator's bitmap, count and summaries differ for 2 MiB of memory.
    Bitmap {
        /// The first address of them.
        block: PhysAddr,
    },
    /// 1: a counter says something else than what was found.
    Count {
        /// Which counter.
        counter: Counter,
        /// What it says.
        says: u64,
        /// What was found.
        found: u64,
    },
    /// 2 and 3: something is wrong with a leaf.
    Leaf {
        /// The half whose tables hold it.
        space: Scope,
        /// The first address that it maps.
        address: VirtAddr,
        /// The frame that is at fault, or the first that the leaf maps.
        frame: PhysAddr,
        /// What is wrong.
        defect: LeafDefect,
    },
    /// 3: the zero frame holds another byte than 0.
    ZeroFrame {
        /// The byte's address.
        address: PhysAddr,
    },
    /// 4: something is wrong with a table.
    Table {
        /// The half that it belongs to.
        space: Scope,
        /// Its level, 4 (a root) to 1.
        level: u8,
        /// The first address that it spans.
        address: VirtAddr,
        /// Where it lies.
        table: PhysAddr,
        /// What is wrong.
        defect: TableDefect,
    },
    /// 5: something is wrong with the record of a region.
    Region {
        /// The half that it belongs to.
        space: Scope,
        /// The region's base.
        base: VirtAddr,
        /// What is wrong.
        defect: RegionDefect,
    },
    /// 1: a frame that holds region records is something else as well.
    RecordFrame {
        /// The half that they belong to.
        space: Scope,
        /// The frame.
        frame: PhysAddr,
        /// What else it is.
        conflict: Conflict,
    },
    /// 5: something is wrong with the tree of regions.
    Records {
        /// The half that it belongs to.
        space: Scope,
        /// What is wrong.
        defect: RecordsDefect,
    },
    /// 1: a frame has another number of owners than is counted.
    Owners {
        /// The frame.
        frame: PhysAddr,
        /// The owners that are counted.
        says: u32,
        /// The leaves and objects that share it.
        found: u32,
    },
    /// 1 and 4: something is wrong with a table that holds owner counts.
    CounterTable {
        /// Where it lies.
        table: PhysAddr,
        /// What is wrong.
        defect: TableDefect,
    },
    /// 1 and 4: something is wrong with a table that holds records of objects, or
    /// their pages.
    ObjectTable {
        /// Where it lies.
        table: PhysAddr,
        /// What is wrong.
        defect: TableDefect,
    },
    /// Something is wrong with an object.
    Object {
        /// Its name.
        object: ObjectId,
        /// What is wrong.
        defect: ObjectDefect,
    },
    /// 1 and 4: something is wrong with a table that holds the owner counts of slots,
    /// or notes of frames that have one.
    SlotTable {
        /// Where it lies.
        table: PhysAddr,
        /// What is wrong.
        defect: TableDefect,
    },
    /// 6: something is wrong with a slot.
    Slot {
        /// The slot.
        slot: Slot,
        /// What is wrong.
        defect: SlotDefect,
    },
    /// 6: leaves and tables were lost in batches that were not finished.
    Leaked {
        /// How many.
        count: u64,
    },
}

/// A number that somebody keeps, and that an audit counts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counter {
    /// Frames that are managed.
    Total,
    /// Free frames.
    Free,
    /// Frames that are not free.
    Used,
    /// Frames that are never handed out, or not yet.
    Reserved,
    /// Free frames that are kept back for reserved pages, and for counts of slots.
    KeptBack,
    /// Frames in use as tables.
    Tables,
    /// Frames in use by the kernel: region records, and what it holds itself.
    Kernel,
    /// Frames with one owner.
    Private,
    /// Frames with several owners.
    Shared,
    /// Zero frames.
    Zero,
    /// Frames behind leaves that map somebody else's memory.
    Borrowed,
    /// Frames behind private and shared leaves, as often as they are mapped.
    Resident,
    /// Frames that were given back and not taken.
    Refused,
    /// Slots that are not free.
    UsedSlots,
    /// Pages in memory that still have the slot they came from.
    SavedPages,
}

impl Broken {
    /// Which of the six invariants is broken; 0 if the audit was asked wrong.
    #[must_use]
    pub const fn invariant(&self) -> u8 {
        match self {
            Self::ScratchTooShort { .. } => 0,
            Self::Bitmap { .. } | Self::Count { .. } => 1,
            Self::Leaf { defect, .. } => defect.invariant(),
            Self::ZeroFrame { .. } => 3,
            Self::Table { defect, .. }
            | Self::CounterTable { defect, .. }
            | Self::ObjectTable { defect, .. }
            | Self::SlotTable { defect, .. } => match defect {
                TableDefect::Frame { .. } => 1,
                TableDefect::Bits { .. } => 2,
                TableDefect::Empty
                | TableDefect::InUse { .. }
                | TableDefect::Missing
                | TableDefect::NotShared
                | TableDefect::StaleCursor => 4,
            },
            Self::Region { defect, .. } => match defect {
                RegionDefect::NotResident { .. } => 4,
                RegionDefect::Unaligned
                | RegionDefect::OutsideHalf
                | RegionDefect::TornOff
                | RegionDefect::User
                | RegionDefect::NoObject
                | RegionDefect::Derived => 5,
            },
            Self::Object { defect, .. } => match defect {
                ObjectDefect::Unknown { .. } | ObjectDefect::Frame { .. } => 1,
                ObjectDefect::WritableAndExecutable => 3,
                ObjectDefect::Regions { .. }
                | ObjectDefect::Unheld
                | ObjectDefect::PastEnd { .. } => 4,
            },
            Self::RecordFrame { .. } | Self::Owners { .. } => 1,
            Self::Records { .. } => 5,
            Self::Leaked { .. } | Self::Slot { .. } => 6,
        }
    }
}
