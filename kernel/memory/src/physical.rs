//! Physical memory as all address spaces share it: the frames, the direct map
//! that reaches them, what the processor can do, the one zero frame, and the
//! journal of faults.
//!
//! What must always hold: there is one `Physical` to a machine, and every space
//! is used with the one it was made from. The zero frame holds zeroes and is
//! writable through no leaf; it is allocated once and never freed.

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};

use crate::Features;
use crate::direct_map::DirectMap;
use crate::frames::{Frame, FrameKind, Frames, OutOfFrames};
use crate::journal::{Event, Journal, RING};
use crate::paging::{LeafSize, Table};

/// The physical side of memory, shared by all address spaces.
pub struct Physical<'m> {
    frames: Frames<'m>,
    direct_map: DirectMap,
    features: Features,
    zero: PhysFrame,
    borrowed: u64,
    fallbacks: u64,
    leaked: u64,
    journal: Journal<'m>,
}

impl<'m> Physical<'m> {
    /// Takes over the frames, and sets one of them aside as the zero frame. The
    /// journal keeps its events in `events`.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: there is not a single free frame.
    pub fn new(
        mut frames: Frames<'m>,
        direct_map: DirectMap,
        features: Features,
        events: &'m mut [Event; RING],
    ) -> Result<Self, OutOfFrames> {
        let zero = frames.allocate::<Size4KiB>(FrameKind::Zero)?;
        direct_map.zero(&zero);
        Ok(Self {
            zero: zero.into_entry(),
            frames,
            direct_map,
            features,
            borrowed: 0,
            fallbacks: 0,
            leaked: 0,
            journal: Journal::new(events),
        })
    }

    /// The frame allocator, to look at.
    #[must_use]
    pub fn frames(&self) -> &Frames<'m> {
        &self.frames
    }

    /// The frame allocator, to take frames from and to limit.
    pub fn frames_mut(&mut self) -> &mut Frames<'m> {
        &mut self.frames
    }

    /// The direct map.
    #[must_use]
    pub fn direct_map(&self) -> DirectMap {
        self.direct_map
    }

    /// What the processor can do.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// The one frame of zeroes that all untouched zero-backed pages share.
    #[must_use]
    pub fn zero_frame(&self) -> PhysFrame {
        self.zero
    }

    /// Frames (4 KiB) outside the allocator that device leaves map now.
    #[must_use]
    pub fn borrowed(&self) -> u64 {
        self.borrowed
    }

    /// How often a smaller page stood in for a large one, because no large
    /// frame was free or the processor lacks the size.
    #[must_use]
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks
    }

    /// Leaves and tables whose frames were lost, since the start, because what
    /// had taken them out was not finished. Anything but 0 is a defect in this
    /// crate.
    #[must_use]
    pub fn leaked(&self) -> u64 {
        self.leaked
    }

    /// The journal of faults: counts, and the ring of events.
    #[must_use]
    pub fn journal(&self) -> &Journal<'m> {
        &self.journal
    }

    /// The journal, to drain it.
    pub fn journal_mut(&mut self) -> &mut Journal<'m> {
        &mut self.journal
    }

    pub(crate) fn count_fallbacks(&mut self, n: u64) {
        self.fallbacks += n;
    }

    pub(crate) fn count_leaked(&mut self, n: u64) {
        self.leaked += n;
    }

    pub(crate) fn borrow_frames(&mut self, frames: u64) {
        self.borrowed += frames;
    }

    pub(crate) fn give_back_borrowed(&mut self, frames: u64) {
        self.borrowed -= frames;
    }

    /// A private frame of 4 KiB, zeroed, its ownership passing to an entry.
    #[inline(always)]
    pub(crate) fn new_private_page(&mut self) -> Result<PhysAddr, OutOfFrames> {
        let frame = self.frames.allocate::<Size4KiB>(FrameKind::Private)?;
        Ok(self.zeroed(frame))
    }

    /// The same out of the promised frames.
    pub(crate) fn new_promised_page(&mut self) -> Result<PhysAddr, OutOfFrames> {
        let frame = self.frames.take_reserved(FrameKind::Private)?;
        Ok(self.zeroed(frame))
    }

    /// What a fault needs that takes a frame out of the allocator's hand: the
    /// hand, if it is not empty, and the journal.
    #[inline(always)]
    pub(crate) fn at_hand(&mut self) -> Option<(Frame, &mut Journal<'m>)> {
        let frame = self.frames.allocate(FrameKind::Private).ok()?;
        Some((frame, &mut self.journal))
    }

    /// The same of any size.
    pub(crate) fn new_private(&mut self, size: LeafSize) -> Result<PhysAddr, OutOfFrames> {
        match size {
            LeafSize::Size4KiB => self.new_private_page(),
            LeafSize::Size2MiB => {
                let frame = self.frames.allocate::<Size2MiB>(FrameKind::Private)?;
                Ok(self.zeroed(frame))
            }
            LeafSize::Size1GiB => {
                let frame = self.frames.allocate::<Size1GiB>(FrameKind::Private)?;
                Ok(self.zeroed(frame))
            }
        }
    }

    /// Zeroes a frame that an entry takes over; returns its first address.
    #[inline]
    pub(crate) fn zeroed<S: PageSize>(&mut self, frame: Frame<S>) -> PhysAddr {
        self.direct_map.zero(&frame);
        frame.into_entry().start_address()
    }

    pub(crate) fn free_private(&mut self, start: PhysAddr, size: LeafSize) {
        match size {
            LeafSize::Size4KiB => self.free::<Size4KiB>(start, FrameKind::Private),
            LeafSize::Size2MiB => self.free::<Size2MiB>(start, FrameKind::Private),
            LeafSize::Size1GiB => self.free::<Size1GiB>(start, FrameKind::Private),
        }
    }

    /// An empty table.
    pub(crate) fn new_table(&mut self) -> Result<Table, OutOfFrames> {
        let frame = self.frames.allocate::<Size4KiB>(FrameKind::Table)?;
        Ok(Table::new(frame, self.direct_map))
    }

    pub(crate) fn free_table(&mut self, table: Table) {
        self.free::<Size4KiB>(PhysAddr::new_truncate(table.address()), FrameKind::Table);
    }

    #[allow(unsafe_code)]
    fn free<S: PageSize>(&mut self, start: PhysAddr, usage: FrameKind) {
        let frame = PhysFrame::<S>::containing_address(start);
        // SAFETY: it was taken out of the tables, which owned it alone.
        let frame = unsafe { Frame::from_entry(frame, usage) };
        self.frames.free(frame);
    }
}
