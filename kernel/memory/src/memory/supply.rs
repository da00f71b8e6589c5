//! What the halves of address spaces take from the memory. What they give back is in
//! `removed`.
//!
//! What must always hold: no frame is zeroed, and no flush waited for, while the lock
//! is held.
#![allow(unsafe_code)]

use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};
use x86_64::{PhysAddr, VirtAddr};

use super::{Memory, PageRefusal, Shared};
use crate::fault::{Fault, Outcome};
use crate::fault_log::Resolved;
use crate::frames::{Frame, FrameKind, Frames, OutOfFrames, Shortage};
use crate::object::ObjectId;
use crate::paging::{LeafSize, Table};
use crate::tlb::{Flush, Scope};

impl Memory {
    /// A zeroed private frame of this size.
    #[inline]
    pub(crate) fn new_private(&self, size: LeafSize) -> Result<Private, OutOfFrames> {
        match size {
            LeafSize::Size4KiB => self.new_private_of::<Size4KiB>(),
            LeafSize::Size2MiB => self.new_private_of::<Size2MiB>(),
            LeafSize::Size1GiB => self.new_private_of::<Size1GiB>(),
        }
    }

    #[inline]
    fn new_private_of<S: PageSize>(&self) -> Result<Private, OutOfFrames> {
        let frame = self.allocate_frame::<S>(FrameKind::Private)?;
        Ok(self.filled(frame, Fill::Zeroes))
    }

    /// A private frame of 4 KiB for the page of a fault, if one is at hand:
    /// else [`Self::fetch_frames`] comes first. The fault is logged with it, and
    /// will end so: what is left to do cannot fail.
    #[inline(always)]
    pub(crate) fn private_at_hand(
        &self,
        fault: &Fault,
        outcome: Outcome,
        region: VirtAddr,
    ) -> Option<Private> {
        let frame = self.lock().take_at_hand(fault, outcome, region)?;
        Some(self.filled(frame, Fill::Zeroes))
    }

    /// Private memory for the page of a fault whose leaf shares the frame `from`:
    /// that frame, for the last owner; or else a copy, if a frame is at hand. The
    /// fault is logged as in [`Self::private_at_hand`].
    #[inline(always)]
    pub(crate) fn unshare(
        &self,
        fault: &Fault,
        region: VirtAddr,
        from: PhysAddr,
    ) -> Option<(Outcome, Private)> {
        let mut shared = self.lock();
        if shared.take_over(from) {
            let outcome = Outcome::TakenOver;
            shared.log.record(
                fault,
                Resolved {
                    outcome,
                    region,
                    frame: from,
                },
            );
            return Some((outcome, Private(from)));
        }
        let outcome = Outcome::SharedCopy;
        let frame = shared.take_at_hand(fault, outcome, region)?;
        drop(shared);
        Some((outcome, self.filled(frame, Fill::CopyOf(from))))
    }

    /// Brings free frames to hand.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: there are none.
    pub(crate) fn fetch_frames(&self) -> Result<(), OutOfFrames> {
        self.lock().frames.fetch()
    }

    /// A private copy of a page of an object.
    pub(crate) fn copy_of_page(&self, object: ObjectId, page: u64) -> Result<Private, PageRefusal> {
        let frame = self.allocate_frame::<Size4KiB>(FrameKind::Private)?;
        match self.hold_page(object, page) {
            Ok(held) => {
                let copy = self.filled(frame, Fill::CopyOf(held.start()));
                self.let_page_go(held);
                Ok(copy)
            }
            Err(refusal) => {
                self.free_frame(frame);
                Err(refusal)
            }
        }
    }

    /// A private frame out of those that were kept back.
    pub(crate) fn take_private(&self, fill: Fill) -> Result<Private, OutOfFrames> {
        let frame = self.lock().frames.take_reserved(FrameKind::Private)?;
        Ok(self.filled(frame, fill))
    }

    #[inline(always)]
    fn filled<S: PageSize>(&self, frame: Frame<S>, fill: Fill) -> Private {
        match fill {
            Fill::Zeroes => self.direct_map.zero(&frame),
            // SAFETY: the caller holds it, or a leaf of its maps it: it is in use and shown.
            Fill::CopyOf(from) => unsafe { self.direct_map.copy(from, &frame) },
        }
        Private(frame.into_entry().start_address())
    }

    /// Gives a private frame back that no leaf took over.
    pub(crate) fn free_private(&self, private: Private, size: LeafSize) {
        let mut shared = self.lock();
        // SAFETY: the value was the one owner.
        unsafe {
            shared
                .frames
                .free_mapped(private.0, size.frames(), FrameKind::Private);
        }
    }

    /// An empty table.
    pub(crate) fn new_table(&self) -> Result<Table, OutOfFrames> {
        let frame = self.allocate_frame(FrameKind::Table)?;
        Ok(Table::new(frame, self.direct_map))
    }

    /// An empty table out of the frames that were kept back for it.
    pub(crate) fn take_table(&self) -> Result<Table, OutOfFrames> {
        let frame = self.lock().frames.take_reserved(FrameKind::Table)?;
        Ok(Table::new(frame, self.direct_map))
    }

    /// An empty table in a private frame.
    ///
    /// # Safety
    ///
    /// The leaf that owned it alone was taken out of the tables, and the processor has
    /// been made to forget it since.
    pub(crate) unsafe fn table_in(&self, start: PhysAddr) -> Table {
        let frame = PhysFrame::containing_address(start);
        // SAFETY: as the caller vouches.
        let frame = unsafe { Frame::from_entry(frame, FrameKind::Private) };
        let mut shared = self.lock();
        shared.forget_notes(start, 1);
        let frame = shared.frames.reclassify(frame, FrameKind::Table);
        drop(shared);
        Table::new(frame, self.direct_map)
    }

    /// Keeps `count` free frames of 4 KiB back, so that taking them cannot fail.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: not so many may be handed out; nothing has changed.
    pub(crate) fn keep_back(&self, count: u64) -> Result<(), OutOfFrames> {
        self.lock().frames.reserve(count)
    }

    /// What is said where `needed` frames of 4 KiB cannot be had.
    #[cold]
    pub(crate) fn shortage(&self, needed: u64) -> Shortage {
        self.lock().frames.shortage(needed)
    }

    /// Lets frames go that were kept back and not taken.
    pub(crate) fn let_go(&self, count: u64) {
        if count > 0 {
            self.lock().frames.unreserve(count);
        }
    }

    /// Runs `work` with the frame allocator, under the lock.
    pub(crate) fn with_frames<R>(&self, work: impl FnOnce(&mut Frames<'static>) -> R) -> R {
        work(&mut self.lock().frames)
    }

    pub(crate) fn count_fallbacks(&self, n: u64) {
        if n > 0 {
            self.lock().fallbacks += n;
        }
    }

    pub(crate) fn count_borrowed(&self, frames: u64) {
        self.lock().borrowed += frames;
    }

    pub(crate) fn count_leaked(&self, n: u64) {
        if n > 0 {
            self.lock().leaked += n;
        }
    }

    /// Makes the processor forget; no lock is held.
    #[inline]
    pub(crate) fn flush(&self, scope: Scope, flush: Flush<'_>) {
        self.tlb.flush(scope, flush);
    }

    /// Makes the processor forget one page; no lock is held.
    #[inline]
    pub(crate) fn flush_page(&self, scope: Scope, page: VirtAddr) {
        self.tlb.flush_page(scope, page);
    }
}

/// What a new private frame holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fill {
    /// Zeroes.
    Zeroes,
    /// The bytes of the frame at this address.
    CopyOf(PhysAddr),
}

/// A filled frame that is some leaf's to own: an entry takes it over, or it is
/// given back.
#[must_use = "a private frame that no leaf takes over is lost"]
pub(crate) struct Private(PhysAddr);

impl Private {
    /// The address of its first byte.
    pub(crate) fn start(&self) -> PhysAddr {
        self.0
    }

    /// The address, for the one leaf that owns the frame from now on.
    #[inline]
    pub(crate) fn into_leaf(self) -> PhysAddr {
        self.0
    }
}

impl Shared {
    /// A private frame for the page of a fault, which is logged with it, if one is
    /// at hand.
    #[inline(always)]
    fn take_at_hand(&mut self, fault: &Fault, outcome: Outcome, region: VirtAddr) -> Option<Frame> {
        let frame = self.frames.take_at_hand(FrameKind::Private)?;
        let resolved = Resolved {
            outcome,
            region,
            frame: frame.start(),
        };
        self.log.record(fault, resolved);
        Some(frame)
    }
}
