//! A small machine on the host, whole, and what breaks it on purpose.
//!
//! 15 MiB of usable memory from 16 MiB on, and 1 MiB above them that belongs to
//! the boot loader. Nothing here caches a translation, so nothing is flushed.
#![allow(
    unsafe_code,
    reason = "host memory stands in for physical, and tables are broken by hand"
)]

mod by_hand;
mod checks;
mod counts;
mod display;
mod edges;
mod healthy;
mod leaves;
mod regions;
mod tables;
mod write_or_execute;

extern crate std;

use std::alloc::{Layout as HostLayout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::vec::Vec;
use std::{format, vec};

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::{PageTableFlags, PhysFrame, Size2MiB, Size4KiB};
use x86_64::{PhysAddr, VirtAddr};

use super::super::{Backing, Placement, Region, Request, Rights, Space};
use super::{
    Audit, Broken, Conflict, Counter, LeafDefect, RegionDefect, Report, Right, TableDefect,
};
use crate::frames::{FrameKind, Frames, Layout};
use crate::journal::Event;
use crate::memory_map::{FrameRange, Kind, MapEntry};
use crate::paging::{Cursor, Entry, LeafSize, Table, span_of};
use crate::{Access, DirectMap, Fault, Features, Flush, Outcome, Physical, Scope, Tlb};

use by_hand::{Raw, free_large_frame, place};

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;
/// Where the usable memory starts.
const START: u64 = 16 * MIB;
/// The boot loader's memory, up to the end.
const LOADER: u64 = 31 * MIB;
const END: u64 = 32 * MIB;
/// The slots in which the kernel's regions are placed, and where they start.
const WINDOW: core::ops::Range<u16> = 320..322;
const KERNEL: u64 = 0xffff_a000_0000_0000;
/// Two slots for fixed mappings, and where they start.
const FIXED_SLOTS: core::ops::Range<u16> = 300..302;
const FIXED: u64 = 0xffff_9600_0000_0000;
/// A place in a low half.
const LOW: u64 = 0x40_0000;
/// Device memory: in no range of the map.
const DEVICE: u64 = 0xfeb0_0000;

const FEATURES: Features = Features {
    gigabyte_pages: true,
    no_execute: true,
    global_pages: true,
    physical_bits: 46,
};

/// A processor without a cache of translations.
struct NoCache;

impl Tlb for NoCache {
    fn flush(&mut self, _: Scope, _: Flush<'_>) {}
}

/// Host memory that stands in for physical memory.
struct Memory(*mut u8);

impl Memory {
    const LAYOUT: HostLayout = match HostLayout::from_size_align((END - START) as usize, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    };

    fn new() -> Self {
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(Self::LAYOUT) };
        assert!(!start.is_null());
        Self(start)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout; the machine that
        // used it is gone.
        unsafe { dealloc(self.0, Self::LAYOUT) };
    }
}

/// A machine. The memory is dropped last.
struct Machine {
    physical: Physical<'static>,
    kernel: Space,
    spaces: Vec<Space>,
    _memory: Memory,
}

impl Machine {
    /// A kernel that runs on its own tables, and one space.
    fn new() -> Self {
        Self::with(FEATURES)
    }

    fn with(features: Features) -> Self {
        let (memory, mut physical) = physical(features);
        let kernel = Space::new_kernel_half(WINDOW, &[FIXED_SLOTS], &mut physical)
            .expect("free slots and frames");
        Self::of(memory, physical, kernel)
    }

    /// A kernel that runs on the boot loader's tables, and one space. The root
    /// is the first frame of the loader's.
    fn on_the_loaders_tables(features: Features) -> Self {
        let (memory, mut physical) = physical(features);
        let root = PhysFrame::containing_address(PhysAddr::new(LOADER));
        // SAFETY: the frame is mapped, zeroed and reserved; nobody else edits it.
        let kernel = unsafe { Space::adopt_kernel_half(root, WINDOW, &mut physical) }
            .expect("free slots and frames");
        Self::of(memory, physical, kernel)
    }

    fn of(memory: Memory, physical: Physical<'static>, kernel: Space) -> Self {
        let mut machine = Self {
            physical,
            kernel,
            spaces: Vec::new(),
            _memory: memory,
        };
        machine.new_space();
        machine
    }

    /// Makes a space, and returns its root.
    fn new_space(&mut self) -> Scope {
        let space = Space::new(&self.kernel, &mut self.physical).expect("a frame");
        let scope = space.scope;
        self.spaces.push(space);
        scope
    }

    /// The half with this scope.
    fn half(&mut self, scope: Scope) -> (&mut Space, &mut Physical<'static>) {
        let half = match scope {
            Scope::Kernel => &mut self.kernel,
            space => self
                .spaces
                .iter_mut()
                .find(|half| half.scope == space)
                .expect("a space of this machine"),
        };
        (half, &mut self.physical)
    }

    /// The first space.
    fn low(&self) -> Scope {
        self.spaces[0].scope
    }

    fn allocate(&mut self, scope: Scope, base: u64, request: Request) -> Region {
        let (half, physical) = self.half(scope);
        let request = request.placement(Placement::At(VirtAddr::new(base)));
        half.allocate(request, physical, &mut NoCache)
            .expect("a free place and frames")
    }

    /// Maps existing memory for ever.
    fn map_fixed(&mut self, base: u64, size: u64, rights: Rights, memory: u64) -> Region {
        let request = Request::new(size, Backing::Fixed)
            .rights(rights)
            .placement(Placement::At(VirtAddr::new(base)));
        let (memory, cache) = (PhysAddr::new(memory), &mut NoCache);
        // SAFETY: nothing is accessed through these tables.
        unsafe {
            self.kernel
                .map_fixed(request, memory, &mut self.physical, cache)
        }
        .expect("a free place and frames")
    }

    fn touch(&mut self, scope: Scope, address: u64, access: Access) -> Outcome {
        let (half, physical) = self.half(scope);
        let mut fault = Fault::supervisor(VirtAddr::new(address), access);
        if half.walk(fault.address).physical().is_some() {
            fault.code |= x86_64::structures::idt::PageFaultErrorCode::PROTECTION_VIOLATION;
        }
        half.resolve(fault, physical, &mut NoCache)
    }

    fn read(&mut self, scope: Scope, address: u64) {
        let outcome = self.touch(scope, address, Access::Read);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome}");
    }

    fn write(&mut self, scope: Scope, address: u64) {
        let outcome = self.touch(scope, address, Access::Write);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome}");
    }

    /// Runs an audit of all there is.
    fn audit(&self) -> Result<Report, Broken> {
        self.run(self.kernel.audit(&self.physical))
    }

    fn run(&self, audit: Audit<'_, '_>) -> Result<Report, Broken> {
        // What is in the scratch must not matter.
        let mut scratch = vec![0xdead_beef_dead_beef; audit.words()];
        audit.run(self.spaces.iter(), &mut scratch)
    }

    /// What the audit finds broken; its line is not empty and names the invariant.
    fn broken(&self) -> Broken {
        let broken = self.audit().expect_err("something was broken on purpose");
        let line = format!("{broken}");
        assert!(
            line.contains(&format!("invariant {} is broken", broken.invariant())),
            "{line}"
        );
        assert!(!line.contains('\n'));
        broken
    }
}

/// Frames over the memory, and a zero frame.
fn physical(features: Features) -> (Memory, Physical<'static>) {
    let memory = Memory::new();
    let entry = |start, end, kind| MapEntry {
        range: FrameRange::new(PhysAddr::new(start), end),
        kind,
    };
    let map = [
        entry(START, LOADER, Kind::Usable),
        entry(LOADER, END, Kind::Reclaimable),
    ];
    let words = Layout::of(map.into_iter()).words();
    let storage = vec![0; words].leak();
    // SAFETY: the memory is the test's, and the storage lies elsewhere.
    let frames = unsafe { Frames::new(map.into_iter(), storage, FrameRange::empty()) };
    let frames = frames.expect("sorted");
    let offset = VirtAddr::new(memory.0.expose_provenance() as u64 - START);
    // SAFETY: all managed frames are shown at this offset, and nobody but the
    // machine and its test touches them.
    let direct_map = unsafe { DirectMap::new(offset) };
    let events = Box::leak(Box::new([Event::NONE; crate::journal::RING]));
    let physical = Physical::new(frames, direct_map, features, events).expect("a frame");
    (memory, physical)
}
