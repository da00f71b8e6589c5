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

use super::owners::Uncounted;
use super::{Memory, Shared};
use crate::frames::{Frame, FrameKind, OutOfFrames};
use crate::paging::{LeafSize, Table};

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
        let error = loop {
            let refused = match self.lock().add_owner(start, size) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            match refused {
                (frame, Uncounted::Full) => break ShareError::TooManyOwners(frame),
                // A table is zeroed without the lock.
                (frame, Uncounted::NoTable) => match self.new_table() {
                    Ok(table) => self.lock().link(frame, table),
                    Err(OutOfFrames) => break ShareError::OutOfFrames,
                },
            }
        };
        self.lock().trim(start, size);
        Err(error)
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

    /// True if the leaf that shares this memory is the last one.
    #[inline]
    pub(crate) fn has_one_owner(&self, start: PhysAddr, size: LeafSize) -> bool {
        let mut shared = self.lock();
        frames_of(start, size).all(|frame| shared.owners_of(frame) == 1)
    }

    /// Makes shared memory with one owner private again.
    pub(crate) fn take_over(&self, start: PhysAddr, size: LeafSize) {
        let mut shared = self.lock();
        for frame in frames_of(start, size) {
            shared.set_owners(frame, 0);
        }
        let (before, after) = (FrameKind::Shared, FrameKind::Private);
        shared
            .frames
            .reclassify_mapped(size.frames(), before, after);
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
        let index = self.frames.index_of(frame);
        index.map_or(0, |index| self.owners.of(index))
    }

    /// Counts one owner more of all these frames, or names the first that cannot
    /// have one. A frame that is not shared yet has one owner already.
    pub(super) fn add_owner(
        &mut self,
        start: PhysAddr,
        size: LeafSize,
    ) -> Result<(), (PhysAddr, Uncounted)> {
        for frame in frames_of(start, size) {
            let index = self.frames.index_of(frame).ok_or(Uncounted::Full);
            let room = index.and_then(|index| self.owners.check(index));
            room.map_err(|error| (frame, error))?;
        }
        for frame in frames_of(start, size) {
            let owners = self.owners_of(frame);
            if owners == 0 {
                let (before, after) = (FrameKind::Private, FrameKind::Shared);
                self.frames.reclassify_mapped(1, before, after);
            }
            self.set_owners(frame, owners.max(1) + 1);
        }
        Ok(())
    }

    /// Counts one owner fewer of all these frames. Those that have none left go
    /// back; returns how many.
    ///
    /// # Safety
    ///
    /// A leaf that shared them was taken out of the tables, and the processor has
    /// forgotten it.
    pub(super) unsafe fn drop_owner(&mut self, start: PhysAddr, size: LeafSize) -> u64 {
        let mut freed = 0;
        for frame in frames_of(start, size) {
            let Some(left) = self.owners_of(frame).checked_sub(1) else {
                continue;
            };
            self.set_owners(frame, left);
            if left == 0 {
                let frame = PhysFrame::<Size4KiB>::containing_address(frame);
                // SAFETY: it was the last owner, as the caller vouches.
                self.frames
                    .free(unsafe { Frame::from_entry(frame, FrameKind::Shared) });
                freed += 1;
            }
        }
        freed
    }

    pub(super) fn set_owners(&mut self, frame: PhysAddr, owners: u32) {
        if let Some(index) = self.frames.index_of(frame) {
            self.owners.set(index, owners);
            if owners == 0 {
                self.owners.trim(index, &mut self.frames);
            }
        }
    }

    /// Links a table on the way to the counter of a frame, or gives it back if
    /// none is missing by now.
    fn link(&mut self, frame: PhysAddr, table: Table) {
        let index = self.frames.index_of(frame).unwrap_or(0);
        if let Some(unneeded) = self.owners.link(index, table) {
            // SAFETY: it was not linked.
            self.frames.free(unsafe { unneeded.into_frame() });
        }
    }

    /// Gives back the tables that were made for counters and are not needed.
    pub(super) fn trim(&mut self, start: PhysAddr, size: LeafSize) {
        for frame in frames_of(start, size) {
            if let Some(index) = self.frames.index_of(frame) {
                self.owners.trim(index, &mut self.frames);
            }
        }
    }
}

/// The frames (4 KiB) of a leaf.
fn frames_of(start: PhysAddr, size: LeafSize) -> impl Iterator<Item = PhysAddr> {
    let page = LeafSize::Size4KiB.bytes();
    (0..size.frames()).map(move |number| start + number * page)
}
