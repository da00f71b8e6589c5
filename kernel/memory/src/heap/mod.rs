//! The kernel heap: size classes and `linked_list_allocator` for what is smaller
//! than a few pages, a map of whole pages for the rest, over memory that becomes
//! physical when it is touched.
//!
//! ```text
//!          ┌─ up to 1 KiB ──> small: a free list for each class ──┐ spans of 32 KiB,
//! layout ──┼─ up to 8 KiB ──> medium: linked_list_allocator ──────┤ 64 to a chunk
//!          └─ larger ───────> large: runs of whole pages ─────────┴> map of all extents <─ source
//! ```
//!
//! - An *extent* is addresses that the source gave, a *hole* a free run of its pages.
//! - A *chunk* is 2 MiB of an extent, and has 64 *spans*, each of small blocks of
//!   one class or of medium ones.
//!
//! **Nothing is handed out that cannot be touched**: the fault of a later touch
//! could not be refused. Pages are [reserved](Source::reserve) before they are
//! handed out, and before the heap writes a note of its own to them. If that
//! fails, idle pages are given back and it is tried once more; then there is no
//! block, and nothing has changed. A block that is made smaller needs no memory.
//!
//! **What is not used goes back**: spans without a block in use once they are
//! a quarter of all (and more than 8), pages of freed large blocks once they
//! are a quarter of those in use (and more than 128); [`Heap::trim`] gives back
//! all of it. Address space stays.
//!
//! Nothing here is called by the rest of this crate, so that resolving a fault
//! cannot allocate. No code that matters is generic, so all of it is compiled with
//! this crate: to have a fast heap in debug builds, put `opt-level = 2` under
//! `[profile.dev.package.faultline-memory]` of your workspace.
#![allow(unsafe_code)]

mod blocks;
mod checks;
mod chunk;
mod class;
mod fail;
mod fenced;
mod large;
mod mapped;
mod medium;
mod small;
mod source;
mod spans;
mod usage;

pub use fenced::Fenced;
pub use mapped::MappedMemory;
pub use source::{GRAIN, PAGE, Pages, Source};
pub use usage::{ClassUsage, MediumUsage, Usage};

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use blocks::Blocks;

/// A heap over the memory of a [`Source`]. It has no lock: one user at a time.
pub struct Heap<S> {
    blocks: Blocks<S>,
}

impl<S> Heap<S> {
    /// A heap without memory.
    pub const fn new(source: S) -> Self {
        Self {
            blocks: Blocks::new(source),
        }
    }

    /// What the heap's memory comes from.
    pub fn source(&self) -> &S {
        &self.blocks.large.source
    }
}

impl<S: Source> Heap<S> {
    /// What the heap holds. Costs a look at every span and at every hole.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(&self.blocks)
    }

    /// Adds an extent of `size` bytes, rounded up to [`GRAIN`], and makes that the
    /// least by which the heap grows. Returns the extent; `None`, and nothing
    /// changed, if the source has no such extent.
    pub fn grow(&mut self, size: usize) -> Option<Pages> {
        self.blocks().large.grow(size)
    }

    /// A block of at least `layout.size()` bytes at a multiple of
    /// `layout.align()`, all of which can be touched. `None`, and nothing
    /// changed, if there is no memory for it.
    #[inline]
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.blocks().allocate(layout)
    }

    /// The same, all zeroes. Pages of a large block that hold nothing are zero
    /// already and are not touched.
    pub fn allocate_zeroed(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.blocks().allocate_zeroed(layout)
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// - The heap handed it out for this layout, or made it this large.
    /// - Nobody uses it any more.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { self.blocks().deallocate(block, layout) }
    }

    /// Makes a block larger or smaller, where it is if that is possible: within
    /// its class, or into the hole behind a large one. `None`, and nothing
    /// changed, if there is no memory for it; a smaller one always succeeds.
    ///
    /// # Safety
    ///
    /// - As for [`deallocate`](Self::deallocate), once there is another block.
    /// - `size`, rounded up to the alignment, does not overflow an `isize`.
    pub unsafe fn reallocate(
        &mut self,
        block: NonNull<u8>,
        layout: Layout,
        size: usize,
    ) -> Option<NonNull<u8>> {
        // SAFETY: as the caller vouches.
        unsafe { self.blocks().reallocate(block, layout, size) }
    }

    /// Gives back every page that no block lies in, but for the few that hold
    /// the heap's own notes. Returns how many pages that were.
    pub fn trim(&mut self) -> usize {
        self.blocks().trim()
    }

    /// The blocks, without the type of the source.
    #[inline]
    fn blocks(&mut self) -> &mut Blocks<dyn Source + '_> {
        &mut self.blocks
    }
}

impl<S: Source> fmt::Debug for Heap<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = self.usage();
        f.debug_struct("Heap")
            .field("size", &usage.size)
            .field("in_use", &usage.in_use)
            .field("blocks", &usage.blocks)
            .finish_non_exhaustive()
    }
}
