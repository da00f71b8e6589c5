//! The processor's cache of translations, and what of it is stale.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::processor::Processor;
use crate::processors::{is_stale, stale_at};
use crate::translation::{Found, Leaf, Permissions, UPPER};

/// Leaves, and ways to tables, that are told of at most.
const MOST: usize = 24;

/// A translation that the processor remembers.
#[derive(Clone, Debug, Serialize)]
pub struct Cached {
    /// The level of the table that its entry is in, 1 to 4: a leaf, or the way to a table.
    pub level: u8,
    /// False for an entry that points to a table.
    pub is_leaf: bool,
    /// The first virtual address.
    pub start: u64,
    /// The frame, or the table, that it leads to.
    pub physical: u64,
    /// `r`, `rw` or `rx`.
    pub rights: &'static str,
    /// Whether DIRTY is set as far as the processor knows.
    pub dirty: bool,
    /// What the tables say instead, if that is less or something else.
    pub stale: Option<String>,
}

/// What a processor remembers of the low half: what is stale, and then what is nearest to an
/// address, leaves first.
pub(crate) fn of(core: &Processor, near: u64) -> Vec<Cached> {
    let is_low = |start: u64| start & UPPER == 0;
    let leaves = core.leaves.values().filter(|leaf| is_low(leaf.start));
    let leaves = leaves.map(|leaf| (leaf, stale_at(core, leaf)));
    let mut leaves: Vec<_> = leaves.collect();
    if leaves.len() > MOST {
        leaves.sort_by_key(|(leaf, stale)| (stale.is_none(), leaf.start.abs_diff(near)));
        leaves.truncate(MOST);
        leaves.sort_by_key(|(leaf, _)| leaf.start);
    }
    let leaves = leaves.into_iter().map(|(leaf, stale)| Cached {
        level: leaf.level,
        is_leaf: true,
        start: leaf.start,
        physical: leaf.physical,
        rights: rights(leaf.permissions),
        dirty: leaf.dirty,
        stale: stale.map(|address| instead(core, address, leaf)),
    });
    let uppers = core.uppers.iter().filter(|((_, start), _)| is_low(*start));
    let uppers = uppers.map(|(&(level, start), upper)| Cached {
        level,
        is_leaf: false,
        start,
        physical: upper.table,
        rights: rights(upper.permissions),
        dirty: false,
        stale: is_stale(core, level, start, upper).then(|| String::from("the table is no more")),
    });
    leaves.chain(uppers.take(MOST)).collect()
}

fn rights(permissions: Permissions) -> &'static str {
    match (permissions.writable, permissions.executable) {
        (true, _) => "rw",
        (false, true) => "rx",
        (false, false) => "r",
    }
}

/// What the tables give where `leaf` remembers something else.
fn instead(core: &Processor, address: u64, leaf: &Leaf) -> String {
    match core.look(address) {
        Found::Absent => String::from("not mapped"),
        Found::Reserved => String::from("a reserved bit is set"),
        Found::Leaf(now, _) => {
            let rights = rights(now.permissions);
            let physical = now.physical + (address - now.start);
            match physical == leaf.physical + (address - leaf.start) {
                true => format!("{rights} only"),
                false => format!("{physical:#x}, {rights}"),
            }
        }
    }
}
