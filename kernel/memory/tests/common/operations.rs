//! The operations of spaces on a machine, each followed by a check of all that
//! must hold between two operations.

use memory::frames::Counts;
use memory::space::Report;
use memory::space::{AllocateError, DiscardError, FreeError, ProtectError};
use memory::space::{Placement, Region, Request, Rights};
use memory::{Outcome, Physical, Space};
use x86_64::VirtAddr;

use super::machine::Machine;
use super::processors::Processors;

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

impl Machine {
    /// Calls one of the halves with what it needs.
    pub fn with<R>(
        &mut self,
        half: Half,
        call: impl FnOnce(&mut Space, &mut Physical<'static>, &mut Processors) -> R,
    ) -> R {
        let space = match half {
            Some(index) => self.spaces[index].as_mut().expect("a space that exists"),
            None => &mut self.kernel,
        };
        call(space, &mut self.physical, &mut self.processors)
    }

    /// Fails if a processor remembers what it must not, or an invariant of the
    /// memory manager is broken. Returns what the audit saw.
    pub fn check(&self) -> Report {
        assert_eq!(self.processors.stale(), None);
        let audit = self.kernel.audit(&self.physical);
        let mut scratch = vec![0; audit.words()];
        match audit.run(self.spaces.iter().flatten(), &mut scratch) {
            Ok(report) => report,
            Err(broken) => panic!("{broken}: {broken:?}"),
        }
    }

    pub fn try_allocate(&mut self, half: Half, request: Request) -> Result<Region, AllocateError> {
        let result = self.with(half, |space, physical, tlb| {
            space.allocate(request, physical, tlb)
        });
        self.check();
        result
    }

    pub fn try_free(&mut self, half: Half, base: u64) -> Result<u64, FreeError> {
        let base = VirtAddr::new(base);
        let result = self.with(half, |space, physical, tlb| space.free(base, physical, tlb));
        self.check();
        result
    }

    pub fn try_discard(&mut self, half: Half, start: u64, size: u64) -> Result<u64, DiscardError> {
        let start = VirtAddr::new(start);
        let result = self.with(half, |space, physical, tlb| {
            space.discard(start, size, physical, tlb)
        });
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
        let result = self.with(half, |space, physical, tlb| {
            space.protect(start, size, rights, physical, tlb)
        });
        self.check();
        result
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
        self.physical.frames().counts()
    }

    /// Faults so far, refused ones included.
    pub fn faults(&self) -> u64 {
        self.physical.journal().faults()
    }

    /// How the last access came about: `None` without a fault.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcomes.last().copied()
    }

    /// Takes all free frames but `left` out of the allocator's hands.
    pub fn limit(&mut self, left: u64) {
        self.physical.frames_mut().set_limit(Some(left));
    }

    /// The size of the leaf that maps an address, in bytes; 0 for none.
    pub fn leaf_size(&self, half: Half, address: u64) -> u64 {
        let space = half.map_or(Some(&self.kernel), |index| self.spaces[index].as_ref());
        let end = space
            .expect("a space that exists")
            .walk(VirtAddr::new(address))
            .end();
        match end.entry.kind(end.level) {
            memory::paging::EntryKind::Leaf(_, size) => size.bytes(),
            _ => 0,
        }
    }
}
