//! The operations of spaces on a machine, each followed by a check of all that
//! must hold between two operations.

use faultline_memory::audit::{Audit, Report};
use faultline_memory::frames::{Counts, Frame};
use faultline_memory::space::{
    self, AllocateError, BackError, BytesError, DiscardError, ForkError, FreeError, ProtectError,
};
use faultline_memory::space::{Placement, Region, Request, ReserveError, Rights};
use faultline_memory::{Fault, KernelHalf, Memory, Outcome, Space};
use std::ops::Deref;
use x86_64::VirtAddr;

use super::machine::Machine;

/// A half of the address space: the low one of a space, or the kernel's.
pub type Half = Option<usize>;
/// The kernel half.
pub const KERNEL: Half = None;
/// The low half of the machine's first space.
pub const LOW: Half = Some(0);

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Bytes of a large page.
pub const BIG: u64 = 512 * PAGE;

/// The placement at an address.
pub fn at(address: u64) -> Placement {
    Placement::At(VirtAddr::new(address))
}

/// One of the two kinds of half. No Rust value lives in the kernel half of a
/// simulated machine, so what is unsafe there is not here.
pub enum Either<'a> {
    Low(&'a mut Space),
    Kernel(&'a mut KernelHalf),
}

impl Deref for Either<'_> {
    type Target = space::Half;

    fn deref(&self) -> &space::Half {
        match self {
            Self::Low(space) => space,
            Self::Kernel(kernel) => kernel,
        }
    }
}

impl Either<'_> {
    pub fn allocate(&mut self, request: Request, memory: &Memory) -> Result<Region, AllocateError> {
        match self {
            Self::Low(space) => space.allocate(request, memory),
            // SAFETY: see `Either`.
            Self::Kernel(kernel) if request.is_device() => unsafe {
                kernel.map_device(request, memory)
            },
            Self::Kernel(kernel) => kernel.allocate(request, memory),
        }
    }

    pub fn free(&mut self, base: VirtAddr, memory: &Memory) -> Result<u64, FreeError> {
        match self {
            Self::Low(space) => space.free(base, memory),
            // SAFETY: see `Either`.
            Self::Kernel(kernel) => unsafe { kernel.free(base, memory) },
        }
    }

    pub fn discard(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, DiscardError> {
        match self {
            Self::Low(space) => space.discard(start, size, memory),
            // SAFETY: see `Either`.
            Self::Kernel(kernel) => unsafe { kernel.discard(start, size, memory) },
        }
    }

    pub fn protect(
        &mut self,
        start: VirtAddr,
        size: u64,
        rights: Rights,
        memory: &Memory,
    ) -> Result<(), ProtectError> {
        match self {
            Self::Low(space) => space.protect(start, size, rights, memory),
            // SAFETY: see `Either`.
            Self::Kernel(kernel) => unsafe { kernel.protect(start, size, rights, memory) },
        }
    }

    pub fn reserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        match self {
            Self::Low(space) => space.reserve(start, size, memory),
            Self::Kernel(kernel) => kernel.reserve(start, size, memory),
        }
    }

    pub fn unreserve(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, ReserveError> {
        match self {
            Self::Low(space) => space.unreserve(start, size, memory),
            // SAFETY: no Rust value lies in a half of these machines.
            Self::Kernel(kernel) => unsafe { kernel.unreserve(start, size, memory) },
        }
    }

    pub fn back_with(
        &mut self,
        page: VirtAddr,
        frame: Frame,
        memory: &Memory,
    ) -> Result<(), (BackError, Frame)> {
        match self {
            Self::Low(space) => space.back_with(page, frame, memory),
            // SAFETY: no Rust value lies in a half of these machines.
            Self::Kernel(kernel) => unsafe { kernel.back_with(page, frame, memory) },
        }
    }

    pub fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        match self {
            Self::Low(space) => space.resolve(fault, memory),
            Self::Kernel(kernel) => kernel.resolve(fault, memory),
        }
    }

    pub fn read(
        &mut self,
        from: VirtAddr,
        into: &mut [u8],
        memory: &Memory,
    ) -> Result<(), BytesError> {
        match self {
            Self::Low(space) => space.read(from, into, memory),
            // SAFETY: no Rust value lies in a half of these machines.
            Self::Kernel(kernel) => unsafe { kernel.read(from, into, memory) },
        }
    }

    pub fn write(&mut self, to: VirtAddr, from: &[u8], memory: &Memory) -> Result<(), BytesError> {
        match self {
            Self::Low(space) => space.write(to, from, memory),
            // SAFETY: see `Either`.
            Self::Kernel(kernel) => unsafe { kernel.write(to, from, memory) },
        }
    }
}

impl Machine {
    /// Calls one of the halves with what it needs.
    pub fn with<R>(&mut self, half: Half, call: impl FnOnce(&mut Either<'_>, &Memory) -> R) -> R {
        let mut either = match half {
            Some(index) => Either::Low(self.spaces[index].as_mut().expect("a space that exists")),
            None => Either::Kernel(&mut self.kernel),
        };
        call(&mut either, &self.memory)
    }

    /// One of the halves, to look at.
    pub fn half(&self, half: Half) -> &space::Half {
        match half {
            Some(index) => self.spaces[index].as_ref().expect("a space that exists"),
            None => &self.kernel,
        }
    }

    /// Fails if a processor remembers what it must not, or an invariant of the
    /// memory manager is broken. Returns what the audit saw.
    pub fn check(&self) -> Report {
        assert_eq!(self.processors().stale(), None);
        let audit = Audit::of(&self.kernel, &self.memory);
        let mut scratch = vec![0; audit.words()];
        match audit.run(self.spaces.iter().flatten(), &mut scratch) {
            Ok(report) => report,
            Err(broken) => panic!("{broken}: {broken:?}"),
        }
    }

    pub fn try_allocate(&mut self, half: Half, request: Request) -> Result<Region, AllocateError> {
        let result = self.with(half, |space, memory| space.allocate(request, memory));
        self.check();
        result
    }

    pub fn try_free(&mut self, half: Half, base: u64) -> Result<u64, FreeError> {
        let base = VirtAddr::new(base);
        let result = self.with(half, |space, memory| space.free(base, memory));
        self.check();
        result
    }

    pub fn try_discard(&mut self, half: Half, start: u64, size: u64) -> Result<u64, DiscardError> {
        let start = VirtAddr::new(start);
        let result = self.with(half, |space, memory| space.discard(start, size, memory));
        self.check();
        result
    }

    pub fn try_protect(
        &mut self,
        half: Half,
        start: u64,
        size: u64,
        rights: Rights,
    ) -> Result<(), ProtectError> {
        let start = VirtAddr::new(start);
        let result = self.with(half, |space, memory| {
            space.protect(start, size, rights, memory)
        });
        self.check();
        result
    }

    /// Forks a low half; the copy is the space with the number that is returned.
    pub fn try_fork(&mut self, index: usize) -> Result<usize, ForkError> {
        let space = self.spaces[index].as_mut().expect("a space that exists");
        let forked = space.fork(&self.memory);
        let forked = forked.map(|child| {
            self.spaces.push(Some(child));
            self.spaces.len() - 1
        });
        self.check();
        forked
    }

    pub fn fork(&mut self, index: usize) -> usize {
        self.try_fork(index).expect("frames")
    }

    pub fn allocate(&mut self, half: Half, request: Request) -> Region {
        self.try_allocate(half, request).expect("room and frames")
    }

    pub fn free(&mut self, half: Half, base: u64) -> u64 {
        self.try_free(half, base).expect("the base of a region")
    }

    pub fn discard(&mut self, half: Half, start: u64, size: u64) -> u64 {
        self.try_discard(half, start, size).expect("demand or zero")
    }

    pub fn protect(&mut self, half: Half, start: u64, size: u64, rights: Rights) {
        self.try_protect(half, start, size, rights)
            .expect("managed regions");
    }

    /// Frames by use.
    pub fn counts(&self) -> Counts {
        self.memory.counts()
    }

    /// Faults so far, refused ones included.
    pub fn faults(&self) -> u64 {
        self.memory.fault_log(|log| log.faults())
    }

    /// How the last access came about: `None` without a fault.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcomes.last().copied()
    }

    /// Takes all free frames but `left` out of the allocator's hands.
    pub fn limit(&mut self, left: u64) {
        self.memory.set_limit(Some(left));
    }

    /// The size of the leaf that maps an address, in bytes; 0 for none.
    pub fn leaf_size(&self, half: Half, address: u64) -> u64 {
        let end = self.half(half).walk(VirtAddr::new(address)).end();
        match end.entry.kind(end.level) {
            faultline_memory::paging::EntryKind::Leaf(_, size) => size.bytes(),
            _ => 0,
        }
    }
}
