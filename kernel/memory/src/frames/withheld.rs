//! Frames that are not handed out, or not yet: behind a limit, kept back for
//! reserved pages, and the boot loader's until they are reclaimed.
//!
//! ```text
//! reserve(n) ──> take_reserved, one frame at a time ──> in use
//!            └─> unreserve(n) ──> available again
//! ```
//!
//! Limit and reservations are numbers in the ledger (`counts`) and name no frame
//! in particular. What must always hold: a frame that is kept back is free, and
//! only [`Frames::take_reserved`] takes the last ones of them.

use super::{Frame, FrameKind, Frames, OutOfFrames, ReclaimError, Shortage, address};
use crate::memory_map::FrameRange;

impl Frames<'_> {
    /// Whether `count` more 4 KiB frames may be handed out: they are free and
    /// not kept back, and the limit allows it. They need not lie in a row.
    #[must_use]
    #[inline]
    pub fn can_allocate(&self, count: u64) -> bool {
        count <= self.ledger.available()
    }

    /// What is said where `needed` frames of 4 KiB cannot be had.
    #[cold]
    pub(crate) fn shortage(&mut self, needed: u64) -> Shortage {
        self.ledger.miss(needed);
        let available = self.ledger.available();
        Shortage { needed, available }
    }

    /// How many frames the largest request lacked that was refused since this was last
    /// called; 0 if none was.
    pub(crate) fn take_missing(&mut self) -> u64 {
        self.ledger.take_missing()
    }

    /// Lets at most `limit` more 4 KiB frames be handed out, or all with `None`.
    ///
    /// Handing out lowers what is left of the limit and giving back raises it.
    /// So it amounts to withholding some free frames, and a limit above what is
    /// free is none. Frames kept back for reserved pages are outside of any limit.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.ledger.set_limit(limit);
    }

    /// Keeps `count` free frames of 4 KiB back.
    ///
    /// # Errors
    /// [`OutOfFrames`]: not so many may be handed out; nothing has changed.
    pub(crate) fn reserve(&mut self, count: u64) -> Result<(), OutOfFrames> {
        if !self.can_allocate(count) {
            self.ledger.miss(count);
            return Err(OutOfFrames);
        }
        self.ledger.keep_back(count);
        Ok(())
    }

    /// Makes `count` frames that were reserved and not taken available again.
    pub(crate) fn unreserve(&mut self, count: u64) {
        self.ledger.release(count);
    }

    /// Hands out one reserved frame.
    ///
    /// # Errors
    /// [`OutOfFrames`]: none is reserved.
    #[allow(unsafe_code, reason = "a frame gets its owner here")]
    pub(crate) fn take_reserved(&mut self, kind: FrameKind) -> Result<Frame, OutOfFrames> {
        if !self.ledger.hand_out_kept(kind) {
            return Err(OutOfFrames);
        }
        let number = self.take_small().ok_or(OutOfFrames)?;
        // SAFETY: the frame was free until now, so nobody owns it, and the
        // ledger counts it as this kind.
        Ok(unsafe { Frame::numbered(number, kind) })
    }

    /// Hands the reserved frames of `range` to the allocator: the boot loader's
    /// leftovers. Returns how many they are.
    ///
    /// # Errors
    /// [`ReclaimError::NotReclaimable`] if one of them was not given to
    /// [`new`](Self::new) as reclaimable, holds the bitmap, or was reclaimed before.
    ///
    /// # Safety
    /// Nothing uses the memory of `range` any more: no reference, no page table
    /// and no stack that is in use lies in it.
    #[allow(
        unsafe_code,
        reason = "the caller vouches for memory that it gives away"
    )]
    pub unsafe fn reclaim(&mut self, range: FrameRange) -> Result<u64, ReclaimError> {
        let frames = range.numbers();
        self.ranges
            .reclaim(frames.clone())
            .map_err(|number| ReclaimError::NotReclaimable {
                frame: address(number),
            })?;
        // SAFETY: the frames were never handed out, and the caller says that
        // nothing else uses them.
        unsafe { self.set_free(frames, true) };
        self.ledger.reclaim(range.frames());
        Ok(range.frames())
    }
}
