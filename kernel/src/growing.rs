//! Mappings that grow downwards when they are touched below (MAP_GROWSDOWN).
//!
//! ```text
//!   │ another │ <── gap ──> │ touched page ... │ mapping      │
//!                           └──── grows ───────┘
//!                           └──── at most STACK_LIMIT ────────┘
//! ```
//!
//! What must always hold: as on Linux, none grows nearer than 1 MiB to what may be
//! accessed and does not grow itself; and nothing is placed as near below one, unless
//! the program insists. In the book: chapter 13,
//! `docs/13-loading-on-demand.md`.

use memory::space::{Backing, Half, Placement, Region, Request, Rights};
use x86_64::VirtAddr;

use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;
/// Bytes of a stack at most (Linux: RLIMIT_STACK).
pub const STACK_LIMIT: u64 = 8 << 20;
/// The lowest address that a program may map (Linux: `vm.mmap_min_addr`).
pub const LOWEST: u64 = 0x1_0000;
/// Bytes that stay free below what has grown (Linux: `stack_guard_gap`).
const GAP: u64 = 256 * PAGE;

/// Lets the mapping above an address, in which no region lies, grow down to it. False
/// if it does not grow, or must not.
pub(crate) fn grow_down_to(address: VirtAddr) -> bool {
    spaces::current(|space, memory| {
        let page = address.align_down(PAGE);
        let Some(request) = growth(space, page) else {
            return false;
        };
        let Ok(grown) = space.allocate(request, memory) else {
            return false;
        };
        space.join(page, grown.size, memory);
        true
    })
}

/// Where a mapping that would end at `end` ends at most, so that the one above it can
/// still grow.
pub(crate) fn highest_end(space: &Half, end: u64) -> u64 {
    let here = VirtAddr::new_truncate(end);
    let above = space.region_at(here).or_else(|| space.region_above(here));
    match above {
        Some(above) if above.grows_down => end.min(above.base.as_u64().saturating_sub(GAP)),
        Some(_) | None => end,
    }
}

/// What there is to allocate, so that the mapping above a page reaches down to it.
fn growth(space: &Half, page: VirtAddr) -> Option<Request> {
    let above = space.region_above(page).filter(|above| above.grows_down)?;
    let is_too_near = |below: &Region| {
        let is_accessible = below.rights != Rights::NoAccess && below.backing != Backing::Guard;
        is_accessible && !below.grows_down && page.as_u64() - below.end() < GAP
    };
    let is_refused = page.as_u64() < LOWEST
        || above.end() - page.as_u64() > STACK_LIMIT
        || space.region_below(page).as_ref().is_some_and(is_too_near);
    let by = above.base - page;
    let request = Request::new(by, backing_below(above.backing, by / PAGE)?)
        .rights(above.rights)
        .placement(Placement::At(page))
        .label(above.label)
        .grows_down()
        .user();
    (!is_refused).then_some(request)
}

/// The backing of so many pages before those of a mapping.
fn backing_below(backing: Backing, pages: u64) -> Option<Backing> {
    match backing {
        Backing::Object {
            object,
            offset_in_pages,
            sharing,
        } => Some(Backing::Object {
            object,
            offset_in_pages: offset_in_pages.checked_sub(pages)?,
            sharing,
        }),
        other => Some(other),
    }
}
