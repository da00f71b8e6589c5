//! [`Memory`]: what all address spaces share, behind one handle.
//!
//! ```text
//!   memory map ─┐
//!   direct map ─┤
//!   features   ─┼─ Memory::new ─> &Memory ─> every operation of every half
//!   Tlb        ─┘
//! ```
//!
//! What must always hold: a managed frame belongs to one `Memory`, and a half
//! is used with the `Memory` it was made from. The zero frame holds zeroes and
//! is writable through no leaf; it is allocated once and never freed. The lock
//! inside is taken last, held briefly (but by an audit), and never while a frame
//! is zeroed or a flush is waited for.
#![allow(unsafe_code)]

mod frames;
mod notes;
mod object_bytes;
mod object_pages;
mod objects;
mod owners;
mod removed;
mod sharing;
mod slots;
mod supply;
mod take_slot;

pub(crate) use object_pages::{Held, PageRefusal};
pub(crate) use owners::{Met, Owners};
pub(crate) use removed::Removed;
pub(crate) use sharing::ShareError;
pub(crate) use slots::Slots;
pub(crate) use supply::{Fill, Private};
pub(crate) use take_slot::{NoSlot, SlotFor};

use core::error::Error;
use core::fmt;
use core::hint::spin_loop;
use core::slice;

use spin::mutex::{SpinMutex, SpinMutexGuard};
use x86_64::VirtAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size4KiB};

use crate::direct_map::DirectMap;
use crate::fault::{Fault, Outcome};
use crate::fault_log::{Event, FaultLog, RING, Resolved};
use crate::features::Features;
use crate::frames::{FrameKind, Frames, Layout, OutOfFrames};
use crate::memory_map::{FrameRange, MemoryMap, Region};
use crate::object::Objects;
use crate::tlb::Tlb;
use crate::words::Count;

/// The memory that all address spaces of a machine share: its frames, the direct
/// map that shows them, the one zero frame, what the processor can do and how it
/// forgets, and the log of faults.
///
/// It is shared freely: every method takes `&self`.
pub struct Memory {
    shared: SpinMutex<Shared>,
    direct_map: DirectMap,
    features: Features,
    zero: PhysFrame,
    /// Where the direct map shows the zero frame.
    zero_seen: VirtAddr,
    tlb: &'static dyn Tlb,
}

/// What is behind the lock.
struct Shared {
    frames: Frames<'static>,
    owners: Owners,
    objects: Objects,
    slots: Slots,
    log: FaultLog,
    borrowed: u64,
    fallbacks: u64,
    leaked: u64,
}

/// Why there is no memory to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewMemoryError {
    /// No usable range of memory has room for the bitmap of frames and the
    /// fault log.
    NoRoom {
        /// Frames of 4 KiB in a row that they need.
        frames: u64,
    },
    /// The bitmap took the last free frame: none is left for the zero frame.
    OutOfFrames,
}

impl fmt::Display for NewMemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { frames } => write!(
                f,
                "no usable range has {} in a row for the bitmap and the fault log",
                Count(*frames, "frame")
            ),
            Self::OutOfFrames => f.write_str("no frame is left for the zero frame"),
        }
    }
}

impl Error for NewMemoryError {}

impl Memory {
    /// Takes over the machine's memory: builds the frame allocator from the boot
    /// loader's `regions` (in any order, see [`memory_map`](crate::memory_map)),
    /// with its bitmap in frames of its own, and sets the zero frame aside.
    ///
    /// `offset` is where the direct map shows physical address 0; `features`
    /// says what page tables may use; `tlb` makes the processor forget.
    ///
    /// # Errors
    ///
    /// See [`NewMemoryError`]: there is too little memory.
    ///
    /// # Safety
    ///
    /// As long as the result, or anything made with it, is used:
    ///
    /// - Every byte of every region of kind `Usable` or `Reclaimable` is mapped at
    ///   `offset` plus its physical address, readable and writable, as ordinary
    ///   (write-back) memory.
    /// - Nobody else uses the usable regions, and no other `Memory` or
    ///   [`Frames`] hands them out. The reclaimable ones are used by nobody from
    ///   the moment they are [reclaimed](Self::reclaim).
    /// - Where another `Memory` or [`Frames`] has frames of the same numbers (two
    ///   machines in one process, as tests have them), no frame of one is given
    ///   to the other.
    /// - `features` claims nothing that the processor lacks or the kernel has
    ///   not switched on.
    /// - `tlb` does what [`Tlb`] says, and CR0.WP is on.
    pub unsafe fn new<I>(
        regions: impl IntoIterator<Item = Region, IntoIter = I>,
        offset: VirtAddr,
        features: Features,
        tlb: &'static dyn Tlb,
    ) -> Result<Self, NewMemoryError>
    where
        I: Iterator<Item = Region> + Clone,
    {
        const LOG_FRAMES: u64 = (size_of::<[Event; RING]>() as u64).div_ceil(Size4KiB::SIZE);
        let map = MemoryMap::new(regions).physical_bits(features.physical_bits);
        let layout = Layout::of(map.managed());
        let needed = layout.frames() + LOG_FRAMES;
        let held = map
            .usable()
            .filter(|range| range.frames() >= needed)
            .last()
            .map(|range| {
                let end = range.numbers().end;
                FrameRange::of_numbers(end - needed..end)
            })
            .ok_or(NewMemoryError::NoRoom { frames: needed })?;
        // SAFETY: the caller vouches for all of it.
        let direct_map = unsafe { DirectMap::new(offset) };
        let start = held.start().as_u64();
        // SAFETY: the frames of `held` are usable, so mapped and nobody's; they
        // are aligned and long enough, and `Frames::new` keeps them out of use
        // for ever. Any bits are valid words.
        let words = unsafe { slice::from_raw_parts_mut(direct_map.pointer(start), layout.words()) };
        let events: *mut Event = direct_map.pointer(start + layout.frames() * Size4KiB::SIZE);
        // SAFETY: as above, behind the words; the ring is written before it is
        // referred to.
        let ring = unsafe {
            (0..RING).for_each(|index| events.add(index).write(Event::NONE));
            &mut *events.cast::<[Event; RING]>()
        };
        // SAFETY: nobody else uses the usable memory or hands it out, as the
        // caller vouches; the storage lies in `held`.
        let mut frames = unsafe { Frames::new(map.managed(), words, held) }
            .expect("the map is sorted, and the layout was made from it");
        let zero = frames
            .allocate::<Size4KiB>(FrameKind::Zero)
            .map_err(|OutOfFrames| NewMemoryError::OutOfFrames)?;
        direct_map.zero(&zero);
        let zero_seen = direct_map.address_of(zero.start());
        Ok(Self {
            direct_map,
            features,
            zero_seen,
            zero: zero.into_entry(),
            tlb,
            shared: SpinMutex::new(Shared {
                frames,
                owners: Owners::new(direct_map),
                objects: Objects::new(direct_map, zero_seen),
                slots: Slots::new(direct_map),
                log: FaultLog::new(ring),
                borrowed: 0,
                fallbacks: 0,
                leaked: 0,
            }),
        })
    }

    // --- what it is ---------------------------------------------------------

    /// The direct map.
    #[must_use]
    pub fn direct_map(&self) -> DirectMap {
        self.direct_map
    }

    /// What the processor can do.
    #[inline]
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// The one frame of zeroes that all untouched zero-backed pages share.
    #[inline]
    #[must_use]
    pub fn zero_frame(&self) -> PhysFrame {
        self.zero
    }

    /// Where the zero frame is seen. No two memories see theirs at the same
    /// address, since that frame is nobody else's.
    #[inline]
    pub(crate) fn zero_seen(&self) -> VirtAddr {
        self.zero_seen
    }

    /// True while the lock inside is held. On a machine with one processor a
    /// page-fault handler that meets this came out of this crate, or out of a
    /// closure given to [`Self::frames`] or [`Self::fault_log`], and must not
    /// resolve anything.
    #[inline]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.shared.is_locked()
    }

    // --- the log --------------------------------------------------------------

    /// Takes the oldest event out of the fault log.
    pub fn next_event(&self) -> Option<Event> {
        self.lock().log.take()
    }

    /// Lets `look` see the fault log, under the lock: it must be quick, and
    /// touch nothing that could fault.
    pub fn fault_log<R>(&self, look: impl FnOnce(&FaultLog) -> R) -> R {
        look(&self.lock().log)
    }

    /// Tells the log that rights were changed.
    pub(crate) fn rights_changed(&self) {
        self.lock().log.rights_changed();
    }

    /// Counts a fault, and writes it to the log.
    #[inline(always)]
    pub(crate) fn record(&self, fault: &Fault, resolved: Resolved) -> Outcome {
        self.lock().log.record(fault, resolved);
        resolved.outcome
    }

    #[inline]
    fn lock(&self) -> SpinMutexGuard<'_, Shared> {
        loop {
            if let Some(shared) = self.shared.try_lock() {
                return shared;
            }
            spin_loop();
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Memory");
        text.field("direct_map", &self.direct_map)
            .field("features", &self.features)
            .field("zero", &self.zero);
        if let Some(shared) = self.shared.try_lock() {
            text.field("counts", &shared.frames.counts())
                .field("log", &shared.log);
        }
        text.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
