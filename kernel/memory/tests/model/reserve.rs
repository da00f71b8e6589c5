//! Steps that prepare pages before they are touched: reserve, unreserve, and a
//! page that gets a frame of the caller's.

use faultline_memory::frames::{Frame, FrameKind};
use faultline_memory::space::{BackError, Backing, ReserveError};
use x86_64::VirtAddr;

use super::common::operations::Half;
use super::fault::Room;
use super::plain::{Behind, PAGE, PlainHalf, PlainLeaf};
use super::play::World;
use super::script::Target;

impl World {
    pub fn reserve(&mut self, half: Half, target: Target, pages: u64) {
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start.saturating_add(pages * PAGE);
        let room = self.room();
        let plain = self.plain(half);
        let expected = match refused(plain, start, end) {
            Some(refused) => Err(refused),
            None => {
                let (held, tables) = (plain.reserved(), plain.tables());
                let made = plain.reserve(start, end);
                let needed = plain.reserved() - held + plain.tables() - tables;
                if room.frames < needed {
                    made.iter().for_each(|page| {
                        plain.leaves.remove(page);
                    });
                    Err(ReserveError::OutOfFrames(room.shortage(needed)))
                } else {
                    Ok(made.len() as u64)
                }
            }
        };
        let from = VirtAddr::new(start);
        let result = self.machine.with(half, |space, memory| {
            space.reserve(from, pages * PAGE, memory)
        });
        assert_eq!(result, expected);
    }

    pub fn unreserve(&mut self, half: Half, target: Target, pages: u64) {
        let start = self.address_of(half, target);
        let pages = self.clipped(half, start, pages, target);
        let end = start.saturating_add(pages * PAGE);
        let plain = self.plain(half);
        let expected = match refused(plain, start, end) {
            Some(refused) => Err(refused),
            None => {
                let before = plain.reserved();
                plain.leaves.retain(|page, leaf| {
                    leaf.behind != Behind::Reserved || !(start..end).contains(page)
                });
                Ok(before - plain.reserved())
            }
        };
        let from = VirtAddr::new(start);
        let result = self.machine.with(half, |space, memory| {
            space.unreserve(from, pages * PAGE, memory)
        });
        assert_eq!(result, expected);
    }

    /// Fills a frame of the kernel's, and backs a page with it.
    pub fn back_with(&mut self, half: Half, target: Target, byte: u8) {
        // Now and then the address is not that of a page.
        let within = u64::from(target.byte) % PAGE;
        let within = if target.byte.is_multiple_of(8) {
            within
        } else {
            0
        };
        let address = self.address_of(half, target) + within;
        let room = self.room();
        let frame: Result<Frame, _> = self.machine.memory.allocate_frame(FrameKind::Kernel);
        assert_eq!(frame.is_ok(), room.frames > 0);
        let Ok(frame) = frame else { return };
        let physical = frame.start().as_u64();
        let bytes: Vec<u8> = (0..PAGE).map(|at| (at as u8).wrapping_mul(byte)).collect();
        for (at, byte) in (physical..).zip(&bytes) {
            self.machine.bytes.write(at, *byte);
        }

        let plain = self.plain(half);
        let page = VirtAddr::new(address);
        let on_demand = plain
            .region_at(address)
            .is_some_and(|(_, region)| region.backing == Backing::Demand);
        let expected = if within != 0 {
            Err(BackError::Unaligned { address: page })
        } else if !on_demand {
            Err(BackError::NotOnDemand { page })
        } else if plain.leaf_at(address).is_some() {
            Err(BackError::InUse { page })
        } else if room.frames - 1 < plain.level_of_absent(address) - 1 {
            let left = Room {
                frames: room.frames - 1,
                ..room
            };
            Err(BackError::OutOfFrames(
                left.shortage(plain.level_of_absent(address) - 1),
            ))
        } else {
            let mut leaf = PlainLeaf::new(PAGE, Behind::Private, true);
            leaf.physical = physical;
            leaf.written.insert(0, bytes);
            plain.leaves.insert(address, leaf);
            Ok(())
        };
        let result = self
            .machine
            .with(half, |space, memory| space.back_with(page, frame, memory));
        let result = result.map_err(|(error, frame)| {
            assert_eq!(frame.start().as_u64(), physical);
            self.machine.memory.free_frame(frame);
            error
        });
        assert_eq!(result, expected);
    }
}

/// Why no page of a range can be reserved.
fn refused(plain: &PlainHalf, start: u64, end: u64) -> Option<ReserveError> {
    plain.first_in(start, end, |base, region| match region {
        None => Some(ReserveError::NoRegion { address: base }),
        Some(region) if region.backing == Backing::Demand => None,
        Some(region) => Some(ReserveError::NotOnDemand {
            base: VirtAddr::new(base),
            backing: region.backing,
        }),
    })
}
