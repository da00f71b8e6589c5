//! Steps that change what is mapped, and how: free, protect, discard.

use faultline_memory::space::{Backing, DiscardError, FreeError, ProtectError, Rights};
use x86_64::VirtAddr;

use super::common::operations::Half;
use super::plain::PAGE;
use super::play::World;
use super::script::Target;

impl World {
    pub fn free(&mut self, half: Half, target: Target) {
        let base = self.address_of(half, target);
        let shared = self.shared();
        let plain = self.plain(half);
        let expected = match plain.region_at(base) {
            None => Err(FreeError::NoRegion {
                address: VirtAddr::new(base),
            }),
            Some((part, region)) if part - region.offset != base => Err(FreeError::NotTheBase {
                base: VirtAddr::new(part - region.offset),
            }),
            Some((base, region)) if region.backing == Backing::Fixed => Err(FreeError::Fixed {
                base: VirtAddr::new(base),
            }),
            Some((_, region)) => {
                let of_source = |other: u64| other == region.source;
                let parts = plain
                    .regions
                    .iter()
                    .filter(|(_, part)| of_source(part.source));
                let end = parts
                    .map(|(base, part)| base + part.size)
                    .max()
                    .unwrap_or(base);
                plain.regions.retain(|_, part| !of_source(part.source));
                Ok(plain.unmap(base, end))
            }
        };
        let last = shared - self.shared();
        let expected = expected.map(|private| private + last);
        let base = VirtAddr::new(base);
        let freed = self
            .machine
            .with(half, |space, memory| space.free(base, memory));
        assert_eq!(freed, expected);
    }

    pub fn protect(&mut self, half: Half, target: Target, pages: u64, rights: Rights) {
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start.saturating_add(pages * PAGE);
        let room = self.room();
        let plain = self.plain(half);
        let refused = plain.first_in(start, end, |base, region| match region {
            None => Some(ProtectError::NoRegion { address: base }),
            Some(region) if matches!(region.backing, Backing::Guard | Backing::Fixed) => {
                Some(ProtectError::NotManaged {
                    base: VirtAddr::new(base),
                    backing: region.backing,
                })
            }
            Some(region)
                if rights == Rights::ReadExecute
                    && matches!(region.backing, Backing::Device(..)) =>
            {
                Some(ProtectError::ExecutableDevice {
                    base: VirtAddr::new(base),
                })
            }
            Some(_) => None,
        });
        let tables = plain.tables_to_split(start, end);
        let starts_inside = |at| plain.region_at(at).is_some_and(|(base, _)| base != at);
        let records = u64::from(starts_inside(start)) + u64::from(starts_inside(end));
        let from = VirtAddr::new(start);
        let result = self.machine.with(half, |space, memory| {
            space.protect(from, pages * PAGE, rights, memory)
        });
        match (refused, result) {
            (Some(refused), result) => assert_eq!(result, Err(refused)),
            (None, Err(ProtectError::OutOfFrames(shortage))) => {
                assert!(room.frames < tables + records, "{room:?} is enough");
                assert_eq!(shortage, room.shortage(shortage.needed));
                assert!((room.frames + 1..=tables + records).contains(&shortage.needed));
            }
            (None, Err(error)) => panic!("{error}"),
            (None, Ok(())) => {
                assert!(room.frames >= tables, "{room:?} is not enough");
                let plain = self.plain(half);
                for address in [start, end] {
                    plain.split_at(address);
                    plain.split_region(address);
                }
                for (_, region) in plain.regions.range_mut(start..end) {
                    region.rights = rights;
                }
                plain.merge();
            }
        }
    }

    pub fn discard(&mut self, half: Half, target: Target, pages: u64) {
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start.saturating_add(pages * PAGE);
        let (room, shared) = (self.room(), self.shared());
        let plain = self.plain(half);
        let refused = plain.first_in(start, end, |base, region| match region {
            None => Some(DiscardError::NoRegion { address: base }),
            Some(region) if matches!(region.backing, Backing::Demand | Backing::Zero) => None,
            Some(region) => {
                let base = VirtAddr::new(base);
                Some(DiscardError::NotOnDemand {
                    base,
                    backing: region.backing,
                })
            }
        });
        let expected = match refused {
            Some(refused) => Err(refused),
            None if room.frames < plain.tables_to_split(start, end) => {
                let needed = plain.tables_to_split(start, end);
                Err(DiscardError::OutOfFrames(room.shortage(needed)))
            }
            None => {
                plain.split_at(start);
                plain.split_at(end);
                Ok(plain.unmap(start, end))
            }
        };
        let last = shared - self.shared();
        let expected = expected.map(|private| private + last);
        let from = VirtAddr::new(start);
        let result = self.machine.with(half, |space, memory| {
            space.discard(from, pages * PAGE, memory)
        });
        assert_eq!(result, expected);
    }

    /// So many pages, but mostly not past the end of the region.
    pub fn clipped(&mut self, half: Half, start: u64, pages: u64, target: Target) -> u64 {
        match self.plain(half).region_at(start) {
            Some((base, region)) if !target.byte.is_multiple_of(8) => {
                pages.min((base + region.size - start) / PAGE)
            }
            _ => pages,
        }
    }
}
