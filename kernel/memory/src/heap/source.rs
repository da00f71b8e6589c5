//! Where a heap's memory comes from: the contract between a heap and what
//! stands behind it.
//!
//! ```text
//! grow ──> addresses ──reserve──> reserved ──touch──> held
//!              ^ └──────unreserve──────┘               │
//!              └────────────────discard────────────────┘
//! ```
//!
//! In a kernel this is an address space: `grow` makes a region with demand
//! backing, `reserve` makes certain that its pages get a frame, and a touch is a
//! page fault. For memory that is mapped already there is
//! [`MappedMemory`](super::MappedMemory).
#![allow(unsafe_code)]

use core::ptr::{NonNull, with_exposed_provenance_mut};

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// Extents are multiples of this many bytes, and aligned to it: 2 MiB, what one
/// page table maps.
pub const GRAIN: usize = 2 << 20;

/// Whole pages in a row, by address: at least one, and not the last one there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    start: usize,
    end: usize,
}

impl Pages {
    /// The `size` bytes from `start` on. `None` if they are not whole pages, if
    /// there are none, or if they do not end below the top of all addresses.
    #[must_use]
    pub const fn new(start: usize, size: usize) -> Option<Self> {
        let whole = start.is_multiple_of(PAGE) && size.is_multiple_of(PAGE);
        match start.checked_add(size) {
            Some(end) if whole && size > 0 => Some(Self { start, end }),
            _ => None,
        }
    }

    /// The pages that a block of `size` bytes lies in, which begins with one.
    pub(super) fn of(block: NonNull<u8>, size: usize) -> Self {
        let start = block.addr().get();
        Self::between(start, start + size.max(1).next_multiple_of(PAGE))
    }

    /// The pages from `start` up to `end`, two different multiples of [`PAGE`].
    pub(super) const fn between(start: usize, end: usize) -> Self {
        debug_assert!(start < end && start.is_multiple_of(PAGE) && end.is_multiple_of(PAGE));
        Self { start, end }
    }

    /// A pointer to the first page, which is the heap's.
    pub(super) fn pointer(self) -> NonNull<u8> {
        let pointer = NonNull::new(with_exposed_provenance_mut(self.start));
        pointer.expect("no source has a page at address 0")
    }

    /// The address of the first page.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start
    }

    /// The address behind the last page.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end
    }

    /// Bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.end - self.start
    }

    /// How many pages.
    #[must_use]
    pub const fn count(self) -> usize {
        self.size() / PAGE
    }
}

/// Memory for a heap. All pages that a heap names are of its extents.
///
/// # Safety
///
/// - An extent that [`grow`](Self::grow) returns is as large as was asked,
///   aligned to [`GRAIN`], nobody else's, for ever, and its addresses have
///   exposed provenance.
/// - A reserved page can be read and written until it is unreserved or discarded.
/// - A page that holds something keeps it until it is discarded. A page that
///   holds nothing reads as zeroes once it is reserved.
pub unsafe trait Source {
    /// Adds an extent of `size` bytes, a multiple of [`GRAIN`], whose first
    /// `reserved` bytes (whole pages, perhaps none) are reserved. It begins at
    /// `behind` if there is room, which is where the last extent ends.
    /// `None`, and nothing changed, if either is not possible.
    fn grow(&mut self, size: usize, reserved: usize, behind: Option<usize>) -> Option<Pages>;

    /// Reserves pages: whenever one is touched from now on, there is memory for
    /// it. Some may be reserved already. Returns how many hold something;
    /// `None`, and nothing changed, if there is not enough memory.
    fn reserve(&mut self, pages: Pages) -> Option<usize>;

    /// Ends the reservation of pages, which keep what they hold. Returns how
    /// many hold something.
    ///
    /// # Safety
    ///
    /// The pages are of this source's extents, and nothing lies in them.
    unsafe fn unreserve(&mut self, pages: Pages) -> usize;

    /// Ends the reservation of pages, and gives back what they hold. Returns
    /// how many gave something back.
    ///
    /// # Safety
    ///
    /// The pages are of this source's extents, and nothing lies in them.
    unsafe fn discard(&mut self, pages: Pages) -> usize;

    /// The first of these pages that holds something, with those right behind
    /// it that do, too. A page that may hold something counts.
    fn first_held(&self, pages: Pages) -> Option<Pages>;
}
