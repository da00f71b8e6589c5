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
mod objects;
mod regions;
mod sharing;
mod slots;
mod tables;
mod write_or_execute;

extern crate std;

use std::alloc::{Layout as HostLayout, alloc_zeroed, dealloc};
use std::vec::Vec;
use std::{format, vec};

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::{PageTableFlags, PhysFrame, Size2MiB, Size4KiB};
use x86_64::{PhysAddr, VirtAddr};

use super::{
    Audit, Broken, Conflict, Counter, LeafDefect, RegionDefect, Report, Right, TableDefect,
};
use crate::frames::FrameKind;
use crate::memory_map::{self, Kind};
use crate::paging::{Cursor, Entry, LeafSize, Table, span_of};
use crate::space::{Backing, Half, Placement, Region, Request, Rights};
use crate::{
    Access, DirectMap, Fault, Features, Flush, KernelHalf, Memory, Outcome, Scope, Space, Tlb,
};

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
    fn flush(&self, _: Scope, _: Flush<'_>) {}
}

/// Host memory that stands in for physical memory.
struct HostMemory(*mut u8);

impl HostMemory {
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

impl Drop for HostMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout; the machine that
        // used it is gone.
        unsafe { dealloc(self.0, Self::LAYOUT) };
    }
}

/// A machine. The host's memory is dropped last.
struct Machine {
    memory: Memory,
    kernel: KernelHalf,
    spaces: Vec<Space>,
    _bytes: HostMemory,
}

impl Machine {
    /// A kernel that runs on its own tables, and one space.
    fn new() -> Self {
        Self::with(FEATURES)
    }

    fn with(features: Features) -> Self {
        let (bytes, memory) = memory(features);
        let kernel =
            // SAFETY: it is the machine's one kernel half.
            unsafe { KernelHalf::new(WINDOW, &[FIXED_SLOTS], &memory) }
                .expect("free slots and frames");
        Self::of(bytes, memory, kernel)
    }

    /// A kernel that runs on the boot loader's tables, and one space. The root
    /// is the first frame of the loader's.
    fn on_the_loaders_tables(features: Features) -> Self {
        let (bytes, memory) = memory(features);
        let root = PhysFrame::containing_address(PhysAddr::new(LOADER));
        // SAFETY: the frame is mapped, zeroed and reserved; nobody else edits it.
        let kernel =
            unsafe { KernelHalf::adopt(root, WINDOW, &memory) }.expect("free slots and frames");
        Self::of(bytes, memory, kernel)
    }

    fn of(bytes: HostMemory, memory: Memory, kernel: KernelHalf) -> Self {
        let mut machine = Self {
            memory,
            kernel,
            spaces: Vec::new(),
            _bytes: bytes,
        };
        machine.new_space();
        machine
    }

    /// Makes a space, and returns its scope.
    fn new_space(&mut self) -> Scope {
        let space = Space::new(&self.kernel, &self.memory).expect("a frame");
        let scope = space.scope();
        self.spaces.push(space);
        scope
    }

    /// The half with this scope, to be looked at or broken.
    fn half(&mut self, scope: Scope) -> &mut Half {
        match scope {
            Scope::Kernel => self.kernel.half_mut(),
            Scope::Space(_) => self.space(scope).0.half_mut(),
        }
    }

    /// The space with this scope, and the memory that it is used with.
    fn space(&mut self, scope: Scope) -> (&mut Space, &Memory) {
        let space = self.spaces.iter_mut().find(|half| half.scope() == scope);
        (space.expect("a space of this machine"), &self.memory)
    }

    /// The first space.
    fn low(&self) -> Scope {
        self.spaces[0].scope()
    }

    fn allocate(&mut self, scope: Scope, base: u64, request: Request) -> Region {
        let request = request.placement(Placement::At(VirtAddr::new(base)));
        let region = match scope {
            // SAFETY: nothing is accessed through these tables.
            Scope::Kernel if request.is_device() => unsafe {
                self.kernel.map_device(request, &self.memory)
            },
            Scope::Kernel => self.kernel.allocate(request, &self.memory),
            Scope::Space(_) => {
                let (space, memory) = self.space(scope);
                space.allocate(request, memory)
            }
        };
        region.expect("a free place and frames")
    }

    fn free(&mut self, scope: Scope, base: u64) -> u64 {
        let (space, memory) = self.space(scope);
        let freed = space.free(VirtAddr::new(base), memory);
        freed.expect("the base of an allocation")
    }

    fn discard(&mut self, scope: Scope, start: u64, size: u64) -> u64 {
        let start = VirtAddr::new(start);
        let discarded = match scope {
            // SAFETY: nothing is accessed through these tables.
            Scope::Kernel => unsafe { self.kernel.discard(start, size, &self.memory) },
            Scope::Space(_) => {
                let (space, memory) = self.space(scope);
                space.discard(start, size, memory)
            }
        };
        discarded.expect("pages on demand")
    }

    fn protect(&mut self, scope: Scope, start: u64, size: u64, rights: Rights) {
        let start = VirtAddr::new(start);
        let protected = match scope {
            // SAFETY: nothing is accessed through these tables.
            Scope::Kernel => unsafe { self.kernel.protect(start, size, rights, &self.memory) },
            Scope::Space(_) => {
                let (space, memory) = self.space(scope);
                space.protect(start, size, rights, memory)
            }
        };
        protected.expect("managed regions, and frames");
    }

    /// Maps existing memory for ever.
    fn map_fixed(&mut self, base: u64, size: u64, rights: Rights, memory: u64) -> Region {
        let request = Request::new(size, Backing::Fixed)
            .rights(rights)
            .placement(Placement::At(VirtAddr::new(base)));
        let start = PhysAddr::new(memory);
        // SAFETY: nothing is accessed through these tables.
        unsafe { self.kernel.map_fixed(request, start, &self.memory) }
            .expect("a free place and frames")
    }

    fn touch(&mut self, scope: Scope, address: u64, access: Access) -> Outcome {
        let mut fault = Fault::supervisor(VirtAddr::new(address), access);
        if self.half(scope).walk(fault.address).physical().is_some() {
            fault.code |= x86_64::structures::idt::PageFaultErrorCode::PROTECTION_VIOLATION;
        }
        match scope {
            Scope::Kernel => self.kernel.resolve(&fault, &self.memory),
            Scope::Space(_) => {
                let (space, memory) = self.space(scope);
                space.resolve(&fault, memory)
            }
        }
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
        self.run(Audit::of(&self.kernel, &self.memory))
    }

    fn run(&self, audit: Audit<'_>) -> Result<Report, Broken> {
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

/// The machine's memory, and the bytes that stand in for it.
fn memory(features: Features) -> (HostMemory, Memory) {
    let bytes = HostMemory::new();
    let region = |start, end, kind| memory_map::Region { start, end, kind };
    let regions = [
        region(START, LOADER, Kind::Usable),
        region(LOADER, END, Kind::Reclaimable),
    ];
    let offset = VirtAddr::new(bytes.0.expose_provenance() as u64 - START);
    // SAFETY:
    // - All of it is shown at this offset, and dropped after whatever uses it.
    // - Nobody but the machine and its test touches it.
    // - Nothing is accessed through these tables, so no processor is asked for
    //   its features or for a flush.
    let memory = unsafe { Memory::new(regions, offset, features, &NoCache) };
    (bytes, memory.expect("frames for the bitmap"))
}
