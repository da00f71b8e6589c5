//! The audit of tables: each in a frame of its own, each counted right, none
//! kept without need.

use core::ops::Range;

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::super::Space;
use super::super::region::{Backing, Region};
use super::broken::{Broken, Conflict, LeafDefect, RegionDefect, TableDefect};
use super::marks::{Clash, Owner};
use super::{Auditor, scope};
use crate::frames::State;
use crate::paging::{Entry, LeafSize, TableSeen, Visit, Visits, index_at, span_of};

impl Auditor<'_, '_> {
    /// Audits the tables of a half and all leaves in them.
    pub(super) fn tables(&mut self, half: &Space, kernel: &Space) -> Result<(), Broken> {
        self.report.halves += 1;
        self.root(half, kernel)?;
        let root = half.cursor.root();
        let slots = own_slots(half);
        let mut slot = slots.start;
        let mut region = None;
        for visit in Visits::new(self.physical.direct_map(), root, slots.clone()) {
            match visit {
                Visit::Enter(seen) => {
                    if half.is_kernel() && seen.level == 3 {
                        self.slot(half, slot, seen.address)?;
                        slot += 1;
                    }
                    self.table(half, &seen)?;
                }
                Visit::Leaf(leaf) => self.leaf(half, &leaf, &mut region)?,
                Visit::Software(address, entry) => self.promise(half, address, entry)?,
                // The entries of level 4 are fixed in the kernel half, and count nothing.
                Visit::Leave(seen, _) if half.is_kernel() && seen.level == 3 => {}
                Visit::Leave(seen, found) => self.in_use(half, &seen, found)?,
            }
        }
        if half.is_kernel() && slot < slots.end {
            self.slot(half, slot, u64::MAX)?;
        }
        self.cursor(half)?;
        self.spot(half)?;
        self.residents(half)
    }

    /// Audits what lies in the slots of the kernel's root where no region is
    /// placed: fixed mappings, and whatever the boot loader may have left.
    pub(super) fn foreign_tables(&mut self, kernel: &Space) -> Result<(), Broken> {
        for slots in foreign_slots(kernel) {
            let mut region: Option<Region> = None;
            let visits = Visits::new(self.physical.direct_map(), kernel.cursor.root(), slots);
            for visit in visits {
                match visit {
                    Visit::Enter(seen) if self.is_foreign(&seen) => {
                        self.foreign_table(kernel, &seen)?;
                    }
                    Visit::Enter(seen) => self.table(kernel, &seen)?,
                    Visit::Leaf(leaf) => self.leaf(kernel, &leaf, &mut region)?,
                    // The processor ignores it, and whose it is we do not know.
                    Visit::Software(..) => {}
                    Visit::Leave(seen, _) if seen.level == 3 || self.is_foreign(&seen) => {}
                    Visit::Leave(seen, found) => self.in_use(kernel, &seen, found)?,
                }
            }
        }
        Ok(())
    }

    /// The root is a table of this half's own, the kernel half in it is the
    /// shared one, and the cursor is on its way.
    fn root(&mut self, half: &Space, kernel: &Space) -> Result<(), Broken> {
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
            Err(clash) => return Err(broken(0, TableDefect::Frame(clash.conflict))),
        }
        let unshared = half.cursor.first_unshared(&kernel.cursor);
        let slot = u64::from(unshared.unwrap_or(0));
        let not_shared = broken(slot * span_of(4), TableDefect::NotShared);
        self.require(unshared.is_none(), not_shared)
    }

    /// The cursor stands in the tables on its way.
    fn cursor(&mut self, half: &Space) -> Result<(), Broken> {
        let at = half.cursor.address();
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
        self.require(is_elsewhere || half.cursor.is_current(), broken)
    }

    /// What is kept of the last fault is what region and tables say.
    fn spot(&mut self, half: &Space) -> Result<(), Broken> {
        let broken = Broken::Region {
            space: scope(half),
            base: half.spot.region(),
            defect: RegionDefect::StaleSpot,
        };
        let is_current = half.spot.is_current(half, self.physical);
        self.require(is_current, broken)
    }

    /// The kernel half's level 3 table met for `address` is that of `slot`, the
    /// next one there has to be.
    fn slot(&mut self, half: &Space, slot: u16, address: u64) -> Result<(), Broken> {
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
    fn table(&mut self, half: &Space, seen: &TableSeen) -> Result<(), Broken> {
        let table = seen.entry.as_table();
        let frame = PhysAddr::new_truncate(table.address());
        self.report.checks += 1;
        self.marks
            .claim(frame, LeafSize::Size4KiB, Owner::Table)
            .map_err(|clash| defect(half, seen, TableDefect::Frame(clash.conflict)))?;
        self.report.tables += 1;
        let wanted = Entry::table(table, seen.entry.in_use(), !half.is_kernel());
        let wrong = (seen.entry.bits() ^ wanted.bits()) & !PageTableFlags::ACCESSED.bits();
        self.require(wrong == 0, defect(half, seen, TableDefect::Bits(wrong)))
    }

    /// Whether a table is the boot loader's: its frame is reserved and was not
    /// handed out to anybody.
    fn is_foreign(&self, seen: &TableSeen) -> bool {
        let frame = PhysAddr::new_truncate(seen.entry.as_table().address());
        self.physical.frames().state_of(frame) == Some(State::Reserved)
    }

    /// A table of the boot loader, of which we know nothing but what the
    /// processor demands.
    fn foreign_table(&mut self, kernel: &Space, seen: &TableSeen) -> Result<(), Broken> {
        self.report.foreign_tables += 1;
        let mut reserved = PageTableFlags::HUGE_PAGE;
        if !self.physical.features().no_execute {
            reserved |= PageTableFlags::NO_EXECUTE;
        }
        let wrong = seen.entry.bits() & reserved.bits();
        self.require(wrong == 0, defect(kernel, seen, TableDefect::Bits(wrong)))
    }

    /// An entry that is neither present nor zero: a promise to a page on demand.
    fn promise(&mut self, half: &Space, address: u64, entry: Entry) -> Result<(), Broken> {
        let region = half.region_at(VirtAddr::new_truncate(address));
        let on_demand = region.is_some_and(|region| region.backing == Backing::Demand);
        let is_promise = entry == Entry::PROMISED && on_demand;
        self.require(is_promise, software(half, address, entry))?;
        self.report.promised += 1;
        Ok(())
    }

    /// The table was left: the count of its entries is right, and not 0.
    fn in_use(&mut self, half: &Space, seen: &TableSeen, found: u64) -> Result<(), Broken> {
        let says = seen.entry.in_use();
        let wrong = TableDefect::InUse { says, found };
        self.require(found > 0, defect(half, seen, TableDefect::Empty))?;
        self.require(says == found, defect(half, seen, wrong))
    }

    /// All pages of immediate and device regions are mapped.
    fn residents(&mut self, half: &Space) -> Result<(), Broken> {
        let at_once =
            |region: &Region| matches!(region.backing, Backing::Immediate | Backing::Device(..));
        let mut cursor = half.cursor.clone();
        for region in half.regions().filter(at_once) {
            let mut address = region.base.as_u64();
            while address < region.end() {
                cursor.seek(address);
                let hole = RegionDefect::NotResident(VirtAddr::new_truncate(address));
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
pub(super) fn own_slots(half: &Space) -> Range<u16> {
    let (low, high) = half.window;
    let slot = |address: u64| index_at(VirtAddr::new_truncate(address), 4);
    slot(low)..slot(high - 1) + 1
}

/// The slots of the kernel's root that are somebody else's.
pub(super) fn foreign_slots(kernel: &Space) -> [Range<u16>; 2] {
    let own = own_slots(kernel);
    [0..own.start, own.end..512]
}

fn defect(half: &Space, seen: &TableSeen, defect: TableDefect) -> Broken {
    Broken::Table {
        space: scope(half),
        level: seen.level,
        address: VirtAddr::new_truncate(seen.address),
        table: PhysAddr::new_truncate(seen.entry.as_table().address()),
        defect,
    }
}

fn software(half: &Space, address: u64, entry: Entry) -> Broken {
    Broken::Leaf {
        space: scope(half),
        address: VirtAddr::new_truncate(address),
        frame: entry.leaf_address(LeafSize::Size4KiB),
        defect: LeafDefect::Software,
    }
}
