//! The plain model: maps of regions and of leaves, without a tree, a table, a
//! cursor or a cache. What the crate does must look like this from outside.

use std::collections::{BTreeMap, BTreeSet};

use faultline_memory::Slot;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Rights};

pub const PAGE: u64 = 4096;
pub const BIG: u64 = 512 * PAGE;
pub const HUGE: u64 = 512 * BIG;
/// The physical address of a leaf whose frame was not looked at yet.
pub const UNKNOWN: u64 = u64::MAX;

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainRegion {
    pub size: u64,
    pub rights: Rights,
    pub backing: Backing,
    pub page_size: LeafSize,
    pub fault_around: u16,
    pub user: bool,
    pub faults: u64,
    /// The allocation that it is a part of, and how far into it.
    pub source: u64,
    pub offset: u64,
}

/// What stands behind a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    Private,
    /// A frame that other leaves may own as well.
    Shared,
    Zero,
    Borrowed,
    /// Nothing yet: a frame is kept back for the page.
    Reserved,
    /// Nothing: the page is in its slot.
    Swapped,
}

/// A mapped page of 4 KiB or more, or a reserved one.
#[derive(Clone, Debug)]
pub struct PlainLeaf {
    pub size: u64,
    pub behind: Behind,
    pub physical: u64,
    pub dirty: bool,
    /// The slot that the page is in, or came from and still has.
    pub slot: Option<Slot>,
    /// The 4 KiB pages in it that were written, by their distance from the
    /// start; all others of a private leaf hold zeroes.
    pub written: BTreeMap<u64, Vec<u8>>,
}

impl PlainLeaf {
    pub fn new(size: u64, behind: Behind, dirty: bool) -> Self {
        Self {
            size,
            behind,
            physical: UNKNOWN,
            dirty,
            slot: None,
            written: BTreeMap::new(),
        }
    }

    /// Writes a byte, `offset` bytes from the start.
    pub fn write(&mut self, offset: u64, byte: u8) {
        let page = self.written.entry(offset & !(PAGE - 1));
        let page = page.or_insert_with(|| vec![0; PAGE as usize]);
        page[(offset % PAGE) as usize] = byte;
        self.dirty = true;
    }

    /// Reads a byte, `offset` bytes from the start.
    pub fn read(&self, offset: u64) -> u8 {
        let page = self.written.get(&(offset & !(PAGE - 1)));
        page.map_or(0, |page| page[(offset % PAGE) as usize])
    }
}

/// One half of an address space.
#[derive(Default)]
pub struct PlainHalf {
    pub is_kernel: bool,
    pub regions: BTreeMap<u64, PlainRegion>,
    pub leaves: BTreeMap<u64, PlainLeaf>,
    pub next_source: u64,
}

impl PlainHalf {
    pub fn region_at(&self, address: u64) -> Option<(u64, PlainRegion)> {
        let (&base, &region) = self.regions.range(..=address).next_back()?;
        (address - base < region.size).then_some((base, region))
    }

    pub fn leaf_at(&mut self, address: u64) -> Option<(u64, &mut PlainLeaf)> {
        let (&start, leaf) = self.leaves.range_mut(..=address).next_back()?;
        (address - start < leaf.size).then_some((start, leaf))
    }

    /// The base of the first region that overlaps a range.
    pub fn overlap(&self, start: u64, end: u64) -> Option<u64> {
        let holding = self.region_at(start).map(|(base, _)| base);
        holding.or(self.regions.range(start..end).next().map(|(&base, _)| base))
    }

    /// The first of the regions in a range, or of the gaps between them, that
    /// `refuse` has something against. A gap is named by its first address, a
    /// region by its base.
    pub fn first_in<E>(
        &self,
        start: u64,
        end: u64,
        refuse: impl Fn(u64, Option<PlainRegion>) -> Option<E>,
    ) -> Option<E> {
        let mut address = start;
        while address < end {
            let found = self.region_at(address);
            let refused = match found {
                Some((base, region)) => refuse(base, Some(region)),
                None => refuse(address, None),
            };
            if refused.is_some() {
                return refused;
            }
            address = found.map_or(end, |(base, region)| base + region.size);
        }
        None
    }

    /// The lowest free place.
    pub fn first_fit(&self, size: u64, align: u64, low: u64, high: u64) -> Option<u64> {
        let mut place = low.checked_next_multiple_of(align)?;
        for (base, region) in &self.regions {
            let end = base + region.size;
            if end > place && base.saturating_sub(size) < place {
                place = end.checked_next_multiple_of(align)?;
            }
        }
        (size <= high.checked_sub(place)?).then_some(place)
    }

    /// Adds a region as a new allocation.
    pub fn add(&mut self, base: u64, region: PlainRegion) {
        let source = self.next_source;
        self.next_source += 1;
        self.regions.insert(base, PlainRegion { source, ..region });
    }

    /// The level of the table that an absent entry for `address` is in.
    pub fn level_of_absent(&self, address: u64) -> u64 {
        let any_in = |span: u64| {
            let start = address & !(span - 1);
            self.leaves
                .range(start..=start + (span - 1))
                .next()
                .is_some()
        };
        let small_in_block = {
            let start = address & !(BIG - 1);
            let mut leaves = self.leaves.range(start..=start + (BIG - 1));
            leaves.any(|(_, leaf)| leaf.size == PAGE)
        };
        if small_in_block {
            1
        } else if any_in(HUGE) {
            2
        } else if self.is_kernel || any_in(512 * HUGE) {
            3
        } else {
            4
        }
    }

    /// How many tables the leaves need, those of the kernel half's level 3 and
    /// its root left out.
    pub fn tables(&self) -> u64 {
        let mut tables = u64::from(!self.is_kernel);
        // The leaves come in order, and so do the tables that hold them.
        let mut last = [None; 3];
        let mut count = |level: usize, start: u64| {
            let table = Some(start >> (12 + 9 * level));
            tables += u64::from(last[level - 1] != table);
            last[level - 1] = table;
        };
        for (&start, leaf) in &self.leaves {
            if leaf.size == PAGE {
                count(1, start);
            }
            if leaf.size < HUGE {
                count(2, start);
            }
            if !self.is_kernel {
                count(3, start);
            }
        }
        tables
    }

    /// Tables that splitting the leaves at both ends of a range takes.
    pub fn tables_to_split(&mut self, start: u64, end: u64) -> u64 {
        let mut tables = BTreeSet::new();
        for address in [start, end] {
            let size = self.leaf_at(address).map_or(0, |(_, leaf)| leaf.size);
            for span in [BIG, HUGE] {
                if span <= size && !address.is_multiple_of(span) {
                    tables.insert((span, address / span));
                }
            }
        }
        tables.len() as u64
    }

    /// Splits large leaves until none reaches across an address.
    pub fn split_at(&mut self, address: u64) {
        while let Some((start, _)) = self.leaf_at(address).filter(|(start, _)| *start < address) {
            let Some(leaf) = self.leaves.remove(&start) else {
                return;
            };
            let size = leaf.size / 512;
            for offset in (0..leaf.size).step_by(size as usize) {
                let pages = leaf.written.range(offset..offset + size);
                let part = PlainLeaf {
                    size,
                    behind: leaf.behind,
                    physical: leaf.physical + offset,
                    dirty: leaf.dirty,
                    slot: None,
                    written: pages
                        .map(|(at, page)| (at - offset, page.clone()))
                        .collect(),
                };
                self.leaves.insert(start + offset, part);
            }
        }
    }

    /// Removes the leaves of a range; returns how many private frames go back.
    pub fn unmap(&mut self, start: u64, end: u64) -> u64 {
        let inside: Vec<u64> = self.leaves.range(start..end).map(|(&at, _)| at).collect();
        let gone = inside.iter().filter_map(|at| self.leaves.remove(at));
        gone.filter(|leaf| leaf.behind == Behind::Private)
            .map(|leaf| leaf.size / PAGE)
            .sum()
    }

    /// Makes `address` the base of a region, if it lies inside one.
    pub fn split_region(&mut self, address: u64) {
        let Some((base, region)) = self.region_at(address).filter(|(base, _)| *base < address)
        else {
            return;
        };
        let kept = address - base;
        let backing = match region.backing {
            Backing::Device(start, cache) => Backing::Device(start + kept, cache),
            other => other,
        };
        let rest = PlainRegion {
            size: region.size - kept,
            offset: region.offset + kept,
            faults: 0,
            backing,
            ..region
        };
        self.regions.insert(address, rest);
        self.regions.insert(
            base,
            PlainRegion {
                size: kept,
                ..region
            },
        );
    }

    /// Merges all regions that are the continuation of the one before.
    pub fn merge(&mut self) {
        let bases: Vec<u64> = self.regions.keys().copied().collect();
        for base in bases {
            let here = self.regions[&base];
            let before = self.regions.range_mut(..base).next_back();
            if let Some((&first, before)) = before
                && first + before.size == base
                && before.source == here.source
                && before.offset + before.size == here.offset
                && before.rights == here.rights
            {
                before.size += here.size;
                before.faults += here.faults;
                self.regions.remove(&base);
            }
        }
    }

    /// Reserves all pages of a range that nothing is behind; returns which.
    pub fn reserve(&mut self, start: u64, end: u64) -> Vec<u64> {
        let pages: Vec<u64> = (start..end)
            .step_by(PAGE as usize)
            .filter(|&page| self.leaf_at(page).is_none())
            .collect();
        for &page in &pages {
            let leaf = PlainLeaf::new(PAGE, Behind::Reserved, false);
            self.leaves.insert(page, leaf);
        }
        pages
    }

    /// Reserved pages.
    pub fn reserved(&self) -> u64 {
        self.frames_behind(Behind::Reserved)
    }

    /// Frames that nobody else can be given: in use, or kept back.
    pub fn taken(&self) -> u64 {
        self.private() + self.tables() + self.reserved()
    }

    /// Private frames.
    pub fn private(&self) -> u64 {
        self.frames_behind(Behind::Private)
    }

    /// Frames behind leaves of one kind.
    pub fn frames_behind(&self, behind: Behind) -> u64 {
        let leaves = self.leaves.values().filter(|leaf| leaf.behind == behind);
        leaves.map(|leaf| leaf.size / PAGE).sum()
    }
}
