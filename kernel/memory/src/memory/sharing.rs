//! Frames that several leaves and objects own: one owner more, one fewer, and the
//! last.
//!
//! ```text
//!  private ──add_owner──> shared, 2 owners ──> 3 ──> ...
//!     ^                        │ drop_owner
//!     └──take_over── shared, 1 owner ──drop_owner──> free
//! ```
//!
//! What must always hold: a leaf of any size counts as one owner of each of its
//! frames (4 KiB), so that a large leaf can be split without counting anew.
#![allow(unsafe_code)]

use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size4KiB};

use super::owners::Counter;
use super::{Memory, Shared};
use crate::frames::{Frame, FrameKind, OutOfFrames};
use crate::paging::{LeafSize, NoTable, Sparse, Table};

/// Why one owner more is not counted. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncounted {
    /// A table is missing on the way to the counter, and none is at hand.
    NoTable,
    /// It cannot be.
    Refused(ShareError),
}

impl From<NoTable> for Uncounted {
    fn from(NoTable: NoTable) -> Self {
        Self::NoTable
    }
}

impl From<OutOfFrames> for Uncounted {
    fn from(error: OutOfFrames) -> Self {
        Self::Refused(error.into())
    }
}

/// Why memory cannot be shared once more. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShareError {
    /// No frame for the counters.
    OutOfFrames,
    /// This frame has as many owners as can be counted.
    TooManyOwners(PhysAddr),
}

impl From<OutOfFrames> for ShareError {
    fn from(OutOfFrames: OutOfFrames) -> Self {
        Self::OutOfFrames
    }
}

impl Memory {
    /// How many leaves and objects share the frame that holds this address; 0 if it
    /// is not shared.
    #[must_use]
    pub fn owners(&self, frame: PhysAddr) -> u32 {
        self.lock().owners_of(frame.align_down(4096_u64))
    }

    /// Names every shared frame to `see`, with how many leaves share it, under the
    /// lock: it must be quick, and touch nothing that could fault.
    pub fn shared_frames(&self, mut see: impl FnMut(PhysFrame, u32)) {
        let shared = &mut *self.lock();
        shared.owners.each(|index, owners| {
            let start = shared.frames.start_of(index);
            see(PhysFrame::containing_address(start), owners);
        });
    }

    /// Names the tables that the owners are counted in to `see`, under the lock:
    /// it must be quick, and touch nothing that could fault.
    pub fn counter_tables(&self, see: impl FnMut(PhysFrame)) {
        self.lock().owners.tables(see);
    }

    /// Counts one owner more of the memory of a leaf, which is private or shared.
    pub(crate) fn add_owner(&self, start: PhysAddr, size: LeafSize) -> Result<(), ShareError> {
        let added = self.with_tables(|shared, spare| {
            for frame in frames_of(start, size) {
                match shared.check_owner(frame, spare) {
                    Ok(()) => {}
                    Err(Uncounted::NoTable) => return Err(NoTable),
                    Err(Uncounted::Refused(error)) => return Ok(Err(error)),
                }
            }
            let mut frames = frames_of(start, size);
            let added = frames.try_for_each(|frame| shared.add_owner(frame, spare));
            debug_assert!(added.is_ok(), "each was checked");
            Ok(Ok(()))
        });
        let added = added.unwrap_or(Err(ShareError::OutOfFrames));
        if added.is_err() {
            self.trim_counters(start, size);
        }
        added
    }

    /// Gives back the tables that were made for counters and are not needed.
    pub(crate) fn trim_counters(&self, start: PhysAddr, size: LeafSize) {
        self.lock().trim(start, size);
    }

    /// How many tables of counters are missing for the memory of these leaves.
    /// They are looked at once for each table of level 2 that is concerned.
    #[cold]
    pub(crate) fn missing_counter_tables<I>(&self, leaves: impl Fn() -> I) -> u64
    where
        I: Iterator<Item = (PhysAddr, LeafSize)>,
    {
        let (mut missing, mut before, mut next) = (0, None, Some(0));
        while let Some(table) = next.take() {
            let mut is_wanted = [false; 512];
            for (start, size) in leaves() {
                let Some(index) = self.lock().frames.index_of(start) else {
                    continue;
                };
                for block in index / 512..(index + size.frames()).div_ceil(512) {
                    if block / 512 == table {
                        is_wanted[(block % 512) as usize] = true;
                    } else if block / 512 > table {
                        next = Some(next.map_or(block / 512, |next: u64| next.min(block / 512)));
                    }
                }
            }
            // Tables above that the pass before has counted already are not
            // counted again.
            let most_above = match before.replace(table) {
                None => 3,
                Some(before) if before / 512 == table / 512 => 1,
                Some(_) => 2,
            };
            let mut above = 0;
            for (block, _) in (table * 512..).zip(is_wanted).filter(|(_, wanted)| *wanted) {
                if let Some(more) = self.lock().owners.missing(block * 512).checked_sub(1) {
                    missing += 1;
                    above = more.min(most_above);
                }
            }
            missing += u64::from(above);
        }
        missing
    }

    /// Makes shared memory private again if the leaf that shares it is the last
    /// one. Returns false if it is not.
    pub(crate) fn take_over(&self, start: PhysAddr, size: LeafSize) -> bool {
        let mut shared = self.lock();
        let is_last = frames_of(start, size).all(|frame| shared.owners_of(frame) == 1);
        is_last && frames_of(start, size).all(|frame| shared.take_over(frame))
    }
}

#[cfg(test)]
impl Memory {
    /// Says of a shared frame that it has so many owners, right or wrong.
    pub(crate) fn spoil_owners(&self, frame: PhysAddr, owners: u32) {
        self.lock().set_owners(frame, owners);
    }
}

impl Shared {
    /// How many leaves share a frame.
    pub(super) fn owners_of(&mut self, frame: PhysAddr) -> u32 {
        let counter = self.counter(frame);
        counter.map_or(0, |counter| counter.owners())
    }

    /// The counter of a frame, if it has a table.
    #[inline]
    fn counter(&mut self, frame: PhysAddr) -> Option<Counter<'_>> {
        let index = self.frames.index_of(frame)?;
        self.owners.counter(index).ok()
    }

    /// The same, once the tables on the way to it are there, with the one at hand.
    #[inline]
    pub(super) fn reach_counter(
        &mut self,
        frame: PhysAddr,
        spare: &mut Option<Table>,
    ) -> Result<Counter<'_>, Uncounted> {
        let refused = Uncounted::Refused(ShareError::TooManyOwners(frame));
        let index = self.frames.index_of(frame).ok_or(refused)?;
        if self.owners.counter(index).is_err() {
            if index >= Sparse::CAPACITY {
                return Err(refused);
            }
            self.owners.reach(index, spare)?;
        }
        Ok(self.owners.counter(index)?)
    }

    /// Whether a frame can have one owner more, once the tables are there.
    fn check_owner(
        &mut self,
        frame: PhysAddr,
        spare: &mut Option<Table>,
    ) -> Result<(), Uncounted> {
        match self.reach_counter(frame, spare)?.owners() {
            u32::MAX => Err(Uncounted::Refused(ShareError::TooManyOwners(frame))),
            _ => Ok(()),
        }
    }

    /// Counts one owner more of a frame (4 KiB). One that is not shared yet has one
    /// owner already.
    #[inline(always)]
    pub(crate) fn add_owner(
        &mut self,
        frame: PhysAddr,
        spare: &mut Option<Table>,
    ) -> Result<(), Uncounted> {
        let counter = self.reach_counter(frame, spare)?;
        match counter.owners() {
            0 => {
                counter.set(2);
                let (before, after) = (FrameKind::Private, FrameKind::Shared);
                self.frames.reclassify_mapped(1, before, after);
            }
            u32::MAX => return Err(Uncounted::Refused(ShareError::TooManyOwners(frame))),
            owners => {
                counter.set(owners + 1);
            }
        }
        Ok(())
    }

    /// Counts one owner fewer of a frame (4 KiB). One that has none left goes back;
    /// returns true then.
    ///
    /// # Safety
    ///
    /// A leaf that shared it was taken out of the tables, and the processor has
    /// forgotten it.
    #[inline]
    pub(super) unsafe fn drop_owner(&mut self, frame: PhysAddr) -> bool {
        let Some(counter) = self.counter(frame) else {
            return false;
        };
        match counter.owners() {
            0 => false,
            1 => {
                if counter.set(0) {
                    self.trim(frame, LeafSize::Size4KiB);
                }
                let frame = PhysFrame::<Size4KiB>::containing_address(frame);
                // SAFETY: it was the last owner, as the caller vouches.
                let frame = unsafe { Frame::from_entry(frame, FrameKind::Shared) };
                self.frames.free(frame);
                true
            }
            owners => {
                counter.set(owners - 1);
                false
            }
        }
    }

    /// Makes a shared frame private again if it has one owner. Returns false if it
    /// has not.
    #[inline]
    pub(super) fn take_over(&mut self, frame: PhysAddr) -> bool {
        let last = self.counter(frame);
        let Some(counter) = last.filter(|counter| counter.owners() == 1) else {
            return false;
        };
        if counter.set(0) {
            self.trim(frame, LeafSize::Size4KiB);
        }
        let (before, after) = (FrameKind::Shared, FrameKind::Private);
        self.frames.reclassify_mapped(1, before, after);
        true
    }

    /// Writes how many owners a frame has, whose counter has its tables.
    pub(super) fn set_owners(&mut self, frame: PhysAddr, owners: u32) {
        if let Some(counter) = self.counter(frame)
            && counter.set(owners)
        {
            self.trim(frame, LeafSize::Size4KiB);
        }
    }

    /// Gives back the tables that were made for counters and are not needed.
    #[cold]
    pub(super) fn trim(&mut self, start: PhysAddr, size: LeafSize) {
        for frame in frames_of(start, size) {
            if let Some(index) = self.frames.index_of(frame) {
                self.owners.trim(index, &mut self.frames);
            }
        }
    }
}

/// The frames (4 KiB) of a leaf.
#[inline]
pub(super) fn frames_of(start: PhysAddr, size: LeafSize) -> impl Iterator<Item = PhysAddr> {
    let page = LeafSize::Size4KiB.bytes();
    (0..size.frames()).map(move |number| start + number * page)
}
