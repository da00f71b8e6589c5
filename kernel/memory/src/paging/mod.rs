//! Four-level page tables: typed entries, and one cursor that touches them.
//!
//! ```text
//!  63        48 47     39 38     30 29     21 20     12 11          0
//! +------------+---------+---------+---------+---------+-------------+
//! | copies of  | level 4 | level 3 | level 2 | level 1 | offset in   |
//! | bit 47     | index   | index   | index   | index   | a 4K page   |
//! +------------+---------+---------+---------+---------+-------------+
//!                         1G leaf   2M leaf   4K leaf
//! ```
//!
//! What must always hold: every entry on the way down is a table that this
//! crate made, and the entry that points to a table counts how many of the
//! table's 512 entries are in use, so that an emptied table is known at once.
//! Layout: Intel SDM vol. 3A 4.5, AMD APM vol. 2 5.3.
//! In the book: chapter 4, `docs/04-four-levels.md`.

mod cursor;
mod edit;
mod entry;
mod geometry;
mod row;
mod sparse;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod visit;
mod walk;

pub(crate) use cursor::Cursor;
pub use entry::{Cache, Entry, EntryKind};
pub use geometry::{LeafSize, index_at, offset_in_page};
pub(crate) use geometry::{slot_base, span_of};
pub(crate) use row::Age;
pub(crate) use sparse::{NoTable, Row, Sparse, Word};
pub(crate) use table::Table;
pub(crate) use visit::{LeafSeen, TableSeen, Visit, Visits};
pub use walk::{Step, Walk};
