//! Address spaces: regions, their backing, and `resolve`, the heart of a
//! page-fault handler.
//!
//! An address space has two halves. Programs live in the low one: each
//! [`Space`] owns its low half and its root. The kernel lives in the upper one
//! (bit 47 set): there is one [`KernelHalf`], which all spaces share. Both are a
//! [`Half`] inside, and each file here does one thing to it:
//!
//! | file | does |
//! |---|---|
//! | `halves` | makes and destroys the two kinds, and says what is safe in which |
//! | `resolve`, `page`, `large`, `around` | make a page physical when it is touched, or say why not |
//! | `allocate`, `map`, `back` | make a region, and map it at once where its backing says so; give a page a chosen frame |
//! | `fork` | copies a low half, whose pages both share |
//! | `release`, `protect` | free and discard; change rights |
//! | `cut`, `free_range`, `replace`, `move_range`, `grow`, `join` | free a range over several regions, and put another there; move pages to other addresses, make an allocation larger, or one of two |
//! | `object`, `hold` | map pages of objects, and count the regions of each |
//! | `reserve` | makes sure that pages can be touched later |
//! | `hand`, `evict`, `swap_in` | choose pages that leave memory, move them to slots, and get them back |
//! | `look`, `bytes` | tell what is there, and read and write it from outside |
//! | `region`, `request`, `content`, `regions` | what a region is, how one is asked for, what a leaf owns, and the tree of all |
//!
//! What must always hold: every operation first reserves what it needs and then
//! commits without failing, so that an error changes nothing; all edits of the
//! tables go through the half's one cursor. In the book: chapter 5,
//! `docs/05-regions-and-backing.md`; objects and forks in chapters 13 and 14; what
//! is to come, pages of a disk, in chapter 15, `docs/15-eviction.md`.

mod allocate;
mod around;
mod back;
mod break_up;
mod bytes;
mod content;
mod cut;
mod evict;
mod fork;
mod free_range;
mod grow;
mod halves;
mod hand;
mod hold;
mod join;
mod large;
mod look;
mod map;
mod move_error;
mod move_range;
mod object;
mod page;
mod protect;
mod range;
mod region;
pub(crate) mod regions;
mod release;
mod replace;
mod request;
mod reserve;
mod resolve;
mod swap_in;

pub use back::BackError;
pub use bytes::{BytesError, BytesRefusal};
pub use content::Content;
pub use evict::{EvictError, Eviction};
pub use fork::ForkError;
pub use free_range::FreeRangeError;
pub use grow::GrowError;
pub use halves::{HALF, KernelHalf, KernelHalfError, LOWEST, Space};
pub use hand::Hand;
pub use look::{Leaf, Leaves, Resident};
pub use move_error::MoveError;
pub use object::WantedPage;
pub use protect::ProtectError;
pub use region::{Backing, Region, Rights};
pub use regions::Defect as RecordsDefect;
pub use release::{DiscardError, FreeError};
pub use request::{AllocateError, Placement, Request};
pub use reserve::ReserveError;
pub use swap_in::SwapInError;

use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

use crate::memory::Memory;
use crate::paging::Cursor;
use crate::tlb::Scope;
use regions::Regions;

/// One half of an address space, to look at: what [`Space`] and [`KernelHalf`]
/// have in common.
pub struct Half {
    /// The one cursor that edits the tables of this half.
    cursor: Cursor,
    regions: Regions,
    /// Whose translations a change here outdates.
    scope: Scope,
    /// Where regions are placed: the first address, and the one behind the last.
    window: (u64, u64),
    /// What the next allocation is called; see [`Region`].
    next_source: u64,
    /// Frames of 4 KiB behind private and shared leaves.
    resident: u64,
    /// The most that these were when the last of them went.
    most_resident: u64,
    /// The zero frame of the [`Memory`] that this half was made from.
    zero: PhysFrame,
    /// Where that memory sees it, by which it is known from any other.
    zero_seen: VirtAddr,
}

impl Half {
    /// The cursor, to look at.
    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The records of its regions, to look at.
    pub(crate) fn records(&self) -> &Regions {
        &self.regions
    }

    /// Sees to it that the half is used with the memory it was made from: with
    /// another, frames would go to an allocator that does not own them.
    #[inline]
    pub(crate) fn check(&self, memory: &Memory) {
        assert!(
            self.zero_seen == memory.zero_seen(),
            "a half of an address space is used with the `Memory` that it was made from"
        );
    }
}

/// What tests break by hand.
#[cfg(test)]
impl Half {
    pub(crate) fn cursor_mut(&mut self) -> &mut Cursor {
        &mut self.cursor
    }

    pub(crate) fn records_mut(&mut self) -> &mut Regions {
        &mut self.regions
    }

    /// Counts a resident frame that no leaf maps.
    pub(crate) fn miscount_resident(&mut self) {
        self.resident += 1;
    }

    /// Unmaps a range, and loses what was there.
    pub(crate) fn lose(&mut self, start: u64, end: u64, memory: &Memory) {
        let mut batch = crate::flush::FlushBatch::new(self.scope, memory);
        self.unmap(start, end, &mut batch);
    }
}
