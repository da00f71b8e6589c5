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

    /// Describes the first step to `address` alone.
    pub(crate) fn of_root(cursor: &Cursor, address: VirtAddr) -> Self {
        let root = Step {
            level: 4,
            index: index_at(address, 4),
            entry: cursor.root_entry(address.as_u64()),
        };
        let steps = [Some(root), None, None, None];
        Self { address, steps }
    }

    /// Describes the way below the level 4 table at `root`, as a processor goes
    /// it. `entry_at` reads the entry at a physical address; where it knows
    /// none, the walk ends. No [`Space`](crate::space::Space) is asked, so this
    /// serves when one is locked, or when its tables are what went wrong.
    pub fn through(
        address: VirtAddr,
        root: PhysAddr,
        mut entry_at: impl FnMut(PhysAddr) -> Option<u64>,
    ) -> Self {
        let mut steps = [None; 4];
        let mut table = root;
        for (step, level) in steps.iter_mut().zip((1..=4).rev()) {
            let index = index_at(address, level);
            let place = table + 8 * u64::from(index);
            let Some(bits) = entry_at(place) else { break };
            let entry = Entry::from_bits(bits);
            *step = Some(Step {
                level,
                index,
                entry,
            });
            if level == 1 || !entry.is_table() {
                break;
            }
            table = entry.table_address();
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
            EntryKind::Leaf(start, size) if end.entry.is_present() => {
                Some(start + offset_in_page(self.address, size))
            }
            EntryKind::Leaf(..)
            | EntryKind::Unused
            | EntryKind::Reserved
            | EntryKind::Swapped(_)
            | EntryKind::Table(_)
            | EntryKind::Unknown(_) => None,
        }
    }
}

impl Step {
    /// The entry's flags in the manuals' short names: `P W A`.
    #[must_use]
    pub fn flags(&self) -> impl fmt::Display + use<> {
        Flags(self.entry.flags())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {} [{:>3}] ", self.level, self.index)?;
        let flags = self.flags();
        match self.entry.kind(self.level) {
            EntryKind::Unused => write!(f, "unused"),
            EntryKind::Reserved => write!(f, "not present, a frame is kept back for it"),
            EntryKind::Swapped(slot) => write!(f, "not present, the page is in {slot}"),
            EntryKind::Unknown(bits) => write!(f, "not present, unknown bits {bits:#x}"),
            EntryKind::Table(table) => write!(f, "table at {table:#014x}, {flags}"),
            EntryKind::Leaf(start, size) if !self.entry.is_present() => {
                write!(f, "not present, a hidden {size} leaf at {start:#014x}")
            }
            EntryKind::Leaf(start, size) => {
                write!(f, "{size} leaf at {start:#014x}, {flags}")
            }
        }
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            writeln!(f, "{step}")?;
        }
        match self.physical() {
            Some(physical) => write!(f, "physical {physical:#014x}"),
            None => match self.end() {
                Step { level, entry, .. } if level > 1 && entry.is_table() => {
                    let table = entry.table_address();
                    write!(f, "no memory at {table:#014x} that could hold the table")
                }
                end => write!(f, "not mapped at level {}", end.level),
            },
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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;

    use super::*;

    const PAGE: u64 = 0x4321_8000_1000;

    /// Reads from a few tables at 0x1000, 0x2000, ... that lead to `PAGE`, as
    /// far as `level`, whose entry is `last`.
    fn walk(last: u64, level: u64) -> Walk {
        let entry_at = |place: PhysAddr| {
            let above = 5_u64.checked_sub(place.as_u64() / 4096)?;
            let index = u64::from(index_at(VirtAddr::new(PAGE), above as u8));
            assert_eq!(place.as_u64() & 0xfff, 8 * index);
            match above.cmp(&level) {
                core::cmp::Ordering::Greater => Some((place.as_u64() & !0xfff) + 0x1003),
                core::cmp::Ordering::Equal => Some(last),
                core::cmp::Ordering::Less => None,
            }
        };
        Walk::through(VirtAddr::new(PAGE + 0x234), PhysAddr::new(0x1000), entry_at)
    }

    #[test]
    fn a_walk_through_four_tables_ends_in_a_small_page() {
        let walk = walk(0x7_5003, 1);
        assert_eq!(walk.steps().count(), 4);
        assert_eq!(walk.physical(), Some(PhysAddr::new(0x7_5234)));
    }

    #[test]
    fn a_walk_stops_at_a_large_leaf_and_at_an_unused_entry() {
        let large = walk(0x4000_0083, 2);
        assert_eq!((large.steps().count(), large.end().level), (3, 2));
        assert_eq!(large.physical(), Some(PhysAddr::new(0x4000_1234)));
        let unused = walk(0, 3);
        assert_eq!((unused.steps().count(), unused.end().level), (2, 3));
        assert_eq!(unused.physical(), None);
    }

    #[test]
    fn a_walk_is_shown_level_by_level_with_flags_and_end() {
        const FLAGS: u64 = 1 << 63 | 1 << 8 | 0b111_1001;
        let text = walk(0x4000_0083, 2).to_string();
        let tables = "level 4 [134] table at 0x000000002000, P W\n\
                      level 3 [134] table at 0x000000003000, P W\n";
        assert_eq!(
            text.strip_prefix(tables),
            Some("level 2 [  0] 2M leaf at 0x000040000000, P W\nphysical 0x000040001234")
        );
        let text = walk(0x7_5000 | FLAGS, 1).to_string();
        assert!(
            text.ends_with(
                "level 1 [  1] 4K leaf at 0x000000075000, P PWT PCD A D G NX\n\
                 physical 0x000000075234"
            ),
            "{text}"
        );
        let text = walk(0, 3).to_string();
        assert!(
            text.ends_with("level 3 [134] unused\nnot mapped at level 3"),
            "{text}"
        );
        let text = walk(0x60, 1).to_string();
        assert!(
            text.ends_with("not present, unknown bits 0x60\nnot mapped at level 1"),
            "{text}"
        );
    }

    #[test]
    fn a_table_that_cannot_be_read_ends_the_walk_and_is_named() {
        let walk = walk(0x9_9000_0003, 3);
        assert_eq!((walk.steps().count(), walk.end().level), (2, 3));
        assert_eq!(walk.physical(), None);
        let text = walk.to_string();
        assert!(
            text.ends_with("no memory at 0x000990000000 that could hold the table"),
            "{text}"
        );
    }
}
