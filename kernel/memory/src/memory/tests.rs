//! Where a `Memory` puts the bitmap and the fault log, and when it cannot.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use x86_64::PhysAddr;

use crate::frames::State;
use crate::memory_map::Kind;
use crate::tlb::{Flush, Scope};

const PAGE: u64 = 4096;
/// Frames of the fault log: 256 events of a cache line each.
const LOG: u64 = 4;

const FEATURES: Features = Features {
    gigabyte_pages: false,
    no_execute: true,
    global_pages: true,
    physical_bits: 46,
};

/// A processor without a cache of translations.
struct NoCache;

impl Tlb for NoCache {
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

/// A `Memory` over ranges given by frame numbers, which are shown at `offset`.
///
/// # Safety
///
/// They are shown there for good, and used by nobody else; or no range has
/// room, and nothing is touched.
pub(super) unsafe fn over(
    ranges: &[(u64, u64)],
    offset: VirtAddr,
) -> Result<Memory, NewMemoryError> {
    let region = |&(first, end): &(u64, u64)| Region {
        start: first * PAGE,
        end: end * PAGE,
        kind: Kind::Usable,
    };
    let regions: Vec<Region> = ranges.iter().map(region).collect();
    // SAFETY: as the caller vouches; no processor loads what is made with it.
    unsafe { Memory::new(regions, offset, FEATURES, &NoCache) }
}

#[test]
fn bitmap_and_log_lie_at_the_end_of_the_highest_range_with_room() {
    #[repr(align(4096))]
    struct Frames(#[expect(dead_code, reason = "used through the offset")] [u8; 64 * 4096]);

    // Frame numbers from 1 MiB on: nothing below is managed. The highest ranges
    // have too few frames in a row.
    let ranges = [(272, 304), (306, 310), (312, 316), (318, 320)];
    let host = vec![Frames([0xa5; 64 * 4096])].leak();
    let offset = VirtAddr::new(host.as_mut_ptr().expose_provenance() as u64 - 256 * PAGE);
    // SAFETY: all of it is shown there, and never given back.
    let memory = unsafe { over(&ranges, offset) }.expect("32 frames in a row");
    let state_of = |number: u64| {
        let frame = PhysAddr::new(number * PAGE);
        memory.frames(|frames| frames.state_of(frame))
    };
    for number in 256..320 {
        let expected = match number {
            _ if !ranges
                .iter()
                .any(|&(first, end)| (first..end).contains(&number)) =>
            {
                None
            }
            _ if number * PAGE == memory.zero_frame().start_address().as_u64() => Some(State::Used),
            _ if (304 - 1 - LOG..304).contains(&number) => Some(State::Reserved),
            _ => Some(State::Free),
        };
        assert_eq!(state_of(number), expected, "frame {number}");
    }
    assert_eq!(memory.counts().reserved, 1 + LOG);
}

#[test]
fn no_range_has_room_however_many_there_are_together() {
    // The more there are, the larger is the bitmap.
    let mut needed = Vec::new();
    for count in [1, 20, 600] {
        let ranges: Vec<(u64, u64)> = (1..=count)
            .map(|range| (512 * range, 512 * range + LOG))
            .collect();
        let managed = ranges
            .iter()
            .map(|&(first, end)| FrameRange::of_numbers(first..end));
        let frames = Layout::of(managed).frames() + LOG;
        // SAFETY: no range has room.
        let refused = unsafe { over(&ranges, VirtAddr::zero()) }.map(|_| ());
        assert_eq!(refused, Err(NewMemoryError::NoRoom { frames }));
        needed.push(frames);
    }
    assert_eq!((needed[0], needed[1]), (1 + LOG, 1 + LOG));
    assert!(
        needed[2] > 9 + LOG,
        "a bit for each of 600 times 512 frames"
    );
}
