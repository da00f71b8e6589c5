//! Where a heap's memory comes from: the contract between a heap and what
//! stands behind it.
//!
//! ```text
//! grow ──> address space ──commit──> may be touched ──touch──> held
//!               ^                         │                      │
//!               └───────── withdraw ──────┘                      │
//!               └───────────────────── discard ──────────────────┘
//! ```
//!
//! In a kernel this is [`Space`](crate::Space): `commit` is
//! [`Space::promise`](crate::Space::promise), and a touch is a page fault. On
//! the host it is ordinary memory that counts.
#![allow(unsafe_code)]

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// Extents are multiples of this many bytes, and aligned to it: 2 MiB, what one
/// page table maps.
pub const GRAIN: usize = 2 << 20;

/// Whole pages in a row, by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The address of the first; a multiple of [`PAGE`].
    pub start: usize,
    /// The address behind the last; a multiple of [`PAGE`].
    pub end: usize,
}

impl Pages {
    /// The pages from `start` on that `size` bytes need; `start` is a multiple of [`PAGE`].
    #[must_use]
    pub const fn new(start: usize, size: usize) -> Self {
        Self {
            start,
            end: start + size.next_multiple_of(PAGE),
        }
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

/// Memory for a heap. Whichever pages it names, there is at least one, but for
/// [`first_held`](Self::first_held): of no page at all, none is held.
///
/// # Safety
///
/// - An extent that [`grow`](Self::grow) returns is nobody else's, for ever,
///   and its addresses have exposed provenance.
/// - Pages that [`commit`](Self::commit) vouched for can be read and written
///   until they are withdrawn or discarded.
/// - A held page keeps its bytes until it is discarded. A page that is not held
///   reads as zeroes.
pub unsafe trait Source {
    /// Reserves an extent of `size` bytes, a multiple of [`GRAIN`] and aligned
    /// to it; at the address `behind` if there is room. `None`, and nothing
    /// changed, if it cannot be had.
    fn grow(&mut self, size: usize, behind: Option<usize>) -> Option<Pages>;

    /// Whether so many pages, wherever they lie in the extents, can be touched
    /// now without being committed. It holds until they were, or until another
    /// call has succeeded: one that is refused uses nothing up.
    fn ready(&mut self, pages: usize) -> bool;

    /// Whether so many pages can be committed that hold nothing yet.
    fn has(&self, pages: usize) -> bool;

    /// Makes sure that all these pages can be touched. Returns how many of them
    /// are not held yet; `None`, and nothing changed, if that cannot be.
    fn commit(&mut self, pages: Pages) -> Option<usize>;

    /// Pages are not needed any more. They keep what they hold; those that
    /// were never touched are not committed any more. Returns how many those are.
    fn withdraw(&mut self, pages: Pages) -> usize;

    /// Gives back what the pages hold. Returns how many held something.
    fn discard(&mut self, pages: Pages) -> usize;

    /// The first of these pages, and those right behind it, that are held.
    fn first_held(&self, pages: Pages) -> Option<Pages>;
}
