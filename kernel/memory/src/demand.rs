//! The kernel heap's memory over regions on demand: where [`space`](crate::space)
//! and [`heap`](crate::heap), which do not know each other, meet.
//!
//! ```text
//! Heap ──> DemandPages ──reach──> the kernel's lock ──> KernelHalf, Memory
//! ```
//!
//! A kernel writes how its [`KernelHalf`] and [`Memory`] are reached, and has a
//! heap: `Heap::new(DemandPages::new(Kernel, from, below, "heap"))`. What must
//! always hold: a region that was grown is the heap's, and is never freed.
#![allow(unsafe_code)]

use x86_64::VirtAddr;

use crate::heap::{GRAIN, Pages, Source};
use crate::memory::Memory;
use crate::space::{Backing, KernelHalf, Placement, Request};

/// How a kernel reaches its kernel half, through whatever lock it has.
///
/// # Safety
///
/// Every call hands out the one kernel half of the machine, which is loaded, and
/// the [`Memory`] that it was made from; page faults in it are resolved.
pub unsafe trait Reach {
    /// Runs `work` on them.
    fn reach<R>(&self, work: impl FnOnce(&mut KernelHalf, &Memory) -> R) -> R;
}

/// Demand regions of the kernel half, as the memory of a
/// [`Heap`](crate::heap::Heap): a page takes a frame when it is touched, and none
/// is handed out for which a frame is not kept back.
#[derive(Debug)]
pub struct DemandPages<A> {
    access: A,
    from: VirtAddr,
    below: u64,
    label: &'static str,
}

impl<A> DemandPages<A> {
    /// Regions from `from` on and below `below`, called `label` in reports.
    pub const fn new(access: A, from: VirtAddr, below: u64, label: &'static str) -> Self {
        Self {
            access,
            from,
            below,
            label,
        }
    }
}

/// The pages as a half's calls take them.
fn range(pages: Pages) -> (VirtAddr, u64) {
    let start = VirtAddr::new_truncate(pages.start() as u64);
    (start, pages.size() as u64)
}

/// How many of the pages hold something.
fn held(half: &KernelHalf, pages: Pages) -> usize {
    let (start, size) = range(pages);
    let resident = half.resident_between(start, start.as_u64() + size);
    resident.private as usize
}

// SAFETY:
// - A region is made for the heap alone, aligned as asked, and freed by nobody:
//   freeing is unsafe, and its contract forbids it. Addresses of regions are
//   exposed: they are made from numbers.
// - A reserved page has a frame kept back, and its table: its fault is resolved.
//   Ending that from outside is unsafe.
// - A page of a demand region keeps what it holds until it is discarded, and
//   reads as zeroes when it is backed: backing it with something else is unsafe.
unsafe impl<A: Reach> Source for DemandPages<A> {
    fn grow(&mut self, size: usize, reserved: usize, behind: Option<usize>) -> Option<Pages> {
        let request = Request::new(size as u64, Backing::Demand).label(self.label);
        let anywhere = Placement::Within {
            from: self.from,
            below: self.below,
            align: GRAIN as u64,
        };
        let fits = |start: &u64| start.saturating_add(size as u64) <= self.below;
        let adjoining = behind.map(|end| end as u64).filter(fits);
        let adjoining = adjoining.map(|start| Placement::At(VirtAddr::new_truncate(start)));
        let places = adjoining.into_iter().chain([anywhere]);
        self.access.reach(|half, memory| {
            let place = |place| half.allocate(request.placement(place), memory).ok();
            let region = { places }.find_map(place)?;
            let notes = reserved as u64;
            if notes > 0 && half.reserve(region.base, notes, memory).is_err() {
                // SAFETY: the region was made just now, and nobody knows of it.
                let freed = unsafe { half.free(region.base, memory) };
                debug_assert!(freed.is_ok(), "the region is there");
                return None;
            }
            Pages::new(region.base.as_u64() as usize, size)
        })
    }

    fn reserve(&mut self, pages: Pages) -> Option<usize> {
        let (start, size) = range(pages);
        self.access.reach(|half, memory| {
            half.reserve(start, size, memory).ok()?;
            Some(held(half, pages))
        })
    }

    unsafe fn unreserve(&mut self, pages: Pages) -> usize {
        let (start, size) = range(pages);
        self.access.reach(|half, memory| {
            // SAFETY: nothing lies in these pages, as the caller vouches.
            let ended = unsafe { half.unreserve(start, size, memory) };
            debug_assert!(ended.is_ok(), "the pages are the heap's");
            held(half, pages)
        })
    }

    unsafe fn discard(&mut self, pages: Pages) -> usize {
        let (start, size) = range(pages);
        self.access.reach(|half, memory| {
            // SAFETY: nothing lies in these pages, as the caller vouches.
            let frames = unsafe { half.discard(start, size, memory) };
            frames.map_or(0, |frames| frames as usize)
        })
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        let (start, _) = range(pages);
        self.access.reach(|half, _| {
            let mut leaves = half.leaves(start, pages.end() as u64);
            let first = leaves.next()?.page.as_u64() as usize;
            let mut end = first + crate::heap::PAGE;
            for leaf in leaves {
                if leaf.page.as_u64() as usize != end {
                    break;
                }
                end += crate::heap::PAGE;
            }
            Pages::new(first, end - first)
        })
    }
}
