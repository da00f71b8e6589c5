//! Page faults of a program in words.

use core::fmt;

use memory::Outcome;
use memory::fault::Access;
use memory::fault_log::Event;
use memory::space::Region;

use crate::process::Id;
use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Faults of one process, one kind and one region that came one after the other,
/// in a page after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// The number of the first, of all faults of the program, from 1 on.
    pub number: u64,
    /// How many there are.
    pub count: u64,
    /// The process that was loaded.
    pub process: Id,
    /// The first.
    pub first: Event,
    /// Its region.
    pub region: Option<Region>,
    /// The number of the page of the file that lies behind the region there.
    pub file_page: Option<u64>,
    /// Whether they waited until that was read.
    pub was_read: bool,
    /// What was done.
    pub kind: Kind,
}

/// What was done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page of the file is mapped.
    File,
    /// A page of the file was copied, for a write.
    FileCopied,
    /// The frame of zeroes is mapped.
    Zeroes,
    /// A new frame of zeroes is mapped.
    New,
    /// A new frame of zeroes stands in the place of the common one.
    OwnZeroes,
    /// A frame with several owners was copied.
    Copied,
    /// A frame that has one owner left may be written.
    TakenOver,
    /// Anything else.
    Other(Outcome),
}

impl Kind {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::ObjectMapped => Self::File,
            Outcome::ObjectCopy => Self::FileCopied,
            Outcome::ZeroRead => Self::Zeroes,
            Outcome::ZeroWrite | Outcome::Demand => Self::New,
            Outcome::PrivateCopy => Self::OwnZeroes,
            Outcome::SharedCopy => Self::Copied,
            Outcome::TakenOver => Self::TakenOver,
            Outcome::ObjectNew | Outcome::Spurious | Outcome::Blocked | Outcome::Refused(_) => {
                Self::Other(outcome)
            }
        }
    }
}

impl Faults {
    /// One fault of the process that is loaded; `was_read` if it had to wait for a
    /// page of the file.
    pub(super) fn new(number: u64, process: Id, event: Event, was_read: bool) -> Self {
        let address = event.fault.address;
        let (region, wanted) =
            spaces::current(|space, _| (space.region_at(address), space.wanted_page(address)));
        Self {
            number,
            count: 1,
            process,
            first: event,
            region,
            file_page: wanted.map(|wanted| wanted.page),
            was_read,
            kind: Kind::of(event.outcome),
        }
    }

    /// Whether `next` is one more of these.
    pub(super) fn goes_on_with(&self, next: &Self) -> bool {
        let page = |faults: &Self| faults.first.fault.address.as_u64() / PAGE;
        let (this, that) = (&self.first, &next.first);
        (self.kind, self.was_read) == (next.kind, next.was_read)
            && this.fault.access() == that.fault.access()
            && this.fault.is_user() == that.fault.is_user()
            && this.region == that.region
            && page(self) + self.count == page(next)
    }

    /// What its region is called.
    #[must_use]
    pub fn place(&self) -> &'static str {
        self.region.map_or("no region", |region| region.label)
    }
}

impl fmt::Display for Faults {
    /// Such as `fault 7: read 0x410000 in data: page 16 of the file, read and mapped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, count, .. } = *self;
        let fault = &self.first.fault;
        let what = match fault.access() {
            Access::Read => "read",
            Access::Write => "write",
            Access::Execute => "execute",
        };
        match count {
            1 => write!(f, "fault {number}")?,
            2 => write!(f, "faults {number} and {}", number + 1)?,
            _ => write!(f, "faults {number} to {}", number + count - 1)?,
        }
        if !fault.is_user() {
            f.write_str(" (by the kernel, for the program)")?;
        }
        match count {
            1 => write!(f, ": {what} {:#x}", fault.address)?,
            _ => {
                let start = fault.address.align_down(PAGE);
                write!(f, ": {what} {count} pages from {start:#x} on")?;
            }
        }
        write!(f, " in {}: {}", self.place(), Done(self))
    }
}

/// What was done, without why.
struct Done<'a>(&'a Faults);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(faults) = self;
        let each = if faults.count == 1 { "" } else { " for each" };
        let page = FilePages(faults);
        match faults.kind {
            Kind::File if faults.was_read => write!(f, "{page}, read and mapped"),
            Kind::File => write!(f, "{page}, read before"),
            Kind::FileCopied if faults.was_read => write!(f, "{page}, read and copied"),
            Kind::FileCopied => write!(f, "a copy of {page}"),
            Kind::Zeroes => f.write_str("the frame of zeroes"),
            Kind::New => write!(f, "a new frame{each}"),
            Kind::OwnZeroes => write!(f, "a frame of its own{each}"),
            Kind::Copied => write!(f, "a copy of the frame{each}"),
            Kind::TakenOver => f.write_str("last owner, no copy"),
            Kind::Other(outcome) => outcome.fmt(f),
        }
    }
}

/// The pages of a file by number.
struct FilePages<'a>(&'a Faults);

impl fmt::Display for FilePages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(faults) = self;
        match (faults.file_page, faults.count) {
            (None, _) => f.write_str("a page"),
            (Some(page), 1) => write!(f, "page {page} of the file"),
            (Some(page), 2) => write!(f, "pages {page} and {} of the file", page + 1),
            (Some(page), count) => write!(f, "pages {page} to {} of the file", page + count - 1),
        }
    }
}
