//! Owned frames: what an allocation returns and what freeing takes.
//!
//! A [`Frame`] is neither `Copy` nor `Clone`, so in safe code a frame cannot be
//! given back twice, given back while a table still maps it, or used after. It
//! ends in one of two ways: it goes back to `Frames`, or a table entry takes it
//! over. Dropping one loses the frame: it stays counted as in use.

#![allow(
    unsafe_code,
    reason = "ownership that a type cannot show comes in here"
)]

use core::fmt;
use core::iter::FusedIterator;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size1GiB, Size2MiB, Size4KiB};

use super::{FRAME_SHIFT, address};
use crate::memory_map::FrameRange;

/// What a frame that was handed out is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// A page table.
    Table,
    /// Held by the kernel itself: region records, stacks.
    Kernel,
    /// Backs pages of one owner.
    Private,
    /// Backs pages of several owners.
    Shared,
    /// The one frame of zeros that stands in for untouched pages.
    Zero,
}

impl FrameKind {
    /// How many kinds there are.
    pub(super) const COUNT: usize = 5;
}

/// A frame of 4 KiB, 2 MiB or 1 GiB that belongs to whoever holds this value.
#[must_use = "dropping a frame loses it: give it back with `Frames::free`"]
#[derive(PartialEq, Eq)]
pub struct Frame<S: PageSize = Size4KiB> {
    frame: PhysFrame<S>,
    kind: FrameKind,
}

impl<S: PageSize> Frame<S> {
    /// The physical address of its first byte.
    #[must_use]
    #[inline]
    pub fn start(&self) -> PhysAddr {
        self.frame.start_address()
    }

    /// The frame itself, without its ownership.
    #[must_use]
    #[inline]
    pub fn as_phys_frame(&self) -> PhysFrame<S> {
        self.frame
    }

    /// What it was handed out for.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The frame that begins at this number, in units of 4 KiB.
    ///
    /// # Safety
    /// As for [`from_entry`](Self::from_entry).
    #[inline]
    pub(super) unsafe fn numbered(number: u64, kind: FrameKind) -> Self {
        debug_assert!(address(number).as_u64() >> FRAME_SHIFT == number);
        // SAFETY: a frame that was handed out has an address, which begins it; for
        // the rest, the caller says the same of the same frame.
        unsafe {
            let start = PhysAddr::new_unsafe(number << FRAME_SHIFT);
            Self::from_entry(PhysFrame::from_start_address_unchecked(start), kind)
        }
    }

    /// The same frame, owned for something else.
    #[inline]
    pub(super) fn with_kind(self, kind: FrameKind) -> Self {
        Self { kind, ..self }
    }

    /// Hands the ownership to a table entry.
    #[must_use]
    #[inline]
    pub(crate) fn into_entry(self) -> PhysFrame<S> {
        self.frame
    }

    /// Takes the ownership back from a table entry, or whatever else held it.
    ///
    /// # Safety
    /// - The frame was handed out for `kind`, and no [`Frame`] or [`Run`] of it exists.
    /// - Its holder owned it alone, and from now on holds it no more.
    #[inline]
    pub(crate) unsafe fn from_entry(frame: PhysFrame<S>, kind: FrameKind) -> Self {
        Self { frame, kind }
    }
}

impl Frame<Size2MiB> {
    /// The same memory as 512 frames of 4 KiB.
    pub fn split(self) -> Pieces<Size4KiB> {
        Pieces::new(self.start(), Size2MiB::SIZE / Size4KiB::SIZE, self.kind)
    }
}

impl Frame<Size1GiB> {
    /// The same memory as 512 frames of 2 MiB.
    pub fn split(self) -> Pieces<Size2MiB> {
        Pieces::new(self.start(), Size1GiB::SIZE / Size2MiB::SIZE, self.kind)
    }
}

impl<S: PageSize> fmt::Debug for Frame<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Frame<{}>({:#x}, {:?})",
            S::DEBUG_STR,
            self.start(),
            self.kind
        )
    }
}

/// Frames of 4 KiB in a row that belong to whoever holds this value.
#[must_use = "dropping a run loses its frames: give it back with `Frames::free_run`"]
#[derive(PartialEq, Eq)]
pub struct Run {
    range: FrameRange,
    kind: FrameKind,
}

impl Run {
    /// The frames of `range`, which is not empty.
    ///
    /// # Safety
    /// All of them are counted as in use for `kind`, and nobody else owns one.
    pub(super) unsafe fn new(range: FrameRange, kind: FrameKind) -> Self {
        Self { range, kind }
    }

    /// The physical address of its first byte.
    #[must_use]
    pub fn start(&self) -> PhysAddr {
        self.range.start()
    }

    /// How many 4 KiB frames it holds, at least one.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.range.frames()
    }

    /// The frames, without their ownership.
    #[must_use]
    pub fn range(&self) -> FrameRange {
        self.range
    }

    /// What it was handed out for.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The same memory as single frames.
    pub fn split(self) -> Pieces<Size4KiB> {
        Pieces::new(self.start(), self.frames(), self.kind)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({:?}, {:?})", self.range, self.kind)
    }
}

/// Smaller frames made from a larger one or from a run, in rising order. Those
/// that are not taken out are lost, as a dropped frame is.
#[must_use = "the frames in it are lost when it is dropped"]
#[derive(Debug)]
pub struct Pieces<S: PageSize> {
    next: PhysFrame<S>,
    left: u64,
    kind: FrameKind,
}

impl<S: PageSize> Pieces<S> {
    fn new(start: PhysAddr, count: u64, kind: FrameKind) -> Self {
        Self {
            next: PhysFrame::containing_address(start),
            left: count,
            kind,
        }
    }
}

impl<S: PageSize> Iterator for Pieces<S> {
    type Item = Frame<S>;

    fn next(&mut self) -> Option<Frame<S>> {
        self.left = self.left.checked_sub(1)?;
        let frame = self.next;
        if self.left > 0 {
            self.next = frame + 1;
        }
        Some(Frame {
            frame,
            kind: self.kind,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<S: PageSize> ExactSizeIterator for Pieces<S> {}
impl<S: PageSize> FusedIterator for Pieces<S> {}
