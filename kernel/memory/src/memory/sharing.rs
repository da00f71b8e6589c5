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

use core::ops::Range;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PhysFrame, Size4KiB};

use super::owners::Counter;
use super::{Memory, Owners, Shared};
use crate::frames::{Frame, FrameKind, OutOfFrames};
use crate::paging::{LeafSize, NoTable, Sparse, Table};
use crate::slot::Slot;

/// Why memory cannot be shared once more. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShareError {
    /// No frame for the counters.
    OutOfFrames,
    /// This frame has as many owners as can be counted.
    TooManyOwners(PhysAddr),
    /// This slot has as many owners as can be counted.
    TooManySlotOwners(Slot),
    /// The owners of this frame cannot be counted at all.
    NotCounted(PhysAddr),
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

    /// Names every shared frame to `see`, with how many leaves and objects share it,
    /// under the lock: it must be quick, and touch nothing that could fault.
    pub fn shared_frames(&self, mut see: impl FnMut(PhysFrame, u32)) {
        let shared = &mut *self.lock();
        shared.owners.each(|index, owners| {
            let start = shared.frames.start_of(index);
            see(PhysFrame::containing_address(start), owners);
        });
    }

    /// Names the tables that the owners of frames and slots are counted in to `see`,
    /// under the lock: it must be quick, and touch nothing that could fault.
    pub fn counter_tables(&self, mut see: impl FnMut(PhysFrame)) {
        let shared = self.lock();
        shared.owners.tables(&mut see);
        shared.slots.owners.tables(&mut see);
        shared.slots.notes.tables(see);
    }

    /// Shares private frames (4 KiB), which follow each other: counts two owners of
    /// each. Tables that are missing for that are made without the lock.
    pub(crate) fn share(&self, start: PhysAddr, frames: u64) -> Result<(), ShareError> {
        let shared = self.with_tables(|shared, spare| shared.share(start, frames, spare));
        shared.unwrap_or_else(|OutOfFrames| {
            self.lock().trim_counters(start, frames);
            Err(ShareError::OutOfFrames)
        })
    }

    /// Counts one owner more of each of these shared frames (4 KiB), which follow
    /// each other.
    pub(crate) fn add_owners(&self, start: PhysAddr, frames: u64) -> Result<(), ShareError> {
        self.lock().add_owners(start, frames)
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
        let is_last = frames_from(start, size.frames()).all(|frame| shared.owners_of(frame) == 1);
        is_last && frames_from(start, size.frames()).all(|frame| shared.take_over(frame))
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
    /// How many leaves and objects share a frame.
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

    /// Counts two owners of each of these private frames: of all or of none. Tables
    /// that are missing are linked, with the one at hand.
    fn share(
        &mut self,
        start: PhysAddr,
        frames: u64,
        spare: &mut Option<Table>,
    ) -> Result<Result<(), ShareError>, NoTable> {
        let Some(indices) = self.countable(start, frames) else {
            return Ok(Err(ShareError::NotCounted(start)));
        };
        let mut rows = Owners::rows(indices.clone());
        rows.try_for_each(|row| self.owners.reach(row.start, spare))?;
        Owners::rows(indices).try_for_each(|row| self.owners.share(row))?;
        let (before, after) = (FrameKind::Private, FrameKind::Shared);
        self.frames.reclassify_mapped(frames, before, after);
        Ok(Ok(()))
    }

    /// Counts one owner more of each of these shared frames: of all or of none.
    pub(super) fn add_owners(&mut self, start: PhysAddr, frames: u64) -> Result<(), ShareError> {
        let not_counted = ShareError::NotCounted(start);
        let indices = self.countable(start, frames).ok_or(not_counted)?;
        for row in Owners::rows(indices.clone()) {
            if let Ok(Some(full)) = self.owners.first_full(row) {
                return Err(ShareError::TooManyOwners(self.frames.start_of(full)));
            }
        }
        let added = Owners::rows(indices).try_for_each(|row| self.owners.add(row));
        added.map_err(|NoTable| not_counted)
    }

    /// The indices of frames that follow each other, if there may be counters of
    /// them: they are managed, and lie below 256 TiB. Such frames have indices that do so, too.
    pub(super) fn countable(&mut self, start: PhysAddr, frames: u64) -> Option<Range<u64>> {
        let first = self.frames.index_of(start)?;
        (first + frames <= Sparse::CAPACITY).then_some(first..first + frames)
    }

    /// Counts one owner fewer of a frame (4 KiB). One that has none left goes back;
    /// returns true then.
    ///
    /// # Safety
    ///
    /// The owner is no more: a leaf that shared it was taken out of the tables, and
    /// the processor has forgotten it; or an object, or whoever held it as a page of
    /// one, has given it up.
    #[inline(always)]
    pub(super) unsafe fn drop_owner(&mut self, frame: PhysAddr) -> bool {
        let Some(counter) = self.counter(frame) else {
            return false;
        };
        match counter.owners() {
            0 => false,
            1 => {
                if counter.set(0) {
                    self.trim_counters(frame, 1);
                }
                self.forget_notes(frame, 1);
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
            self.trim_counters(frame, 1);
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
            self.trim_counters(frame, 1);
        }
    }

    /// Gives back the tables for counters of these frames that have none in use.
    #[cold]
    pub(super) fn trim_counters(&mut self, start: PhysAddr, frames: u64) {
        for row in self
            .countable(start, frames)
            .into_iter()
            .flat_map(Owners::rows)
        {
            self.owners.trim(row.start, &mut self.frames);
        }
    }
}

/// So many frames (4 KiB) from here on.
#[inline]
pub(super) fn frames_from(start: PhysAddr, frames: u64) -> impl Iterator<Item = PhysAddr> {
    let page = LeafSize::Size4KiB.bytes();
    (0..frames).map(move |number| start + number * page)
}
