//! Steps that free and move ranges of a low half, and let an allocation grow.

use std::collections::BTreeSet;

use faultline_memory::paging::LeafSize;
use faultline_memory::space::{
    AllocateError, Backing, FreeRangeError, GrowError, HALF, LOWEST, MoveError, Request, Rights,
};
use x86_64::VirtAddr;

use super::common::operations::Half;
use super::plain::{BIG, HUGE, PAGE, PlainHalf, PlainLeaf, PlainRegion};
use super::play::World;
use super::script::Target;

impl World {
    pub fn free_range(&mut self, half: Half, target: Target, pages: u64) {
        let Some(index) = half else { return };
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start + pages * PAGE;
        let (room, shared) = (self.room(), self.shared());
        let plain = self.plain(half);
        let fixed = plain
            .overlapping(start, end)
            .find(|(_, region)| region.backing == Backing::Fixed);
        let tables = plain.tables_to_split(start, end);
        let records = u64::from(plain.reaches_over_both(start, end));
        let from = VirtAddr::new(start);
        let result = self.machine.try_free_range(index, start, pages * PAGE);
        match (fixed, result) {
            _ if pages == 0 => {
                let size = pages * PAGE;
                assert_eq!(result, Err(FreeRangeError::Unaligned { start: from, size }));
            }
            _ if end > HALF => assert_eq!(result, Err(FreeRangeError::OutsideHalf { end })),
            (Some((base, _)), result) => {
                let base = VirtAddr::new(base);
                assert_eq!(result, Err(FreeRangeError::Fixed { base }));
            }
            (None, Err(FreeRangeError::OutOfFrames(shortage))) => {
                let most = tables + 3 * records;
                assert!(room.frames < most, "{room:?} is enough");
                assert_eq!(shortage, room.shortage(shortage.needed));
                assert!((room.frames + 1..=most).contains(&shortage.needed));
            }
            (None, Err(error)) => panic!("{error}"),
            (None, Ok(freed)) => {
                assert!(room.frames >= tables, "{room:?} is not enough");
                let plain = self.plain(half);
                plain.split_at(start);
                plain.split_at(end);
                let private = plain.unmap(start, end);
                plain.cut_out(start, end);
                assert_eq!(freed, private + shared - self.shared());
            }
        }
    }

    /// Puts a demand or a zero region in the place of what is there.
    pub fn replace(&mut self, half: Half, target: Target, pages: u64) {
        let Some(index) = half else { return };
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start + pages * PAGE;
        let room = self.room();
        let plain = self.plain(half);
        let fixed = plain
            .overlapping(start, end)
            .find(|(_, region)| region.backing == Backing::Fixed);
        let tables = plain.tables_to_split(start, end);
        let backing = match target.byte % 2 {
            0 => Backing::Demand,
            _ => Backing::Zero,
        };
        let address = VirtAddr::new(start);
        let request = Request::new(pages * PAGE, backing);
        let result = self.machine.try_replace(index, start, request);
        match (fixed, result) {
            _ if pages == 0 => assert_eq!(result, Err(AllocateError::ZeroSize)),
            _ if start < LOWEST || end > HALF => {
                assert_eq!(result, Err(AllocateError::OutsideHalf { address }));
            }
            (Some((base, _)), result) => {
                let base = VirtAddr::new(base);
                assert_eq!(result, Err(AllocateError::Overlap { base }));
            }
            (None, Err(AllocateError::OutOfFrames(shortage))) => {
                let most = tables + 2 * 3;
                assert!(room.frames < most, "{room:?} is enough");
                assert_eq!(shortage, room.shortage(shortage.needed));
                assert!((room.frames + 1..=most).contains(&shortage.needed));
            }
            (None, Err(error)) => panic!("{error}"),
            (None, Ok(_)) => {
                assert!(room.frames >= tables, "{room:?} is not enough");
                let plain = self.plain(half);
                plain.split_at(start);
                plain.split_at(end);
                plain.unmap(start, end);
                plain.cut_out(start, end);
                let region = PlainRegion {
                    size: pages * PAGE,
                    rights: Rights::ReadWrite,
                    backing,
                    page_size: LeafSize::Size4KiB,
                    fault_around: 1,
                    user: false,
                    faults: 0,
                    source: 0,
                    offset: 0,
                };
                plain.add(start, region);
            }
        }
    }

    pub fn grow(&mut self, half: Half, target: Target, pages: u64) {
        let Some(index) = half else { return };
        let address = self.address_of(half, target);
        let by = pages * PAGE;
        let plain = self.plain(half);
        let base = VirtAddr::new(address);
        let expected = match plain.region_at(address) {
            None => Err(GrowError::NoRegion { address: base }),
            Some((part, region)) if part - region.offset != address => Err(GrowError::NotTheBase {
                base: VirtAddr::new(part - region.offset),
            }),
            Some((_, region)) => plain.growth(region.source, by),
        };
        let grown = self.machine.try_grow(index, address, by);
        let grown = grown.map(|region| (region.base.as_u64(), region.size));
        assert_eq!(grown, expected);
        if let Ok((base, size)) = expected {
            let last = self.plain(half).regions.get_mut(&base);
            last.expect("the last part").size = size;
        }
    }

    pub fn move_range(&mut self, half: Half, target: Target, pages: u64, to: u16) {
        let Some(index) = half else { return };
        let mut start = self.address_of(half, target);
        let mut size = self.clipped(half, start, pages, target) * PAGE;
        let (way, pages) = (to % 16, u64::from(to / 16));
        let plain = self.plain(half);
        if let Some((base, region)) = plain.region_at(start).filter(|_| way < 8) {
            (start, size) = (base, region.size);
        }
        // To a free place, where large pages can stay what they are or by a page
        // they cannot, or among the other regions, near by, or past the end.
        let low = World::arena(half);
        let free = plain.first_fit(size + 2 * BIG, BIG, low, HALF);
        let congruent = free.unwrap_or(low) + start % BIG;
        let to = match way % 8 {
            0..=2 => congruent,
            3 => congruent + PAGE,
            4 => start + pages * PAGE,
            5 => HALF - pages % 64 * PAGE - PAGE,
            _ => low + pages * PAGE,
        };
        if to >= HALF {
            return;
        }
        let room = self.room();
        let plain = self.plain(half);
        let refused = plain.refused_move(start, size, to);
        let tables = plain.tables_to_move(start, size, to);
        let records = 1 + u64::from(plain.reaches_over_both(start, start + size));
        let result = self.machine.try_move(index, start, size, to);
        match (refused, result) {
            (Some(refused), result) => assert_eq!(result, Err(refused)),
            (None, Err(MoveError::OutOfFrames(shortage))) => {
                let most = tables + 3 * records;
                assert!(room.frames < most, "{room:?} is enough");
                assert_eq!(shortage, room.shortage(shortage.needed));
                assert!((room.frames + 1..=most).contains(&shortage.needed));
            }
            (None, Err(error)) => panic!("{error}"),
            (None, Ok(moved)) => {
                assert!(room.frames >= tables, "{room:?} is not enough");
                assert_eq!((moved.base.as_u64(), moved.size), (to, size));
                self.plain(half).move_range(start, size, to);
            }
        }
    }
}

impl PlainHalf {
    /// The regions with an address in a range.
    fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, PlainRegion)> {
        let holding = self.region_at(start).filter(|(base, _)| *base < start);
        let within = self.regions.range(start..end.max(start));
        holding
            .into_iter()
            .chain(within.map(|(&base, &region)| (base, region)))
    }

    /// True if one region has addresses on both sides of a range.
    fn reaches_over_both(&self, start: u64, end: u64) -> bool {
        let held = self.region_at(start);
        held.is_some_and(|(base, region)| base < start && end < base + region.size)
    }

    /// Takes the regions of a range out; what lies behind it is an allocation of
    /// its own.
    fn cut_out(&mut self, start: u64, end: u64) {
        self.split_region(start);
        self.split_region(end);
        self.regions.retain(|base, _| !(start..end).contains(base));
        let Some((_, first)) = self.region_at(end).filter(|(_, region)| region.offset > 0) else {
            return;
        };
        let source = self.next_source;
        self.next_source += 1;
        for (_, part) in self.regions.range_mut(end..) {
            if part.source == first.source {
                part.source = source;
                part.offset -= first.offset;
            }
        }
    }

    /// The base and the new size of the last region of an allocation, if it can grow.
    fn growth(&self, source: u64, by: u64) -> Result<(u64, u64), GrowError> {
        let mut parts = self.regions.iter().rev();
        let (&base, last) = parts
            .find(|(_, region)| region.source == source)
            .expect("a part of the allocation");
        let end = base + last.size;
        let next = self.regions.range(end..).next();
        if by == 0 {
            return Err(GrowError::Unaligned { by });
        }
        if !matches!(
            last.backing,
            Backing::Demand | Backing::Zero | Backing::Guard
        ) {
            return Err(GrowError::NotLazy {
                base: VirtAddr::new(base),
                backing: last.backing,
            });
        }
        if end + by > HALF {
            return Err(GrowError::OutsideHalf { limit: HALF });
        }
        match next {
            Some((&other, _)) if other < end + by => Err(GrowError::InTheWay {
                base: VirtAddr::new(other),
            }),
            Some(_) | None => Ok((base, last.size + by)),
        }
    }

    /// What is said against a move.
    fn refused_move(&self, start: u64, size: u64, to: u64) -> Option<MoveError> {
        let (from, target) = (VirtAddr::new(start), VirtAddr::new(to));
        if size == 0 {
            return Some(MoveError::Unaligned { start: from, size });
        }
        let Some((base, region)) = self.region_at(start) else {
            return Some(MoveError::NoRegion { address: from });
        };
        let own = VirtAddr::new(base);
        if start + size > base + region.size {
            return Some(MoveError::PastTheRegion { base: own });
        }
        if region.backing == Backing::Fixed {
            return Some(MoveError::Fixed { base: own });
        }
        if to < LOWEST || to + size > HALF {
            return Some(MoveError::OutsideHalf { address: target });
        }
        self.overlap(to, to + size).map(|other| {
            let base = VirtAddr::new(other);
            MoveError::InTheWay { base }
        })
    }

    /// Tables that splitting at the ends takes, and those that the leaves need
    /// where they go and that are not there yet.
    fn tables_to_move(&mut self, start: u64, size: u64, to: u64) -> u64 {
        let split = self.tables_to_split(start, start + size);
        let tables_of = |leaves: &mut dyn Iterator<Item = (u64, u64)>| {
            let mut tables = BTreeSet::new();
            for (at, size) in leaves {
                let spans = [BIG, HUGE, 512 * HUGE].into_iter();
                tables.extend(
                    spans
                        .filter(|span| *span > size)
                        .map(|span| (span, at / span)),
                );
            }
            tables
        };
        let present = tables_of(&mut self.leaves.iter().map(|(&at, leaf)| (at, leaf.size)));
        let moved = self.moved(start, size, to);
        let needed = tables_of(&mut moved.iter().map(|(at, leaf)| (*at, leaf.size)));
        split + needed.difference(&present).count() as u64
    }

    /// What the leaves of a range are where they go.
    fn moved(&self, start: u64, size: u64, to: u64) -> Vec<(u64, PlainLeaf)> {
        let end = start + size;
        let mut copy = Self {
            leaves: self.leaves.clone(),
            ..Self::default()
        };
        copy.split_at(start);
        copy.split_at(end);
        let distance = to.abs_diff(start);
        for span in [HUGE, BIG] {
            let large: Vec<u64> = copy
                .leaves
                .range(start..end)
                .filter(|(_, leaf)| leaf.size == span && !distance.is_multiple_of(span))
                .map(|(&at, _)| at)
                .collect();
            large.iter().for_each(|at| copy.split_at(at + span / 512));
        }
        let moved = copy.leaves.range(start..end);
        moved
            .map(|(at, leaf)| (at - start + to, leaf.clone()))
            .collect()
    }

    fn move_range(&mut self, start: u64, size: u64, to: u64) {
        let end = start + size;
        let moved = self.moved(start, size, to);
        self.split_at(start);
        self.split_at(end);
        self.leaves.retain(|at, _| !(start..end).contains(at));
        self.leaves.extend(moved);
        self.split_region(start);
        self.split_region(end);
        let region = self.regions[&start];
        let source = self.next_source;
        self.next_source += 1;
        self.cut_out(start, end);
        let moved = PlainRegion {
            source,
            offset: 0,
            ..region
        };
        self.regions.insert(to, moved);
    }
}
