//! The blocks of a heap: small, medium and large ones, from memory of any source.
//!
//! The type of the source is forgotten: all of it is compiled with this crate and
//! as this crate is, not with whoever uses a heap.
//!
//! What must always hold: the kind of a block follows from its layout, but for
//! `misfits` of them. A misfit was made smaller when there was no memory for
//! another block: it stayed where it is, as the larger kind of block it was.
//! While there is one, the kind of a block that comes back follows from its
//! address: large ones are in no chunk, and a chunk notes what its spans hold.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::chunk::{MEDIUM, span_of};
use super::class::{CLASSES, Kind, SIZES};
use super::large::Large;
use super::medium::Medium;
use super::small::Small;
use super::source::Source;
use super::spans::Spans;
use super::{checks, fail};

/// All blocks, and all memory for more.
pub(super) struct Blocks<S: ?Sized> {
    small: Small,
    pub(super) medium: Medium,
    spans: Spans,
    /// Sweeps that have given pages back.
    pub(super) sweeps: u64,
    misfits: usize,
    pub(super) large: Large<S>,
}

// SAFETY: the pointers lead to memory that is the heap's alone.
unsafe impl<S: Send> Send for Blocks<S> {}

impl<S> Blocks<S> {
    pub(super) const fn new(source: S) -> Self {
        Self {
            small: Small::new(),
            medium: Medium::new(),
            spans: Spans::new(),
            sweeps: 0,
            misfits: 0,
            large: Large::new(source),
        }
    }
}

impl Blocks<dyn Source + '_> {
    /// As [`Heap::allocate`](super::Heap::allocate).
    pub(super) fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        if !checks::ON
            && let Kind::Small(class) = Kind::of(layout)
            && let Some(block) = self.small.take(class, &mut self.spans)
        {
            return Some(block);
        }
        self.allocate_any(layout)
    }

    /// The same for blocks of all kinds, out of the list of a class or not.
    #[inline(never)]
    fn allocate_any(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let padded = checks::padded(layout)?;
        let kind = Kind::of(padded);
        let block = match kind {
            Kind::Small(class) => self.take_small(class)?,
            Kind::Medium => self.take_medium(padded)?,
            Kind::Large => self.or_trim(|own| own.large.allocate(padded))?,
        };
        if checks::ON {
            // SAFETY: the block is new, and large enough for the padded layout.
            unsafe { checks::seal(block, layout.size(), kind) };
        }
        Some(block)
    }

    /// As [`Heap::allocate_zeroed`](super::Heap::allocate_zeroed).
    pub(super) fn allocate_zeroed(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.allocate(layout)?;
        let zero = |offset: usize, size: usize| {
            // SAFETY: the bytes are the block's, which is new.
            unsafe { block.add(offset).write_bytes(0, size) };
        };
        match checks::padded(layout).map(Kind::of)? {
            Kind::Small(_) | Kind::Medium => zero(0, layout.size()),
            Kind::Large => self.large.each_held(block, layout.size(), zero),
        }
        Some(block)
    }

    /// As [`Heap::deallocate`](super::Heap::deallocate).
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn deallocate(&mut self, block: NonNull<u8>, layout: Layout) {
        if !checks::ON
            && self.misfits == 0
            && let Kind::Small(class) = Kind::of(layout)
        {
            // SAFETY: as the caller vouches; without misfits it is of this kind.
            if unsafe { self.small.put(block, class, &mut self.spans) } {
                self.sweep();
            }
            return;
        }
        // SAFETY: as the caller vouches.
        unsafe { self.deallocate_any(block, layout) }
    }

    /// The same for blocks of all kinds, and for misfits.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(never)]
    unsafe fn deallocate_any(&mut self, block: NonNull<u8>, layout: Layout) {
        let Some(padded) = checks::padded(layout) else {
            return;
        };
        let kind = self.kind_of(block, padded);
        self.misfits -= usize::from(kind != Kind::of(padded));
        // SAFETY: as the caller vouches; the block is of this kind.
        unsafe {
            if checks::ON {
                self.unseal(block, layout.size(), padded, kind);
            }
            let is_sweep_due = match kind {
                Kind::Small(class) => self.small.put(block, class, &mut self.spans),
                Kind::Medium => self
                    .medium
                    .put(block, padded, &mut self.spans, &mut self.large),
                Kind::Large => {
                    self.large.free(block, padded.size());
                    false
                }
            };
            if is_sweep_due {
                self.sweep();
            }
        }
    }

    /// As [`Heap::reallocate`](super::Heap::reallocate).
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn reallocate(
        &mut self,
        block: NonNull<u8>,
        layout: Layout,
        size: usize,
    ) -> Option<NonNull<u8>> {
        let wanted = Layout::from_size_align(size, layout.align()).ok()?;
        let (old, new) = (checks::padded(layout)?, checks::padded(wanted)?);
        let (is, will_be) = (self.kind_of(block, old), Kind::of(new));
        // SAFETY: as the caller vouches; the new block is at least as large as
        // what is copied, and another one than the old.
        unsafe {
            if is != will_be || !self.fit(is, block, old, new) {
                if let Some(moved) = self.allocate(wanted) {
                    block.copy_to_nonoverlapping(moved, size.min(layout.size()));
                    self.deallocate(block, layout);
                    return Some(moved);
                }
                // There is no memory for another block: a larger one than needed will do.
                if is < will_be || !self.fit(is, block, old, new) {
                    return None;
                }
            }
            self.misfits -= usize::from(is != Kind::of(old));
            self.misfits += usize::from(is != will_be);
            if checks::ON {
                checks::set_canary(block, size);
            }
        }
        Some(block)
    }

    /// As [`Heap::trim`](super::Heap::trim).
    pub(super) fn trim(&mut self) -> usize {
        self.sweep() + self.large.trim()
    }

    /// Makes a block fit another layout where it is. `false`, and nothing
    /// changed, if that is not possible. For a smaller one it always is.
    ///
    /// # Safety
    ///
    /// The block is of this kind, was allocated with the padded layout `old`, and
    /// nobody uses what lies behind the bytes of `new`.
    unsafe fn fit(&mut self, is: Kind, block: NonNull<u8>, old: Layout, new: Layout) -> bool {
        // SAFETY: as the caller vouches.
        unsafe {
            match is {
                Kind::Small(_) => Kind::of(new) <= is,
                Kind::Medium => self.medium.cut(block, old, new),
                Kind::Large => self.large.resize(block, old.size(), new.size()),
            }
        }
    }

    /// The kind of a block that was allocated with this padded layout.
    fn kind_of(&self, block: NonNull<u8>, layout: Layout) -> Kind {
        let expected = Kind::of(layout);
        if self.misfits == 0 {
            return expected;
        }
        let kind = if self.large.is_in_chunk(block) {
            // SAFETY: the note of a span, in the header of a chunk of ours.
            match unsafe { (*span_of(block.addr().get())).class } {
                MEDIUM => Some(Kind::Medium),
                class => (usize::from(class) < CLASSES).then_some(Kind::Small(class)),
            }
        } else {
            Some(Kind::Large)
        };
        kind.filter(|&kind| kind >= expected)
            .unwrap_or_else(|| fail::not_of_this_size(block, layout.size()))
    }

    #[inline(never)]
    fn sweep(&mut self) -> usize {
        let (spans, large) = (&mut self.spans, &mut self.large);
        let small = self.small.sweep(spans, large);
        let pages = small + self.medium.sweep(spans, large);
        self.sweeps += u64::from(pages > 0);
        pages
    }

    fn take_small(&mut self, class: u8) -> Option<NonNull<u8>> {
        if let Some(block) = self.small.take(class, &mut self.spans) {
            return Some(block);
        }
        self.or_trim(|own| {
            let (spans, large) = (&mut own.spans, &mut own.large);
            own.small.refill(class, spans, large)?;
            own.small.take(class, &mut own.spans)
        })
    }

    fn take_medium(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.or_trim(|own| {
            let (medium, spans, large) = (&mut own.medium, &mut own.spans, &mut own.large);
            medium
                .take(layout, spans, large)
                .or_else(|| medium.take_fresh(layout, spans, large))
                .or_else(|| {
                    medium.open_all(large);
                    medium.take(layout, spans, large)
                })
        })
    }

    /// Tries something, and once more if it fails and something idle was given back.
    fn or_trim<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        attempt(self).or_else(|| {
            let is_any_idle = self.spans.idle > 0;
            if self.trim() == 0 && !is_any_idle {
                return None;
            }
            attempt(self)
        })
    }

    /// Checks a block that comes back, and overwrites what it holds.
    ///
    /// # Safety
    ///
    /// The block is of this kind and has `size` bytes, and nobody uses it any more.
    unsafe fn unseal(&self, block: NonNull<u8>, size: usize, padded: Layout, kind: Kind) {
        if kind == Kind::Large {
            self.large.check(block, padded.size());
        }
        // SAFETY: as the caller vouches; a block of a class has all of its size.
        unsafe {
            checks::check_canary(block, size);
            match kind {
                Kind::Small(class) => checks::poison(block, SIZES[usize::from(class)].into()),
                Kind::Medium => checks::poison_all(block, padded.size()),
                Kind::Large => self.large.each_held(block, padded.size(), |offset, size| {
                    checks::poison_all(block.add(offset), size);
                }),
            }
        }
    }
}
