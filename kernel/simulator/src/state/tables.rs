//! The page tables below a root, read as the processor reads them.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use memory::paging::{Entry, EntryKind, LeafSize};
use serde::Serialize;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::simulated_memory::SimulatedMemory;
use crate::translation::span;

/// Tables that are told of at most: those of a region of a gigabyte would be some hundreds.
const MOST: usize = 48;
/// Rows of a table that are told of at most.
const MOST_ROWS: usize = 24;

/// A page table.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// Its level, 4 (the root) to 1.
    pub level: u8,
    /// The frame that holds it.
    pub frame: u64,
    /// The first virtual address that it spans.
    pub start: u64,
    /// The entries in use, those that continue each other in one: those nearest
    /// to the last access.
    pub entries: Vec<Row>,
    /// How many entries are in use.
    pub used: u64,
}

/// Entries in a row that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The index of the first.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// `table`, `private`, `shared`, `zero`, `reserved`, `swapped` or `unknown`.
    pub kind: &'static str,
    /// The frame, the table or the slot that the first leads to.
    pub target: u64,
    /// Whether the processor may use it.
    pub present: bool,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether it was accessed since that bit was cleared.
    pub accessed: bool,
    /// Whether it was written.
    pub dirty: bool,
    /// Whether it may be executed.
    pub executable: bool,
    /// The size of its page, if it is a leaf.
    pub page: u64,
}

/// All tables of a low half, each before those below it.
pub(crate) fn of(bytes: &SimulatedMemory, root: u64, zero: u64, near: u64) -> Vec<Table> {
    let mut tables = Vec::new();
    collect(bytes, root, 4, 0, (zero, near), &mut tables);
    tables
}

fn collect(
    bytes: &SimulatedMemory,
    frame: u64,
    level: u8,
    start: u64,
    (zero, near): (u64, u64),
    tables: &mut Vec<Table>,
) {
    if tables.len() == MOST {
        return;
    }
    // Only the low half of a root is the space's own.
    let indices = if level == 4 { 256 } else { 512 };
    let mut entries = Vec::<Row>::new();
    let mut used = 0;
    for index in 0..indices {
        let bits = bytes.entry(frame + 8 * index).load(Relaxed);
        let Some(row) = row(Entry::from_bits(bits), level, index, zero) else {
            continue;
        };
        used += 1;
        match entries.last_mut() {
            Some(last) if last.goes_on_with(&row) => last.count += 1,
            _ => entries.push(row),
        }
    }
    let below: Vec<_> = entries.iter().filter(|row| row.kind == "table").collect();
    let below: Vec<_> = below.iter().map(|row| (row.index, row.target)).collect();
    keep_near(&mut entries, near / span(level) % 512);
    tables.push(Table {
        level,
        frame,
        start,
        entries,
        used,
    });
    for (index, table) in below {
        let start = start + index * span(level);
        collect(bytes, table, level - 1, start, (zero, near), tables);
    }
}

/// Leaves rows out if there are many: all but those nearest to an index.
fn keep_near(entries: &mut Vec<Row>, index: u64) {
    if entries.len() > MOST_ROWS {
        let distance = |row: &Row| match row.index + row.count > index {
            true => row.index.saturating_sub(index),
            false => index - row.index,
        };
        entries.sort_by_key(distance);
        entries.truncate(MOST_ROWS);
        entries.sort_by_key(|row| row.index);
    }
}

fn row(entry: Entry, level: u8, index: u64, zero: u64) -> Option<Row> {
    let flags = entry.flags();
    let (kind, target, page) = match entry.kind(level) {
        EntryKind::Unused => return None,
        EntryKind::Table(table) => ("table", table.as_u64(), 0),
        EntryKind::Leaf(start, LeafSize::Size4KiB) if start.as_u64() == zero => {
            ("zero", zero, LeafSize::Size4KiB.bytes())
        }
        EntryKind::Leaf(start, size) if flags.contains(Flags::BIT_11) => {
            ("shared", start.as_u64(), size.bytes())
        }
        EntryKind::Leaf(start, size) => ("private", start.as_u64(), size.bytes()),
        EntryKind::Reserved => ("reserved", 0, 0),
        EntryKind::Swapped(slot) => ("swapped", slot.number(), 0),
        EntryKind::Unknown(bits) => ("unknown", bits, 0),
    };
    Some(Row {
        index,
        count: 1,
        kind,
        target,
        present: entry.is_present(),
        writable: flags.contains(Flags::WRITABLE),
        accessed: flags.contains(Flags::ACCESSED),
        dirty: flags.contains(Flags::DIRTY),
        executable: !flags.contains(Flags::NO_EXECUTE),
        page,
    })
}

impl Row {
    /// Whether `next` is one more of the same, as far as a picture shows it.
    fn goes_on_with(&self, next: &Self) -> bool {
        let place = self.index + self.count;
        let target = match self.kind {
            "zero" => self.target,
            "swapped" => self.target + self.count,
            _ => self.target + self.count * self.page,
        };
        self.kind != "table"
            && next.index == place
            && next.target == target
            && (self.kind, self.present, self.writable, self.accessed)
                == (next.kind, next.present, next.writable, next.accessed)
            && (self.dirty, self.executable) == (next.dirty, next.executable)
    }
}
