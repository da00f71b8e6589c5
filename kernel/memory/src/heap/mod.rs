//! The kernel heap: size classes in front of `linked_list_allocator`, over
//! memory that becomes physical when it is touched.
//!
//! ```text
//! layout ─> class ── up to 8 KiB ──> small: a free list for each class
//!               │                      └ chunks of 2 MiB, 64 spans each
//!               └─ larger ─────────> large: linked_list_allocator, whole pages
//!                                      └ source: extents, commit, discard
//! ```
//!
//! **Nothing is handed out that cannot be touched.** A heap on demand would
//! otherwise end the machine: the fault of a later touch cannot be refused. So
//! pages are committed ([`Source::commit`]) before they are handed out; if that
//! cannot be, idle pages are given back and it is tried once more, and then
//! there is no block, and nothing has changed. A commit is a promise of a frame
//! and takes none: a large block holds frames for the pages that were touched,
//! and small ones are carved page by page.
//!
//! **What is not used goes back**: spans without a block in use once they are
//! a quarter of all (and more than 8), pages of freed large blocks once they
//! are a quarter of those in use (and more than 128); [`Heap::trim`] gives back
//! all of it. Address space stays.
//!
//! Nothing here is called by the rest of this crate, so that resolving a fault
//! cannot allocate. Files: `class`, `chunk`, `small`, `lists`; `large`, `map`;
//! `source`; `checks`, `fail` (what debug builds catch); `apart` (a block on
//! pages of its own).
#![allow(unsafe_code)]

mod apart;
mod checks;
mod chunk;
mod class;
mod fail;
mod large;
mod lists;
mod map;
mod small;
mod source;
mod usage;

pub use apart::Apart;
pub use small::ClassUsage;
pub use source::{GRAIN, PAGE, Pages, Source};
pub use usage::Usage;

use core::alloc::Layout;
use core::ptr::NonNull;

use class::SIZES;
use large::Large;
use small::Small;

/// A heap over the memory of a [`Source`]. It has no lock: one user at a time.
pub struct Heap<S> {
    small: Small,
    large: Large<S>,
}

// SAFETY: the pointers in a heap lead to memory that is the heap's alone.
unsafe impl<S: Send> Send for Heap<S> {}

impl<S> Heap<S> {
    /// A heap without memory.
    pub const fn new(source: S) -> Self {
        Self {
            small: Small::new(),
            large: Large::new(source),
        }
    }

    /// What the heap's memory comes from.
    pub fn source(&self) -> &S {
        &self.large.source
    }

    /// The same, to change it. Its memory is in use.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.large.source
    }
}

impl<S: Source> Heap<S> {
    /// Reserves the first extent, and makes its size the least by which the
    /// heap grows. `size` is in bytes and is rounded up to [`GRAIN`].
    /// Returns what was reserved, `None` if it cannot be had.
    pub fn reserve(&mut self, size: usize) -> Option<Pages> {
        self.large.set_step(size);
        self.large.grow(0, PAGE)
    }

    /// A block of at least `layout.size()` bytes at a multiple of
    /// `layout.align()`, all of which can be touched. `None`, and nothing
    /// changed, if there is no memory for it.
    #[inline]
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let padded = checks::padded(layout)?;
        let block = match class::of(padded) {
            Some(class) => self.take_small(class)?,
            None => self.take_large(padded)?.0,
        };
        self.seal(block, layout);
        Some(block)
    }

    /// The same, all zeroes. Pages of a large block that hold nothing are zero
    /// already and are not touched.
    pub fn allocate_zeroed(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let padded = checks::padded(layout)?;
        let block = match class::of(padded) {
            Some(class) => {
                let block = self.take_small(class)?;
                // SAFETY: the block is new, and at least so large.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            None => {
                let (block, fresh) = self.take_large(padded)?;
                let pages = Pages::new(block.addr().get(), padded.size());
                if fresh < pages.count() {
                    // SAFETY: the pages are the block's.
                    self.each_held(pages, |held| unsafe {
                        block
                            .add(held.start - pages.start)
                            .write_bytes(0, held.size());
                    });
                }
                block
            }
        };
        self.seal(block, layout);
        Some(block)
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// The heap handed it out for this layout (or made it this large), and
    /// nobody uses it any more.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>, layout: Layout) {
        let Some(padded) = checks::padded(layout) else {
            return;
        };
        let class = class::of(padded);
        if checks::ON {
            // SAFETY: as the caller vouches.
            unsafe { self.unseal(block, layout, padded) };
        }
        // SAFETY: as the caller vouches; the same layout leads the same way.
        unsafe {
            match class {
                Some(class) => {
                    if self.small.put(block, class) {
                        self.small.sweep(&mut self.large);
                    }
                }
                None => self.large.free(block, padded.size()),
            }
        }
    }

    /// Makes a block larger or smaller, where it is if that can be: within its
    /// class, or into the hole behind a large one. `None`, and nothing changed,
    /// if there is no memory for it.
    ///
    /// # Safety
    ///
    /// As for [`deallocate`](Self::deallocate), once there is another block;
    /// `size`, rounded up to the alignment, does not overflow an `isize`.
    pub unsafe fn reallocate(
        &mut self,
        block: NonNull<u8>,
        layout: Layout,
        size: usize,
    ) -> Option<NonNull<u8>> {
        let wanted = Layout::from_size_align(size, layout.align()).ok()?;
        let (old, new) = (checks::padded(layout)?, checks::padded(wanted)?);
        // SAFETY: as the caller vouches; the new block is at least as large as
        // what is copied, and another one than the old.
        unsafe {
            let in_place = match (class::of(old), class::of(new)) {
                (Some(old), Some(new)) => old == new,
                (None, None) => {
                    self.large.check(block, old.size());
                    self.large.resize(block, old.size(), new.size())
                }
                _ => false,
            };
            if in_place {
                if checks::ON {
                    checks::set_canary(block, size);
                }
                return Some(block);
            }
            let moved = self.allocate(wanted)?;
            block.copy_to_nonoverlapping(moved, size.min(layout.size()));
            self.deallocate(block, layout);
            Some(moved)
        }
    }

    /// Gives back every page that no block lies in, but for the few that hold
    /// the heap's own notes. Returns how many pages that were.
    pub fn trim(&mut self) -> usize {
        self.small.sweep(&mut self.large) + self.large.trim()
    }

    #[inline(always)]
    fn take_small(&mut self, class: u8) -> Option<NonNull<u8>> {
        let block = match self.small.take(class) {
            Some(block) => block,
            None => self.refill_and_take(class)?,
        };
        if checks::ON {
            // SAFETY: just taken out of the list of its class.
            unsafe { checks::check_poison(block, SIZES[usize::from(class)].into()) };
        }
        Some(block)
    }

    /// Out of line, so that the way of every day keeps its registers.
    #[cold]
    #[inline(never)]
    fn refill_and_take(&mut self, class: u8) -> Option<NonNull<u8>> {
        let filled = self.small.refill(class, &mut self.large)
            || self.trim() > 0 && self.small.refill(class, &mut self.large);
        if filled { self.small.take(class) } else { None }
    }

    #[inline(never)]
    fn take_large(&mut self, padded: Layout) -> Option<(NonNull<u8>, usize)> {
        self.large.allocate(padded).or_else(|| {
            if self.trim() == 0 {
                return None;
            }
            self.large.allocate(padded)
        })
    }

    /// Makes a new block one that can be checked.
    #[inline(always)]
    fn seal(&mut self, block: NonNull<u8>, layout: Layout) {
        if checks::ON {
            // SAFETY: the block was allocated with the padded layout.
            unsafe { checks::set_canary(block, layout.size()) };
        }
    }

    /// Checks a block that is freed, and makes it one that is free.
    ///
    /// # Safety
    ///
    /// As for [`deallocate`](Self::deallocate).
    unsafe fn unseal(&mut self, block: NonNull<u8>, layout: Layout, padded: Layout) {
        // SAFETY: as the caller vouches.
        unsafe {
            if let Some(class) = class::of(padded) {
                checks::check_canary(block, layout.size());
                checks::poison(block, SIZES[usize::from(class)].into());
            } else {
                self.large.check(block, padded.size());
                checks::check_canary(block, layout.size());
                let pages = Pages::new(block.addr().get(), padded.size());
                self.each_held(pages, |held| {
                    checks::poison_all(block.add(held.start - pages.start), held.size());
                });
            }
        }
    }

    /// Calls `work` with all runs of these pages that are held.
    fn each_held(&self, pages: Pages, mut work: impl FnMut(Pages)) {
        let mut rest = pages;
        while let Some(held) = self.large.source.first_held(rest) {
            work(held);
            rest.start = held.end;
        }
    }
}
