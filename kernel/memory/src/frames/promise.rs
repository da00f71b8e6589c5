//! Promised frames: free ones that are kept back for somebody who may need them
//! later, so that the need then cannot fail.
//!
//! ```text
//! promise(n) ──> redeem, one frame at a time ──> in use
//!            └─> withdraw(n) ──> free for all again
//! ```
//!
//! A promise names a number of frames and no frame in particular. What must
//! always hold: promised frames are free, and nobody but [`Frames::redeem`]
//! takes the last ones of them. The hand never holds them, nor what a limit keeps
//! back. Neighbours: [`Space::promise`](crate::Space::promise) says
//! which pages the promises are for.

use super::{Frame, Frames, OutOfFrames, Use};

impl Frames<'_> {
    /// Keeps `count` free frames of 4 KiB back.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: not so many may be handed out; nothing has changed.
    pub(crate) fn reserve(&mut self, count: u64) -> Result<(), OutOfFrames> {
        if !self.can_allocate(count) {
            return Err(OutOfFrames);
        }
        self.promised += count;
        self.blocks.empty_hand();
        Ok(())
    }

    /// Takes back a promise of `count` frames that were not redeemed.
    pub(crate) fn unreserve(&mut self, count: u64) {
        debug_assert!(
            count <= self.promised,
            "more is withdrawn than was promised"
        );
        self.promised -= count;
    }

    /// Hands out one promised frame.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: none is promised.
    pub(crate) fn take_reserved(&mut self, usage: Use) -> Result<Frame, OutOfFrames> {
        if self.promised == 0 {
            return Err(OutOfFrames);
        }
        // The last free frames may be in the hand, and no others are left then.
        let number = match self.blocks.take_one() {
            Some(index) => self.ranges.number_of(index),
            None => self.blocks.take_from_hand().ok_or(OutOfFrames)?,
        };
        self.promised -= 1;
        self.used[usage as usize] += 1;
        Ok(Frame::numbered(number, usage))
    }

    /// Free frames that ordinary requests do not get: those behind the limit,
    /// and those that are promised.
    #[inline]
    pub(super) fn kept_back(&self) -> u64 {
        self.withheld + self.promised
    }
}
