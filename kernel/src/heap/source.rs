//! What stands behind the heap: demand regions of the kernel half, and the
//! promises of frames to their pages.
//!
//! The heap's lock is held when this runs; it takes the kernel half's and that
//! of the frames, which come later in the order, and allocates nothing.

use memory::heap::{GRAIN, Pages, Source};
use memory::space::{Backing, Placement, Request};
use x86_64::VirtAddr;

use crate::layout::{HEAP, SLOT_SIZE};
use crate::spaces::{kernel_half, memory};

/// What the heap's regions are called in reports.
pub const LABEL: &str = "heap";

/// Demand regions from [`HEAP`] on.
pub(super) struct DemandRegions;

/// Frames that one touch may take: for the page, and for the tables of levels
/// 1 and 2 on the way to it.
const FRAMES_FOR_A_TOUCH: u64 = 3;

/// The pages as the space's calls take them.
fn range(pages: Pages) -> (VirtAddr, u64) {
    (
        VirtAddr::new_truncate(pages.start as u64),
        pages.size() as u64,
    )
}

// SAFETY:
// - A region is reserved for the heap alone and is never freed. Addresses of
//   regions are exposed: they are made from numbers.
// - A promise makes sure of a page's frame and its tables until it is withdrawn
//   or the page discarded. Frames that can be allocated are still there at the
//   next touch: the heap's lock is held with interrupts off, on the one
//   processor there is.
// - Demand regions read as zeroes where nothing is held.
unsafe impl Source for DemandRegions {
    fn grow(&mut self, size: usize, behind: Option<usize>) -> Option<Pages> {
        let request = Request::new(size as u64, Backing::Demand).label(LABEL);
        let anywhere = Placement::Within {
            from: HEAP,
            below: HEAP.as_u64() + SLOT_SIZE,
            align: GRAIN as u64,
        };
        let adjoining = behind.map(|end| Placement::At(VirtAddr::new_truncate(end as u64)));
        let region = kernel_half(|space, memory| {
            let mut places = adjoining.into_iter().chain([anywhere]);
            places.find_map(|place| {
                let request = request.placement(place);
                space.allocate(request, memory).ok()
            })
        })?;
        Some(Pages::new(region.base.as_u64() as usize, size))
    }

    fn ready(&mut self, pages: usize) -> bool {
        let frames = pages as u64 * FRAMES_FOR_A_TOUCH;
        memory().frames(|free| free.can_allocate(frames))
    }

    fn has(&self, pages: usize) -> bool {
        memory().frames(|free| free.can_allocate(pages as u64))
    }

    fn commit(&mut self, pages: Pages) -> Option<usize> {
        let (start, size) = range(pages);
        let promised =
            kernel_half(|space, memory| space.reserve(start, size, memory));
        promised.ok().map(|pages| pages as usize)
    }

    fn withdraw(&mut self, pages: Pages) -> usize {
        let (start, size) = range(pages);
        let untouched =
            kernel_half(|space, memory| space.unreserve(start, size, memory));
        untouched.map_or(0, |pages| pages as usize)
    }

    fn discard(&mut self, pages: Pages) -> usize {
        let (start, size) = range(pages);
        // SAFETY: the heap says that nothing lies in these pages.
        let held = kernel_half(|space, memory| unsafe { space.discard(start, size, memory) });
        held.map_or(0, |pages| pages as usize)
    }

    fn first_held(&self, pages: Pages) -> Option<Pages> {
        let (start, _) = range(pages);
        kernel_half(|space, _| {
            let mut leaves = space.leaves(start, pages.end as u64);
            let first = leaves.next()?;
            let mut end = first.page.as_u64() + first.size.bytes();
            for leaf in leaves {
                if leaf.page.as_u64() != end {
                    break;
                }
                end += leaf.size.bytes();
            }
            Some(Pages {
                start: pages.start.max(first.page.as_u64() as usize),
                end: pages.end.min(end as usize),
            })
        })
    }
}
