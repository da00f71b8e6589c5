//! The audit of tables: each in a frame of its own, each counted right, none
//! kept without need.
#![allow(unsafe_code)]

use core::ops::Range;

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::broken::Broken;
use super::defect::{Conflict, LeafDefect, RegionDefect, TableDefect};
use super::marks::{Clash, Owner};
use super::{Auditor, scope};
use crate::frames::State;
use crate::paging::{Entry, LeafSize, TableSeen, Visit, Visits, index_at, span_of};
use crate::space::Half;
use crate::space::{Backing, Region};

impl Auditor<'_> {
    /// Audits the tables of a half and all leaves in them.
    pub(super) fn tables(&mut self, half: &Half, kernel: &Half) -> Result<(), Broken> {
        self.report.halves += 1;
        self.root(half, kernel)?;
        let root = half.cursor().root();
        let slots = own_slots(half);
        let mut slot = slots.start;
        let mut region = None;
        // SAFETY: each table that is entered is claimed first: its frame is in
        // use, so it is managed and mapped; if not, the visit ends there.
        let visits = unsafe { Visits::new(self.memory.direct_map(), root, slots.clone()) };
        for visit in visits {
            match visit {
                Visit::Enter(seen) => {
                    if half.is_kernel() && seen.level == 3 {
                        self.slot(half, slot, seen.address)?;
                        slot += 1;
                    }
                    self.table(half, &seen)?;
                }
                Visit::Leaf(leaf) => self.leaf(half, &leaf, &mut region)?,
                Visit::Reserved(address) => self.reserved(half, address)?,
                Visit::Swapped(address, slot) => self.swapped(half, address, slot)?,
                Visit::Unknown(address, entry) => {
                    self.require(false, unknown(half, address, entry))?;
                }
                // The entries of level 4 are fixed in the kernel half, and count nothing.
                Visit::Leave(seen, _) if half.is_kernel() && seen.level == 3 => {}
                Visit::Leave(seen, found) => self.in_use(half, &seen, found)?,
            }
        }
        if half.is_kernel() && slot < slots.end {
            self.slot(half, slot, u64::MAX)?;
        }
        self.cursor(half)?;
        self.residents(half)
    }

    /// Audits what lies in the slots of the kernel's root where no region is
    /// placed: fixed mappings, and whatever the boot loader may have left.
    pub(super) fn foreign_tables(&mut self, kernel: &Half) -> Result<(), Broken> {
        for slots in foreign_slots(kernel) {
            let mut region: Option<Region> = None;
            let (direct_map, root) = (self.memory.direct_map(), kernel.cursor().root());
            // SAFETY: as in `tables`; of the boot loader's tables the caller of
            // `KernelHalf::adopt` vouches that the direct map shows them.
            let visits = unsafe { Visits::new(direct_map, root, slots) };
            for visit in visits {
                match visit {
                    Visit::Enter(seen) if self.is_foreign(&seen) => {
                        self.foreign_table(kernel, &seen)?;
                    }
                    Visit::Enter(seen) => self.table(kernel, &seen)?,
                    Visit::Leaf(leaf) => self.leaf(kernel, &leaf, &mut region)?,
                    // The processor ignores it, and whose it is we do not know.
                    Visit::Reserved(_) | Visit::Swapped(..) | Visit::Unknown(..) => {}
                    Visit::Leave(seen, _) if seen.level == 3 || self.is_foreign(&seen) => {}
                    Visit::Leave(seen, found) => self.in_use(kernel, &seen, found)?,
                }
            }
        }
        Ok(())
    }

    /// The root is a table of this half's own, the kernel half in it is the
    /// shared one, and the cursor is on its way.
    fn root(&mut self, half: &Half, kernel: &Half) -> Result<(), Broken> {
        let root = half.root().start_address();
        let broken = |address: u64, defect| Broken::Table {
            space: scope(half),
            level: 4,
            address: VirtAddr::new_truncate(address),
            table: root,
            defect,
        };
        match self.marks.claim(root, LeafSize::Size4KiB, Owner::Table) {
            Ok(()) => self.report.tables += 1,
            Err(Clash {
                conflict: Conflict::Reserved | Conflict::Unmanaged,
                ..
            }) if half.is_kernel() => self.report.foreign_tables += 1,
            Err(clash) => {
                return Err(broken(
                    0,
                    TableDefect::Frame {
                        conflict: clash.conflict,
                    },
                ));
            }
        }
        let unshared = half.cursor().first_unshared(kernel.cursor());
        let slot = u64::from(unshared.unwrap_or(0));
        let not_shared = broken(slot * span_of(4), TableDefect::NotShared);
        self.require(unshared.is_none(), not_shared)
    }

    /// The cursor stands in the tables on its way.
    fn cursor(&mut self, half: &Half) -> Result<(), Broken> {
        let at = half.cursor().address();
        let broken = Broken::Table {
            space: scope(half),
            level: 4,
            address: VirtAddr::new_truncate(at),
            table: half.root().start_address(),
            defect: TableDefect::StaleCursor,
        };
        // At the end of a low half the cursor may stand on the kernel half,
        // which others edit; it is sought anew before it is used again.
        let is_elsewhere = (at >> 47 != 0) != half.is_kernel();
        self.require(is_elsewhere || half.cursor().is_current(), broken)
    }

    /// The kernel half's level 3 table met for `address` is that of `slot`, the
    /// next one there has to be.
    fn slot(&mut self, half: &Half, slot: u16, address: u64) -> Result<(), Broken> {
        let expected = VirtAddr::new_truncate(u64::from(slot) * span_of(4));
        let broken = Broken::Table {
            space: scope(half),
            level: 3,
            address: expected,
            table: PhysAddr::zero(),
            defect: TableDefect::Missing,
        };
        self.require(expected.as_u64() == address, broken)
    }

    /// A table of our own: its frame, and the entry that points to it.
    fn table(&mut self, half: &Half, seen: &TableSeen) -> Result<(), Broken> {
        let frame = seen.entry.table_address();
        self.report.checks += 1;
        self.marks
            .claim(frame, LeafSize::Size4KiB, Owner::Table)
            .map_err(|clash| {
                defect(
                    half,
                    seen,
                    TableDefect::Frame {
                        conflict: clash.conflict,
                    },
                )
            })?;
        self.report.tables += 1;
        let wanted = Entry::table(frame, seen.entry.in_use(), !half.is_kernel());
        let wrong = (seen.entry.bits() ^ wanted.bits()) & !PageTableFlags::ACCESSED.bits();
        self.require(
            wrong == 0,
            defect(half, seen, TableDefect::Bits { bits: wrong }),
        )
    }

    /// Whether a table is the boot loader's: its frame is reserved and was not
    /// handed out to anybody.
    fn is_foreign(&self, seen: &TableSeen) -> bool {
        let frame = seen.entry.table_address();
        self.frames.state_of(frame) == Some(State::Reserved)
    }

    /// A table of the boot loader, of which we know nothing but what the
    /// processor demands.
    fn foreign_table(&mut self, kernel: &Half, seen: &TableSeen) -> Result<(), Broken> {
        self.report.foreign_tables += 1;
        let mut reserved = PageTableFlags::HUGE_PAGE;
        if !self.memory.features().no_execute {
            reserved |= PageTableFlags::NO_EXECUTE;
        }
        let wrong = seen.entry.bits() & reserved.bits();
        self.require(
            wrong == 0,
            defect(kernel, seen, TableDefect::Bits { bits: wrong }),
        )
    }

    /// The entry of a reserved page lies in a demand region.
    fn reserved(&mut self, half: &Half, address: u64) -> Result<(), Broken> {
        let region = half.region_at(VirtAddr::new_truncate(address));
        let on_demand = region.is_some_and(|region| region.backing == Backing::Demand);
        self.require(on_demand, unknown(half, address, Entry::RESERVED))?;
        self.report.reserved += 1;
        Ok(())
    }

    /// The table was left: the count of its entries is right, and not 0.
    fn in_use(&mut self, half: &Half, seen: &TableSeen, found: u64) -> Result<(), Broken> {
        let says = seen.entry.in_use();
        let wrong = TableDefect::InUse { says, found };
        self.require(found > 0, defect(half, seen, TableDefect::Empty))?;
        self.require(says == found, defect(half, seen, wrong))
    }

    /// All pages of immediate and device regions are mapped.
    fn residents(&mut self, half: &Half) -> Result<(), Broken> {
        let at_once = |region: &Region| match region.backing {
            Backing::Immediate | Backing::Device(..) => true,
            Backing::Demand
            | Backing::Zero
            | Backing::Object { .. }
            | Backing::Guard
            | Backing::Fixed => false,
        };
        let mut cursor = half.cursor().clone();
        for region in half.regions().filter(at_once) {
            let mut address = region.base.as_u64();
            while address < region.end() {
                cursor.seek(address);
                let hole = RegionDefect::NotResident {
                    address: VirtAddr::new_truncate(address),
                };
                let broken = Broken::Region {
                    space: scope(half),
                    base: region.base,
                    defect: hole,
                };
                self.require(cursor.leaf().is_some(), broken)?;
                address = cursor.next_start();
            }
        }
        Ok(())
    }
}

/// The slots of the root that are this half's own.
pub(super) fn own_slots(half: &Half) -> Range<u16> {
    let (low, high) = half.bounds(Backing::Immediate);
    let slot = |address: u64| index_at(VirtAddr::new_truncate(address), 4);
    slot(low)..slot(high - 1) + 1
}

/// The slots of the kernel's root that are somebody else's.
pub(super) fn foreign_slots(kernel: &Half) -> [Range<u16>; 2] {
    let own = own_slots(kernel);
    [0..own.start, own.end..512]
}

fn defect(half: &Half, seen: &TableSeen, defect: TableDefect) -> Broken {
    Broken::Table {
        space: scope(half),
        level: seen.level,
        address: VirtAddr::new_truncate(seen.address),
        table: seen.entry.table_address(),
        defect,
    }
}

pub(super) fn unknown(half: &Half, address: u64, entry: Entry) -> Broken {
    Broken::Leaf {
        space: scope(half),
        address: VirtAddr::new_truncate(address),
        frame: entry.leaf_address(LeafSize::Size4KiB),
        defect: LeafDefect::Unknown,
    }
}
