//! The machine's disks, page by page: virtio block devices on the PCI bus, by
//! the crate `virtio-drivers`.
//!
//! ```text
//!  read_page, write_page   wait for the device, and look for its answer themselves
//!  begin_read ... poll     a frame goes in with a ticket, and comes out with the page
//! ```
//!
//! [`init`] finds the disks once; a machine without one is as good. What must
//! always hold: nothing here takes a lock of `memory` while it waits, nor anything
//! of the heap, so that a page fault may call all of it with interrupts off. A disk
//! that is at work already answers [`Cause::Busy`] and never waits for itself.
//!
//! `dma` is what the crate asks of this kernel, `find` the search, `device` one disk,
//! `desk` the memory of its requests, and `error` what is said of one that failed.

mod desk;
mod device;
mod dma;
mod error;
mod find;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::{fmt, hint};

use memory::frames::Frame;
use memory::words::Count;
use spin::{Mutex, Once};
use x86_64::instructions::interrupts::without_interrupts;

pub use error::{Cause, DiskError};

use device::Device;

/// Sectors (512 bytes) of a page.
pub const SECTORS: u64 = 8;

/// Reads that can be under way at once on a disk.
pub const MOST_READS: usize = device::MOST_READS;

/// What a disk is for. Its serial number says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Pages that lost their frames lie here: `--swap` of the runner.
    Swap,
    /// The archive of files lies here: `--files-disk` of the runner.
    Files,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Swap, Self::Files];

    /// Its serial number.
    #[must_use]
    pub const fn serial(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Files => "files",
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.serial())
    }
}

/// A disk that was found.
struct Disk {
    sectors: u64,
    is_read_only: bool,
    device: Mutex<Device>,
}

/// The disks, in the order of [`Which::ALL`].
static DISKS: [Once<Disk>; Which::ALL.len()] = [const { Once::new() }; Which::ALL.len()];

/// The number of the next ticket.
static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);

/// Names a read that is under way. No two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Finds the disks, and says of each what it is. Called once, when memory is set up.
pub fn init() {
    find::each_disk(|place, opened| {
        let (device, serial) = match opened {
            Ok(opened) => opened,
            Err(error) => return log::warn!("disk at {place} is not used: {error}"),
        };
        let length = serial.iter().position(|byte| *byte == 0);
        let serial = &serial[..length.unwrap_or(serial.len())];
        let mut all = Which::ALL.into_iter();
        let Some(which) = all.find(|which| which.serial().as_bytes() == serial) else {
            return log::warn!(
                "disk at {place} is not used: its serial is `{}`, and neither `swap` nor `files`",
                serial.escape_ascii()
            );
        };
        let slot = &DISKS[which as usize];
        if slot.is_completed() {
            return log::warn!(
                "disk at {place} is not used: there is another with the serial `{which}`"
            );
        }
        let (sectors, is_read_only) = (device.sectors(), device.is_read_only());
        slot.call_once(|| Disk {
            sectors,
            is_read_only,
            device: Mutex::new(device),
        });
        let rights = if is_read_only {
            "read only"
        } else {
            "read and write"
        };
        let pages = Count(page_of(sectors), "page");
        log::info!("disk `{which}` at {place}: {pages}, {rights}");
    });
}

/// How many sectors a disk has; `None` if the machine has no such disk.
#[must_use]
pub fn sectors(which: Which) -> Option<u64> {
    DISKS[which as usize].get().map(|disk| disk.sectors)
}

/// How many whole pages a disk has; 0 if the machine has no such disk.
#[must_use]
pub fn pages(which: Which) -> u64 {
    sectors(which).map_or(0, page_of)
}

/// Reads a page of a disk, and waits for it.
///
/// # Errors
///
/// See [`Cause`]. `into` holds anything then.
pub fn read_page(which: Which, page: u64, into: &mut [u8; 4096]) -> Result<(), DiskError> {
    read_from(which, sector_of(page), into)
}

/// The same, of a page that begins at any sector.
///
/// # Errors
///
/// See [`read_page`].
pub fn read_from(which: Which, sector: u64, into: &mut [u8; 4096]) -> Result<(), DiskError> {
    // Its pages may be absent, and are not to fault while the disk is at work.
    (into[0], into[4095]) = (0, 0);
    hint::black_box(&mut *into);
    with(which, sector, |_, device| device.read(sector, into))
}

/// Writes a page of a disk, and waits until that is done.
///
/// # Errors
///
/// See [`Cause`]. The page on the disk may have changed in part then, if the device failed.
pub fn write_page(which: Which, page: u64, from: &[u8; 4096]) -> Result<(), DiskError> {
    hint::black_box((from[0], from[4095]));
    let sector = sector_of(page);
    with(which, sector, |disk, device| {
        if disk.is_read_only {
            return Err(Cause::ReadOnly);
        }
        device.write(sector, from)
    })
}

/// Begins to read a page of a disk into a frame. [`poll`] hands the frame out
/// when it has come, under the ticket that this returns.
///
/// # Errors
///
/// See [`Cause`]; the frame comes back, as it was.
pub fn begin_read(which: Which, page: u64, frame: Frame) -> Result<Ticket, (DiskError, Frame)> {
    begin_read_from(which, sector_of(page), frame)
}

/// The same, of a page that begins at any sector.
///
/// # Errors
///
/// See [`begin_read`].
pub fn begin_read_from(
    which: Which,
    sector: u64,
    frame: Frame,
) -> Result<Ticket, (DiskError, Frame)> {
    let mut frame = Some(frame);
    let begun = with(which, sector, |_, device| {
        let ticket = Ticket(NEXT_TICKET.fetch_add(1, Relaxed));
        let handed_in = frame.take().expect("it is handed in once");
        let begun = device.begin_read(sector, handed_in, ticket);
        begun.map(|()| ticket).map_err(|(cause, back)| {
            frame = Some(back);
            cause
        })
    });
    begun.map_err(|error| (error, frame.expect("what is refused comes back")))
}

/// A read that is over: the frame that was handed in, and what became of it.
pub type Done = (Ticket, Frame, Result<(), DiskError>);

/// Hands out a read that is over. `None` if there is none, or while a disk is at work.
#[must_use = "the frame is lost otherwise"]
pub fn poll() -> Option<Done> {
    Which::ALL.into_iter().find_map(|which| {
        let disk = DISKS[which as usize].get()?;
        without_interrupts(|| {
            let (ticket, sector, frame, answer) = disk.device.try_lock()?.take_read()?;
            let error = |cause| DiskError {
                disk: which,
                sector,
                cause,
            };
            Some((ticket, frame, answer.map_err(error)))
        })
    })
}

/// How many reads were begun and not handed out. Meanwhile their frames are nobody's page.
#[must_use]
pub fn under_way() -> usize {
    let disks = Which::ALL
        .iter()
        .filter_map(|which| DISKS[*which as usize].get());
    let reads = disks.filter_map(|disk| Some(disk.device.try_lock()?.reads()));
    without_interrupts(|| reads.sum())
}

/// Lets a disk that is not at work do something with the page that begins at a sector of it.
fn with<R>(
    which: Which,
    sector: u64,
    work: impl FnOnce(&Disk, &mut Device) -> Result<R, Cause>,
) -> Result<R, DiskError> {
    let worked = || {
        let disk = DISKS[which as usize].get().ok_or(Cause::Missing)?;
        let sectors = disk.sectors;
        if sector > sectors.saturating_sub(SECTORS) || sectors < SECTORS {
            return Err(Cause::PastEnd { sectors });
        }
        without_interrupts(|| {
            let mut device = disk.device.try_lock().ok_or(Cause::Busy)?;
            work(disk, &mut device)
        })
    };
    worked().map_err(|cause| DiskError {
        disk: which,
        sector,
        cause,
    })
}

/// The first sector of a page; the last there is if no disk is so large.
const fn sector_of(page: u64) -> u64 {
    page.saturating_mul(SECTORS)
}

/// The page that a sector lies in.
const fn page_of(sector: u64) -> u64 {
    sector / SECTORS
}
