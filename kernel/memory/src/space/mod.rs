//! Address spaces: regions, their backing, and [`Space::resolve`], the heart of
//! a page-fault handler.
//!
//! An address space has two halves. The kernel half (bit 47 set) is one
//! [`Space`] that all others share; each other one owns its low half and its
//! root. Both kinds answer to the same calls:
//!
//! | call | file | does |
//! |---|---|---|
//! | [`Space::allocate`] | `allocate` | reserves a region, maps it if it is immediate |
//! | [`Space::resolve`] | `resolve` | makes a page physical, or says why not |
//! | [`Space::free`], [`Space::discard`] | `release` | gives frames back |
//! | [`Space::promise`], [`Space::withdraw`] | `promise` | makes sure that pages can be touched later |
//! | [`Space::protect`] | `protect` | changes rights |
//! | [`Space::region_at`], [`Space::translate`], … | `query` | tells what is there |
//! | [`Space::holdings`] | `holdings` | tells which frames a half holds |
//! | [`Space::read`], [`Space::write`] | `bytes` | for a space that is not loaded |
//! | [`Space::audit`] | `audit` | checks all invariants |
//!
//! What must always hold: every operation first reserves what it needs and then
//! commits without failing, so that an error changes nothing; all edits of the
//! tables go through the space's one cursor.
//! In the book: chapter 5, `docs/05-regions-and-backing.md`.

mod allocate;
mod audit;
mod backing;
mod bytes;
mod halves;
mod holdings;
mod populate;
mod promise;
mod protect;
mod query;
mod range;
mod region;
mod release;
mod request;
mod resolve;
mod spot;
mod tree;

pub use audit::{
    Audit, Broken, Conflict, Counter, LeafDefect, RegionDefect, Report, Right, TableDefect,
};
pub use bytes::{BytesError, BytesRefusal};
pub use halves::{HALF, KernelHalfError, LOWEST};
pub use holdings::{Held, Holding};
pub use promise::PromiseError;
pub use protect::ProtectError;
pub use query::Resident;
pub use region::{Backing, Region, Rights};
pub use release::{DiscardError, FreeError};
pub use request::{AllocateError, Placement, Request};

use crate::paging::Cursor;
use crate::tlb::Scope;
use spot::Spot;
use tree::{Link, Tree};

/// One half of an address space: the kernel's, or a low half of its own.
pub struct Space {
    /// The one cursor that edits the tables of this half.
    cursor: Cursor,
    regions: Tree,
    /// The record that the last fault or query hit.
    last: Link,
    /// Where the last fault was.
    spot: Spot,
    /// Whose translations a change here outdates.
    scope: Scope,
    /// Where regions are placed: the first address, and the one behind the last.
    window: (u64, u64),
    /// What the next allocation is called; see [`Region`].
    next_source: u64,
}
