//! The handle itself: what it sets aside when it is made, why it may not be
//! made, and that one lock guards all of it.

use std::sync::Arc;

use faultline_memory::memory_map::{Kind, Region};
use faultline_memory::space::{Backing, Request};
use faultline_memory::{Flush, Memory, NewMemoryError, Scope, Tlb};

use crate::common::machine::{FEATURES, Machine};
use crate::common::operations::{LOW, PAGE, at};
use crate::common::simulated_memory::SimulatedMemory;

/// Frames of the fault log: 256 events of a cache line each.
const LOG_FRAMES: u64 = 4;

struct NoCache;

impl Tlb for NoCache {
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

/// A `Memory` over so many frames from 1 MiB on, among other regions.
fn over(bytes: &Arc<SimulatedMemory>, frames: u64) -> Result<Memory, NewMemoryError> {
    let start = 0x10_0000;
    let end = start + frames * PAGE;
    let region = |start, end, kind| Region { start, end, kind };
    let regions = [
        region(end, end + 64 * PAGE, Kind::Reserved),
        region(start, end, Kind::Usable),
        region(end + 64 * PAGE, end + 128 * PAGE, Kind::Reclaimable),
    ];
    // SAFETY: the simulated memory is mapped there, and is used by nobody else
    // and dropped last. Nothing in it is cached.
    unsafe { Memory::new(regions, bytes.offset(), FEATURES, &NoCache) }
}

#[test]
fn bitmap_and_log_are_reserved_and_the_zero_frame_is_set_aside() {
    let bytes = Arc::new(SimulatedMemory::new());
    bytes.soil(0x10_0000, 100 * PAGE);
    let memory = over(&bytes, 100).expect("room");
    let counts = memory.counts();
    assert_eq!(counts.total, 100 + 64, "what can be reclaimed is counted");
    assert_eq!(counts.reserved, 64 + 1 + LOG_FRAMES);
    assert_eq!((counts.zero, counts.free), (1, 100 - 1 - LOG_FRAMES - 1));
    let zero = memory.zero_frame().start_address().as_u64();
    assert!(bytes.holds(zero, &[0; PAGE as usize]));
    assert_eq!(memory.fault_log(|log| (log.faults(), log.lost())), (0, 0));
    assert_eq!(memory.next_event(), None, "the ring was written");
    assert_eq!((memory.borrowed(), memory.leaked()), (0, 0));
}

#[test]
fn too_little_memory_is_refused_with_what_it_takes() {
    let bytes = Arc::new(SimulatedMemory::new());
    let needed = 1 + LOG_FRAMES;
    for frames in [0, 1, needed - 1] {
        let refused = over(&bytes, frames).map(|_| ());
        assert_eq!(refused, Err(NewMemoryError::NoRoom { frames: needed }));
    }
    let refused = over(&bytes, needed).map(|_| ());
    assert_eq!(refused, Err(NewMemoryError::OutOfFrames));
    let least = over(&bytes, needed + 1).expect("room");
    assert_eq!((least.counts().free, least.counts().zero), (0, 1));
}

#[test]
fn the_lock_is_held_while_frames_or_log_are_looked_at_and_no_longer() {
    let machine = Machine::new();
    let memory = &machine.memory;
    assert!(!memory.is_locked());
    assert!(memory.frames(|_| memory.is_locked()));
    assert!(memory.fault_log(|_| memory.is_locked()));
    assert!(!memory.is_locked());
    let free = memory.counts().free.to_string();
    assert!(format!("{memory:?}").contains(&free));
    let without = memory.frames(|_| format!("{memory:?}"));
    assert!(without.starts_with("Memory {"), "it waits for nothing");
}

#[test]
fn a_flush_is_asked_for_without_the_lock() {
    // A `Tlb` that waits for other processors, which may wait for the lock.
    struct Looks(std::sync::OnceLock<&'static Memory>);
    impl Tlb for Looks {
        fn flush(&self, _: Scope, _: Flush<'_>) {
            let memory = self.0.get().expect("made before the first flush");
            assert!(!memory.is_locked());
        }
    }
    let bytes = Box::leak(Box::new(SimulatedMemory::new()));
    let tlb = Box::leak(Box::new(Looks(std::sync::OnceLock::new())));
    let region = Region {
        start: 0x10_0000,
        end: 0x90_0000,
        kind: Kind::Usable,
    };
    // SAFETY: as in `over`; the memory is never dropped.
    let memory = unsafe { Memory::new([region], bytes.offset(), FEATURES, tlb) };
    let memory: &Memory = Box::leak(Box::new(memory.expect("room")));
    assert!(tlb.0.set(memory).is_ok());
    // SAFETY: no other half is used, or loaded, with it.
    let kernel =
        unsafe { faultline_memory::KernelHalf::new(320..321, &[], memory) }.expect("frames");
    let mut space = faultline_memory::Space::new(&kernel, memory).expect("frames");
    let request = Request::new(600 * PAGE, Backing::Immediate).placement(at(0x4000_0000));
    let base = space.allocate(request, memory).expect("frames").base;
    let read_only = faultline_memory::space::Rights::Read;
    assert_eq!(space.protect(base, PAGE, read_only, memory), Ok(()));
    assert_eq!(space.free(base, memory), Ok(600));
}

#[test]
fn the_limit_lets_so_many_frames_out_and_no_more() {
    let mut machine = Machine::new();
    let request = Request::new(4 * PAGE, Backing::Demand).placement(at(0x4000_0000));
    machine.allocate(LOW, request);
    machine.memory.set_limit(Some(4));
    assert_eq!(machine.write(0x4000_0000, 1), Ok(()));
    assert_eq!(machine.counts().limit, Some(0));
    assert!(machine.write(0x4000_1000, 1).is_err());
    machine.memory.set_limit(None);
    assert_eq!(machine.write(0x4000_1000, 1), Ok(()));
}
