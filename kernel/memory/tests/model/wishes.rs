//! Allocations: which wishes are refused and why, where regions go, and how
//! those are mapped that are mapped from the start.

use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{AllocateError, Backing, HALF, LOWEST, Placement, Request, Rights};
use x86_64::{PhysAddr, VirtAddr};

use super::common::machine::{KERNEL_BASE, KERNEL_END};
use super::common::operations::{Half, KERNEL};
use super::common::snapshot::entries;
use super::fault::Room;
use super::plain::{BIG, Behind, HUGE, PAGE, PlainLeaf, PlainRegion};
use super::play::World;
use super::script::{Kind, Place, Wish};

impl World {
    pub fn allocate(&mut self, half: Half, wish: &Wish) {
        let size = size_of(wish);
        let backing = self.backing(wish.kind, size);
        self.devices += 1;
        let placement = placement(half, wish, size);
        let mut request = Request::new(wish.bytes, backing)
            .rights(wish.rights)
            .fault_around(wish.fault_around)
            .placement(placement);
        if let Some(size) = wish.page_size {
            request = request.page_size(size);
        }
        if wish.user {
            request = request.user();
        }
        let room = self.room();
        let expected = self.expected_region(half, wish, backing, placement);
        let result = self
            .machine
            .with(half, |space, memory| space.allocate(request, memory));
        match (expected, result) {
            (Err(error), result) => assert_eq!(result, Err(error)),
            (Ok((_, region)), Err(AllocateError::OutOfFrames(shortage))) => {
                assert!(room.frames < most_frames(&region), "{room:?} is enough");
                assert_eq!(shortage.available, room.frames);
                let needed = room.frames + 1..=most_frames(&region);
                assert!(needed.contains(&shortage.needed), "{shortage:?}");
            }
            (Ok(_), Err(error)) => panic!("{error}"),
            (Ok((base, region)), Ok(made)) => {
                assert_eq!((made.base.as_u64(), made.size), (base, region.size));
                self.plain(half).add(base, region);
                match backing {
                    Backing::Immediate => self.see_leaves(half, base, wish.page_size),
                    Backing::Device(start, _) => {
                        self.map_device(half, base, start.as_u64(), wish.page_size);
                    }
                    _ => {}
                }
            }
        }
    }

    fn backing(&self, kind: Kind, size: u64) -> Backing {
        match kind {
            Kind::Immediate => Backing::Immediate,
            Kind::Demand => Backing::Demand,
            Kind::Zero => Backing::Zero,
            Kind::Device(pages) => {
                // One device in two regions could be written in one and
                // executed in the other: each wish names another device.
                let start = self.machine.device() + self.devices * 2 * HUGE;
                let start = start + u64::from(pages) * PAGE;
                Backing::Device(start, Cache::Uncached)
            }
            Kind::TopDevice(pages) => {
                let end = self.features.physical_end() - u64::from(pages) * PAGE;
                Backing::Device(PhysAddr::new(end - size.max(PAGE)), Cache::Uncached)
            }
            Kind::Guard => Backing::Guard,
            Kind::Fixed => Backing::Fixed,
        }
    }

    /// The region that comes of a wish, if there are frames enough.
    fn expected_region(
        &self,
        half: Half,
        wish: &Wish,
        backing: Backing,
        placement: Placement,
    ) -> Result<(u64, PlainRegion), AllocateError> {
        let page_size = wish.page_size.unwrap_or(LeafSize::Size4KiB);
        let page = page_size.bytes();
        if wish.bytes == 0 {
            return Err(AllocateError::ZeroSize);
        }
        let size = size_of(wish);
        if !wish.fault_around.is_power_of_two() || wish.fault_around > 512 {
            return Err(AllocateError::BadFaultAround {
                pages: wish.fault_around,
            });
        }
        if wish.user && half == KERNEL {
            return Err(AllocateError::UserInKernelHalf);
        }
        if let Backing::Device(start, _) = backing
            && !start.is_aligned(page)
        {
            return Err(AllocateError::BadDeviceAddress {
                start: start.as_u64(),
            });
        }
        if let Backing::Device(start, _) = backing
            && wish.rights == Rights::ReadExecute
        {
            return Err(AllocateError::ExecutableDevice {
                start: start.as_u64(),
            });
        }
        let plain = &self.halves[&half];
        let (low, high) = match half {
            KERNEL => (KERNEL_BASE, KERNEL_END),
            Some(_) => (LOWEST, HALF),
        };
        let first_fit = |low, high, align| {
            let place = plain.first_fit(size, align, low, high);
            place.ok_or(AllocateError::NoRoom)
        };
        let base = match placement {
            Placement::At(base) => {
                let start = base.as_u64();
                if !base.is_aligned(page) {
                    return Err(AllocateError::Unaligned {
                        address: base,
                        size: page,
                    });
                }
                if let Some(other) = plain.overlap(start, start + size) {
                    return Err(AllocateError::Overlap {
                        base: VirtAddr::new(other),
                    });
                }
                start
            }
            _ if backing == Backing::Fixed => return Err(AllocateError::FixedNeedsAddress),
            Placement::Anywhere => first_fit(low, high, page)?,
            Placement::Within { from, below, align } => {
                let (from, below) = (from.as_u64().max(low), below.min(high));
                first_fit(from, below, align.max(page))?
            }
        };
        let region = PlainRegion {
            size,
            rights: wish.rights,
            backing,
            page_size,
            fault_around: wish.fault_around,
            user: wish.user,
            faults: 0,
            source: 0,
            offset: 0,
        };
        Ok((base, region))
    }

    /// Takes the leaves of an immediate region over from the tables, if they
    /// are what was wished for.
    fn see_leaves(&mut self, half: Half, base: u64, wanted: Option<LeafSize>) {
        let placed = entries(&self.machine.bytes, self.machine.half(half));
        let end = base + self.halves[&half].regions[&base].size;
        let mut address = base;
        let mut leaves = Vec::new();
        for leaf in placed.iter().filter(|entry| entry.is_leaf()) {
            if (base..end).contains(&leaf.start) {
                assert_eq!(leaf.start, address, "no gap between leaves");
                let size = [PAGE, BIG, HUGE][usize::from(leaf.level) - 1];
                address += size;
                leaves.push((leaf.start, size));
            }
        }
        assert_eq!(address, end, "mapped to its end");
        let largest = wanted.map_or(HUGE, LeafSize::bytes);
        for &(start, size) in &leaves {
            self.fallbacks += u64::from(wanted.is_some_and(|wanted| size < wanted.bytes()));
            let leaf = PlainLeaf::new(size, Behind::Private, false);
            self.plain(half).leaves.insert(start, leaf);
        }
        let Room { frames, blocks, .. } = self.room();
        for (start, size) in leaves {
            let could_be_large = start.is_multiple_of(BIG) && end - start >= BIG && largest >= BIG;
            assert!(
                size == BIG || !could_be_large || frames < 512 || blocks == 0,
                "{start:#x} could be a large page"
            );
        }
    }

    /// Maps a device with the largest leaves that fit both addresses.
    fn map_device(&mut self, half: Half, base: u64, device: u64, wanted: Option<LeafSize>) {
        let end = base + self.halves[&half].regions[&base].size;
        let largest = wanted.map_or(HUGE, LeafSize::bytes);
        let mut address = base;
        while address < end {
            let physical = device + (address - base);
            let fits = |size: u64| {
                size <= largest
                    && (size < HUGE || self.features.gigabyte_pages)
                    && (address | physical).is_multiple_of(size)
                    && end - address >= size
            };
            let size = [HUGE, BIG, PAGE].into_iter().find(|&size| fits(size));
            let size = size.expect("everything is page-aligned");
            self.fallbacks += u64::from(wanted.is_some_and(|wanted| size < wanted.bytes()));
            let leaf = PlainLeaf {
                physical,
                ..PlainLeaf::new(size, Behind::Borrowed, false)
            };
            self.plain(half).leaves.insert(address, leaf);
            address += size;
        }
    }
}

/// What is asked for, in whole pages of the size that is asked for.
fn size_of(wish: &Wish) -> u64 {
    let page = wish.page_size.unwrap_or(LeafSize::Size4KiB);
    wish.bytes.next_multiple_of(page.bytes())
}

fn placement(half: Half, wish: &Wish, size: u64) -> Placement {
    let arena = |page: u16| VirtAddr::new(World::arena(half) + u64::from(page) * PAGE);
    match wish.place {
        Place::Anywhere => Placement::Anywhere,
        Place::Arena(page) => Placement::At(arena(page)),
        Place::Within(from, pages, align) => {
            let below = arena(from) + u64::from(pages) * PAGE;
            Placement::Within {
                from: arena(from),
                below: below.as_u64(),
                align: PAGE << align,
            }
        }
        Place::Top(pages) => {
            let base = World::top(half) - size.max(PAGE) - u64::from(pages) * PAGE;
            let page = wish.page_size.unwrap_or(LeafSize::Size4KiB);
            Placement::At(VirtAddr::new(base).align_down(page.bytes()))
        }
    }
}

/// More frames than the region takes when it is made, however it is mapped:
/// its record, its pages, and tables for small pages.
fn most_frames(region: &PlainRegion) -> u64 {
    let pages = match region.backing {
        Backing::Immediate => region.size / PAGE,
        Backing::Device(..) => 0,
        _ => return 1,
    };
    1 + pages + (region.size / BIG + 2) + (region.size / HUGE + 2) + 2
}
