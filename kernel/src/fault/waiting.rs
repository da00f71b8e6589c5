//! What a fault waits for is brought: a page of a file, or one that is in a slot.
//!
//! What must always hold: no lock of memory is held while a page is read, and nothing
//! has changed when it could not be.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

use memory::frames::Frame;
use memory::slot::Slot;
use memory::space::{SwapInError, WantedPage};
use memory::{Fault, Outcome, Refusal};
use x86_64::VirtAddr;

use super::Reason;
use crate::disk::{self, DiskError, Ticket, Which};
use crate::files::cache::{self, CacheError};
use crate::{spaces, swap};

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// A page of a file, on a disk if there is an error of one.
    File(Option<DiskError>),
    /// A page that is in this slot.
    Slot(Slot, DiskError),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(None) => f.write_str("a page of a file, which could not be read"),
            Self::File(Some(error)) => {
                write!(f, "a page of a file, which could not be read: {error}")
            }
            Self::Slot(slot, error) => write!(f, "{slot}, which could not be read: {error}"),
        }
    }
}

/// A page that is on a disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnDisk {
    /// In this slot.
    Slot(Slot),
    /// The page of a file, from this sector on.
    File(WantedPage, u64),
}

impl OnDisk {
    /// Begins to read it into a frame.
    pub(crate) fn begin(self, frame: Frame) -> Result<Ticket, (DiskError, Frame)> {
        match self {
            Self::Slot(slot) => disk::begin_read(Which::Swap, slot.number(), frame),
            Self::File(_, sector) => disk::begin_read_from(Which::Files, sector, frame),
        }
    }

    /// Why it is not there.
    pub(crate) fn unreadable(self, error: DiskError) -> Reason {
        Reason::Unreadable(match self {
            Self::Slot(slot) => Unreadable::Slot(slot, error),
            Self::File(..) => Unreadable::File(Some(error)),
        })
    }
}

/// What the page of an address waits for, if that is on a disk.
pub(crate) fn on_disk(address: VirtAddr) -> Option<OnDisk> {
    let (slot, page) = spaces::try_look(address, |half| {
        (half.wanted_slot(address), half.wanted_page(address))
    })?;
    slot.map(OnDisk::Slot).or_else(|| {
        let wanted = page?;
        let sector = cache::sector_of(wanted)?;
        Some(OnDisk::File(wanted, sector))
    })
}

/// Brings what the page of an address waits for.
pub(crate) fn bring(address: VirtAddr) -> Result<(), Reason> {
    let out_of_frames = Reason::Space(Refusal::OutOfFrames);
    let wanted = spaces::try_look(address, |half| half.wanted_page(address)).flatten();
    if let Some(wanted) = wanted {
        return spaces::relieved(|| cache::read_page(wanted)).map_err(|error| match error {
            CacheError::OutOfFrames => out_of_frames,
            CacheError::Disk(error) => Reason::Unreadable(Unreadable::File(Some(error))),
            _ => Reason::Unreadable(Unreadable::File(None)),
        });
    }
    swap::bring_back(address).map_err(|error| match error {
        SwapInError::OutOfFrames(_) => out_of_frames,
        SwapInError::Read { slot, error } => Reason::Unreadable(Unreadable::Slot(slot, error)),
        // Whoever held what it waited for is done.
        _ => Reason::Unreadable(Unreadable::File(None)),
    })
}

/// Resolves the fault that a program's access would take, without the access. It
/// counts like any other.
///
/// # Errors
///
/// Why it is refused.
pub(crate) fn resolve_ahead(fault: &Fault) -> Result<(), Refusal> {
    loop {
        let outcome = spaces::current(|space, memory| space.resolve(fault, memory));
        match outcome {
            Outcome::Refused(Refusal::OutOfFrames) if spaces::relieve() => {
                super::RELIEVED.fetch_add(1, Relaxed);
            }
            Outcome::Refused(refusal) => return Err(refusal),
            Outcome::Blocked => {
                let what = on_disk(fault.address);
                super::count_wait(what);
                bring(fault.address).map_err(|reason| match reason {
                    Reason::Space(refusal) => refusal,
                    _ => Refusal::NotBacked,
                })?;
                if let Some(OnDisk::Slot(_)) = what {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
}
