//! Changing rights. Regions and large leaves are split at the ends of a range,
//! and regions merge again when they are alike.
//!
//! What must always hold: rights that are taken away are flushed; leaves give
//! what their region gives, or less.

use core::error::Error;
use core::fmt;

use arrayvec::ArrayVec;
use x86_64::VirtAddr;

use super::range::{NotWholePages, NothingHolds, whole_pages};
use super::region::{Backing, Region, Rights};
use super::regions::Record;
use super::{Content, Half};
use crate::flush::FlushBatch;
use crate::frames::Shortage;
use crate::memory::Memory;
use crate::object::UseError;
use crate::paging::{Entry, LeafSize};

/// Why [`Space::protect`](super::Space::protect) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtectError {
    /// The range is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Where it starts.
        start: VirtAddr,
        /// Its bytes.
        size: u64,
    },
    /// No region holds this address of the range.
    NoRegion {
        /// The first such address, as a number: behind the low half it is none.
        address: u64,
    },
    /// A region of the range is a guard or fixed: its rights are not ours.
    NotManaged {
        /// The region's base.
        base: VirtAddr,
        /// Its backing.
        backing: Backing,
    },
    /// A region of the range is a device's, whose memory is not executed.
    ExecutableDevice {
        /// The region's base.
        base: VirtAddr,
    },
    /// A region of the range is of an object that cannot be mapped so. Shared
    /// memory that is writable becomes read-only first, and executable then.
    Object {
        /// The region's base.
        base: VirtAddr,
        /// Why not.
        error: UseError,
    },
    /// Not enough frames for the records of split regions and the tables of split
    /// large pages.
    OutOfFrames(Shortage),
}

impl fmt::Display for ProtectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { start, size } => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion { address } => NothingHolds(*address).fmt(f),
            Self::NotManaged { base, backing } => write!(
                f,
                "the rights of the {backing} region at {:#x} cannot be changed",
                base.as_u64()
            ),
            Self::ExecutableDevice { base } => write!(
                f,
                "the device region at {:#x} may be read and written, but not executed",
                base.as_u64()
            ),
            Self::Object { base, error } => {
                write!(f, "the region at {:#x}: {error}", base.as_u64())
            }
            Self::OutOfFrames(shortage) => {
                write!(f, "splitting regions and large pages {shortage}")
            }
        }
    }
}

impl Error for ProtectError {}

impl Half {
    /// Gives whole pages other rights.
    pub(super) fn protect(
        &mut self,
        start: VirtAddr,
        size: u64,
        rights: Rights,
        memory: &Memory,
    ) -> Result<(), ProtectError> {
        self.check(memory);
        let (start, end) =
            whole_pages(start, size).ok_or(ProtectError::Unaligned { start, size })?;
        self.check_rights(start, end, rights)?;
        self.hold_objects(start, end, rights, memory)?;
        let splits: ArrayVec<u64, 2> = [start, end]
            .into_iter()
            .filter(|address| self.splits_region(*address))
            .collect();
        if let Err(shortage) = self.prepare((start, end), &splits, 0, memory) {
            self.let_objects_go(start, end, rights, memory);
            return Err(ProtectError::OutOfFrames(shortage));
        }
        splits
            .iter()
            .for_each(|address| self.split_region(*address, memory));
        self.change_rights(start, end, rights, memory);
        self.merge(start, end, memory);
        self.give_back_spares(memory);
        Ok(())
    }

    /// Checks that every page of a range has a region that can get these rights.
    fn check_rights(&self, start: u64, end: u64, rights: Rights) -> Result<(), ProtectError> {
        let no_region = |address| ProtectError::NoRegion { address };
        self.check_regions(start, end, no_region, |region| {
            let (base, backing) = (region.base, region.backing);
            if !backing.is_managed() {
                return Err(ProtectError::NotManaged { base, backing });
            }
            if rights == Rights::ReadExecute && matches!(backing, Backing::Device(..)) {
                return Err(ProtectError::ExecutableDevice { base });
            }
            Ok(())
        })
    }

    /// Counts a region with these rights for each one of an object in a range, all
    /// of them or none: what they will be, while they still are what they were.
    fn hold_objects(
        &self,
        start: u64,
        end: u64,
        rights: Rights,
        memory: &Memory,
    ) -> Result<(), ProtectError> {
        for region in self.with_rights(start, end, rights) {
            if let Some(mapping) = region.mapping()
                && let Err(error) = memory.hold_object(mapping)
            {
                let base = region.base;
                self.let_objects_go(start, base.as_u64(), rights, memory);
                return Err(ProtectError::Object { base, error });
            }
        }
        Ok(())
    }

    /// Undoes [`Self::hold_objects`].
    fn let_objects_go(&self, start: u64, end: u64, rights: Rights, memory: &Memory) {
        let regions = self.with_rights(start, end, rights);
        regions.for_each(|region| region.let_go(memory));
    }

    /// The regions of a range as they are with these rights.
    fn with_rights(
        &self,
        start: u64,
        end: u64,
        rights: Rights,
    ) -> impl Iterator<Item = Region> + '_ {
        let mut address = start;
        core::iter::from_fn(move || {
            let here = Some(address).filter(|here| *here < end)?;
            let region = self.regions.find(here)?.region;
            address = region.end();
            Some(Region { rights, ..region })
        })
    }

    /// True if a region holds `address` and does not begin there.
    fn splits_region(&self, address: u64) -> bool {
        let record = self.regions.find(address);
        record.is_some_and(|record| record.base() != address)
    }

    /// Splits the region that holds `address` there.
    fn split_region(&mut self, address: u64, memory: &Memory) {
        let Some(record) = self.regions.find(address).copied() else {
            return;
        };
        let (base, mut rest) = (record.base(), record);
        let address = VirtAddr::new_truncate(address);
        self.regions.update(base, |record| {
            rest.region = record.region.split_off(address)
        });
        rest.region.hold_again(memory);
        self.regions.insert(rest);
    }

    /// Gives every region of a range, and every leaf in it, these
    /// rights. What is taken away is flushed.
    fn change_rights(&mut self, start: u64, end: u64, rights: Rights, memory: &Memory) {
        let (features, is_kernel) = (memory.features(), self.is_kernel());
        let mut batch = FlushBatch::new(self.scope, memory);
        let mut address = start;
        while address < end {
            let Some(record) = self.regions.lookup(address) else {
                break;
            };
            let before = record.region.mapping();
            record.region.rights = rights;
            *record = Record::new(record.region, features, is_kernel);
            let record = *record;
            while address < record.region.end() {
                address = self.change_leaves(address, &record, &mut batch);
            }
            // An unused entry at a higher level spans more than the region.
            address = record.region.end();
            if let Some(mapping) = before {
                batch.mapping(mapping);
            }
        }
        batch.finish();
        memory.rights_changed();
    }

    /// Gives the leaf at `address`, or what is left of its leaf table, what its
    /// region gives now. Returns the first address behind that.
    fn change_leaves(&mut self, address: u64, record: &Record, batch: &mut FlushBatch<'_>) -> u64 {
        let zero = self.zero;
        let changed = |old: Entry, size: LeafSize| {
            let is_dirty = old.flags().contains(Entry::DIRTY);
            Content::of(old, size, zero).leaf(size, record.rights, is_dirty)
        };
        self.cursor.seek(address);
        if self.cursor.level() == 1 {
            let size = LeafSize::Size4KiB;
            let count = self.cursor.row_before(record.region.end());
            self.cursor.change_row(
                count,
                |old| changed(old, size),
                |old, new, address| {
                    if is_narrower(new, old) {
                        batch.page(address);
                    }
                },
            );
            return address + count * size.bytes();
        }
        if let Some(size) = self.cursor.leaf() {
            self.change_large(changed(self.cursor.entry(), size), batch);
        }
        self.cursor.next_start()
    }

    /// Puts `new` in the place of the large leaf stood on.
    pub(super) fn change_large(&mut self, new: Entry, batch: &mut FlushBatch<'_>) {
        let old = self.cursor.replace(new);
        if (old.flags() - new.flags()).contains(Entry::DIRTY) {
            // Another processor wrote to the page meanwhile.
            self.cursor.mark_used(true);
        }
        if is_narrower(new, old) {
            batch.page(self.cursor.address());
        }
    }

    /// Merges what can be merged from the region before `start` to the one
    /// that begins at `end`.
    pub(super) fn merge(&mut self, start: u64, end: u64, memory: &Memory) {
        let before = self.regions.before(start).or(self.regions.from(start));
        let mut here = before.map(|record| record.region);
        while let Some(region) = here.filter(|region| region.base.as_u64() < end) {
            let next = self.regions.find(region.end()).map(|next| next.region);
            here = match next {
                Some(next) if region.continues_in(&next) => {
                    self.regions.remove(next.base.as_u64());
                    next.let_go(memory);
                    self.regions.update(region.base.as_u64(), |record| {
                        record.region.size += next.size;
                        record.region.faults += next.faults;
                    });
                    self.region_at(region.base)
                }
                Some(_) | None => self.regions.from(region.end()).map(|next| next.region),
            };
        }
    }
}

/// True if `new` forbids something that `old` allowed, so that the processor
/// must forget `old`. Where it only allows more, a stale translation costs one
/// spurious fault at most.
#[inline]
pub(super) fn is_narrower(new: Entry, old: Entry) -> bool {
    let executes = |entry: Entry| !entry.flags().contains(Entry::NO_EXECUTE);
    (old.is_writable() && !new.is_writable())
        || (old.is_present() && !new.is_present())
        || (executes(old) && !executes(new))
}
