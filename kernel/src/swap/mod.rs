//! Pages that are on a disk for a while, so that their frames can serve others.
//!
//! ```text
//!   frames are short ─> reclaim ─ policy ─> a page goes: to a slot, or for nothing
//!   a fault meets a slot ─> bring_back ─> a frame, read from the disk
//! ```
//!
//! | file | is |
//! |---|---|
//! | `reclaim` | which pages go when frames are short, and when it is given up |
//! | `policies` | the ways to choose, by name |
//!
//! What must always hold: a page is in its slot before its frame goes, as
//! [`Space::evict`](memory::Space::evict) sees to; without a disk there are no slots,
//! and all is as if there were no eviction. In the book: chapter 15,
//! `docs/15-eviction.md`.

mod policies;
mod reclaim;

pub use policies::Chosen;
pub(crate) use reclaim::keep_some_free;
pub use reclaim::{Evicted, Totals, evict, policy, set_policy, totals};

use memory::slot::SlotCounts;
use memory::space::SwapInError;
use memory::words::Count;
use x86_64::VirtAddr;

use crate::disk::{self, DiskError, Which};
use crate::spaces;

/// Says who makes frames free when they are short, and makes slots of the disk for
/// them, if there is one.
pub fn init() {
    spaces::on_shortage(reclaim::relieve);
    let pages = disk::pages(Which::Swap);
    if pages == 0 {
        return;
    }
    match spaces::memory().set_slots(pages) {
        Ok(()) => log::info!("swap: {}", Count(pages, "slot")),
        Err(error) => log::warn!("the disk for slots is not used: {error}"),
    }
}

/// How the slots are used, and what was moved to them and from them.
#[must_use]
pub fn slots() -> SlotCounts {
    spaces::memory().slots()
}

/// Brings the page of an address of the space that is loaded back from its slot.
///
/// # Errors
///
/// See [`SwapInError`]. Frames are short only if none came free.
pub(crate) fn bring_back(address: VirtAddr) -> Result<(), SwapInError<DiskError>> {
    spaces::relieved(|| {
        spaces::current(|space, memory| {
            space.swap_in(address, memory, |slot, bytes| {
                disk::read_page(Which::Swap, slot.number(), bytes)
            })
        })
    })
    .map(drop)
}
