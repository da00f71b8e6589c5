//! What is broken, in one clear line for people.

use core::error::Error;
use core::fmt;

use super::broken::{Broken, Counter};
use super::defect::{
    Conflict, LeafDefect, ObjectDefect, RegionDefect, Right, SlotDefect, TableDefect,
};
use crate::space::RecordsDefect;
use crate::tlb::Scope;
use crate::words::Count;

impl Error for Broken {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.invariant() {
            0 => f.write_str("no audit: ")?,
            number => write!(f, "invariant {number} is broken: ")?,
        }
        match *self {
            Self::ScratchTooShort { needed, given } => {
                let needed = Count(needed as u64, "word");
                write!(f, "it needs {needed} of scratch, not {given}")
            }
            Self::Bitmap { block } => write!(
                f,
                "bitmap, count and summaries differ for the 2 MiB of memory from {block:#x} on"
            ),
            Self::Count {
                counter,
                says,
                found,
            } => write!(
                f,
                "{counter}: the counter says {says}, and the audit found {found}"
            ),
            Self::Leaf {
                space,
                address,
                frame,
                defect,
            } => write!(
                f,
                "the leaf at {address:#x} in {}, frame {frame:#x}: {defect}",
                Half(space)
            ),
            Self::ZeroFrame { address } => {
                write!(
                    f,
                    "the zero frame holds another byte than 0 at {address:#x}"
                )
            }
            Self::Table {
                space,
                level,
                address,
                table,
                defect,
            } => write!(
                f,
                "the level {level} table at {table:#x} for {address:#x} in {}: {defect}",
                Half(space)
            ),
            Self::Region {
                space,
                base,
                defect,
            } => write!(f, "the region at {base:#x} in {}: {defect}", Half(space)),
            Self::RecordFrame {
                space,
                frame,
                conflict,
            } => write!(
                f,
                "the frame {frame:#x} of region records in {}: {conflict}",
                Half(space)
            ),
            Self::Records { space, defect } => {
                write!(f, "the tree of regions in {}: {defect}", Half(space))
            }
            Self::Owners { frame, says, found } => write!(
                f,
                "the frame {frame:#x} has {says} owners by its count, and the audit found {found}"
            ),
            Self::CounterTable { table, defect } => {
                write!(f, "the table of owner counts at {table:#x}: {defect}")
            }
            Self::ObjectTable { table, defect } => {
                write!(f, "the table of objects at {table:#x}: {defect}")
            }
            Self::Object { object, defect } => write!(f, "{object}: {defect}"),
            Self::SlotTable { table, defect } => {
                write!(f, "the table of slots at {table:#x}: {defect}")
            }
            Self::Slot { slot, defect } => write!(f, "{slot}: {defect}"),
            Self::Leaked { count } => write!(
                f,
                "leaves and tables lost in batches that were not finished: {count}"
            ),
        }
    }
}

/// A half, for people.
struct Half(Scope);

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Scope::Kernel => f.write_str("the kernel half"),
            Scope::Space(root) => write!(f, "the space of root {:#x}", root.start_address()),
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "frames in all",
            Self::Free => "free frames",
            Self::Used => "used frames",
            Self::Reserved => "reserved frames",
            Self::KeptBack => "frames kept back",
            Self::Tables => "frames of tables",
            Self::Kernel => "frames of the kernel",
            Self::Private => "private frames",
            Self::Shared => "shared frames",
            Self::Zero => "zero frames",
            Self::Borrowed => "borrowed frames",
            Self::Resident => "resident frames",
            Self::Refused => "frames refused when given back",
            Self::UsedSlots => "used slots",
            Self::SavedPages => "pages that still have a slot",
        })
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Execute => "execute",
            Self::User => "user",
            Self::Global => "global",
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmanaged => "the frame is in no range of the memory map",
            Self::Free => "the frame is free",
            Self::Reserved => "the frame is reserved and was not handed out",
            Self::Zero => "the frame is the zero frame",
            Self::Table => "the frame holds a page table already",
            Self::Records => "the frame holds region records",
            Self::Private => "the frame is the private frame of a page already",
            Self::Uncounted => "the frame is shared, and its owners are not counted",
        })
    }
}

impl fmt::Display for LeafDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRegion => "it lies in no region",
            Self::AcrossRegions => "it does not lie within its region as a whole",
            Self::InGuard => "its region is a guard, where nothing may be mapped",
            Self::Excess { right } => {
                return write!(f, "it gives the right '{right}', which its region does not");
            }
            Self::Lack { right } => {
                return write!(f, "it lacks the right '{right}', which its region gives");
            }
            Self::Bits { bits } => {
                return write!(f, "its bits {bits:#x} are not what its region asks for");
            }
            Self::ReservedBits { bits } => {
                return write!(f, "the processor reserves its bits {bits:#x}");
            }
            Self::Unknown => "it is neither present nor zero, nor that of a reserved page",
            Self::OtherMemory => "it maps other memory than its device's or object's",
            Self::BorrowsManaged => "it borrows memory that the frame allocator manages",
            Self::Frame { conflict } => return conflict.fmt(f),
            Self::ZeroFrame => "it maps the zero frame, and its region is not zero-backed",
            Self::ZeroWritable => "it maps the zero frame and may be written through",
            Self::SharedWritable => "it shares its frame and may be written through",
            Self::WritableAndExecutable => "with it, the frame is both writable and executable",
        })
    }
}

impl fmt::Display for TableDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frame { conflict } => return conflict.fmt(f),
            Self::Bits { bits } => {
                return write!(f, "bits {bits:#x} of the entry that points to it are wrong");
            }
            Self::Empty => "it is kept, and no entry of it is in use",
            Self::InUse { says, found } => {
                return write!(
                    f,
                    "of its entries {says} are counted as in use, and the audit found {found}"
                );
            }
            Self::Missing => "it is gone",
            Self::NotShared => "the root has another entry there than the kernel's root",
            Self::StaleCursor => "the cursor stands in other tables than those on its way",
        })
    }
}

impl fmt::Display for RegionDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unaligned => "base and size are not whole pages",
            Self::OutsideHalf => "it does not lie where regions are placed",
            Self::TornOff => "the region that it continues does not lie before it",
            Self::User => "user mode may not access the kernel half",
            Self::NoObject => "it is of an object that is gone",
            Self::Derived => "what is kept beside it for its faults does not follow from it",
            Self::NotResident { address } => {
                return write!(
                    f,
                    "nothing is mapped at {address:#x}, and all of it should be"
                );
            }
        })
    }
}

impl fmt::Display for ObjectDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Regions { says, found } => write!(
                f,
                "it counts {}, and the audit found {found}",
                Count(says, "region")
            ),
            Self::Unheld => f.write_str("it is kept, and nothing holds it"),
            Self::WritableAndExecutable => {
                f.write_str("some regions may write to its pages, and others execute them")
            }
            Self::PastEnd { page } => write!(f, "page {page} lies past its end"),
            Self::Unknown { page } => write!(f, "what is kept of page {page} is no frame"),
            Self::Frame {
                page,
                frame,
                conflict,
            } => write!(f, "page {page}, frame {frame:#x}: {conflict}"),
        }
    }
}

impl fmt::Display for RecordsDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Frame { node } => {
                write!(f, "the node at {node:#x} names another frame as its own")
            }
            Self::Level { node } => write!(f, "the node at {node:#x} is on the wrong level"),
            Self::Filling { node } => write!(f, "the node at {node:#x} is not filled as it says"),
            Self::Order { node } => {
                write!(f, "the regions in the node at {node:#x} are out of order")
            }
            Self::Gap { node } => write!(f, "the node at {node:#x} notes a wrong largest gap"),
            Self::Note { node, entry } => {
                write!(
                    f,
                    "entry {entry} of the node at {node:#x} notes a wrong span"
                )
            }
            Self::Records { found } => {
                write!(f, "it holds {}, and counts others", Count(found, "region"))
            }
            Self::Nodes { found } => {
                write!(f, "it has {}, and counts others", Count(found, "node"))
            }
            Self::LastHit => f.write_str("the record that was hit last is not in it"),
        }
    }
}

impl fmt::Display for SlotDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("named, but free"),
            Self::Owners { says, found } => {
                write!(f, "{says} owners by its count, and the audit found {found}")
            }
            Self::PastEnd => f.write_str("used, though there are not so many slots"),
            Self::NoPage { frame } => {
                write!(f, "noted for the frame {frame:#x}, which is no page's")
            }
        }
    }
}
