//! The audit's notes: four bits for each managed frame, in the caller's scratch.
//!
//! ```text
//!    3        2        1   0
//! +--------+--------+---------+
//! | is     | is     | what it |   what: nothing yet, a table, a private page,
//! | run    | written| is      |         region records
//! +--------+--------+---------+
//! ```
//!
//! What must always hold: a frame is claimed once. Frames that are not managed
//! have no notes; `outside` looks after them.

use x86_64::PhysAddr;

use super::defect::Conflict;
use crate::frames::{Frames, State, Stretch};
use crate::memory::{Met, Owners};
use crate::memory_map::FRAME_SHIFT;
use crate::paging::LeafSize;

/// Frames that one word of scratch has notes for.
const FRAMES_PER_WORD: u64 = 16;
/// The bits that say what a frame is.
const OWNER: u64 = 0b0011;
const WRITABLE: u64 = 0b0100;
const EXECUTABLE: u64 = 0b1000;

/// What a frame was found to be.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Table = 1,
    Private = 2,
    Records = 3,
    /// A page's, as a private one is; owners are noted beside their count.
    Shared = 4,
}

/// A frame that cannot be claimed, and why not.
pub(super) struct Clash {
    pub(super) frame: PhysAddr,
    pub(super) conflict: Conflict,
}

/// What a leaf allows.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) write: bool,
    pub(super) execute: bool,
    /// The leaf is the direct map's. That is how the kernel zeroes and fills
    /// what it hands out, so being writable there is not held against private
    /// frames and the zero frame. It is against all others, the kernel's own
    /// text for one.
    pub(super) through_direct_map: bool,
}

/// Notes on all frames of an allocator.
pub(super) struct Marks<'a> {
    frames: &'a Frames<'a>,
    met: Met,
    zero: PhysAddr,
    words: &'a mut [u64],
}

/// Words of scratch for the notes on all these frames.
pub(super) fn words(frames: &Frames) -> usize {
    frames.indices().div_ceil(FRAMES_PER_WORD) as usize
}

impl<'a> Marks<'a> {
    /// Nothing noted yet; `words` is at least as long as [`words`] says.
    pub(super) fn new(
        frames: &'a Frames<'a>,
        owners: &Owners,
        zero: PhysAddr,
        words: &'a mut [u64],
    ) -> Self {
        words.fill(0);
        let mut met = owners.met();
        met.forget(0..frames.indices());
        Self {
            frames,
            met,
            zero,
            words,
        }
    }

    /// Notes that a frame is used for one thing, and sees to it that it was
    /// handed out and is used for nothing else.
    ///
    /// # Errors
    ///
    /// The first frame for which that is not so.
    pub(super) fn claim(
        &mut self,
        start: PhysAddr,
        size: LeafSize,
        owner: Owner,
    ) -> Result<(), Clash> {
        for stretch in stretches(self.frames, start, size) {
            let clash = |number: u64, conflict| Clash {
                frame: PhysAddr::new_truncate(number << FRAME_SHIFT),
                conflict,
            };
            let index = match stretch.managed {
                None => return Err(clash(stretch.first, Conflict::Unmanaged)),
                Some((_, State::Free)) => return Err(clash(stretch.first, Conflict::Free)),
                Some((_, State::Reserved)) => return Err(clash(stretch.first, Conflict::Reserved)),
                Some((index, State::Used)) => index,
            };
            for number in stretch.first..stretch.end {
                let index = index + (number - stretch.first);
                if number == self.zero.as_u64() >> FRAME_SHIFT {
                    return Err(clash(number, Conflict::Zero));
                }
                let conflict = match owner {
                    Owner::Shared => self.share(index),
                    Owner::Table | Owner::Private | Owner::Records => self.conflict(index),
                };
                if let Some(conflict) = conflict {
                    return Err(clash(number, conflict));
                }
                match owner {
                    Owner::Shared => self.add(index, Owner::Private as u64),
                    Owner::Table | Owner::Private | Owner::Records => self.add(index, owner as u64),
                }
            }
        }
        Ok(())
    }

    /// Notes what a leaf allows to do with its frames.
    ///
    /// # Errors
    ///
    /// The first frame that is now both writable and executable.
    pub(super) fn allow(
        &mut self,
        start: PhysAddr,
        size: LeafSize,
        allowed: Allowed,
    ) -> Result<(), PhysAddr> {
        for stretch in stretches(self.frames, start, size) {
            let Some((first, _)) = stretch.managed else {
                continue;
            };
            for number in stretch.first..stretch.end {
                let index = first + (number - stretch.first);
                let frame = PhysAddr::new_truncate(number << FRAME_SHIFT);
                let is_spaces_own =
                    self.get(index) & OWNER == Owner::Private as u64 || frame == self.zero;
                if allowed.write && !(allowed.through_direct_map && is_spaces_own) {
                    self.add(index, WRITABLE);
                }
                if allowed.execute {
                    self.add(index, EXECUTABLE);
                }
                if self.get(index) & (WRITABLE | EXECUTABLE) == WRITABLE | EXECUTABLE {
                    return Err(frame);
                }
            }
        }
        Ok(())
    }

    /// Notes one owner of a frame, unless the frame is something else, or not
    /// counted.
    fn share(&mut self, index: u64) -> Option<Conflict> {
        let conflict = self.conflict(index);
        match self.met.note(index) {
            None => conflict.or(Some(Conflict::Uncounted)),
            Some(0) => conflict,
            Some(_) => None,
        }
    }

    fn conflict(&self, index: u64) -> Option<Conflict> {
        match self.get(index) & OWNER {
            1 => Some(Conflict::Table),
            2 => Some(Conflict::Private),
            3 => Some(Conflict::Records),
            _ => None,
        }
    }

    /// Whether the frame with this index was claimed as a page's.
    pub(super) fn is_pages(&self, index: u64) -> bool {
        index < self.frames.indices() && self.get(index) & OWNER == Owner::Private as u64
    }

    fn get(&self, index: u64) -> u64 {
        let word = self.words[(index / FRAMES_PER_WORD) as usize];
        word >> (index % FRAMES_PER_WORD * 4) & 0xf
    }

    fn add(&mut self, index: u64, bits: u64) {
        self.words[(index / FRAMES_PER_WORD) as usize] |= bits << (index % FRAMES_PER_WORD * 4);
    }
}

/// The frames of a leaf, cut where they differ.
pub(super) fn stretches<'f>(
    frames: &'f Frames<'f>,
    start: PhysAddr,
    size: LeafSize,
) -> impl Iterator<Item = Stretch> + 'f {
    let first = start.as_u64() >> FRAME_SHIFT;
    frames.stretches(first, first + size.frames())
}
