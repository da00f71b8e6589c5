//! A walk described level by level, for people to read.

use core::fmt;

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::cursor::Cursor;
use super::entry::{Entry, EntryKind};
use super::geometry::{index_at, offset_in_page};

/// One step of a walk: the entry that was met in the table of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The level of the table, 4 (the root) down to 1.
    pub level: u8,
    /// The index of the entry in its table, 0 to 511.
    pub index: u16,
    /// The entry.
    pub entry: Entry,
}

/// The way from the root to what an address is translated to, or to where the
/// translation ends for want of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The address that was walked to.
    pub address: VirtAddr,
    steps: [Option<Step>; 4],
}

impl Walk {
    /// Describes the way of a cursor that stands on `address`.
    pub(crate) fn of(cursor: &Cursor, address: VirtAddr) -> Self {
        let mut steps = [None; 4];
        for (step, level) in steps.iter_mut().zip((cursor.level()..=4).rev()) {
            *step = Some(Step {
                level,
                index: index_at(address, level),
                entry: cursor.entry_at(level),
            });
        }
        Self { address, steps }
    }

    /// The steps that were taken, from level 4 down; at least one, at most four.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.steps.iter().flatten().copied()
    }

    /// The last step: where the walk ended, in a leaf or without one.
    #[must_use]
    pub fn end(&self) -> Step {
        self.steps().last().unwrap_or(Step {
            level: 4,
            index: index_at(self.address, 4),
            entry: Entry::UNUSED,
        })
    }

    /// The physical address that the address is translated to, if it is mapped.
    #[must_use]
    pub fn physical(&self) -> Option<PhysAddr> {
        let end = self.end();
        match end.entry.kind(end.level) {
            EntryKind::Leaf(start, size) => Some(start + offset_in_page(self.address, size)),
            _ => None,
        }
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            write!(f, "level {} [{:>3}] ", step.level, step.index)?;
            match step.entry.kind(step.level) {
                EntryKind::Unused => writeln!(f, "unused")?,
                EntryKind::Software(bits) => writeln!(f, "not present, software bits {bits:#x}")?,
                EntryKind::Table(table) => {
                    writeln!(f, "table at {:#014x}, {}", table, Flags(step.entry.flags()))?;
                }
                EntryKind::Leaf(start, size) => writeln!(
                    f,
                    "{:?} leaf at {:#014x}, {}",
                    size,
                    start,
                    Flags(step.entry.flags())
                )?,
            }
        }
        match self.physical() {
            Some(physical) => write!(f, "physical {physical:#014x}"),
            None => write!(f, "not mapped at level {}", self.end().level),
        }
    }
}

/// The flags of an entry in the manuals' short names.
struct Flags(PageTableFlags);

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(PageTableFlags, &str); 11] = [
            (PageTableFlags::PRESENT, "P"),
            (PageTableFlags::WRITABLE, "W"),
            (PageTableFlags::USER_ACCESSIBLE, "U"),
            (PageTableFlags::WRITE_THROUGH, "PWT"),
            (PageTableFlags::NO_CACHE, "PCD"),
            (PageTableFlags::ACCESSED, "A"),
            (PageTableFlags::DIRTY, "D"),
            (PageTableFlags::GLOBAL, "G"),
            (PageTableFlags::NO_EXECUTE, "NX"),
            (Entry::BORROWED, "borrowed"),
            (Entry::FIXED, "fixed"),
        ];
        let mut first = true;
        for (_, name) in NAMES.iter().filter(|(flag, _)| self.0.contains(*flag)) {
            if !first {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
            first = false;
        }
        Ok(())
    }
}
